#include "hnsw/hnsw_index.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/simd.h"
#include "hnsw/hnsw_file.h"
#include "support.h"
#include "train/trainer.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Clusters of vectors of very different length, a bias in the last column.
VectorList item_vectors(std::size_t size, std::size_t dimensions, std::uint64_t seed) {
  Random random(seed);
  const std::size_t clusters = 40;
  std::vector<double> centres(clusters * dimensions);
  for (double& x : centres) x = random.normal();
  VectorList result{{}, dimensions};
  for (std::size_t k = 0; k < size; ++k) {
    const std::size_t cluster = random.below(clusters);
    const double length = std::exp(0.5 * random.normal());
    for (std::size_t d = 0; d < dimensions; ++d) {
      const double x = centres[cluster * dimensions + d] + 0.7 * random.normal();
      result.values.push_back(static_cast<float>(d + 1 == dimensions ? 0.3 * x : length * x));
    }
  }
  return result;
}

std::span<const float> row(const VectorList& list, std::size_t k) {
  return {list.values.data() + k * list.dimensions, list.dimensions};
}

HnswIndex built(const VectorList& vectors, const HnswOptions& options = {}) {
  HnswIndex index(vectors, options);
  index.add(1e9, steady_milliseconds);
  return index;
}

double score(std::span<const float> a, std::span<const float> b, HnswMetric metric) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    ab += double{a[d]} * b[d];
    aa += double{a[d]} * a[d];
    bb += double{b[d]} * b[d];
  }
  if (metric == HnswMetric::dot) return ab;
  return aa * bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

// The share of the true best ten that the index finds, over all queries.
double recall(const HnswIndex& index, const VectorList& vectors, const VectorList& queries,
              std::size_t ef) {
  std::size_t hits = 0;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    BestN best(10);
    for (std::uint32_t k = 0; k < vectors.size(); ++k) {
      best.offer(
          k, static_cast<float>(score(row(queries, q), row(vectors, k), index.options().metric)));
    }
    const auto truth = best.take(), found = index.search(row(queries, q), 10, ef);
    for (const Scored& wanted : truth) {
      hits += std::ranges::find(found, wanted.index, &Scored::index) != found.end();
    }
  }
  return double(hits) / double(10 * queries.size());
}

bool same(const std::vector<Scored>& a, const std::vector<Scored>& b) {
  return std::ranges::equal(a, b, [](const Scored& x, const Scored& y) {
    return x.index == y.index && x.score == y.score;
  });
}

const char* refused = "MALFORMED_FILE bytes";

std::string reading(const HnswGraph& graph) {
  return error_of([&] { read_hnsw(write_hnsw(graph, "[]")); });
}

// Small, and with several levels.
HnswGraph small_graph() {
  HnswOptions options;
  options.m = 4;
  options.ef_construction = 20;
  return built(item_vectors(60, 5, 3), options).graph();
}

}  // namespace

TEST_CASE("an index finds nine of ten of the best by product or cosine, and more with more ef") {
  const VectorList vectors = item_vectors(2000, 32, 1), queries = item_vectors(50, 32, 2);
  for (const HnswMetric metric : {HnswMetric::dot, HnswMetric::cosine}) {
    HnswOptions options;
    options.metric = metric;
    const HnswIndex index = built(vectors, options);
    CHECK(recall(index, vectors, queries, 100) >= 0.9);
    CHECK(recall(index, vectors, queries, 2000) >= 0.99);
  }
}

TEST_CASE("an index scores as the vectors do, best first") {
  const VectorList vectors = item_vectors(300, 9, 5), queries = item_vectors(20, 9, 6);
  for (const HnswMetric metric : {HnswMetric::dot, HnswMetric::cosine}) {
    HnswOptions options;
    options.metric = metric;
    const HnswIndex index = built(vectors, options);
    CHECK(index.size() == 300);
    CHECK(index.dimensions() == 9);
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const auto found = index.search(row(queries, q), 25, 64);
      CHECK(found.size() == 25);
      for (std::size_t k = 0; k < found.size(); ++k) {
        CHECK(std::abs(found[k].score -
                       score(row(queries, q), row(vectors, found[k].index), metric)) < 1e-4);
        if (k > 0) CHECK(found[k - 1].score >= found[k].score);
      }
    }
  }
}

