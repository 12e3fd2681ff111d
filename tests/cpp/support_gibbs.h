// What the tests of Bayesian factorization machines share.
#pragma once

#include <array>

#include "support_fm.h"
#include "train/fm_gibbs.h"

namespace featherfm::testing {

inline constexpr std::array all_tasks{Task::regression, Task::classification, Task::ordinal};

// Few and small samples.
inline FmGibbsOptions gibbs_options(Task task) {
  FmGibbsOptions options;
  options.task = task;
  options.factors = 2;
  options.burn_in = 3;
  options.samples = 6;
  options.keep = 4;
  options.seed = 5;
  return options;
}

inline FactorizationMachine sampled(const FmGibbsOptions& options, const FmData& data,
                                    const FactorizationMachine* start = nullptr) {
  const auto trainer = make_fm_gibbs(options, data, start);
  run(*trainer);
  return trainer->model();
}

// Rows of three columns whose scores are known: w0 = -3 or what is given, w = (1, 2, -1), three
// factors.
struct KnownRows {
  FactorizationMachine truth;
  SparseRows rows;
  std::vector<double> scores;
};
KnownRows known_rows(float constant);
// Inner product of the factors of two columns.
double product(const FactorizationMachine& model, std::size_t a, std::size_t b);
// Linear weights within `distance`, inner products of the factors within a factor of 2.
void check_parameters(const FactorizationMachine& model, const FactorizationMachine& truth,
                      double distance);

// A table for each of two kinds of things; all rows are used, columns ascend over the tables.
FmData two_tables(Task task);
// Targets of a task for rows that have none.
std::vector<float> targets_for(Task task, std::size_t count);

FactorizationMachine through_file(const FactorizationMachine& model);

// Ratings or labels, with features on every side.
inline SmallWorld gibbs_world(Task task) {
  return small_world(12, 9, 60, 5, task == Task::classification);
}

}  // namespace featherfm::testing
