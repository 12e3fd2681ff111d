#include "train/hybrid_validation.h"

#include <algorithm>
#include <limits>

namespace featherfm {

namespace {

constexpr std::size_t most_users = 1000, piece = 100'000;

}  // namespace

HybridValidation::HybridValidation(const HybridOptions& options, const HybridData& data)
    : rule_(options.rule()), data_(data), best_(options.patience) {
  if (data_.validation) choose_users();
}

void HybridValidation::choose_users() {
  const Interactions& data = *data_.validation;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      if (!rule_.likes(data.value_at(p))) continue;
      users_.push_back(user);
      break;
    }
  }
  if (users_.size() <= most_users) return;
  for (std::size_t k = 0; k < most_users; ++k) users_[k] = users_[k * users_.size() / most_users];
  users_.resize(most_users);
}

std::size_t HybridValidation::add_losses(std::uint32_t user) {
  const Interactions& data = *data_.validation;
  for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
    losses_.add(towers_->score(user, data.item_at(p)), rule_.likes(data.value_at(p)) ? 1 : 0,
                data.weight_at(p), towers_->link, towers_->range);
  }
  return data.items_of(user).size();
}

std::size_t HybridValidation::add_auc(std::uint32_t user) {
  const Interactions& data = *data_.validation;
  const std::size_t items = towers_->items.rows();
  if (user >= towers_->users.rows()) return 0;
  barred_.assign(items, 0);
  positives_.clear();
  for (const std::uint32_t item : data_.known.of(user)) {
    if (item < items) barred_[item] = 1;
  }
  for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
    const std::uint32_t item = data.item_at(p);
    if (item >= items || !rule_.likes(data.value_at(p))) continue;
    barred_[item] = 1;
    positives_.push_back(towers_->score(user, item));
  }
  std::ranges::make_heap(positives_);
  std::ranges::sort_heap(positives_);
  double in_order = 0;
  std::size_t others = 0;
  for (std::uint32_t item = 0; item < items; ++item) {
    if (barred_[item]) continue;
    ++others;
    const auto above =
        positives_.end() - std::ranges::upper_bound(positives_, towers_->score(user, item));
    in_order += static_cast<double>(above);
  }
  if (others > 0 && !positives_.empty()) {
    ++with_pairs_;
    auc_ += in_order / (static_cast<double>(others) * static_cast<double>(positives_.size()));
  }
  return items;
}

bool HybridValidation::measure(const FactorizationMachine& model) {
  if (!data_.validation) return true;
  if (!towers_) towers_ = model.towers();
  const bool logistic = model.link == Link::logistic;
  const std::uint32_t all = logistic ? data_.validation->users() : 0;
  for (std::size_t products = 0; next_ < all + users_.size(); ++next_) {
    if (products > piece) return false;
    products += next_ < all ? add_losses(next_) : add_auc(users_[next_ - all]);
  }
  return true;
}

EpochLosses HybridValidation::finish_epoch(std::uint32_t epoch, const FactorizationMachine& model,
                                           Losses train) {
  std::optional<Losses> validation;
  if (data_.validation) {
    const double auc = with_pairs_ > 0 ? auc_ / with_pairs_ : 0;
    if (model.link == Link::logistic) {
      validation = losses_.losses();
    } else {
      constexpr double none = std::numeric_limits<double>::quiet_NaN();
      validation = {1 - auc, none, none};
    }
    validation->auc = auc;
  }
  towers_.reset();
  next_ = with_pairs_ = 0;
  auc_ = 0;
  losses_ = {};
  return best_.finish(epoch, model, train, validation);
}

}  // namespace featherfm
