#include "rank/sample_fold_in.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/normal.h"

namespace featherfm {

// The given items as the towers of one sample, in their order, and the ratings as its scores.
struct SampleFoldIn::OneSample {
  OneSample(const SampleFoldIn& all, const GivenRatings& ratings, std::size_t sample,
            std::optional<std::uint32_t> asked)
      : all_(all), sample_(sample), given_(ratings), order_(ratings.items.size()) {
    const Posterior& posterior = *all.model_.posterior;
    const std::size_t k = posterior.factors;
    std::vector<std::uint32_t> items(ratings.items.begin(), ratings.items.end());
    if (asked) items.push_back(*asked);
    towers_.factors = k;
    towers_.users = Matrix(0, k + 1);
    towers_.items = Matrix(items.size(), k + 1);
    towers_.fold_in = all.model_.fold_in;
    towers_.fold_in.regularization = posterior.penalties[sample];
    towers_.fold_in.bias_regularization = posterior.penalties[sample];
    towers_.fold_in.frequency_scaling = 0;
    constexpr float most = std::numeric_limits<float>::max();
    towers_.range = {-most, most};
    const float scale = std::sqrt(static_cast<float>(posterior.samples()));
    for (std::size_t n = 0; n < items.size(); ++n) {
      const float* const q = all.towers_.items.row(items[n]) + sample * k;
      for (std::size_t f = 0; f < k; ++f) towers_.items.row(n)[f] = scale * q[f];
      towers_.items.row(n)[k] = all.samples_.item_part(items[n], sample);
    }
    start_.row.resize(towers_.users.stride());
    for (std::size_t f = 0; f < k; ++f) start_.row[f] = scale * all.start_.row[sample * k + f];
    start_.row[k] = 1;
    start_.offset = all.start_.parts[sample];
    std::iota(order_.begin(), order_.end(), 0u);
    values_.assign(ratings.values.begin(), ratings.values.end());
  }

  GivenRatings given() const { return {order_, values_, given_.weights}; }

  FoldedUser fold(std::optional<float> regularization) {
    FoldIn fold_in(towers_);
    if (all_.model_.posterior->task == Task::regression) {
      return fold_in.fold(given(), start_, regularization);
    }
    constexpr int rounds = 12;  // what is left to move by then is in the third digit
    FoldedUser user{{start_.row.begin(), start_.row.begin() + std::ptrdiff_t(towers_.factors)},
                    start_.offset};
    for (int round = 0; round < rounds; ++round) {
      const UserRow row = user.tower_row(towers_);
      for (std::uint32_t n = 0; n < order_.size(); ++n) {
        values_[n] = latent(given_.values[n], towers_.score(row.row.data(), row.offset, n));
      }
      user = fold_in.fold(given(), start_, regularization);
    }
    return user;
  }

  ScoreParts explain(std::optional<float> regularization) {
    fold(regularization);  // for the latent scores
    return FoldIn(towers_).explain(given(), static_cast<std::uint32_t>(order_.size()), start_,
                                   regularization);
  }

  // The expectation of the latent score behind a rating.
  float latent(float value, float score) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const Posterior& posterior = *all_.model_.posterior;
    double low = -infinity, high = infinity;
    if (posterior.task == Task::classification) {
      if (value != 0 && value != 1 && value != -1) {
        fail(ErrorCode::out_of_range, "ratings",
             {"the model knows ratings of 0 and 1, or of -1 and 1; got ", double{value}});
      }
      (value > 0 ? low : high) = 0;
    } else {
      const auto place = std::ranges::lower_bound(posterior.classes, value);
      if (place == posterior.classes.end() || *place != value) {
        fail(ErrorCode::out_of_range, "ratings",
             {"the model knows no rating of ", double{value}, "; its ratings are ",
              double{posterior.classes.front()}, " to ", double{posterior.classes.back()}});
      }
      const auto c = static_cast<std::size_t>(place - posterior.classes.begin());
      const auto cuts = posterior.cutpoints.columns_of(sample_);
      if (c > 0) low = cuts[c - 1];
      if (c < cuts.size()) high = cuts[c];
    }
    if (low == -infinity && high == infinity) return score;
    const NormalInterval p = normal_interval(low - double{score}, high - double{score});
    return static_cast<float>(double{score} + p.low_ratio - p.high_ratio);
  }

