#include "train/option_draws.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/portable_math.h"
#include "base/random.h"

namespace featherfm {
namespace {

bool valid(const OptionRange& range) {
  return std::isfinite(range.high - range.low) && range.low < range.high &&
         (!range.logarithmic || range.low > 0) &&
         (!range.whole ||
          (range.low == std::floor(range.low) && range.high == std::floor(range.high)));
}

double draw(const OptionRange& range, Random& random) {
  // Whole numbers are the floors of a range that is one longer, so that the last of them has its
  // share too.
  const double end = range.whole ? range.high + 1 : range.high;
  const double u = random.uniform();
  const double value = range.logarithmic
                           ? range.low * portable_exp(u * portable_log(end / range.low))
                           : range.low + u * (end - range.low);
  return std::clamp(range.whole ? std::floor(value) : value, range.low, range.high);
}

}  // namespace

std::vector<double> draw_options(std::span<const OptionRange> ranges, std::uint32_t trials,
                                 std::uint64_t seed) {
  require_range<std::uint32_t>(trials, 1, 1'000'000, "trials");
  for (std::size_t k = 0; k < ranges.size(); ++k) {
    if (valid(ranges[k])) continue;
    fail(ErrorCode::out_of_range, "ranges",
         {"ranges[", k, "] must be two finite numbers, the lower first; got ", ranges[k].low,
          " and ", ranges[k].high});
  }
  std::vector<double> values;
  values.reserve(ranges.size() * trials);
  Random random(seed);
  for (std::uint32_t trial = 0; trial < trials; ++trial) {
    for (const OptionRange& range : ranges) values.push_back(draw(range, random));
  }
  return values;
}

}  // namespace featherfm
