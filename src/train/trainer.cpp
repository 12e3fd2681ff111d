#include "train/trainer.h"

#include <chrono>

namespace featherfm {

StepReport Trainer::step(double budget_milliseconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double, std::milli>(budget_milliseconds));
  if (!work_.begun()) work_ = train();
  finished_epoch_.reset();
  while (!work_.done()) {
    work_.resume();
    if (finished_epoch_ || Clock::now() >= end) break;
  }
  StepReport report;
  report.done = work_.done();
  report.epoch = epoch_;
  report.fraction = report.done ? 1 : fraction_;
  report.finished_epoch = finished_epoch_;
  return report;
}

}  // namespace featherfm
