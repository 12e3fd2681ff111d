// What the losses of pairs move: the step of a positive and a negative against the equations, the
// weight of WARP by the rank it estimates, and which positive k-OS takes.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <span>
#include <vector>

#include "support_hybrid.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr std::uint32_t many = 50;  // items

// The biases of items after training, in their order.
std::vector<float> item_biases(const FactorizationMachine& model) {
  const ColumnField& items = *model.space.find(item_field);
  const auto biases = std::span(model.linear).subspan(items.begin, items.columns);
  return {biases.begin(), biases.end()};
}

// One user likes item 0 of many; the biases of items one epoch later.
std::vector<float> after_one_step(HybridOptions options, float weight,
                                  const FactorizationMachine* start = nullptr) {
  options.epochs = 1;
  return item_biases(
      trained_hybrid(options, hybrid_data(shared_data(1, many, {{0, 0, 1, weight}})), start));
}

// A model over users and `many` items that has these biases of items and learned nothing else.
FactorizationMachine with_biases(const HybridOptions& options, std::uint32_t users,
                                 const std::vector<float>& biases) {
  const HybridData data = hybrid_data(shared_data(users, many, {{0, 0, 1}}));
  FactorizationMachine model =
      hybrid_machine(options, data.space, initial_hybrid(options, data, nullptr));
  std::ranges::copy(biases, &model.linear[data.space.find(item_field)->begin]);
  return model;
}

bool close(double a, double b) {
  return std::abs(a - b) < 1e-6;
}

}  // namespace

TEST_CASE("a step of BPR follows the equations", "[hybrid]") {
  // Each of two users can only draw the other's item. Which of the two comes first is the seed's to
  // choose, and stays for all epochs.
  const std::array<Rating, 2> ratings{{{0, 0, 1, 2}, {1, 1, 1, 0.5f}}};
  const SharedData data = shared_data(2, 2, {ratings.begin(), ratings.end()});
  // The two items share a kind, so that the second of their steps meets what the first has left.
  const std::vector<FeatureField> features{
      field("age", Side::user, 2, {{{0, 0.5f}, {1, 2}}, {{1, 1}}}),
      field("kind", Side::item, 2, {{{0, 3}}, {{0, 1}, {1, -1}}})};
  HybridOptions options = small_options(RankingLoss::bpr);
  options.user_regularization = 0.05f;
  options.item_regularization = 0.2f;
  options.learning_rate = 0.3f;
  const HybridData input = hybrid_data(data, features);
  const HybridParameters begin = initial_hybrid(options, input, nullptr);
  const std::size_t k = options.factors;
  const SparseRows users = input.space.users->normalized(), items = input.space.items->normalized();

  const auto by_equations = [&](bool second_first) {
    PlainHybrid all(begin.rows);
    for (std::uint32_t step = 0; step < 2 * options.epochs; ++step) {
      const Rating& rating = ratings[(step + (second_first ? 1 : 0)) % 2];
      const auto user = users.row(rating.user), positive = items.row(rating.item),
                 negative = items.row(1 - rating.item);
      auto p = all.sum(user, 1);
      const auto q = all.sum(positive, 1), n = all.sum(negative, 1);
      p[k] = 1;
      double margin = 0;
      for (std::size_t f = 0; f <= k; ++f) margin += p[f] * (q[f] - n[f]);
      const double slope = double{rating.weight} / (1 + std::exp(margin));
      std::vector<double> along_user(k + 1), along_items(k + 1);
      for (std::size_t f = 0; f <= k; ++f) along_items[f] = slope * p[f];
      for (std::size_t f = 0; f < k; ++f) along_user[f] = slope * (n[f] - q[f]);
      double sizes = all.step(positive, -1, along_items, 0.3);
      sizes += all.step(negative, 1, along_items, 0.3);
      sizes += all.step(user, 1, along_user, 0.3);
      const std::size_t rows = positive.size() + negative.size() + user.size();
      const double mean = sizes / static_cast<double>(rows * (k + 1));
      all.pull(input.space, 0.05 * mean, 0.2 * mean);
    }
    return all;
  };
  const FactorizationMachine model = trained_hybrid(options, input);
  CHECK(std::min(by_equations(false).largest_difference(model),
                 by_equations(true).largest_difference(model)) < 1e-6);
}

