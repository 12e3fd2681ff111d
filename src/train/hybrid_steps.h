// The steps of hybrid training: what one interaction does under each loss (train/hybrid_sgd.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix.h"
#include "base/random.h"
#include "data/known_items.h"
#include "train/cross_entropy_sum.h"
#include "train/hybrid_side.h"

namespace featherfm {

struct HybridExample {
  std::uint32_t user, item;
  float weight;
  bool positive;
};

// Of the steps of an epoch, before they were taken.
struct HybridLosses {
  double loss = 0, squared = 0, weight = 0;  // squared: of probabilities, for the logistic loss
  CrossEntropySum cross_entropy;
};

class HybridSteps {
 public:
  // `examples` must stay where they are, in the order of the data; `parameters` and `data` too.
  HybridSteps(const HybridOptions& options, const HybridData& data,
              std::span<const HybridExample> examples, HybridParameters& parameters);

  void train(std::span<const HybridExample> block, HybridLosses& losses);
  // Before the parameters are looked at.
  void settle() {
    users_.settle();
    items_.settle();
  }

 private:
  void logistic(const HybridExample& example, HybridLosses& losses);
  void bpr(const HybridExample& example, HybridLosses& losses);
  void warp(const HybridExample& example, HybridLosses& losses);
  void warp_kos(const HybridExample& example, HybridLosses& losses);

  // With the user's sum in user_: draws a violator of `positive`, which has this score, and steps.
  void step_to_violator(const HybridExample& example, std::uint32_t positive, float score,
                        HybridLosses& losses);
  // The step of a pair with this derivative of its loss in s_negative - s_positive.
  void step_pair(std::uint32_t user, std::uint32_t positive, std::uint32_t negative, float slope);
  void represent_user(std::uint32_t user);
  // The penalties' pull after steps on this many rows of parameters, whose sizes sum to `sizes`.
  void decay(float sizes, std::size_t rows);

  HybridOptions options_;
  HybridSide users_, items_;
  KnownItems known_;
  std::span<const std::uint32_t> popular_;  // items of the interaction list
  std::uint32_t item_count_;
  // Of k-OS: the positives of each user, [offsets[u], offsets[u + 1]).
  std::vector<std::uint32_t> positive_offsets_, positive_items_;
  std::vector<float> positive_weights_;
  Random random_;
  std::size_t factors_;
  // Sums of features: of the user with a 1 behind for the items' biases, of the items; and what a
  // user's gradient goes along.
  AlignedFloats user_, positive_, negative_, difference_;
  struct Candidate {
    float score;
    std::uint32_t place;
  };
  std::vector<Candidate> candidates_;
};

}  // namespace featherfm
