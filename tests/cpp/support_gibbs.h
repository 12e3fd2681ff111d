// What the tests of sampled factorization machines share.
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

// Ratings or labels, with features on every side.
inline SmallWorld gibbs_world(Task task) {
  return small_world(12, 9, 60, 5, task == Task::classification);
}

}  // namespace featherfm::testing
