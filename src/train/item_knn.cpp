#include "train/item_knn.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/portable_math.h"

namespace featherfm {
namespace {

class ItemKnn final : public ItemKnnTrainer {
 public:
  ItemKnn(const ItemKnnOptions& options, std::shared_ptr<const Interactions> data)
      : options_(options), data_(std::move(data)), weights_(data_->size()) {
    if (data_->size() == 0) {
      fail(ErrorCode::empty, "data", {"there is no interaction to train on"});
    }
  }

  const ItemNeighbours& model() const override { return model_; }
  std::uint32_t best_epoch() const override { return complete_ ? 1 : 0; }

 private:
  struct Neighbour {
    std::uint32_t item;
    float similarity;
  };

  Work train() override {
    weigh();
    const ByItem by_item(*data_);
    std::vector<double> products(data_->items()), norms(data_->items());
    std::vector<std::uint32_t> common(data_->items()), touched;
    for (std::uint32_t p = 0; p < data_->size(); ++p) {
      norms[data_->item_at(p)] += double{weights_[p]} * double{weights_[p]};
    }
    for (double& norm : norms) norm = std::sqrt(norm);
    std::uint64_t work = 0;
    for (std::uint32_t item = 0; item < data_->items(); ++item) {
      touched.clear();
      for (std::uint32_t k = by_item.offsets[item]; k < by_item.offsets[item + 1]; ++k) {
        const double own = weights_[by_item.positions[k]];
        if (own == 0) continue;
        const std::uint32_t user = by_item.users[k];
        for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
          if (weights_[p] == 0) continue;
          const std::uint32_t other = data_->item_at(p);
          if (common[other]++ == 0) touched.push_back(other);
          products[other] += own * double{weights_[p]};
        }
        work += data_->user_end(user) - data_->user_begin(user);
        if (work < 100'000) continue;
        work = 0;
        co_yield Pause{};
      }
      keep_nearest(item, products, norms, common, touched);
      for (const std::uint32_t other : touched) products[other] = common[other] = 0;
      fraction_ = (item + 1.0) / data_->items();
      if (item % 64 == 0) co_yield Pause{};
    }
    model_ = ItemNeighbours(std::move(offsets_), std::move(neighbours_), std::move(similarities_));
    complete_ = true;
  }

  // weights_: what each interaction counts under the similarity; 0 for those left out.
  void weigh() {
    double total = 0;
    std::vector<double> sums(data_->items());
    for (std::uint32_t p = 0; p < data_->size(); ++p) {
      weights_[p] = ItemNeighbours::worth(data_->value_at(p), data_->weight_at(p));
      if (!std::isfinite(weights_[p])) {
        fail(ErrorCode::out_of_range, "ratings", {"a rating times its weight is too large"});
      }
      sums[data_->item_at(p)] += double{weights_[p]};
      total += double{weights_[p]};
    }
    if (options_.similarity == ItemSimilarity::cosine) return;
    constexpr double k1 = 1.2, b = 0.75;
    const double mean = total / data_->items();
    for (std::uint32_t user = 0; user < data_->users(); ++user) {
      const double idf =
          portable_log((data_->items() + 1.0) / (double(data_->items_of(user).size()) + 1));
      for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
        if (weights_[p] == 0) continue;
        const double value = weights_[p];
        const double length = 1 - b + b * sums[data_->item_at(p)] / mean;
        weights_[p] = static_cast<float>(options_.similarity == ItemSimilarity::tf_idf
                                             ? std::sqrt(value) * idf
                                             : value * (k1 + 1) / (k1 * length + value) * idf);
      }
    }
  }

  void keep_nearest(std::uint32_t item, const std::vector<double>& products,
                    const std::vector<double>& norms, const std::vector<std::uint32_t>& common,
                    const std::vector<std::uint32_t>& touched) {
    const bool cosine = options_.similarity != ItemSimilarity::bm25;
    nearest_.clear();
    for (const std::uint32_t other : touched) {
      if (other == item) continue;
      const double shrunk = common[other] / (common[other] + double{options_.shrink});
      const double scale = cosine ? norms[item] * norms[other] : 1;
      const auto similarity = static_cast<float>(shrunk * products[other] / scale);
      // Products so small that they vanish are no similarity.
      if (similarity > 0 && std::isfinite(similarity)) nearest_.push_back({other, similarity});
    }
    // Equal ones by their number, so that there is one answer.
    const auto nearer = [](const Neighbour& a, const Neighbour& b) {
      return a.similarity != b.similarity ? a.similarity > b.similarity : a.item < b.item;
    };
    const std::size_t kept = std::min<std::size_t>(nearest_.size(), options_.neighbours);
    std::ranges::partial_sort(nearest_, nearest_.begin() + std::ptrdiff_t(kept), nearer);
    for (std::size_t n = 0; n < kept; ++n) {
      neighbours_.push_back(nearest_[n].item);
      similarities_.push_back(nearest_[n].similarity);
    }
    offsets_.push_back(static_cast<std::uint32_t>(neighbours_.size()));
  }

  ItemKnnOptions options_;
  std::shared_ptr<const Interactions> data_;
  std::vector<float> weights_;  // of each interaction
  std::vector<Neighbour> nearest_;
  std::vector<std::uint32_t> offsets_{0}, neighbours_;
  std::vector<float> similarities_;
  bool complete_ = false;
  ItemNeighbours model_;
};

}  // namespace

void ItemKnnOptions::validate() const {
  require_range<std::uint32_t>(neighbours, 1, 100'000, "neighbours");
  require_range(shrink, 0.0f, 1e6f, "shrink");
}

std::unique_ptr<ItemKnnTrainer> make_item_knn(const ItemKnnOptions& options,
                                              std::shared_ptr<const Interactions> data) {
  options.validate();
  return std::make_unique<ItemKnn>(options, std::move(data));
}

SeenItems what_counts(const Interactions& data) {
  SeenItems seen(data);
  for (std::uint32_t p = 0; p < data.size(); ++p) {
    seen.values[p] = ItemNeighbours::worth(data.value_at(p), data.weight_at(p));
  }
  return seen;
}

}  // namespace featherfm
