#include "rank/top_k.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Small whole numbers everywhere: sums are exact in floats, and many scores are equal.
Towers whole_number_towers(std::size_t users, std::size_t items, std::uint64_t seed) {
  MatrixFactorization model(users, items, 3);
  Random random(seed);
  const auto draw = [&] { return static_cast<float>(random.below(5)) - 2; };
  for (std::size_t user = 0; user < users; ++user) {
    for (float& x : model.user_factors.columns_of(user)) x = draw();
    model.user_biases[user] = draw();
  }
  for (std::size_t item = 0; item < items; ++item) {
    for (float& x : model.item_factors.columns_of(item)) x = draw();
    model.item_biases[item] = draw();
  }
  model.global_bias = 3;
  return model.towers();
}

Indices brute_force(const Towers& towers, std::uint32_t user, std::size_t n,
                    const std::set<std::uint32_t>& allowed) {
  Indices order(allowed.begin(), allowed.end());
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](std::uint32_t item) { return towers.score(user, item); });
  order.resize(std::min(n, order.size()));
  return order;
}

Indices indices_of(const std::vector<Scored>& scored) {
  Indices result;
  for (const Scored& entry : scored) result.push_back(entry.index);
  return result;
}

Indices some_items(std::size_t count, std::uint32_t below, Random& random) {
  Indices items(count);
  for (std::uint32_t& item : items) item = random.below(below);
  return items;
}

}  // namespace

TEST_CASE("the best n do not depend on the order of offers, and equal scores come by index") {
  const std::vector<Scored> offers{{4, 1}, {0, 2}, {3, 2}, {1, 0}, {2, 2}, {5, -1}};
  Random random(1);
  for (int repeat = 0; repeat < 50; ++repeat) {
    auto shuffled = offers;
    random.shuffle(shuffled);
    for (std::size_t n = 0; n <= 7; ++n) {
      BestN best(n);
      for (const Scored& offer : shuffled) best.offer(offer.index, offer.score);
      Indices expected{0, 2, 3, 4, 1, 5};
      expected.resize(std::min<std::size_t>(n, 6));
      CHECK(indices_of(best.take()) == expected);
    }
  }
}

TEST_CASE("the top items equal a sort of all items") {
  const Towers towers = whole_number_towers(8, 40, 2);
  ItemRanker ranker(towers);
  std::set<std::uint32_t> all;
  for (std::uint32_t item = 0; item < 40; ++item) all.insert(item);
  for (std::uint32_t user = 0; user < 8; ++user) {
    for (const std::size_t n : {0u, 1u, 5u, 39u, 40u, 1000u}) {
      const auto top = ranker.top(user_view(towers, user), n, {});
      CHECK(indices_of(top) == brute_force(towers, user, n, all));
      for (const Scored& entry : top) CHECK(entry.score == towers.score(user, entry.index));
    }
  }
}

TEST_CASE("filters leave out what was seen or excluded and keep to the candidates") {
  const Towers towers = whole_number_towers(8, 40, 3);
  ItemRanker ranker(towers);
  Random random(4);
  for (int repeat = 0; repeat < 200; ++repeat) {
    const auto user = random.below(8);
    // Repeated items and items that do not exist among them.
    const Indices seen = some_items(random.below(30), 45, random);
    const Indices exclude = some_items(random.below(10), 45, random);
    const Indices candidates = some_items(random.below(30), 45, random);
    const bool with_candidates = random.below(2) == 0;
    ItemFilter filter{seen, exclude, std::nullopt};
    if (with_candidates) filter.candidates = candidates;
    std::set<std::uint32_t> allowed;
    for (std::uint32_t item = 0; item < 40; ++item) {
      const auto in = [&](const Indices& list) {
        return std::ranges::find(list, item) != list.end();
      };
      if (!in(seen) && !in(exclude) && (!with_candidates || in(candidates))) allowed.insert(item);
    }
    const std::size_t n = random.below(12);
    CHECK(indices_of(ranker.top(user_view(towers, user), n, filter)) ==
          brute_force(towers, user, n, allowed));
  }
}

TEST_CASE("no candidates means no items, not all of them") {
  const Towers towers = whole_number_towers(2, 10, 3);
  ItemRanker ranker(towers);
  CHECK(ranker.top(user_view(towers, 0), 5, {{}, {}, std::span<const std::uint32_t>()}).empty());
  CHECK(ranker.top(user_view(towers, 0), 5, {}).size() == 5);
}

TEST_CASE("a model without items recommends nothing") {
  const Towers towers = MatrixFactorization(2, 0, 3).towers();
  ItemRanker ranker(towers);
  CHECK(ranker.top(user_view(towers, 1), 5, {}).empty());
}

