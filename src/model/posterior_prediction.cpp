#include "model/posterior_prediction.h"

#include <algorithm>
#include <cmath>

#include "base/normal.h"
#include "base/simd.h"

namespace featherfm {
namespace {

// Samples lie side by side without padding, so their parts of a row are not aligned.
float inner(const float* a, const float* b, std::size_t n) {
  float sum = 0;
  for (std::size_t f = 0; f < n; ++f) sum += a[f] * b[f];
  return sum;
}

// Adds an entry's share of what SampleSums::parts has of variances.
void add_variances(const Variances& variances, std::uint32_t column, float x, const float* v,
                   std::size_t k, float* sums) {
  const float square = x * x;
  const float* const tau = variances.factors.row(column);
  double own = double{variances.linear[column]} * double{square};
  for (std::size_t f = 0; f < k; ++f) {
    const float a = v[f] * x, t = tau[f] * square;
    sums[1 + f] += t;
    sums[1 + k + f] += t * a;
    own += double{t} * (double{a} * double{a} - 0.5 * double{t});
  }
  sums[0] += static_cast<float>(own);
}

}  // namespace

// Mean over the samples of the probability below argument(s).
template <class Argument>
double PosteriorAverage::mean_below(const Argument& argument) {
  const std::size_t samples = model_.posterior->samples();
  for (std::size_t s = 0; s < samples; ++s) below_[s] = argument(s);
  normal_cdf(below_.data(), below_.size());
  double sum = 0;
  for (std::size_t s = 0; s < samples; ++s) sum += double{below_[s]};
  return sum / static_cast<double>(samples);
}

SampleSums::SampleSums(const FactorizationMachine& model, const SparseRows& table)
    : vectors(std::size_t{table.rows()} + 1, model.factors.columns()),
      parts(std::size_t{table.rows()} + 1, model.posterior->parts()) {}

void SampleSums::compute(const FactorizationMachine& model, const SparseRows& table,
                         std::uint32_t begin, std::uint32_t end) {
  const Posterior& posterior = *model.posterior;
  const std::size_t k = posterior.factors, samples = posterior.samples();
  const auto scale = static_cast<float>(samples);  // of squares: V is divided by sqrt(S)
  for (std::uint32_t r = begin; r < end; ++r) {
    const SparseRows::Row row = table.row(r);
    float* const constant = parts.row(r);
    for (std::size_t e = 0; e < row.size(); ++e) {
      const float x = row.values[e];
      const float* const v = model.factors.row(row.columns[e]);
      const float* const w = posterior.linear.row(row.columns[e]);
      simd::axpy(x, v, vectors.row(r), vectors.stride());
      simd::axpy(x, w, constant, posterior.linear.stride());
      for (std::size_t s = 0; s < samples; ++s) {
        constant[s] -= 0.5f * x * x * scale * inner(v + s * k, v + s * k, k);
      }
      if (posterior.variational) {
        add_variances(posterior.variational->variances, row.columns[e], x, v, k,
                      constant + samples);
      }
    }
  }
}

double score_variance(const Posterior& posterior, const float* vector, const float* parts) {
  if (!posterior.variational) return 0;
  const std::size_t k = posterior.factors;
  const float* const own = parts + posterior.samples();
  const float *const t = own + 1, *const d = t + k;
  double sum = double{posterior.variational->variances.constant} + double{own[0]};
  for (std::size_t f = 0; f < k; ++f) {
    const double q = vector[f], spread = t[f];
    sum += spread * q * q - 2 * q * double{d[f]} + 0.5 * spread * spread;
  }
  return std::max(0.0, sum);
}

SampleSums sample_sums(const FactorizationMachine& model, const SparseRows& table) {
  SampleSums sums(model, table);
  sums.compute(model, table, 0, table.rows());
  return sums;
}

void class_means(std::span<const float> classes, std::span<const double> cutpoints, float* scores,
                 std::size_t n) {
  constexpr std::size_t width = 64;
  alignas(16) float below[width];
  for (std::size_t begin = 0; begin < n; begin += width) {
    const std::size_t count = std::min(width, n - begin);
    float* const s = scores + begin;
    // E = highest - sum over the cutpoints of the step between two classes, if it is not taken.
    alignas(16) float mean[width];
    std::fill_n(mean, count, classes.back());
    for (std::size_t c = 0; c < cutpoints.size(); ++c) {
      const auto cut = static_cast<float>(cutpoints[c]);
      for (std::size_t k = 0; k < count; ++k) below[k] = cut - s[k];
      normal_cdf(below, count);
      const float step = classes[c + 1] - classes[c];
      for (std::size_t k = 0; k < count; ++k) mean[k] -= step * below[k];
    }
    std::copy_n(mean, count, s);
  }
}

PosteriorAverage::PosteriorAverage(const FactorizationMachine& model)
    : model_(model),
      probabilities_(model.posterior->classes.size()),
      below_(padded(model.posterior->samples())) {}

Predicted PosteriorAverage::predict(std::span<const float> scores, double variance_of_scores) {
  const Posterior& posterior = *model_.posterior;
  const auto count = static_cast<double>(scores.size());
  const auto shrink = static_cast<float>(1 / std::sqrt(1 + variance_of_scores));
  double sum = 0, squares = 0, noise = 0;
  switch (posterior.task) {
    case Task::regression:
      for (std::size_t s = 0; s < scores.size(); ++s) {
        const double value = std::clamp(scores[s], model_.range.low, model_.range.high);
        sum += value;
        squares += value * value;
        noise += double{posterior.noise[s]} * double{posterior.noise[s]} + variance_of_scores;
      }
      break;
    case Task::classification:
      sum = mean_below([&](std::size_t s) { return shrink * scores[s]; }) * count;
      break;
    case Task::ordinal: {
      double last = 0;
      for (std::size_t c = 0; c < probabilities_.size(); ++c) {
        const double up_to = c + 1 < probabilities_.size() ? mean_below([&](std::size_t s) {
          return shrink * (posterior.cutpoints.row(s)[c] - scores[s]);
        })
                                                           : 1.0;
        const double p = std::max(0.0, up_to - last), value = posterior.classes[c];
        probabilities_[c] = static_cast<float>(p);
        sum += count * p * value;
        squares += count * p * value * value;
        last = up_to;
      }
      break;
    }
  }
  const double mean = sum / count;
  const double variance = posterior.task == Task::classification
                              ? mean * (1 - mean)
                              : squares / count - mean * mean + noise / count;
  return {static_cast<float>(mean), static_cast<float>(std::sqrt(std::max(0.0, variance)))};
}

SampleTowers::SampleTowers(const FactorizationMachine& model, const Towers& towers)
    : model_(model), towers_(towers) {
  const Posterior& posterior = *model.posterior;
  const std::size_t k = posterior.factors, samples = posterior.samples();
  const auto scale = static_cast<float>(samples);
  const auto parts_of = [&](const SparseRows& table, bool with_constant) {
    SampleSums sums = sample_sums(model, table);
    for (std::uint32_t r = 0; r < table.rows(); ++r) {
      const float* const vector = sums.vectors.row(r);
      for (std::size_t s = 0; s < samples; ++s) {
        sums.parts.row(r)[s] += 0.5f * scale * inner(vector + s * k, vector + s * k, k) +
                                (with_constant ? posterior.constants[s] : 0.0f);
      }
    }
    return std::move(sums.parts);
  };
  users_ = parts_of(*model.space.users, true);
  items_ = parts_of(*model.space.items, false);
}

SampleUser SampleTowers::user(std::uint32_t user) const {
  const UserRow row = user_row(towers_, user);
  if (user >= towers_.users.rows()) {
    SampleUser average{row.row, model_.posterior->constants};
    average.parts.resize(parts());
    return average;
  }
  const auto parts = users_.columns_of(user);
  return {row.row, {parts.begin(), parts.end()}};
}

void SampleTowers::add_to(SampleUser& user, const SampleSums& sums, std::uint32_t r) const {
  const std::size_t k = model_.posterior->factors;
  const auto scale = static_cast<float>(samples());
  const float* const vector = sums.vectors.row(r);
  for (std::size_t s = 0; s < samples(); ++s) {
    const float* const v = vector + s * k;
    // |P + v|^2 / 2 = |P|^2 / 2 + <P, v> + |v|^2 / 2, and the first term is there already.
    user.parts[s] +=
        sums.parts.row(r)[s] + scale * (inner(&user.row[s * k], v, k) + 0.5f * inner(v, v, k));
  }
  for (std::size_t p = samples(); p < parts(); ++p) user.parts[p] += sums.parts.row(r)[p];
  for (std::size_t f = 0; f < samples() * k; ++f) user.row[f] += vector[f];
}

SampleUser SampleTowers::user_like(const UserRow& row) const {
  std::vector<float> offsets(parts());
  std::fill_n(offsets.begin(), samples(), row.offset);
  return {row.row, std::move(offsets)};
}

double SampleTowers::variance(const SampleUser& user, std::uint32_t item) const {
  const Posterior& posterior = *model_.posterior;
  if (!posterior.variational) return 0;
  if (item >= towers_.items.rows()) {
    return score_variance(posterior, user.row.data(), user.parts.data());
  }
  const float *const q = towers_.items.row(item), *const own = items_.row(item);
  const std::size_t k = posterior.factors, first = samples();
  double sum = double{posterior.variational->variances.constant} + double{user.parts[first]} +
               double{own[first]};
  for (std::size_t f = 0; f < k; ++f) {
    const double both = double{user.row[f]} + double{q[f]};
    const double t = double{user.parts[first + 1 + f]} + double{own[first + 1 + f]};
    const double d = double{user.parts[first + 1 + k + f]} + double{own[first + 1 + k + f]};
    sum += t * both * both - 2 * both * d + 0.5 * t * t;
  }
  return std::max(0.0, sum);
}

void SampleTowers::scores(const SampleUser& user, std::uint32_t item,
                          std::span<float> scores) const {
  const std::size_t k = model_.posterior->factors;
  const auto scale = static_cast<float>(samples());
  const bool known = item < towers_.items.rows();
  for (std::size_t s = 0; s < scores.size(); ++s) {
    scores[s] = user.parts[s];
    if (!known) continue;
    scores[s] +=
        items_.row(item)[s] + scale * inner(&user.row[s * k], towers_.items.row(item) + s * k, k);
  }
}

PosteriorScores::PosteriorScores(const FactorizationMachine& model, const Design& design)
    : model_(model),
      design_(design),
      average_(model),
      vector_(model.factors.stride()),
      parts_(padded(model.posterior->parts())),
      scores_(model.posterior->samples()) {
  for (const Block& block : design.blocks) sums_.add(SampleSums(model, *block.table));
  predicted_.reserve(design.size());
}

bool PosteriorScores::advance() {
  constexpr std::size_t piece = 256;
  std::size_t work = 0;
  if (!sums_.advance(model_, design_, piece, work)) return false;
  for (; example_ < design_.size(); ++example_) {
    if (work++ > piece) return false;
    std::fill(vector_.begin(), vector_.end(), 0.0f);
    std::fill(parts_.begin(), parts_.end(), 0.0f);
    for (std::size_t b = 0; b < sums_.size(); ++b) {
      const std::uint32_t r = design_.blocks[b].row_of(example_);
      simd::axpy(1, sums_[b].vectors.row(r), vector_.data(), vector_.size());
      simd::axpy(1, sums_[b].parts.row(r), parts_.data(), parts_.size());
    }
    const Posterior& posterior = *model_.posterior;
    const std::size_t k = posterior.factors;
    const auto count = static_cast<float>(scores_.size());
    for (std::size_t s = 0; s < scores_.size(); ++s) {
      scores_[s] = posterior.constants[s] + parts_[s] +
                   0.5f * count * inner(&vector_[s * k], &vector_[s * k], k);
    }
    predicted_.push_back(
        average_.predict(scores_, score_variance(posterior, vector_.data(), parts_.data())));
    const auto probabilities = average_.probabilities();
    probabilities_.insert(probabilities_.end(), probabilities.begin(), probabilities.end());
  }
  return true;
}

FactorizationMachine sample_of(const FactorizationMachine& model, std::size_t sample) {
  const Posterior& posterior = *model.posterior;
  const std::size_t k = posterior.factors;
  const float scale = std::sqrt(static_cast<float>(posterior.samples()));
  FactorizationMachine result(model.columns(), k);
  result.constant = posterior.constants[sample];
  for (std::size_t j = 0; j < model.columns(); ++j) {
    result.linear[j] = posterior.linear.row(j)[sample];
    for (std::size_t f = 0; f < k; ++f) {
      result.factors.row(j)[f] = scale * model.factors.row(j)[sample * k + f];
    }
  }
  return result;
}

FactorizationMachine mean_machine(std::span<const FactorizationMachine> samples,
                                  Posterior posterior) {
  const std::size_t count = samples.size(), columns = samples[0].columns();
  const std::size_t k = samples[0].factors.columns();
  FactorizationMachine result(columns, count * k);
  posterior.factors = static_cast<std::uint32_t>(k);
  posterior.linear = Matrix(columns, count);
  posterior.constants.clear();
  const float scale = 1 / std::sqrt(static_cast<float>(count));
  double constant = 0;
  for (const FactorizationMachine& sample : samples) {
    posterior.constants.push_back(sample.constant);
    constant += sample.constant;
  }
  result.constant = static_cast<float>(constant / static_cast<double>(count));
  for (std::size_t j = 0; j < columns; ++j) {
    double sum = 0;
    for (std::size_t s = 0; s < count; ++s) {
      posterior.linear.row(j)[s] = samples[s].linear[j];
      sum += samples[s].linear[j];
      for (std::size_t f = 0; f < k; ++f) {
        result.factors.row(j)[s * k + f] = scale * samples[s].factors.row(j)[f];
      }
    }
    result.linear[j] = static_cast<float>(sum / static_cast<double>(count));
  }
  result.posterior = std::make_shared<const Posterior>(std::move(posterior));
  return result;
}

}  // namespace featherfm