TEST_CASE("the product with an item is the tower's, bit for bit") {
  const Towers towers = random_model(3, 50, 6, 1).towers();
  const HnswIndex index = built({towers.items.without_padding(), 7});
  for (const auto& [item, score] : index.search(towers.users.columns_of(2), 10, 50)) {
    CHECK(score == simd::dot(towers.users.row(2), towers.items.row(item), towers.items.stride()));
  }
}

TEST_CASE("an index is the same for a seed, however its building is cut") {
  const VectorList vectors = item_vectors(400, 8, 7);
  HnswOptions options;
  options.seed = 5;
  const auto whole = write_hnsw(built(vectors, options).graph(), "[]");
  HnswIndex index(vectors, options);
  std::size_t steps = 0;
  for (std::size_t before = 0; before < 400; ++steps) {
    const std::size_t in = index.add(0, steady_milliseconds);
    CHECK(in == before + 1);
    before = in;
  }
  CHECK(steps == 400);
  CHECK(write_hnsw(index.graph(), "[]") == whole);
  options.seed = 6;
  CHECK(write_hnsw(built(vectors, options).graph(), "[]") != whole);
}

TEST_CASE("an index of one, of equal and of zero vectors answers") {
  CHECK(built({{1, 2}, 2}).search(std::vector{1.0f, 1.0f}, 5, 64).size() == 1);
  const HnswIndex equal = built({std::vector<float>(60, 1.5f), 3});
  for (const Scored& found : equal.search(std::vector{1.0f, 0.0f, 0.0f}, 4, 20)) {
    CHECK(found.score == 1.5f);
  }
  HnswOptions options;
  options.metric = HnswMetric::cosine;
  const HnswIndex zeros = built({std::vector<float>(60), 3}, options);
  for (const Scored& found : zeros.search(std::vector{1.0f, 0.0f, 0.0f}, 4, 20)) {
    CHECK(found.score == 0);
  }
  const auto found = built(item_vectors(30, 3, 1), options).search(std::vector<float>(3), 4, 20);
  CHECK(found.size() == 4);
  CHECK(found[0].score == 0);
}

TEST_CASE("an index refuses what it cannot hold and queries that do not fit") {
  const auto making = [](std::vector<float> values, std::size_t dimensions, std::uint32_t m = 16,
                         std::uint32_t ef = 200) {
    HnswOptions options;
    options.m = m;
    options.ef_construction = ef;
    return error_of([&] { HnswIndex({values, dimensions}, options); });
  };
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(making({}, 3) == "EMPTY vectors");
  CHECK(making({1, 2, 3, 4}, 3) == "SIZE_MISMATCH vectors");
  CHECK(making({1}, 3) == "SIZE_MISMATCH vectors");
  CHECK(making({1}, 0) == "OUT_OF_RANGE dimensions");
  CHECK(making({1, 2}, 1, 1) == "OUT_OF_RANGE m");
  CHECK(making({1, 2}, 1, 129) == "OUT_OF_RANGE m");
  CHECK(making({1, 2}, 1, 16, 0) == "OUT_OF_RANGE efConstruction");
  CHECK(making({1, std::nanf("")}, 1) == "NOT_FINITE vectors");
  CHECK(making({1, infinity}, 1) == "NOT_FINITE vectors");
  CHECK(making({1, 3e20f}, 1) == "OUT_OF_RANGE vectors");
  CHECK(making({1, 2}, 1) == "nothing");

  const HnswIndex index = built({{1, 2, 3, 4}, 2});
  const auto searching = [&](std::vector<float> query, std::size_t n = 1, std::size_t ef = 10) {
    return error_of([&] { index.search(query, n, ef); });
  };
  CHECK(searching({1, 2, 3}) == "SIZE_MISMATCH vector");
  CHECK(searching({1, infinity}) == "NOT_FINITE vector");
  CHECK(searching({1, 1e20f}) == "OUT_OF_RANGE vector");
  CHECK(searching({1, 2}, 0) == "OUT_OF_RANGE n");
  CHECK(searching({1, 2}, 1, 0) == "OUT_OF_RANGE ef");
  CHECK(searching({1, 2}, 9, 100) == "nothing");
}

