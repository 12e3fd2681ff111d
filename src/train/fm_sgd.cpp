#include "train/fm_sgd.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "train/fm_rows.h"
#include "train/fm_validation.h"

namespace featherfm {
namespace {

// Rows between two pauses, and the unit of shuffling.
constexpr std::size_t block_size = 256;

class FmSgd final : public FmTrainer {
 public:
  FmSgd(const FmSgdOptions& options, FmData data, const FactorizationMachine* start)
      : options_(options),
        data_(std::move(data)),
        counts_(count_columns(*data_.train)),
        random_(options.seed ^ 0x5eed5eed5eed5eedu),  // another stream than the initial factors
        model_(initial_machine(options, data_, counts_, start)),
        rows_(*data_.train),
        trainer_(make_row_trainer(options_, data_, model_, counts_, rows_.size())),
        validation_(data_.validation, options.patience),
        rate_(options.learning_rate * shortening()) {
    if (!model_.evidence.empty()) before_ = model_;
    add_evidence(model_, counts_, *data_.train);
    validation_.start_from(model_);
  }

  const FactorizationMachine& model() const override { return validation_.best_model(); }
  std::uint32_t best_epoch() const override { return validation_.best_epoch(); }
  std::vector<FieldPenalty> learned_penalties() const override {
    return trainer_->learned_penalties();
  }

 private:
  // What a plain step changes in the score of its own row grows with the row's squares; where they
  // are more than those of a user and an item alone, all steps are shortened, or they would
  // overshoot. All of them alike: long rows must not count for less.
  float shortening() const {
    const bool plain = options_.solver == FmSolver::sgd || options_.solver == FmSolver::sgda;
    const double squares = std::accumulate(counts_.squares.begin(), counts_.squares.end(), 0.0);
    const double mean = squares / static_cast<double>(std::max<std::size_t>(1, rows_.size()));
    return plain && mean > 2 ? static_cast<float>(2 / mean) : 1.0f;
  }

  Work train() override {
    while (!rows_.shuffle(random_)) co_yield Pause{};
    std::vector<std::size_t> order((rows_.size() + block_size - 1) / block_size);
    std::iota(order.begin(), order.end(), std::size_t{0});

    for (epoch_ = 1;; ++epoch_, rate_ *= options_.learning_rate_decay) {
      losses_ = {};
      random_.shuffle(order);
      for (std::size_t b = 0; b < order.size(); ++b) {
        const std::size_t begin = order[b] * block_size;
        trainer_->train(rows_, begin, std::min(begin + block_size, rows_.size()), rate_, model_,
                        losses_);
        if (!std::isfinite(losses_.squared)) fail_diverged();
        fraction_ = (epoch_ - 1 + double(b + 1) / double(order.size())) / options_.epochs;
        co_yield Pause{};
      }
      trainer_->end_epoch(rate_, model_);
      if (before_) hold_back();
      if (!model_.all_finite()) fail_diverged();
      while (!validation_.measure(model_)) co_yield Pause{};
      finished_epoch_ = validation_.finish_epoch(epoch_, model_, train_losses());
      stopped_early_ = epoch_ < options_.epochs && validation_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  // Of continued training: after each epoch takes back the part of all changes so far that the
  // earlier examples of each column outweigh.
  void hold_back() {
    const FactorizationMachine& earlier = *before_;
    const auto share = [](double now, double ever) {
      return static_cast<float>(ever > 0 ? now / ever : 1);
    };
    const auto blend = [](float& value, float before, float part) {
      value = before + part * (value - before);
    };
    const auto rows = static_cast<double>(rows_.size());
    blend(model_.constant, earlier.constant, share(rows, rows + double{earlier.examples}));
    for (std::size_t j = 0; j < model_.columns(); ++j) {
      if (earlier.evidence[j] == 0 || counts_.examples[j] == 0) continue;
      const float part =
          share(counts_.squares[j], counts_.squares[j] + double{earlier.evidence[j]});
      blend(model_.linear[j], earlier.linear[j], part);
      for (std::size_t f = 0; f < options_.factors; ++f) {
        blend(model_.factors.row(j)[f], earlier.factors.row(j)[f], part);
      }
    }
    trainer_->moved(model_);
  }

  Losses train_losses() const {
    const double total = losses_.weight > 0 ? losses_.weight : 1;
    return {losses_.loss / total, std::sqrt(losses_.squared / total), 0};
  }

  [[noreturn]] void fail_diverged() const {
    featherfm::fail_diverged(epoch_, options_.learning_rate, best_epoch(),
                             ", or scale very large features and ratings down");
  }

  FmSgdOptions options_;
  FmData data_;
  ColumnCounts counts_;
  Random random_;
  FactorizationMachine model_;
  Rows rows_;
  std::unique_ptr<RowTrainer> trainer_;
  FmValidation validation_;
  float rate_;
  RunningLosses losses_;  // of the current epoch
  // Where training goes on from another: its parameters, and what they were learned from.
  std::optional<FactorizationMachine> before_;
};

}  // namespace

void FmSgdOptions::validate() const {
  FmOptions::validate();
  require_above(learning_rate, 0, 1e9, "learningRate");
  require_above(learning_rate_decay, 0, 1, "learningRateDecay");
  require_range<std::uint32_t>(batch_size, 1, 1'000'000, "batchSize");
  for (const auto& [beta, name] : {std::pair{beta1, "beta1"}, {beta2, "beta2"}}) {
    require_range(beta, 0.0f, std::nextafter(1.0f, 0.0f), name);
  }
  require_range(l1, 0.0f, 1e6f, "l1");
  require_range(ftrl_beta, 0.0f, 1e6f, "ftrlBeta");
}

std::unique_ptr<FmTrainer> make_fm_sgd(const FmSgdOptions& options, FmData data,
                                       const FactorizationMachine* start) {
  options.validate();
  if (options.solver == FmSolver::sgda && !data.validation) {
    fail(ErrorCode::invalid_argument, "validation",
         {"the solver \"sgda\" fits its penalties to validation rows; pass a validation dataset"});
  }
  return std::make_unique<FmSgd>(options, std::move(data), start);
}

}  // namespace featherfm
