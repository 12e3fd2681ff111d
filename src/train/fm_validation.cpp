#include "train/fm_validation.h"

namespace featherfm {

Losses losses_of(const FactorizationMachine& model, const Design& design,
                 std::span<const float> scores) {
  LossSums sums;
  const bool labels = model.link == Link::logistic;
  for (std::size_t k = 0; k < design.size(); ++k) {
    const float target = labels ? label_of(design.targets[k]) : design.targets[k];
    sums.add(scores[k], target, design.weight(k), model.link, model.range);
  }
  return sums.losses();
}

}  // namespace featherfm