TEST_CASE("an index that was saved and read gives the same answers and the same file") {
  const VectorList vectors = item_vectors(500, 11, 8), queries = item_vectors(30, 11, 9);
  for (const HnswMetric metric : {HnswMetric::dot, HnswMetric::cosine}) {
    HnswOptions options;
    options.metric = metric;
    options.m = 6;
    options.seed = 9007199254740991;
    const HnswIndex index = built(vectors, options);
    const auto bytes = write_hnsw(index.graph(), R"(["a",2])");
    const HnswFile file = read_hnsw(bytes);
    CHECK(file.ids == R"(["a",2])");
    const HnswIndex read(file.graph);
    CHECK(read.options().metric == metric);
    CHECK(read.options().seed == options.seed);
    for (std::size_t q = 0; q < queries.size(); ++q) {
      CHECK(same(read.search(row(queries, q), 10, 40), index.search(row(queries, q), 10, 40)));
    }
    CHECK(write_hnsw(read.graph(), R"(["a",2])") == bytes);
  }
}

TEST_CASE("a saved index whose parts do not fit each other is refused") {
  const HnswGraph good = small_graph();
  CHECK(reading(good) == "nothing");
  REQUIRE(*std::ranges::max_element(good.levels) >= 2);
  const auto damaged = [&](auto&& damage) {
    HnswGraph graph = good;
    damage(graph);
    return reading(graph);
  };
  const auto top = good.entry;
  CHECK(damaged([](HnswGraph& g) { g.links[7] = 60; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.links[7] = 0xffffffff; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.links[0] = 0; }) == refused);  // to itself
  CHECK(damaged([](HnswGraph& g) { g.links.pop_back(); }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.link_counts[3] = 0xffffffff; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.link_counts.push_back(0); }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.levels.push_back(0); }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.levels[5] = 255; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.levels[5] += 1; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.entry = 60; }) == refused);
  CHECK(damaged([&](HnswGraph& g) { g.entry = top == 0 ? 1 : 0; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.options.m = 2; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.options.m = 1000; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.options.ef_construction = 0; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.vectors.values[3] = std::nanf(""); }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.vectors.values[3] = 1e30f; }) == refused);
  CHECK(damaged([](HnswGraph& g) { g.vectors = {}; }) == refused);
}

TEST_CASE("a link to a vector that does not stand on its level is refused") {
  HnswGraph graph = small_graph();
  // The list on the level above the bottom of a vector that has one.
  const auto raised = static_cast<std::size_t>(
      std::ranges::find_if(graph.levels, [](auto level) { return level > 0; }) -
      graph.levels.begin());
  std::size_t list = 1;
  for (std::size_t k = 0; k < raised; ++k) list += graph.levels[k] + 1u;
  std::size_t link = 0;
  for (std::size_t k = 0; k < list; ++k) link += graph.link_counts[k];
  REQUIRE(graph.link_counts[list] > 0);
  graph.links[link] = static_cast<std::uint32_t>(std::ranges::find(graph.levels, std::uint8_t{0}) -
                                                 graph.levels.begin());
  CHECK(reading(graph) == refused);
}

TEST_CASE("a saved index that was cut short or damaged is refused or can be searched") {
  const auto whole = write_hnsw(small_graph(), "[]");
  for (std::size_t size = 0; size < whole.size(); size += 64) {
    CHECK(error_of([&] { read_hnsw(std::span(whole).first(size)); }) == refused);
  }
  Random random(12);
  int accepted = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto damaged = damaged_copy(whole, random);
    try {
      const HnswIndex index(read_hnsw(damaged).graph);
      ++accepted;
      index.search(std::vector<float>(index.dimensions(), 1), 10, 64);
    } catch (const Error& error) {
      REQUIRE(error.code() == ErrorCode::malformed_file);
    }
  }
  CHECK(accepted > 100);  // damage to a vector's numbers leaves an index
}
