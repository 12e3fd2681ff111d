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

}  // namespace featherfm
