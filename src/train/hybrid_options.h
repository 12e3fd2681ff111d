// Options of the hybrid model, and what its training starts from. Ranges are those of the package's
// option tables (web/lib/options/hybrid.ts), which document every option; a test holds the two
// together.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "data/interactions.h"
#include "data/seen_items.h"
#include "train/fm_options.h"

namespace featherfm {

enum class StepRule {
  adagrad,   // steps shrink by the root of the sum of squared gradients (Duchi, Hazan, Singer 2011)
  adadelta,  // steps by running means of squared gradients and steps (Zeiler 2012); has no rate
};

struct HybridOptions {
  RankingLoss loss = RankingLoss::warp;
  StepRule steps = StepRule::adagrad;
  std::uint32_t factors = 32;                              // k, 1 to 1024
  std::uint32_t epochs = 20;                               // 1 to 100,000
  float learning_rate = 0.05f;                             // of adagrad; above 0 to 1e9
  float rho = 0.95f;                                       // of adadelta: memory, 0 to below 1
  float epsilon = 1e-6f;                                   // of adadelta, above 0 to 1
  float user_regularization = 0, item_regularization = 0;  // alpha, 0 to 1
  std::uint32_t max_sampled = 10;  // draws in search of a negative, of the WARP losses; 1 to 1e6
  std::uint32_t kth = 5;           // k of warp_kos, 1 to n
  std::uint32_t positives = 10;    // n of warp_kos, 1 to 1,000
  std::optional<float> positive_from;  // finite; likes are values from here on; empty: above 0
  std::uint32_t patience = 0;          // epochs without improvement before stopping; 0: never
  std::uint64_t seed = 1;

  // Throws Error naming the option in the package's spelling.
  void validate() const;
  // How training and newcomers tell likes, and how newcomers are placed.
  RankingRule rule() const;
};

// What a hybrid model is trained on.
struct HybridData {
  FeatureSpace space;                         // fields of users and items alone
  std::shared_ptr<const Interactions> train;  // counted as the space's tables
  // Who has met what, in this training and before: never drawn as a negative.
  SeenItems known;
  std::shared_ptr<const Interactions> validation = nullptr;  // may be null
};

// The parameters as training has them: what belongs to a column stands in one row.
struct HybridParameters {
  Matrix rows;  // columns x (k + 1): the embedding of each column, then its bias
  // What the step rule remembers of each parameter: AdaGrad's sums of squared gradients from 1 up,
  // or AdaDelta's means of squared gradients and of squared steps. `steps` has no rows under
  // AdaGrad.
  Matrix squares, steps;
};

// What training starts from: `start` with its columns where `data` has them, and for every further
// column an embedding uniform in +-1/(2 k) and a bias of 0. Errors: empty; invalid_argument
// (another number of factors or optimizer, no columns at all, fields of the context).
HybridParameters initial_hybrid(const HybridOptions& options, const HybridData& data,
                                const FactorizationMachine* start);

// The model that has these parameters: a machine with Pairs::between_sides.
FactorizationMachine hybrid_machine(const HybridOptions& options, const FeatureSpace& space,
                                    const HybridParameters& parameters);

}  // namespace featherfm