  const SampleFoldIn& all_;
  std::size_t sample_;
  GivenRatings given_;
  Towers towers_;
  UserRow start_;
  std::vector<std::uint32_t> order_;
  std::vector<float> values_;
};

namespace {

// FoldIn sees the items by their place among those given, so what concerns their numbers is checked
// here.
void check_items(const GivenRatings& given, std::size_t items) {
  std::vector<char> met(items);
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    if (given.items[k] >= items) {
      fail(ErrorCode::out_of_range, "ratings",
           {"ratings[", k, "] names an item the model does not know"});
    }
    if (met[given.items[k]]++) {
      fail(ErrorCode::duplicate, "ratings", {"ratings[", k, "] rates an item a second time"});
    }
  }
}

}  // namespace

// The variances of the user's own parameters given the items' means: with the precision of the
// priors over that of the noise as the penalty, noise^2 / (penalty + sum of the slopes' squares).
void SampleFoldIn::add_own_variances(const GivenRatings& given, std::optional<float> regularization,
                                     SampleUser& user) const {
  const Posterior& posterior = *model_.posterior;
  const std::size_t k = posterior.factors, first = samples_.samples();
  const double noise = double{posterior.noise[0]} * double{posterior.noise[0]};
  const double penalty = regularization ? double{*regularization} : double{posterior.penalties[0]};
  double own = 0;
  for (std::size_t f = 0; f <= k; ++f) {  // the last: the bias
    double slopes = 0;
    for (std::size_t n = 0; n < given.items.size(); ++n) {
      const double weight = given.weights.empty() ? 1.0 : double{given.weights[n]};
      const double q = f < k ? double{towers_.items.row(given.items[n])[f]} : 1;
      slopes += weight * q * q;
    }
    if (!(penalty + slopes > 0)) continue;
    const double t = noise / (penalty + slopes);
    if (f == k) {
      if (model_.fold_in.user_bias) own += t;
      continue;
    }
    const double a = double{user.row[f]} - double{start_.row[f]};
    user.parts[first + 1 + f] += static_cast<float>(t);
    user.parts[first + 1 + k + f] += static_cast<float>(t * a);
    own += t * (a * a - 0.5 * t);
  }
  user.parts[first] += static_cast<float>(own);
}

SampleUser SampleFoldIn::fold(const GivenRatings& given,
                              std::optional<float> regularization) const {
  check_items(given, towers_.items.rows());
  require_same_size(given.values.size(), given.items.size(), "ratings");
  SampleUser user = start_;
  const std::size_t k = model_.posterior->factors, samples = samples_.samples();
  const float scale = 1 / std::sqrt(static_cast<float>(samples));
  for (std::size_t s = 0; s < samples; ++s) {
    const FoldedUser folded = OneSample(*this, given, s, std::nullopt).fold(regularization);
    for (std::size_t f = 0; f < k; ++f) user.row[s * k + f] = scale * folded.vector[f];
    user.parts[s] = folded.bias;
  }
  if (model_.posterior->variational && model_.fold_in.own_parameters) {
    add_own_variances(given, regularization, user);
  }
  return user;
}

ScoreParts SampleFoldIn::explain(const GivenRatings& given, std::uint32_t item,
                                 std::optional<float> regularization) const {
  check_items(given, towers_.items.rows());
  require_same_size(given.values.size(), given.items.size(), "ratings");
  if (item >= towers_.items.rows()) {
    fail(ErrorCode::out_of_range, "item", {"item is not known to the model"});
  }
  ScoreParts mean;
  mean.contributions.resize(given.items.size());
  const auto share = 1 / static_cast<float>(samples_.samples());
  for (std::size_t s = 0; s < samples_.samples(); ++s) {
    const ScoreParts one = OneSample(*this, given, s, item).explain(regularization);
    mean.score += share * one.score;
    mean.base += share * one.base;
    for (std::size_t n = 0; n < mean.contributions.size(); ++n) {
      mean.contributions[n] += share * one.contributions[n];
    }
  }
  return mean;
}

}  // namespace featherfm
