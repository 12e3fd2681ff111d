#include "train/mf_sgd.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/simd.h"
#include "train/cross_entropy_sum.h"
#include "train/mf_validation.h"
#include "train/step_rules.h"

namespace featherfm {
namespace {

// Ratings between two pauses: some tens of microseconds of work.
constexpr std::size_t block_size = 1024;

struct Rating {
  std::uint32_t user, item;
  float target;
};

// One block of ratings under one step rule: the only code that is compiled once for each rule.
struct Block {
  const Rating* ratings;
  const float* weights;  // null: all 1
  std::size_t size;
};

struct Penalties {
  std::vector<float> user, item, user_bias, item_bias;  // per rating, by row
};

// What a block adds to the epoch's losses.
struct BlockLosses {
  double squared = 0, weight = 0;
  CrossEntropySum cross_entropy;
};

class BlockTrainer {
 public:
  virtual ~BlockTrainer() = default;
  virtual void train(const Block& block, const MfSgdOptions& options, const Penalties& penalties,
                     float rate, MatrixFactorization& model, BlockLosses& losses) = 0;
};

template <class Rule>
class RuleTrainer final : public BlockTrainer {
 public:
  RuleTrainer(const MfSgdOptions& options, const MatrixFactorization& model)
      : rule_(options, model) {}

  void train(const Block& block, const MfSgdOptions& options, const Penalties& penalties,
             float rate, MatrixFactorization& model, BlockLosses& losses) override {
    const Parameters parameters(model);
    const float* const user_penalties = penalties.user.data();
    const float* const item_penalties = penalties.item.data();
    const float* const user_bias_penalties = penalties.user_bias.data();
    const float* const item_bias_penalties = penalties.item_bias.data();
    const Rating* const ratings = block.ratings;
    const float* const weights = block.weights;
    const std::size_t size = block.size;
    const bool logistic = options.loss == Loss::logistic;
    const bool user_bias = options.user_bias, item_bias = options.item_bias;
    double squared = 0, total_weight = 0;
    for (std::size_t k = 0; k < size; ++k) {
      const auto [user, item, target] = ratings[k];
      const float weight = weights != nullptr ? weights[k] : 1.0f;
      float& bias_u = parameters.user_biases[user];
      float& bias_i = parameters.item_biases[item];
      const float score =
          parameters.global_bias + bias_u + bias_i +
          simd::dot(parameters.user(user), parameters.item(item), parameters.stride);
      const float residual = target - (logistic ? scalar::sigmoid1(score) : score);
      squared += double{weight} * double{residual} * double{residual};
      total_weight += weight;
      if (logistic) losses.cross_entropy.add(score, target, weight);
      const float error = weight * residual;
      if (user_bias) rule_.user_bias(bias_u, user, error, rate, user_bias_penalties[user]);
      if (item_bias) rule_.item_bias(bias_i, item, error, rate, item_bias_penalties[item]);
      rule_.factors(parameters, user, item, error, rate, user_penalties[user],
                    item_penalties[item]);
    }
    losses.squared += squared;
    losses.weight += total_weight;
  }

 private:
  Rule rule_;
};

std::unique_ptr<BlockTrainer> make_block_trainer(const MfSgdOptions& options,
                                                 const MatrixFactorization& model) {
  switch (options.optimizer) {
    case Optimizer::adagrad:
      return std::make_unique<RuleTrainer<AdagradRule>>(options, model);
    case Optimizer::adam:
      return std::make_unique<RuleTrainer<AdamRule>>(options, model);
    case Optimizer::sgd:
      break;
  }
  return std::make_unique<RuleTrainer<SgdRule>>(options, model);
}

class MfSgd final : public MfTrainer {
 public:
  MfSgd(const MfSgdOptions& options, std::shared_ptr<const Interactions> data,
        std::shared_ptr<const Interactions> validation, std::optional<MatrixFactorization> start)
      : options_(options),
        data_(std::move(data)),
        random_(options.seed ^ 0x5eed5eed5eed5eedu),  // another stream than the initial factors
        model_(initial_model(options, link(), *data_, std::move(start))),
        blocks_(make_block_trainer(options, model_)),
        validation_(std::move(validation), options.patience),
        rate_(options.learning_rate) {
    const auto users = user_counts(*data_), items = data_->item_counts();
    const float scaling = options.frequency_scaling;
    penalties_ = {penalty_per_rating(options.user_regularization, scaling, users),
                  penalty_per_rating(options.item_regularization, scaling, items),
                  penalty_per_rating(options.bias_regularization, scaling, users),
                  penalty_per_rating(options.bias_regularization, scaling, items)};
    validation_.start_from(model_);
  }

  const MatrixFactorization& model() const override { return validation_.best_model(); }
  std::uint32_t best_epoch() const override { return validation_.best_epoch(); }

