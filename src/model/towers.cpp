#include "model/towers.h"

#include <cmath>

#include "base/error.h"

namespace featherfm {

void validate_value_range(const std::optional<ValueRange>& range) {
  if (!range) return;
  if (!std::isfinite(range->low) || !std::isfinite(range->high)) {
    fail(ErrorCode::not_finite, "valueRange", {"valueRange must be two finite numbers"});
  }
  if (range->low >= range->high || !std::isfinite(range->high - range->low)) {
    fail(ErrorCode::out_of_range, "valueRange",
         {"valueRange must be [lowest, highest] with lowest below highest; got [", range->low, ", ",
          range->high, "]"});
  }
}

bool valid(const RankingRule& rule) {
  return rule.learning_rate > 0 && rule.learning_rate <= 1e9f && rule.regularization >= 0 &&
         rule.regularization <= 1 && rule.max_sampled >= 1 && rule.max_sampled <= 1'000'000 &&
         rule.kth >= 1 && rule.kth <= rule.positives && rule.positives <= 1000 &&
         (!rule.positive_from || std::isfinite(*rule.positive_from));
}

}  // namespace featherfm
