// How well a model of implicit feedback ranks held-out interactions, in bounded pieces.
#pragma once

#include <memory>
#include <vector>

#include "data/interactions.h"
#include "model/implicit_rule.h"
#include "model/matrix_factorization.h"
#include "train/trainer.h"

namespace featherfm {

class ImplicitValidation {
 public:
  // `data` may be null: nothing is measured. Errors: empty `validation`.
  ImplicitValidation(std::shared_ptr<const Interactions> data, const ImplicitRule& rule);

  // Measures on, a user per call; true when all are measured. Items of `train` are not ranked.
  bool measure(const MatrixFactorization& model, const Interactions& train);

  // What was measured; begins anew. `loss`: 1 - NDCG@10, ties counted against the model.
  std::optional<Losses> take();

 private:
  static constexpr std::uint32_t cut_off = 10, most_users = 1000;

  void measure_user(std::uint32_t user, const MatrixFactorization& model,
                    const Interactions& train);

  std::shared_ptr<const Interactions> data_;
  ImplicitRule rule_;
  std::vector<std::uint32_t> users_;  // those with likes
  std::size_t next_ = 0;
  enum class Role : char { other, barred, liked };
  std::vector<Role> roles_;  // of the items
  double ndcg_ = 0, squared_ = 0, absolute_ = 0, likes_ = 0;
};

}  // namespace featherfm
