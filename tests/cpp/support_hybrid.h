// What the tests of hybrid models share.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/design.h"
#include "support.h"
#include "train/hybrid_sgd.h"

namespace featherfm::testing {

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

}  // namespace featherfm::testing
