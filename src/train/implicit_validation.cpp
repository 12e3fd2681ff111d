#include "train/implicit_validation.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/portable_math.h"
#include "base/simd.h"

namespace featherfm {

ImplicitValidation::ImplicitValidation(std::shared_ptr<const Interactions> data,
                                       const ImplicitRule& rule)
    : data_(std::move(data)), rule_(rule) {
  if (!data_) return;
  std::vector<std::uint32_t> all;
  for (std::uint32_t user = 0; user < data_->users(); ++user) {
    for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
      if (!(rule_.strength(data_->value_at(p), data_->weight_at(p)) > 0)) continue;
      all.push_back(user);
      break;
    }
  }
  if (all.empty()) {
    fail(ErrorCode::empty, "validation", {"there is no liked item to validate on"});
  }
  const std::size_t count = std::min<std::size_t>(all.size(), most_users);
  for (std::size_t k = 0; k < count; ++k) {
    users_.push_back(all[static_cast<std::size_t>(std::uint64_t{k} * all.size() / count)]);
  }
}

bool ImplicitValidation::measure(const MatrixFactorization& model, const Interactions& train) {
  if (next_ == users_.size()) return true;
  measure_user(users_[next_++], model, train);
  return next_ == users_.size();
}

void ImplicitValidation::measure_user(std::uint32_t user, const MatrixFactorization& model,
                                      const Interactions& train) {
  const std::size_t stride = model.item_factors.stride();
  const float* const x = model.user_factors.row(user);
  const auto score = [&](std::uint32_t item) {
    return simd::dot(x, model.item_factors.row(item), stride);
  };
  roles_.assign(model.items(), Role::other);
  for (const std::uint32_t item : train.items_of(user)) roles_[item] = Role::barred;
  std::vector<float> likes;
  for (std::uint32_t p = data_->user_begin(user); p < data_->user_end(user); ++p) {
    if (!(rule_.strength(data_->value_at(p), data_->weight_at(p)) > 0)) continue;
    roles_[data_->item_at(p)] = Role::liked;
    likes.push_back(score(data_->item_at(p)));
    const double error = 1 - double{likes.back()};
    squared_ += error * error;
    absolute_ += std::abs(error);
    ++likes_;
  }
  std::ranges::sort(likes, std::greater<>());
  // Only those that can be among the first ten count.
  const std::size_t counted = std::min<std::size_t>(likes.size(), cut_off);
  std::vector<std::uint32_t> ahead(counted);  // others that are no worse
  for (std::uint32_t item = 0; item < model.items(); ++item) {
    if (roles_[item] != Role::other) continue;
    const float s = score(item);
    for (std::size_t r = counted; r > 0 && s >= likes[r - 1]; --r) ++ahead[r - 1];
  }
  const auto discount = [](std::size_t rank) { return 1 / portable_log(double(rank) + 1); };
  double gain = 0, best = 0;
  for (std::size_t r = 0; r < counted; ++r) {
    const std::size_t rank = r + 1 + ahead[r];
    if (rank <= cut_off) gain += discount(rank);
    best += discount(r + 1);
  }
  ndcg_ += gain / best;
}

std::optional<Losses> ImplicitValidation::take() {
  if (!data_) return std::nullopt;
  const Losses result{1 - ndcg_ / static_cast<double>(users_.size()), std::sqrt(squared_ / likes_),
                      absolute_ / likes_};
  next_ = 0;
  ndcg_ = squared_ = absolute_ = likes_ = 0;
  return result;
}

}  // namespace featherfm
