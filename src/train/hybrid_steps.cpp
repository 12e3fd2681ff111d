#include "train/hybrid_steps.h"

#include <algorithm>
#include <cmath>

#include "base/portable_math.h"

namespace featherfm {
namespace {

constexpr float largest_loss = 10;
// Draws from the interaction list before BPR gives up: users who have met nearly every item.
constexpr int most_draws = 100;

}  // namespace

HybridSteps::HybridSteps(const HybridOptions& options, const HybridData& data,
                         std::span<const HybridExample> examples, HybridParameters& parameters)
    : options_(options),
      users_(*data.space.users, data.space, Side::user, options, parameters),
      items_(*data.space.items, data.space, Side::item, options, parameters),
      known_(data.known),
      popular_(data.train->item_indices()),
      item_count_(data.train->items()),
      random_(options.seed ^ 0x5eed5eed5eed5eedu),  // another stream than the first parameters
      factors_(options.factors),
      user_(parameters.rows.stride()),
      positive_(parameters.rows.stride()),
      negative_(parameters.rows.stride()),
      difference_(parameters.rows.stride()) {
  if (options.loss != RankingLoss::warp_kos) return;
  positive_offsets_.assign(std::size_t{data.train->users()} + 1, 0);
  for (const HybridExample& example : examples) {
    ++positive_offsets_[example.user + 1];
    positive_items_.push_back(example.item);
    positive_weights_.push_back(example.weight);
  }
  for (std::size_t u = 1; u < positive_offsets_.size(); ++u) {
    positive_offsets_[u] += positive_offsets_[u - 1];
  }
  candidates_.resize(options.positives);
}

void HybridSteps::train(std::span<const HybridExample> block, HybridLosses& losses) {
  switch (options_.loss) {
    case RankingLoss::logistic:
      for (const HybridExample& example : block) logistic(example, losses);
      break;
    case RankingLoss::bpr:
      for (const HybridExample& example : block) bpr(example, losses);
      break;
    case RankingLoss::warp:
      for (const HybridExample& example : block) warp(example, losses);
      break;
    case RankingLoss::warp_kos:
      for (const HybridExample& example : block) warp_kos(example, losses);
      break;
  }
}

void HybridSteps::represent_user(std::uint32_t user) {
  users_.represent(user, user_.data());
  user_[factors_] = 1;
}

void HybridSteps::logistic(const HybridExample& example, HybridLosses& losses) {
  users_.represent(example.user, user_.data());
  items_.represent(example.item, positive_.data());
  // [p, b] and [q, c] become [p, 1] and [q, 1]: each is what the gradient of the other goes along.
  const float bias = std::exchange(user_[factors_], 1.0f);
  const float score = bias + simd::dot(user_.data(), positive_.data(), user_.size());
  positive_[factors_] = 1;
  const float target = example.positive ? 1.0f : 0.0f;
  const float residual = scalar::sigmoid1(score) - target, slope = example.weight * residual;
  losses.cross_entropy.add(score, target, example.weight);
  losses.squared += double{example.weight} * double{residual} * double{residual};
  losses.weight += double{example.weight};
  std::size_t rows = 0;
  const float sizes = items_.step(example.item, user_.data(), slope, rows) +
                      users_.step(example.user, positive_.data(), slope, rows);
  decay(sizes, rows);
}

void HybridSteps::decay(float sizes, std::size_t rows) {
  if (rows == 0) return;
  const float mean = sizes / static_cast<float>(rows * (factors_ + 1));
  users_.decay(mean);
  items_.decay(mean);
}

void HybridSteps::step_pair(std::uint32_t user, std::uint32_t positive, std::uint32_t negative,
                            float slope) {
  const float* p = items_.represented(positive, positive_.data());
  const float* n = items_.represented(negative, negative_.data());
  for (std::size_t i = 0; i < difference_.size(); i += 4) {
    at4(&difference_[i]) = load4(n + i) - load4(p + i);
  }
  difference_[factors_] = 0;  // the user's bias is not to move
  std::size_t rows = 0;
  float sizes = items_.step(positive, user_.data(), -slope, rows);
  sizes += items_.step(negative, user_.data(), slope, rows);
  sizes += users_.step(user, difference_.data(), slope, rows);
  decay(sizes, rows);
}

void HybridSteps::bpr(const HybridExample& example, HybridLosses& losses) {
  std::uint32_t negative = item_count_;
  for (int draw = 0; draw < most_draws; ++draw) {
    const std::uint32_t item = popular_[random_.below(static_cast<std::uint32_t>(popular_.size()))];
    if (known_.has(example.user, item)) continue;
    negative = item;
    break;
  }
  if (negative == item_count_) return;
  represent_user(example.user);
  const float margin = items_.score(user_.data(), example.item, positive_.data()) -
                       items_.score(user_.data(), negative, negative_.data());
  losses.cross_entropy.add(margin, 1, example.weight);
  losses.weight += double{example.weight};
  step_pair(example.user, example.item, negative, example.weight * (1 - scalar::sigmoid1(margin)));
}

void HybridSteps::step_to_violator(const HybridExample& example, std::uint32_t positive,
                                   float score, HybridLosses& losses) {
  losses.weight += double{example.weight};
  for (std::uint32_t draws = 1; draws <= options_.max_sampled; ++draws) {
    const std::uint32_t item = random_.below(item_count_);
    const float other = items_.score(user_.data(), item, negative_.data());
    if (!(other > score - 1) || known_.has(example.user, item)) continue;
    const double rank = std::max(1u, (item_count_ - 1) / draws);
    const float loss =
        std::min(largest_loss, example.weight * static_cast<float>(portable_log(rank)));
    losses.loss += double{loss} * (1 + double{other} - double{score});
    step_pair(example.user, positive, item, loss);
    return;
  }
}

void HybridSteps::warp(const HybridExample& example, HybridLosses& losses) {
  represent_user(example.user);
  const float score = items_.score(user_.data(), example.item, positive_.data());
  step_to_violator(example, example.item, score, losses);
}

void HybridSteps::warp_kos(const HybridExample& example, HybridLosses& losses) {
  represent_user(example.user);
  const std::uint32_t begin = positive_offsets_[example.user],
                      count = positive_offsets_[example.user + 1] - begin;
  const std::uint32_t n = std::min(options_.positives, count), k = std::min(options_.kth, n);
  for (std::uint32_t j = 0; j < n; ++j) {
    const std::uint32_t place = begin + random_.below(count);
    candidates_[j] = {items_.score(user_.data(), positive_items_[place], positive_.data()), place};
  }
  Candidate* const first = candidates_.data();
  // The k-th best: equal scores by place, so that the order is one.
  std::partial_sort(first, first + k, first + n, [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.place < b.place;
  });
  const Candidate chosen = candidates_[k - 1];
  items_.represent(positive_items_[chosen.place], positive_.data());
  HybridExample pair = example;
  pair.weight = positive_weights_[chosen.place];
  step_to_violator(pair, positive_items_[chosen.place], chosen.score, losses);
}

}  // namespace featherfm
