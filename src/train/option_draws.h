// Draws for random search over options (Bergstra and Bengio 2012).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace featherfm {

// What one option may be.
struct OptionRange {
  double low = 0, high = 1;  // both included; low < high
  bool logarithmic = false;  // uniform in the logarithm; low > 0
  bool whole = false;        // whole numbers; so are low and high
};

// trials x ranges, row by row; the first rows are the same however many follow. Errors:
// out_of_range "trials" for 0, not_finite or out_of_range "ranges" for a range that is none.
std::vector<double> draw_options(std::span<const OptionRange> ranges, std::uint32_t trials,
                                 std::uint64_t seed);

}  // namespace featherfm
