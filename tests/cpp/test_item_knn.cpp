#include "train/item_knn.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "rank/ranking_metrics.h"
#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

ItemNeighbours trained(const ItemKnnOptions& options, const SharedData& data) {
  const auto trainer = make_item_knn(options, data);
  while (!trainer->step(0).done) {
  }
  CHECK(trainer->best_epoch() == 1);
  return trainer->model();
}

ItemKnnOptions cosine(std::uint32_t neighbours) {
  return {neighbours, ItemSimilarity::cosine, 0};
}

// Users a to d, items 0 to 3; nobody met item 4.
SharedData small() {
  return shared_data(4, 5,
                     {{0, 0, 2}, {0, 1, 1}, {1, 0, 1}, {1, 1, 3}, {1, 2, 1}, {2, 2, 2}, {3, 3, 4}});
}

}  // namespace

TEST_CASE("cosine neighbours are those of the items' columns") {
  const auto model = trained(cosine(10), small());
  const float zero_one = float((2 * 1 + 1 * 3) / (std::sqrt(5.0) * std::sqrt(10.0)));
  CHECK(model.similarity(0, 1) == Catch::Approx(zero_one));
  CHECK(model.similarity(1, 0) == model.similarity(0, 1));
  CHECK(model.similarity(1, 2) == Catch::Approx(3 / (std::sqrt(10.0) * std::sqrt(5.0))));
  CHECK(model.similarity(0, 3) == 0);
  CHECK(model.of(3).empty());
  CHECK(model.of(4).empty());
  REQUIRE(model.of(1).size() == 2);
  CHECK(model.of(1)[0] == 0);  // the nearest first
}

TEST_CASE("only the nearest neighbours are kept") {
  const auto model = trained(cosine(1), small());
  REQUIRE(model.of(1).size() == 1);
  CHECK(model.of(1)[0] == 0);
  CHECK(model.similarity(1, 2) == 0);
}

TEST_CASE("tf-idf and bm25 weigh as their formulas say") {
  const double idf0 = std::log(6.0 / 3), idf1 = std::log(6.0 / 4), idf2 = std::log(6.0 / 2);
  {
    ItemKnnOptions options{10, ItemSimilarity::tf_idf, 0};
    const double product = std::sqrt(2.0) * idf0 * idf0 + std::sqrt(3.0) * idf1 * idf1;
    const double norm0 = std::sqrt(2 * idf0 * idf0 + idf1 * idf1);
    const double norm1 = std::sqrt(idf0 * idf0 + 3 * idf1 * idf1);
    CHECK(trained(options, small()).similarity(0, 1) == Catch::Approx(product / (norm0 * norm1)));
  }
  {
    ItemKnnOptions options{10, ItemSimilarity::bm25, 0};
    const double mean = 14.0 / 5;
    const auto weight = [&](double value, double sum, double idf) {
      return value * 2.2 / (1.2 * (0.25 + 0.75 * sum / mean) + value) * idf;
    };
    CHECK(trained(options, small()).similarity(2, 1) ==
          Catch::Approx(weight(1, 3, idf1) * weight(3, 4, idf1)));
    (void)idf2;
  }
}

TEST_CASE("shrinkage trusts similarities less that few users vouch for") {
  ItemKnnOptions options = cosine(10);
  const auto plain = trained(options, small());
  options.shrink = 3;
  const auto shrunk = trained(options, small());
  CHECK(shrunk.similarity(0, 1) == Catch::Approx(plain.similarity(0, 1) * 2 / 5));
  CHECK(shrunk.similarity(1, 2) == Catch::Approx(plain.similarity(1, 2) * 1 / 4));
}

TEST_CASE("a user's items score their neighbours") {
  const auto model = trained(cosine(10), small());
  std::vector<float> scores(5);
  const Indices met = {0, 2};
  const std::vector<float> values = {2, 5};
  model.score_items(met, values, scores);
  CHECK(scores[1] == Catch::Approx(2 * model.similarity(1, 0) + 5 * model.similarity(1, 2)));
  CHECK(scores[3] == 0);
}

TEST_CASE("what counts nothing is not there for a model of neighbours") {
  const auto with = shared_data(4, 5,
                                {{0, 0, 2},
                                 {0, 1, 1},
                                 {1, 0, 1},
                                 {1, 1, 3},
                                 {1, 2, 1},
                                 {2, 2, 2},
                                 {2, 3, -4},
                                 {3, 0, 5, 0},
                                 {3, 3, 4}});
  const auto a = trained(cosine(10), with), b = trained(cosine(10), small());
  CHECK(a.neighbours() == b.neighbours());
  CHECK(a.similarities() == b.similarities());
  CHECK(what_counts(*with).values_of(2)[1] == 0);
}

TEST_CASE("a model of neighbours refuses what it cannot work with") {
  CHECK(error_of([] { make_item_knn({0, ItemSimilarity::cosine, 0}, small()); }) ==
        "OUT_OF_RANGE neighbours");
  CHECK(error_of([] { make_item_knn({1, ItemSimilarity::cosine, -1}, small()); }) ==
        "OUT_OF_RANGE shrink");
  CHECK(error_of([] { make_item_knn({}, shared(Interactions::from_coordinates(1, 1, {}))); }) ==
        "EMPTY data");
  const auto huge = shared_data(1, 2, {{0, 0, 3e38f, 3e38f}, {0, 1, 1}});
  CHECK(error_of([&] { trained({}, huge); }) == "OUT_OF_RANGE ratings");
}

TEST_CASE("the largest values there can be leave finite neighbours") {
  const auto model =
      trained(cosine(10), shared_data(2, 2, {{0, 0, 3e38f}, {0, 1, 3e38f}, {1, 0, 1e-30f}}));
  for (const float similarity : model.similarities()) CHECK(std::isfinite(similarity));
}

TEST_CASE("neighbours rank MovieLens far better than popularity") {
  auto [train, test] = split_at(movielens(), random_test(movielens(), 0.2, 1));
  const auto data = shared(std::move(train));
  const auto model = trained({}, data);
  const SeenItems met = what_counts(*data);
  const std::uint32_t ks[] = {10};
  const auto metrics = ranking_metrics(NeighbourScorer(model, met), model.towers(met.users()), test,
                                       data.get(), {ks, 0});
  CHECK(metrics.at[0].ndcg > 0.38);
  CHECK(ranking_metrics(popularity(*data).towers(), test, data.get(), {ks, 0}).at[0].ndcg < 0.28);
}
