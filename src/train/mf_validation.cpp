#include "train/mf_validation.h"

namespace featherfm {

MfValidation::MfValidation(std::shared_ptr<const Interactions> data, std::uint32_t patience)
    : data_(std::move(data)), best_(patience) {
  if (data_ && data_->size() == 0) {
    fail(ErrorCode::empty, "validation", {"there is no interaction to validate on"});
  }
}

bool MfValidation::measure(const MatrixFactorization& model) {
  if (!data_) return true;
  std::uint32_t measured = 0;
  for (; next_user_ < data_->users(); ++next_user_) {
    if (measured > 4096) return false;
    for (std::uint32_t position = data_->user_begin(next_user_);
         position < data_->user_end(next_user_); ++position) {
      sums_.add(score(model, next_user_, data_->item_at(position)), data_->value_at(position),
                data_->weight_at(position), model.link, model.range);
      ++measured;
    }
  }
  return true;
}

EpochLosses MfValidation::finish_epoch(std::uint32_t epoch, const MatrixFactorization& model,
                                       Losses train) {
  std::optional<Losses> validation;
  if (data_) validation = sums_.losses();
  sums_ = {};
  next_user_ = 0;
  return best_.finish(epoch, model, train, validation);
}

}  // namespace featherfm