TEST_CASE("WARP weighs a step by the logarithm of the rank that the draws let expect", "[hybrid]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    HybridOptions options = small_options(RankingLoss::warp);
    options.seed = seed;
    options.learning_rate = 0.01f;
    for (const float weight : {1.0f, 0.5f, 100.0f}) {
      const auto biases = after_one_step(options, weight);
      // Nearly every item is a violator as training begins; the user's own counts as a draw.
      const auto moved_by = [&](std::uint32_t draws) {
        const double loss = double{weight} * std::log((many - 1) / draws);
        return close(double{biases[0]}, 0.01 * std::min(10.0, loss));
      };
      CHECK((moved_by(1) || moved_by(2) || moved_by(3)));
      CHECK(std::ranges::count(biases, -biases[0]) == 1);
      CHECK(std::ranges::count(biases, 0.0f) == many - 2);
    }
  }
}

TEST_CASE("later draws of WARP stand for a better rank and a smaller step", "[hybrid]") {
  // One item alone, the last, scores more than the positive less one.
  HybridOptions options = small_options(RankingLoss::warp);
  options.learning_rate = 0.01f;
  std::vector<float> biases(many, -5);
  biases[0] = biases[many - 1] = 0;
  const FactorizationMachine start = with_biases(options, 1, biases);
  std::size_t found = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    options.seed = seed;
    options.max_sampled = 10;
    const float moved = after_one_step(options, 1, &start)[0];
    if (moved == 0) continue;
    ++found;
    bool in_ten_draws = false;
    for (std::uint32_t draws = 1; draws <= 10; ++draws) {
      in_ten_draws |= close(double{moved}, 0.01 * std::log((many - 1) / draws));
    }
    CHECK(in_ten_draws);
    // More draws from the same seed find the same one.
    options.max_sampled = 1000;
    CHECK(after_one_step(options, 1, &start)[0] == moved);
  }
  // 1 - (1 - 1/50)^10 = 0.18 of 200, give or take three deviations of 5.5.
  CHECK(found > 20);
  CHECK(found < 54);
}

TEST_CASE("a positive that nothing comes near moves nothing under WARP", "[hybrid]") {
  HybridOptions options = small_options(RankingLoss::warp);
  std::vector<float> biases(many, 0);
  biases[0] = 1.5f;
  const FactorizationMachine start = with_biases(options, 1, biases);
  CHECK(after_one_step(options, 1, &start) == biases);
  // BPR goes on pulling. The second user has met both items, and only teaches which are drawn.
  options.loss = RankingLoss::bpr;
  const FactorizationMachine same = with_biases(options, 2, biases);
  const auto after = item_biases(trained_hybrid(
      options, hybrid_data(shared_data(2, many, {{0, 0, 1}, {1, 0, 1}, {1, 1, 1}})), &same));
  CHECK(after[0] > biases[0]);
}

TEST_CASE("k-OS takes the k-th best of the positives it draws", "[hybrid]") {
  // A user's ten positives from the best to the worst. The mean place of what is moved, weighted by
  // the squared gradients, which are nearly all the same.
  std::vector<float> biases(many, 0);
  std::vector<Rating> ratings;
  for (std::uint32_t item = 0; item < 10; ++item) {
    biases[item] = 0.5f - 0.05f * static_cast<float>(item);
    ratings.push_back({0, item, 1});
  }
  const auto mean_place = [&](std::uint32_t kth) {
    double places = 0, sum = 0;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      HybridOptions options = small_options(RankingLoss::warp_kos, 1);
      options.kth = kth;
      options.positives = 10;
      options.seed = seed;
      options.learning_rate = 1e-4f;  // the order of the positives is to stay
      const FactorizationMachine start = with_biases(options, 1, biases);
      const auto model =
          trained_hybrid(options, hybrid_data(shared_data(1, many, ratings)), &start);
      const std::uint32_t begin = model.space.find(item_field)->begin;
      for (std::uint32_t item = 0; item < 10; ++item) {
        const double squares = double{model.memory->linear[begin + item]} - 1;
        places += item * squares;
        sum += squares;
      }
    }
    return places / sum;
  };
  // Order statistics of ten draws with replacement from 0 to 9: sum_j (1 - P[k-th smallest <= j]).
  CHECK(std::abs(mean_place(1) - 0.49) < 0.25);
  CHECK(std::abs(mean_place(5) - 4.05) < 0.5);
  CHECK(std::abs(mean_place(10) - 8.51) < 0.25);
}

TEST_CASE("k-OS with one positive per user is WARP", "[hybrid]") {
  HybridOptions options = small_options(RankingLoss::warp_kos);
  options.positives = options.kth = 1;
  options.max_sampled = 1000;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    options.seed = seed;
    const auto biases = after_one_step(options, 1);
    CHECK(biases[0] > 0);
    CHECK(std::ranges::count(biases, -biases[0]) == 1);
  }
}
