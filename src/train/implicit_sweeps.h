// Half a sweep of implicit alternating least squares: the rows of one side, with those of the other
// held. With Y the held rows, w the unobserved weight, s_j the strengths (model/implicit_rule.h)
// and lambda the penalty of a row x, its loss is least where
//   A x = b,   A = w Y'Y + sum_j |s_j| y_j y_j' + lambda I,   b = sum over s_j > 0 of (w + s_j) y_j
// so that a row costs what its own entries cost, and not one step per row of the other side.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/matrix.h"
#include "data/interactions.h"
#include "model/implicit_rule.h"
#include "train/trainer.h"

namespace featherfm {

// Who met what with which strength, for each row of one side; strengths of 0 are left out.
struct ImplicitEntries {
  std::vector<std::uint32_t> offsets{0};  // rows + 1
  std::vector<std::uint32_t> others;
  std::vector<float> strengths;

  std::uint32_t rows() const { return static_cast<std::uint32_t>(offsets.size() - 1); }
  std::uint32_t count(std::uint32_t row) const { return offsets[row + 1] - offsets[row]; }
};

// The rows of the users. Errors: out_of_range `alpha` where a strength is not finite.
ImplicitEntries entries_by_user(const Interactions& data, const ImplicitRule& rule);
// The same entries as rows of the items.
ImplicitEntries transposed(const ImplicitEntries& by_user, std::uint32_t items);

struct HalfSweep {
  const ImplicitEntries& entries;
  const ImplicitRule& rule;
  float lambda, frequency_scaling;
  const Matrix& held;
  const Matrix& gram;       // w Y'Y, as GramSum::scaled() gives it
  Matrix& rows;             // with as many columns as `held`
  std::uint32_t& next_row;  // counts on with the rows that are done

  float penalty(std::uint32_t row) const {
    return implicit_penalty(lambda, frequency_scaling, rule.unobserved_weight, entries.count(row),
                            held.rows());
  }
};

// Each goes through all rows that have entries; others stay as they are. Arguments must outlive the
// work. Rows can have very many entries, so pauses come within them too.

// Solves for each row by Cholesky factorization.
Work cholesky_sweep(HalfSweep sweep);

// `steps` conjugate gradient steps from where each row stands (Takacs, Pilaszy, Tikk 2011,
// Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering). A
// is never formed.
Work conjugate_gradient_sweep(HalfSweep sweep, std::uint32_t steps);

// Solves for `block` columns at a time with the others held, one block after the other (iALS++:
// Rendle, Krichene, Zhang, Koren 2021). `block` is a multiple of 4.
Work subspace_sweep(HalfSweep sweep, std::uint32_t block);

// Says when it is time for a pause: about every million multiplications.
class Pace {
 public:
  bool due(std::size_t multiplications) {
    work_ += multiplications;
    if (work_ < 1'000'000) return false;
    work_ = 0;
    return true;
  }

 private:
  std::size_t work_ = 0;
};

}  // namespace featherfm
