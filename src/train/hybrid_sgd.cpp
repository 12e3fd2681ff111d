#include "train/hybrid_sgd.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "train/hybrid_steps.h"
#include "train/hybrid_validation.h"

namespace featherfm {
namespace {

// Interactions between two pauses, and the unit of shuffling.
constexpr std::size_t block_size = 256;

std::vector<HybridExample> examples_of(const HybridOptions& options, const Interactions& data) {
  std::vector<HybridExample> examples;
  bool any_positive = false;
  const RankingRule rule = options.rule();
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      const float weight = data.weight_at(p);
      const bool positive = rule.likes(data.value_at(p));
      any_positive = any_positive || positive;
      if (weight == 0 || (!positive && options.loss != RankingLoss::logistic)) continue;
      examples.push_back({user, data.item_at(p), weight, positive});
    }
  }
  if (!any_positive && options.loss != RankingLoss::logistic) {
    fail(ErrorCode::empty, "positiveFrom",
         {"there is no positive to learn from: no rating is ",
          options.positive_from ? joined({"at least ", double{*options.positive_from}})
                                : std::string("above 0")});
  }
  return examples;
}

class HybridSgd final : public FmTrainer {
 public:
  HybridSgd(const HybridOptions& options, HybridData data, const FactorizationMachine* start)
      : options_(options),
        data_(std::move(data)),
        random_(options.seed ^ 0x0fde0fde0fde0fdeu),  // another stream than what is sampled
        parameters_(initial_hybrid(options, data_, start)),
        examples_(examples_of(options, *data_.train)),
        steps_(options, data_, examples_, parameters_),
        validation_(options, data_) {
    validation_.start_from(machine());
  }

  const FactorizationMachine& model() const override { return validation_.best_model(); }
  std::uint32_t best_epoch() const override { return validation_.best_epoch(); }

 private:
  Work train() override {
    for (auto left = static_cast<std::uint32_t>(examples_.size()); left > 1; --left) {
      std::swap(examples_[left - 1], examples_[random_.below(left)]);
      if (left % (64 * block_size) == 0) co_yield Pause{};
    }
    std::vector<std::size_t> order((examples_.size() + block_size - 1) / block_size);
    std::iota(order.begin(), order.end(), std::size_t{0});

    for (epoch_ = 1;; ++epoch_) {
      losses_ = {};
      random_.shuffle(order);
      for (std::size_t b = 0; b < order.size(); ++b) {
        const std::size_t begin = order[b] * block_size;
        steps_.train(
            std::span(examples_).subspan(begin, std::min(block_size, examples_.size() - begin)),
            losses_);
        fraction_ = (epoch_ - 1 + double(b + 1) / double(order.size())) / options_.epochs;
        co_yield Pause{};
      }
      steps_.settle();
      const FactorizationMachine model = machine();
      if (!model.all_finite()) fail_diverged();
      while (!validation_.measure(model)) co_yield Pause{};
      finished_epoch_ = validation_.finish_epoch(epoch_, model, train_losses());
      stopped_early_ = epoch_ < options_.epochs && validation_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  FactorizationMachine machine() const {
    return hybrid_machine(options_, data_.space, parameters_);
  }

  Losses train_losses() {
    const double total = losses_.weight > 0 ? losses_.weight : 1;
    Losses losses;
    losses.loss = (losses_.loss + losses_.cross_entropy.total()) / total;
    losses.rmse = options_.loss == RankingLoss::logistic ? std::sqrt(losses_.squared / total)
                                                         : std::numeric_limits<double>::quiet_NaN();
    return losses;
  }

  [[noreturn]] void fail_diverged() const {
    featherfm::fail_diverged(epoch_, options_.learning_rate, best_epoch());
  }

  HybridOptions options_;
  HybridData data_;
  Random random_;
  HybridParameters parameters_;
  std::vector<HybridExample> examples_;
  HybridSteps steps_;
  HybridValidation validation_;
  HybridLosses losses_;  // of the current epoch
};

}  // namespace

std::unique_ptr<FmTrainer> make_hybrid_sgd(const HybridOptions& options, HybridData data,
                                           const FactorizationMachine* start) {
  options.validate();
  return std::make_unique<HybridSgd>(options, std::move(data), start);
}

}  // namespace featherfm
