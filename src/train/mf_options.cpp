#include "train/mf_options.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/portable_math.h"

namespace featherfm {
namespace {

void require_inside(const Interactions& data, ValueRange range) {
  const auto [low, high] = data.value_range();
  const bool mappable = std::isfinite(range.high - range.low);
  if (mappable && low >= range.low && high <= range.high) return;
  fail(ErrorCode::out_of_range, "ratings",
       {"with the loss \"logistic\" every rating must lie in the value range ", range.low, " to ",
        range.high, "; got ", low, " to ", high,
        "; set valueRange to the lowest and highest possible rating"});
}

// The constant that alone would predict best: the weighted mean, through the link.
float best_constant(const Interactions& data, Link link, ValueRange range) {
  const double mean = data.weighted_mean();
  if (link == Link::identity) return static_cast<float>(mean);
  const double unit =
      std::clamp((mean - range.low) / (double{range.high} - double{range.low}), 1e-6, 1 - 1e-6);
  return static_cast<float>(portable_log(unit / (1 - unit)));
}

}  // namespace

void MfOptions::validate() const {
  require_range<std::uint32_t>(factors, 0, 1024, "factors");
  require_range(user_regularization, 0.0f, 1e6f, "regularization.user");
  require_range(item_regularization, 0.0f, 1e6f, "regularization.item");
  require_range(bias_regularization, 0.0f, 1e6f, "regularization.bias");
  require_range(frequency_scaling, 0.0f, 1.0f, "frequencyScaling");
  require_range(initial_scale, 0.0f, 10.0f, "initialScale");
  require_range<std::uint32_t>(epochs, 1, 100'000, "epochs");
  validate_value_range(value_range);
}

std::vector<std::uint32_t> user_counts(const Interactions& data) {
  std::vector<std::uint32_t> counts(data.users());
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    counts[user] = data.user_end(user) - data.user_begin(user);
  }
  return counts;
}

MatrixFactorization initial_model(const MfOptions& options, Link link, const Interactions& data,
                                  std::optional<MatrixFactorization> start) {
  if (data.size() == 0) {
    fail(ErrorCode::empty, "data", {"there is no interaction to train on"});
  }
  MatrixFactorization model;
  if (start) {
    model = std::move(*start);
    if (model.factors() != options.factors) {
      fail(ErrorCode::invalid_argument, "factors",
           {"a model with ", model.factors(), " factors cannot continue with ", options.factors});
    }
    model.grow(data.users(), data.items());
    if (options.value_range) {
      model.range = *options.value_range;
    } else if (link == Link::identity) {  // "observed": by both trainings
      const auto [low, high] = data.value_range();
      model.range = {std::min(model.range.low, low), std::max(model.range.high, high)};
    }
    // A bias that is not learned must not linger in the scores.
    if (!options.user_bias) std::fill(model.user_biases.begin(), model.user_biases.end(), 0.0f);
    if (!options.item_bias) std::fill(model.item_biases.begin(), model.item_biases.end(), 0.0f);
  } else {
    model = MatrixFactorization(data.users(), data.items(), options.factors);
    const auto [low, high] = data.value_range();
    model.range = options.value_range.value_or(ValueRange{low, high});
    // All ratings alike: the logistic link still needs a range to map.
    if (!options.value_range && link == Link::logistic && low == high) model.range = {0, 1};
  }
  model.link = link;
  if (link == Link::logistic) require_inside(data, model.range);
  if (!start && options.global_bias) model.global_bias = best_constant(data, link, model.range);
  // Whatever the start was, from here on only the ratings count.
  model.fold_in = {};
  model.singular_values.clear();
  model.fold_in.regularization = options.user_regularization;
  model.fold_in.bias_regularization = options.bias_regularization;
  model.fold_in.frequency_scaling = options.frequency_scaling;
  model.fold_in.user_bias = options.user_bias;
  return model;
}

bool RandomFactors::draw_rows(MatrixFactorization& model) {
  const std::size_t users = data_.users(), rows = users + data_.items();
  for (const std::size_t end = std::min(rows, row_ + 256); row_ < end; ++row_) {
    const bool user = row_ < users;
    const auto index = static_cast<std::uint32_t>(user ? row_ : row_ - users);
    const std::size_t count =
        user ? data_.items_of(index).size() : std::size_t{data_.item_counts()[index]};
    const auto row = (user ? model.user_factors : model.item_factors).columns_of(index);
    if (count == 0 || std::any_of(row.begin(), row.end(), [](float x) { return x != 0; })) continue;
    for (float& x : row) x = static_cast<float>(random_.normal()) * scale_;
  }
  return row_ == rows;
}

std::vector<float> penalty_per_rating(float lambda, float scaling,
                                      const std::vector<std::uint32_t>& counts) {
  std::vector<float> result(counts.size(), lambda);
  if (scaling == 1) return result;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    if (counts[r] > 0) {
      result[r] = static_cast<float>(double{lambda} * portable_pow(counts[r], scaling - 1));
    }
  }
  return result;
}

}  // namespace featherfm
