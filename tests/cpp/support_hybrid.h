// What the tests of hybrid models share.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "data/design.h"
#include "support.h"
#include "train/hybrid_sgd.h"

namespace featherfm::testing {

inline constexpr std::array all_losses{RankingLoss::logistic, RankingLoss::bpr, RankingLoss::warp,
                                       RankingLoss::warp_kos};

inline HybridOptions small_options(RankingLoss loss, std::uint32_t epochs = 5) {
  HybridOptions options;
  options.loss = loss;
  options.factors = 6;
  options.epochs = epochs;
  return options;
}

inline FeatureField field(const char* name, Side side, std::uint32_t columns,
                          const std::vector<std::vector<std::pair<std::uint32_t, float>>>& rows) {
  FeatureField result{name, side, columns, {}};
  for (const auto& row : rows) {
    for (const auto& [column, value] : row) result.rows.add(column, value);
    result.rows.end_row();
  }
  return result;
}

// Twelve users and eight items in two camps that like their own.
inline std::vector<Rating> camps(std::uint32_t users = 12, std::uint32_t items = 8) {
  std::vector<Rating> ratings;
  Random random(7);
  for (std::uint32_t u = 0; u < users; ++u) {
    for (std::uint32_t i = 0; i < items; ++i) {
      if (random.uniform() < 0.3) continue;
      ratings.push_back({u, i, u % 2 == i % 2 ? 1.0f : -1.0f});
    }
  }
  return ratings;
}

inline HybridData hybrid_data(SharedData data, std::span<const FeatureField> features = {},
                              const DerivedColumns& derived = {},
                              const FeatureSpace* earlier = nullptr) {
  HybridData result;
  result.known = SeenItems(*data);
  result.space = make_feature_space(*data, result.known, features, derived, earlier);
  result.space.normalized = true;
  result.train = std::move(data);
  return result;
}

inline FactorizationMachine trained_hybrid(const HybridOptions& options, HybridData data,
                                           const FactorizationMachine* start = nullptr) {
  const auto trainer = make_hybrid_sgd(options, std::move(data), start);
  run(*trainer);
  return trainer->model();
}

// The losses and steps of the reference figures: 10 factors, 10 epochs.
inline HybridOptions reference_options(RankingLoss loss, std::uint64_t seed) {
  HybridOptions options;
  options.loss = loss;
  options.factors = 10;
  options.epochs = 10;
  options.seed = seed;
  return options;
}

inline std::vector<float> numbers_of(const FactorizationMachine& model) {
  std::vector<float> result = model.linear;
  const auto factors = model.factors.without_padding();
  result.insert(result.end(), factors.begin(), factors.end());
  return result;
}

// The model by the equations, in double; who uses it pulls on every parameter at every step.
struct PlainHybrid {
  std::vector<std::vector<double>> rows, squares;  // columns x (k + 1)

  explicit PlainHybrid(const Matrix& begin) {
    for (std::size_t j = 0; j < begin.rows(); ++j) {
      const auto row = begin.columns_of(j);
      rows.emplace_back(row.begin(), row.end());
      squares.emplace_back(row.size(), 1.0);
    }
  }

  std::vector<double> sum(const SparseRows::Row& row, double share) const {
    std::vector<double> result(rows.front().size());
    for (std::size_t e = 0; e < row.size(); ++e) {
      for (std::size_t f = 0; f < result.size(); ++f) {
        result[f] += share * double{row.values[e]} * rows[row.columns[e]][f];
      }
    }
    return result;
  }
  // The sum of the step sizes.
  double step(const SparseRows::Row& row, double share, const std::vector<double>& gradient,
              double rate) {
    double sizes = 0;
    for (std::size_t e = 0; e < row.size(); ++e) {
      for (std::size_t f = 0; f < gradient.size(); ++f) {
        const double g = share * double{row.values[e]} * gradient[f];
        double& square = squares[row.columns[e]][f];
        const double size = rate / std::sqrt(square);
        rows[row.columns[e]][f] -= size * g;
        square += g * g;
        sizes += size;
      }
    }
    return sizes;
  }
  void pull(const FeatureSpace& space, double users, double items) {
    for (const ColumnField& field : space.fields) {
      for (std::uint32_t j = field.begin; j < field.begin + field.columns; ++j) {
        for (double& x : rows[j]) x /= 1 + (field.side == Side::user ? users : items);
      }
    }
  }
  double largest_difference(const FactorizationMachine& model) const {
    double worst = 0;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      const std::size_t k = rows[j].size() - 1;
      worst = std::max(worst, std::abs(rows[j][k] - double{model.linear[j]}));
      for (std::size_t f = 0; f < k; ++f) {
        worst = std::max(worst, std::abs(rows[j][f] - double{model.factors.row(j)[f]}));
      }
    }
    return worst;
  }
};

}  // namespace featherfm::testing
