// Options that the algorithms for factorization machines share, and what they start from. Ranges
// are those of the package's option tables (web/lib/options/), which document every option; a
// test holds the two together.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "data/design.h"
#include "model/factorization_machine.h"
#include "train/trainer.h"

namespace featherfm {

// L2 penalties of the columns of one field.
struct FieldPenalty {
  std::string field;
  float linear = 0, factors = 0;
};

class FmTrainer : public ModelTrainer<FactorizationMachine> {
 public:
  // The penalties of every field where training chooses them itself (the precisions of the priors,
  // where they are drawn; of the factors their mean); else none.
  virtual std::vector<FieldPenalty> learned_penalties() const { return {}; }
  // Standard deviation of the noise around the scores, where training estimates it; else 0.
  virtual double noise() const { return 0; }
};

struct FmOptions {
  Task task = Task::regression;
  std::uint32_t factors = 16;           // k, 0 to 1024; 0: no pairs
  bool constant = true, linear = true;  // whether w0 and w are learned
  float constant_regularization = 0;    // lambda of w0, w and v, 0 to 1e6
  float linear_regularization = 1, factor_regularization = 1.4f;
  // The penalties of fields other than "user" and "item", as a multiple of the two above: what a
  // feature says holds for many users or items, and is easily over-fitted. 0 to 1e6.
  float feature_regularization = 1;
  std::vector<FieldPenalty> field_penalties;  // take the place of all these for their fields
  // The penalty of a column: lambda s^frequency_scaling, with s the sum of its squares over the
  // examples: the number of them for a category. 0 to 1.
  float frequency_scaling = 0.5f;
  float initial_scale = 0.05f;            // standard deviation of the initial factors; 0 to 10
  std::optional<ValueRange> value_range;  // empty: the range of the training targets
  std::uint32_t epochs = 30;              // 1 to 100,000
  std::uint32_t patience = 0;             // epochs without improvement before stopping; 0: never
  std::uint64_t seed = 1;

  // Throws Error naming the option in the package's spelling.
  void validate() const;
};

// The examples of a training run; the columns mean the same in all of them. For plain rows the
// space has fields but no tables.
struct FmData {
  FeatureSpace space;
  std::shared_ptr<const Design> train;
  std::shared_ptr<const Design> validation;  // may be null
  const char* targets = "ratings";           // what the caller calls them
};

// Throws Error{out_of_range, argument} unless all targets are 0 and 1, or -1 and 1.
void require_labels(const std::vector<float>& targets, const char* argument);
// The label as a probability: 1 for 1, 0 for 0 and -1.
inline float label_of(float target) {
  return target > 0 ? 1.0f : 0.0f;
}

// What training starts from: `start` under the columns of `data`, or zeros with the best constant;
// then random factors for every column that occurs and whose factors are zero. Columns that never
// occur stay zero: they predict nothing. Errors: empty, out_of_range (labels), invalid_argument
// (another number of factors).
FactorizationMachine initial_machine(const FmOptions& options, const FmData& data,
                                     const ColumnCounts& counts, const FactorizationMachine* start);

// Adds what a training sees to what the model's parameters were learned from.
void add_evidence(FactorizationMachine& model, const ColumnCounts& counts, const Design& design);

// The penalties of a field's columns, before they are scaled by frequency.
FieldPenalty penalty_of(const FmOptions& options, const std::string& field);

// The penalty of each column.
struct ColumnPenalties {
  std::vector<float> linear, factors;
};
ColumnPenalties column_penalties(const FmOptions& options, const FeatureSpace& space,
                                 const ColumnCounts& counts);

}  // namespace featherfm
