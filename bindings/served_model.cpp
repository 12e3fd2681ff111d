#include "served_model.h"

#include "base/error.h"
#include "rank/rerank.h"

namespace featherfm::bindings {
namespace {

void require_implicit(const ServedModel& model) {
  if (model.towers.fold_in.implicit) return;
  fail(ErrorCode::invalid_argument, "model",
       {"only a model of the family \"implicit-als\" is updated in place"});
}

}  // namespace

std::span<const float> ServedModel::information(const char* argument) const {
  if (information_.empty()) {
    if (file.seen.users() != towers.users.rows()) {
      fail(
          ErrorCode::invalid_argument, argument,
          {"the model does not know how popular its items are: it was saved without what its users "
           "have seen, or comes from elsewhere"});
    }
    information_ = self_information(file.seen.item_counts(towers.items.rows()), file.seen.users());
  }
  return information_;
}

void ServedModel::update_user(std::uint32_t user, const GivenRatings& given) {
  require_implicit(*this);
  const auto users = static_cast<std::uint32_t>(towers.users.rows());
  require_range<std::uint32_t>(user, 0, users, "user");
  const FoldedUser folded = fold_in().fold(given);
  SeenItems seen = file.seen.with_user(user, given.items, given.values, std::max(users, user + 1));
  set_user(file.mf(), towers, user, folded.vector);
  file.seen = std::move(seen);
  item_fold_in_.reset();  // it holds the users
  information_.clear();
}

void ServedModel::update_item(std::uint32_t item, const GivenRatings& given) {
  require_implicit(*this);
  require_range<std::uint32_t>(item, 0, static_cast<std::uint32_t>(towers.items.rows()), "item");
  if (!item_fold_in_) item_fold_in_.emplace(file.mf());
  const auto vector = item_fold_in_->fold(given);
  SeenItems seen = file.seen.with_item(item, given.items, given.values,
                                       static_cast<std::uint32_t>(towers.users.rows()));
  set_item(file.mf(), towers, item, vector);
  file.seen = std::move(seen);
  fold_in_.reset();  // it holds the items
  ranker.items_changed();
  information_.clear();
}

}  // namespace featherfm::bindings
