#include "rank/metrics.h"

#include <cmath>

#include "base/portable_math.h"

namespace featherfm {
namespace {

class RatingErrorSums {
 public:
  RatingErrorSums(Link link, ValueRange range) : link_(link), range_(range) {}

  void add(float score, double actual, double weight) {
    const double predicted = value_of(score, link_, range_, true);
    sums_.rmse += weight * (predicted - actual) * (predicted - actual);
    sums_.mae += weight * std::abs(predicted - actual);
    sums_.mae_rounded += weight * std::abs(std::floor(predicted + 0.5) - actual);
    const double middle = 0.5 * (double{range_.low} + double{range_.high});
    if ((predicted >= middle) == (actual >= middle)) sums_.accuracy += weight;
    if (link_ == Link::logistic) {
      const double target = (actual - range_.low) / (double{range_.high} - range_.low);
      sums_.log_loss += weight * (softplus(score) - target * double{score});
    }
    weights_ += weight;
  }

  RatingErrors errors() const {
    if (weights_ == 0) return {};
    return {std::sqrt(sums_.rmse / weights_), sums_.mae / weights_, sums_.mae_rounded / weights_,
            sums_.accuracy / weights_, sums_.log_loss / weights_};
  }

 private:
  Link link_;
  ValueRange range_;
  RatingErrors sums_;
  double weights_ = 0;
};

}  // namespace

RatingErrors rating_errors(const Towers& towers, const Interactions& test) {
  RatingErrorSums sums(towers.link, towers.range);
  for (std::uint32_t user = 0; user < test.users(); ++user) {
    for (std::uint32_t p = test.user_begin(user); p < test.user_end(user); ++p) {
      sums.add(towers.score(user, test.item_at(p)), test.value_at(p), test.weight_at(p));
    }
  }
  return sums.errors();
}

RatingErrors rating_errors(std::span<const float> scores, std::span<const float> values,
                           std::span<const float> weights, Link link, ValueRange range) {
  RatingErrorSums sums(link, range);
  for (std::size_t k = 0; k < scores.size(); ++k) {
    sums.add(scores[k], values[k], weights.empty() ? 1.0 : double{weights[k]});
  }
  return sums.errors();
}

}  // namespace featherfm
