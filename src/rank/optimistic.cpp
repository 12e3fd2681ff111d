#include "rank/optimistic.h"

#include <algorithm>
#include <cmath>

namespace featherfm {

std::vector<Scored> optimistic_top(const SampleTowers& towers, const SampleUser& user,
                                   std::uint32_t items, std::size_t n, double deviations,
                                   const ItemFilter& filter) {
  std::vector<char> barred(items, filter.candidates ? 1 : 0);
  const auto mark = [&](std::span<const std::uint32_t> list, char value) {
    for (const std::uint32_t item : list) {
      if (item < items) barred[item] = value;
    }
  };
  if (filter.candidates) mark(*filter.candidates, 0);
  mark(filter.seen, 1);
  mark(filter.exclude, 1);
  BestN best(std::min<std::size_t>(n, items));
  std::vector<float> scores(towers.samples());
  const auto count = static_cast<double>(scores.size());
  for (std::uint32_t item = 0; item < items; ++item) {
    if (barred[item]) continue;
    towers.scores(user, item, scores);
    double sum = 0, squares = 0;
    for (const float score : scores) {
      sum += double{score};
      squares += double{score} * double{score};
    }
    const double mean = sum / count;
    const double variance =
        std::max(0.0, squares / count - mean * mean) + towers.variance(user, item);
    best.offer(item, static_cast<float>(mean + deviations * std::sqrt(variance)));
  }
  return best.take();
}

}  // namespace featherfm
