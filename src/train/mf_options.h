// Options that the algorithms for matrix factorization share. Ranges are those of the package's
// option tables (web/lib/options/), which document every option and know better defaults for each
// optimizer and loss; a test holds the ranges together. The defaults here are those of plain SGD
// with squared loss.
#pragma once

#include <cstdint>
#include <optional>

#include "base/random.h"
#include "data/interactions.h"
#include "model/matrix_factorization.h"
#include "train/trainer.h"

namespace featherfm {

using MfTrainer = ModelTrainer<MatrixFactorization>;

struct MfOptions {
  std::uint32_t factors = 32;  // 0 to 1024
  bool global_bias = true, user_bias = true, item_bias = true;
  float user_regularization = 1.2f, item_regularization = 1.2f, bias_regularization = 0.1f;
  float frequency_scaling =
      0.5f;  // penalty of a row with n ratings: lambda n^frequency_scaling; 0 to 1
  float initial_scale = 0.1f;             // standard deviation of the initial factors; 0 to 10
  std::optional<ValueRange> value_range;  // empty: the range of the training values
  std::uint32_t epochs = 30;              // 1 to 100,000
  std::uint32_t patience = 0;             // epochs without improvement before stopping; 0: never
  std::uint64_t seed = 1;

  // Throws Error naming the option in the package's spelling.
  void validate() const;
};

// What training starts from, but for the random factors of new rows: `start` if given, grown to the
// data's users and items, else zeros with the global bias set. Errors: empty; out_of_range for
// `ratings` outside the value range where the link needs it inside.
MatrixFactorization initial_model(const MfOptions& options, Link link, const Interactions& data,
                                  std::optional<MatrixFactorization> start);

// Draws the factors of rows that have interactions but are still zero, users first, then items.
// Rows without interactions stay zero, which predicts an average user or item.
class RandomFactors {
 public:
  RandomFactors(const MfOptions& options, const Interactions& data)
      : random_(options.seed), scale_(options.initial_scale), data_(data) {}
  // Some hundred rows; true when all are drawn.
  bool draw_rows(MatrixFactorization& model);

 private:
  Random random_;
  float scale_;
  const Interactions& data_;
  std::size_t row_ = 0;  // over users, then items
};

// lambda n^(scaling - 1) for n ratings: the share of a row's penalty that falls to one of its
// ratings.
std::vector<float> penalty_per_rating(float lambda, float scaling,
                                      const std::vector<std::uint32_t>& counts);

std::vector<std::uint32_t> user_counts(const Interactions& data);

}  // namespace featherfm
