// Training is resumable: step(budget) does a bounded piece of work and reports, so that the caller
// can show progress, stay responsive and cancel between two calls, without threads. Dropping a
// trainer drops its work.
//
// An algorithm is written as one coroutine, train(), read from top to bottom; every `co_yield
// Pause{}` is a place where it may rest. Pauses should come every few tens of microseconds to few
// milliseconds.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

namespace featherfm {

// Mean errors over a set of interactions, weighted by their weights.
struct Losses {
  double loss = 0;  // what is minimised: squared error, or cross-entropy of the logistic loss
  double rmse = 0;  // in the units of the values; on validation data of clipped predictions
  double mae = 0;   // likewise; not measured on training data. Losses of pairs have neither: NaN
  double auc = 0;   // of models that rank, on validation data
};

struct EpochLosses {
  Losses train;
  std::optional<Losses> validation;
  bool best = true;  // the best validation loss so far, or no validation set
};

struct StepReport {
  bool done = false;
  std::uint32_t epoch = 1;  // under way, from 1; the last one finished when done
  double fraction = 0;      // of the whole training, 0 to 1
  // Set when this call finished an epoch. A step ends with the epoch it finishes, whatever is left
  // of its budget.
  std::optional<EpochLosses> finished_epoch;
};

// Milliseconds since any fixed moment. A parameter, because the standard library's clock brings its
// error messages into the WebAssembly file and a browser has its own.
using Clock = double (*)();
double steady_milliseconds();

struct Pause {};

// The coroutine behind a trainer.
class Work {
 public:
  struct promise_type {
    std::exception_ptr error;
    Work get_return_object() { return Work(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(Pause) noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { error = std::current_exception(); }
  };

  Work() = default;
  Work(Work&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Work& operator=(Work&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Work() {
    if (handle_) handle_.destroy();
  }

  bool begun() const { return handle_ != nullptr; }
  bool done() const { return handle_.done(); }
  // Throws what ended the algorithm, also when asked again.
  void throw_if_failed() const {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
  }
  // Runs to the next pause or the end; rethrows what the algorithm threw.
  void resume() {
    handle_.resume();
    throw_if_failed();
  }

 private:
  using Handle = std::coroutine_handle<promise_type>;
  explicit Work(Handle handle) : handle_(handle) {}
  Handle handle_;
};

class Trainer {
 public:
  virtual ~Trainer() = default;
  Trainer() = default;
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Works for about `budget_milliseconds`, or to the end of the epoch. Throws Error{diverged} when
  // parameters or losses stop being finite; model() then still gives the last good epoch.
  StepReport step(double budget_milliseconds, Clock now = steady_milliseconds);

  // The epoch whose parameters the model holds, from 1; 0 before the first epoch is finished.
  virtual std::uint32_t best_epoch() const = 0;

  bool stopped_early() const { return stopped_early_; }

 protected:
  virtual Work train() = 0;

  // What train() keeps up to date for the reports.
  std::uint32_t epoch_ = 1;
  double fraction_ = 0;
  std::optional<EpochLosses> finished_epoch_;
  bool stopped_early_ = false;

 private:
  Work work_;
};

// Throws Error{diverged, "learningRate"}: the parameters of a gradient solver are no longer finite.
// `best_epoch` as in Trainer; `advice` may follow the one to lower the rate.
[[noreturn]] void fail_diverged(std::uint32_t epoch, float learning_rate, std::uint32_t best_epoch,
                                const char* advice = "");

// A trainer of one kind of model.
template <class Model>
class ModelTrainer : public Trainer {
 public:
  // The model of the best epoch so far by validation loss; of the last one without validation. The
  // starting point before the first epoch is finished.
  virtual const Model& model() const = 0;
};

}  // namespace featherfm