 private:
  Work train() override {
    for (RandomFactors factors(options_, *data_); !factors.draw_rows(model_);) co_yield Pause{};
    // Copy the ratings out of the compressed rows, then shuffle them (Fisher-Yates).
    constexpr std::size_t piece = 16 * block_size;
    ratings_.reserve(data_->size());
    for (std::uint32_t user = 0; user < data_->users(); ++user) {
      pack(user);
      if (user % 256 == 0) co_yield Pause{};
    }
    for (auto left = static_cast<std::uint32_t>(ratings_.size()); left > 1; --left) {
      const std::uint32_t other = random_.below(left);
      std::swap(ratings_[left - 1], ratings_[other]);
      if (!weights_.empty()) std::swap(weights_[left - 1], weights_[other]);
      if (left % piece == 0) co_yield Pause{};
    }
    std::vector<std::size_t> order((ratings_.size() + block_size - 1) / block_size);
    std::iota(order.begin(), order.end(), std::size_t{0});

    for (epoch_ = 1;; ++epoch_, rate_ *= options_.learning_rate_decay) {
      losses_ = {};
      random_.shuffle(order);
      for (std::size_t b = 0; b < order.size(); ++b) {
        train_block(order[b]);
        if (!std::isfinite(losses_.squared)) fail_diverged();
        fraction_ = (epoch_ - 1 + double(b + 1) / double(order.size())) / options_.epochs;
        co_yield Pause{};
      }
      if (!model_.all_finite()) fail_diverged();
      while (!validation_.measure(model_)) co_yield Pause{};
      finished_epoch_ = validation_.finish_epoch(epoch_, model_, train_losses());
      stopped_early_ = epoch_ < options_.epochs && validation_.should_stop();
      if (epoch_ == options_.epochs || stopped_early_) co_return;
      co_yield Pause{};
    }
  }

  Link link() const { return options_.loss == Loss::logistic ? Link::logistic : Link::identity; }

  void pack(std::uint32_t user) {
    for (std::uint32_t position = data_->user_begin(user); position < data_->user_end(user);
         ++position) {
      const float weight = data_->weight_at(position);
      if (weight == 0) continue;
      const float value = data_->value_at(position);
      ratings_.push_back({user, data_->item_at(position),
                          link() == Link::logistic ? to_unit(value, model_.range) : value});
      if (data_->has_weights()) weights_.push_back(weight);
    }
  }

  void train_block(std::size_t block) {
    const std::size_t begin = block * block_size;
    const Block ratings{&ratings_[begin], weights_.empty() ? nullptr : &weights_[begin],
                        std::min(block_size, ratings_.size() - begin)};
    blocks_->train(ratings, options_, penalties_, rate_, model_, losses_);
  }

  // Progressive: each rating was measured before its own update.
  Losses train_losses() {
    const double total = losses_.weight > 0 ? losses_.weight : 1;
    Losses losses;
    if (link() == Link::logistic) {
      losses.loss = losses_.cross_entropy.total() / total;
      losses.rmse =
          std::sqrt(losses_.squared / total) * (double{model_.range.high} - model_.range.low);
    } else {
      losses.loss = losses_.squared / total;
      losses.rmse = std::sqrt(losses.loss);
    }
    return losses;
  }

  [[noreturn]] void fail_diverged() const {
    featherfm::fail_diverged(epoch_, options_.learning_rate, best_epoch());
  }

  MfSgdOptions options_;
  std::shared_ptr<const Interactions> data_;
  Random random_;
  MatrixFactorization model_;
  std::unique_ptr<BlockTrainer> blocks_;
  MfValidation validation_;
  float rate_;
  Penalties penalties_;
  std::vector<Rating> ratings_;
  std::vector<float> weights_;  // beside ratings_; empty when all are 1
  BlockLosses losses_;          // of the current epoch
};

}  // namespace

void MfSgdOptions::validate() const {
  MfOptions::validate();
  require_above(learning_rate, 0, 1e9, "learningRate");
  require_above(learning_rate_decay, 0, 1, "learningRateDecay");
  for (const auto& [beta, name] : {std::pair{beta1, "beta1"}, {beta2, "beta2"}}) {
    require_range(beta, 0.0f, std::nextafter(1.0f, 0.0f), name);
  }
}

std::unique_ptr<MfTrainer> make_mf_sgd(const MfSgdOptions& options,
                                       std::shared_ptr<const Interactions> data,
                                       std::shared_ptr<const Interactions> validation,
                                       std::optional<MatrixFactorization> start) {
  options.validate();
  return std::make_unique<MfSgd>(options, std::move(data), std::move(validation), std::move(start));
}

}  // namespace featherfm