TEST_CASE("similar rows equal a sort by cosine or dot product, without the row itself") {
  const Towers towers = random_model(5, 30, 6, 7).towers();
  for (const Similarity measure : {Similarity::cosine, Similarity::dot}) {
    for (std::uint32_t row = 0; row < 30; row += 7) {
      std::vector<double> similarity(30);
      const auto dot = [&](std::uint32_t a, std::uint32_t b) {
        double sum = 0;
        for (std::size_t f = 0; f < 6; ++f)
          sum += double{towers.items.row(a)[f]} * towers.items.row(b)[f];
        return sum;
      };
      Indices order;
      for (std::uint32_t other = 0; other < 30; ++other) {
        similarity[other] = measure == Similarity::dot
                                ? dot(row, other)
                                : dot(row, other) / std::sqrt(dot(row, row) * dot(other, other));
        if (other != row) order.push_back(other);
      }
      std::ranges::sort(order, std::greater<>(),
                        [&](std::uint32_t other) { return similarity[other]; });
      const auto found = similar_rows(towers.items, 6, row, 100, measure);
      CHECK(indices_of(found) == order);
      for (const Scored& entry : found) {
        CHECK(std::abs(entry.score - similarity[entry.index]) < 1e-5);
        if (measure == Similarity::cosine) CHECK(std::abs(entry.score) <= 1);
      }
      order.resize(4);
      CHECK(indices_of(similar_rows(towers.items, 6, row, 4, measure)) == order);
    }
  }
}

TEST_CASE("rows that are the same, opposite or zero have cosine 1, -1 and 0, ties by index") {
  Matrix rows(6, 2);
  const float values[6][2] = {{3, 4}, {0, 0}, {-3, -4}, {6, 8}, {0, 0}, {1.5f, 2}};
  for (std::size_t r = 0; r < 6; ++r) std::copy_n(values[r], 2, rows.row(r));
  const auto found = similar_rows(rows, 2, 0, 10, Similarity::cosine);
  CHECK(indices_of(found) == Indices{3, 5, 1, 4, 2});
  CHECK(found[0].score == 1);
  CHECK(found[2].score == 0);
  CHECK(found[4].score == -1);
  for (const Scored& entry : similar_rows(rows, 2, 1, 10, Similarity::cosine))
    CHECK(entry.score == 0);
}

TEST_CASE("a bias column takes no part in similarity") {
  MatrixFactorization model = random_model(3, 10, 4, 9);
  const auto before = similar_rows(model.towers().items, 4, 2, 9, Similarity::dot);
  model.item_biases.assign(10, 1000);
  const auto after = similar_rows(model.towers().items, 4, 2, 9, Similarity::dot);
  CHECK(indices_of(before) == indices_of(after));
  CHECK(before[0].score == after[0].score);
}

TEST_CASE("towers score as the model does, strangers as average ones") {
  const MatrixFactorization model = random_model(7, 9, 5, 3);
  const Towers towers = model.towers();
  for (std::uint32_t user = 0; user < 7; ++user) {
    for (std::uint32_t item = 0; item < 9; ++item) {
      CHECK(std::abs(towers.score(user, item) - predict(model, user, item)) < 1e-5);
      CHECK(std::abs(score(model, user, item) - predict(model, user, item)) < 1e-5);
    }
    CHECK(towers.score(user, 9) == model.global_bias + model.user_biases[user]);
    CHECK(score(model, user, 9) == towers.score(user, 9));
  }
  CHECK(towers.score(7, 4) == model.global_bias + model.item_biases[4]);
  CHECK(score(model, 7, 4) == towers.score(7, 4));
  CHECK(towers.score(7, 9) == model.global_bias);
  CHECK(score(model, 0xffffffff, 0xffffffff) == model.global_bias);
}

TEST_CASE("values are clipped or sent through the logistic link") {
  Towers towers = random_model(1, 1, 1, 1).towers();  // range 1 to 5
  CHECK(towers.value_of(7, true) == 5);
  CHECK(towers.value_of(-7, true) == 1);
  CHECK(towers.value_of(7, false) == 7);
  towers.link = Link::logistic;
  CHECK(towers.value_of(0, true) == 3);
  CHECK(std::abs(towers.value_of(std::log(3.0f), false) - 4) < 1e-6f);
}

TEST_CASE("popularity scores items by their number of interactions") {
  const auto model =
      popularity(interactions(3, 4, {{0, 1}, {1, 1}, {2, 1}, {0, 3}, {1, 3}, {2, 0}}));
  const Towers towers = model.towers();
  ItemRanker ranker(towers);
  CHECK(indices_of(ranker.top(user_view(towers, 0), 4, {})) == Indices{1, 3, 0, 2});
  CHECK(towers.score(0, 1) == 3);
  CHECK(model.range.high == 3);
}
