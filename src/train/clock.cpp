#include <chrono>

#include "train/trainer.h"

namespace featherfm {

// In a file of its own, so that a program that brings its own clock does not link this one.
double steady_milliseconds() {
  const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(since_start).count();
}

}  // namespace featherfm
