// Factorization machines by stochastic gradient descent, row by row or in small batches.
#pragma once

#include <memory>

#include "train/fm_options.h"

namespace featherfm {

enum class FmSolver {
  sgd,  // plain steps, row by row; a row whose squares sum to more than 2, those of a user and an
        // item alone, takes steps shorter by that much
  adagrad,  // steps shrink by the root of the sum of squared gradients (Duchi, Hazan, Singer 2011)
  adam,     // mini-batches; running moments per column (Kingma, Ba 2015), moved when it is met
  ftrl,     // the linear part by FTRL-proximal (McMahan et al. 2013), which keeps what carries
            // nothing at exactly 0; factors by AdaGrad
  sgda,     // as sgd; the penalties follow the validation rows (Rendle 2012, "Learning
            // Recommender Systems with Adaptive Regularization")
};

struct FmSgdOptions : FmOptions {
  FmSolver solver = FmSolver::sgd;
  float learning_rate = 0.02f;         // above 0, to 1e9
  float learning_rate_decay = 0.95f;   // of the rate after every epoch; above 0, to 1
  std::uint32_t batch_size = 256;      // of Adam; 1 to 1,000,000
  float beta1 = 0.9f, beta2 = 0.999f;  // Adam's memory, 0 to below 1
  float l1 = 0.1f;                     // of FTRL: penalty on |w|, 0 to 1e6
  float ftrl_beta = 1;                 // smooths FTRL's first steps, 0 to 1e6

  void validate() const;
};

// Minimises  sum w loss(y(x), target) + 1/2 sum_j lambda_j |theta_j|^2, loss half the squared error
// or the cross-entropy. Rows are shuffled once, then visited in blocks whose order is drawn anew
// every epoch. A column's penalty is spread over the rows that have it, so only what a row touches
// moves. SGDA starts from the given penalties, needs validation rows and scales no penalty by
// frequency.
//
// `start`: continue from these parameters. Where it says what they were learned from, each epoch
// moves a column only by the share that its new examples have in all it has ever had: a few further
// examples then move what belongs to them, and hardly what all share. Errors at once: options out
// of range, those of initial_machine(), invalid_argument for SGDA without validation; while
// training: diverged.
std::unique_ptr<FmTrainer> make_fm_sgd(const FmSgdOptions& options, FmData data,
                                       const FactorizationMachine* start = nullptr);

}  // namespace featherfm
