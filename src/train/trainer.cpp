#include "train/trainer.h"

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

}  // namespace featherfm
