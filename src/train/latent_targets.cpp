#include "train/latent_targets.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/normal.h"
#include "model/posterior_prediction.h"
#include "train/fm_options.h"

namespace featherfm {
namespace {

constexpr std::size_t most_classes = 100;

std::vector<float> distinct(const std::vector<float>& targets) {
  std::vector<float> classes;
  for (const float target : targets) {
    const auto place = std::ranges::lower_bound(classes, target);
    if (place != classes.end() && *place == target) continue;
    if (classes.size() == most_classes) {
      fail(ErrorCode::out_of_range, "ratings",
           {"the task \"ordinal\" takes at most ", most_classes,
            " different ratings; use \"regression\""});
    }
    classes.insert(place, target);
  }
  return classes;
}

}  // namespace

LatentTargets::LatentTargets(Task task, const std::vector<float>& targets,
                             std::span<const float> classes)
    : task_(task), targets_(targets) {
  if (task != Task::ordinal) return;
  classes_.assign(classes.begin(), classes.end());
  if (classes_.empty()) classes_ = distinct(targets);
  class_of_.reserve(targets.size());
  for (const float target : targets) {
    const auto place = std::ranges::lower_bound(classes_, target);
    if (place == classes_.end() || *place != target) {
      fail(ErrorCode::out_of_range, "ratings",
           {"the model knows no rating of ", double{target}, "; its ratings are ",
            double{classes_.front()}, " to ", double{classes_.back()}});
    }
    class_of_.push_back(static_cast<std::uint32_t>(place - classes_.begin()));
  }
  cutpoints_.emplace(class_of_);
}

LatentTargets::Ends LatentTargets::ends(std::size_t example) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (cutpoints_) {
    const auto& cuts = cutpoints_->values();
    return {low_end(cuts, class_of_[example]), high_end(cuts, class_of_[example])};
  }
  const bool one = label_of(targets_[example]) == 1;
  return {one ? 0 : -infinity, one ? infinity : 0};
}

AlignedFloats LatentTargets::values(const std::vector<float>& scores, ValueRange range) const {
  AlignedFloats values(padded(scores.size()));
  std::ranges::copy(scores, values.begin());
  if (task_ == Task::classification) normal_cdf(values.data(), values.size());
  if (task_ == Task::ordinal) class_means(classes_, cuts(), values.data(), values.size());
  if (task_ == Task::regression) {
    for (float& value : values) value = std::clamp(value, range.low, range.high);
  }
  return values;
}

float LatentTargets::target(float given) const {
  return task_ == Task::classification ? label_of(given) : given;
}

Losses LatentTargets::losses(const std::vector<float>& scores, ValueRange range) const {
  LossSums sums;
  const AlignedFloats predicted = values(scores, range);
  for (std::size_t k = 0; k < scores.size(); ++k) {
    sums.add(predicted[k], target(targets_[k]), 1, Link::identity, range);
  }
  Losses losses = sums.losses();
  losses.mae = 0;
  return losses;
}

}  // namespace featherfm
