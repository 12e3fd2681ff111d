// Options of the hybrid model, and what its training starts from. Ranges are those of the package's
// option tables (web/lib/options/hybrid.ts), which document every option; a test holds the two
// together.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/interactions.h"
#include "data/seen_items.h"
#include "model/hybrid.h"
#include "train/trainer.h"

namespace featherfm {

using HybridTrainer = ModelTrainer<HybridModel>;

enum class HybridOptimizer {
  adagrad,   // steps shrink by the root of the sum of squared gradients (Duchi, Hazan, Singer 2011)
  adadelta,  // steps by running means of squared gradients and steps (Zeiler 2012); has no rate
};

struct HybridOptions {
  HybridLoss loss = HybridLoss::warp;
  HybridOptimizer optimizer = HybridOptimizer::adagrad;
  std::uint32_t factors = 32;    // k, 0 to 1024; 0: biases alone
  float learning_rate = 0.05f;   // of AdaGrad; above 0, to 1e9
  float rho = 0.95f;             // of AdaDelta: memory, 0 to below 1
  float epsilon = 1e-6f;         // of AdaDelta: keeps first steps from 0; above 0, to 1
  float user_regularization = 0, item_regularization = 0;  // alpha, 0 to 1e6
  std::uint32_t max_sampled = 10;  // draws in search of a negative, of the WARP losses; 1 to 1e6
  std::uint32_t k = 5, n = 10;     // of k-OS; 1 to 1,000; a k above n counts as n
  std::optional<float> positive_from;  // finite; see HybridRule
  bool normalize = true;
  std::uint32_t epochs = 30;   // 1 to 100,000
  std::uint32_t patience = 0;  // epochs without improvement before stopping; 0: never
  std::uint64_t seed = 1;

  // Throws Error naming the option in the package's spelling.
  void validate() const;
};

// What a hybrid model is trained on.
struct HybridData {
  FeatureSpace space;  // fields of users and items alone
  std::shared_ptr<const Interactions> train;  // counted as the space's tables
  // Who has met what, in this training and before: never drawn as a negative.
  SeenItems known;
  std::shared_ptr<const Interactions> validation = nullptr;  // may be null
  // Of the validation's users and items, where they are more than those of the space.
  std::shared_ptr<const SparseRows> validation_users = nullptr, validation_items = nullptr;
};

// What training starts from: `start` with its columns where `data` has them, and for every further
// column an embedding uniform in +-1/(2 k) and a bias of 0. Errors: empty; invalid_argument
// (another number of factors or optimizer, no columns at all, fields of the context).
HybridModel initial_hybrid(const HybridOptions& options, const HybridData& data,
                           const HybridModel* start);

}  // namespace featherfm
