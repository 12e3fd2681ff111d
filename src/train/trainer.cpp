#include "train/trainer.h"

#include <string>

#include "base/error.h"

namespace featherfm {

StepReport Trainer::step(double budget_milliseconds, Clock now) {
  const double end = now() + budget_milliseconds;
  if (!work_.begun()) work_ = train();
  work_.throw_if_failed();
  finished_epoch_.reset();
  while (!work_.done()) {
    work_.resume();
    if (finished_epoch_ || now() >= end) break;
  }
  StepReport report;
  report.done = work_.done();
  report.epoch = epoch_;
  report.fraction = report.done ? 1 : fraction_;
  report.finished_epoch = finished_epoch_;
  return report;
}

void fail_diverged(std::uint32_t epoch, float learning_rate, std::uint32_t best_epoch,
                   const char* advice) {
  std::string kept;
  if (best_epoch > 0) {
    kept = joined({"; the parameters of epoch ", best_epoch, " were still good"});
  }
  fail(ErrorCode::diverged, "learningRate",
       {"training diverged in epoch ", epoch,
        ": parameters are no longer finite. Lower learningRate (now ", learning_rate, ")", advice,
        kept});
}

}  // namespace featherfm
