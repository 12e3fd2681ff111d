// Hybrid models on MovieLens 100K against the figures of LightFM on the same split: `ua`, each
// user's first ten ratings in file order held out, 4 and 5 stars liked and the others disliked, 10
// factors, 10 epochs, a rate of 0.05, training items not left out of the lists.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "rank/fold_in.h"
#include "rank/ranking_metrics.h"
#include "support_hybrid.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

struct LabelledSplit {
  SharedData train, test;              // 1 for liked, -1 for disliked
  SharedData liked_train, liked_test;  // without the dislikes: metrics are about what is liked
};

SharedData labelled(const Interactions& data, std::span<const std::uint32_t> positions,
                    bool liked_only) {
  std::vector<Rating> ratings;
  const Interactions part = data.subset(positions);
  for (std::uint32_t user = 0; user < part.users(); ++user) {
    for (std::uint32_t p = part.user_begin(user); p < part.user_end(user); ++p) {
      const bool liked = part.value_at(p) >= 4;
      if (liked || !liked_only) ratings.push_back({user, part.item_at(p), liked ? 1.0f : -1.0f});
    }
  }
  return shared_data(data.users(), data.items(), ratings);
}

const LabelledSplit& ua() {
  static const LabelledSplit split = [] {
    const Interactions& data = movielens();
    Indices train, test;
    for (std::uint32_t user = 0; user < data.users(); ++user) {
      Indices own;
      for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) own.push_back(p);
      std::ranges::sort(own, {}, [&](std::uint32_t p) { return data.source_row_at(p); });
      test.insert(test.end(), own.begin(), own.begin() + 10);
      train.insert(train.end(), own.begin() + 10, own.end());
    }
    std::ranges::sort(train);
    std::ranges::sort(test);
    return LabelledSplit{labelled(data, train, false), labelled(data, test, false),
                         labelled(data, train, true), labelled(data, test, true)};
  }();
  return split;
}

struct Figures {
  double precision = 0, train_auc = 0, test_auc = 0;  // means over users
};

Figures figures_of(const Towers& towers) {
  const Indices cut{10};
  const auto on = [&](const SharedData& liked) {
    return ranking_metrics(towers, *liked, nullptr, {cut, 1});
  };
  const RankingMetrics test = on(ua().liked_test);
  return {test.at[0].precision, on(ua().liked_train).auc, test.auc};
}

Figures mean_figures(RankingLoss loss, std::optional<float> positive_from = std::nullopt) {
  constexpr int seeds = 5;
  Figures mean;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    auto options = reference_options(loss, seed);
    options.positive_from = positive_from;
    const Figures one = figures_of(trained_hybrid(options, hybrid_data(ua().train)).towers());
    mean.precision += one.precision / seeds;
    mean.train_auc += one.train_auc / seeds;
    mean.test_auc += one.test_auc / seeds;
  }
  return mean;
}

// Share of (liked, disliked) interactions in the right order, over all users at once; ties half.
double pooled_auc(const FactorizationMachine& model, const Interactions& data) {
  const Towers towers = model.towers();
  std::vector<std::pair<float, bool>> scores;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      scores.emplace_back(towers.score(user, data.item_at(p)), data.value_at(p) > 0);
    }
  }
  std::ranges::sort(scores);
  double ranks = 0, liked = 0;
  for (std::size_t begin = 0; begin < scores.size();) {
    std::size_t end = begin;
    while (end < scores.size() && scores[end].first == scores[begin].first) ++end;
    for (std::size_t k = begin; k < end; ++k) {
      if (!scores[k].second) continue;
      ranks += 0.5 * static_cast<double>(begin + 1 + end);
      ++liked;
    }
    begin = end;
  }
  const double others = static_cast<double>(scores.size()) - liked;
  return (ranks - liked * (liked + 1) / 2) / (liked * others);
}

bool near(double value, double reference, double tolerance) {
  CAPTURE(value, reference);
  return value > reference - tolerance && value < reference + tolerance;
}

}  // namespace

TEST_CASE("the logistic loss reaches the reference on MovieLens", "[hybrid][movielens]") {
  const Figures mean = mean_figures(RankingLoss::logistic);
  CHECK(near(mean.precision, 0.032, 0.004));
  CHECK(near(mean.train_auc, 0.795, 0.01));
  CHECK(near(mean.test_auc, 0.744, 0.01));
}

TEST_CASE("BPR reaches the reference on MovieLens", "[hybrid][movielens]") {
  const Figures mean = mean_figures(RankingLoss::bpr);
  CHECK(near(mean.precision, 0.072, 0.004));
  CHECK(near(mean.train_auc, 0.915, 0.006));
  CHECK(near(mean.test_auc, 0.876, 0.006));
}

TEST_CASE("WARP reaches the reference on MovieLens", "[hybrid][movielens]") {
  const Figures mean = mean_figures(RankingLoss::warp);
  CHECK(near(mean.precision, 0.079, 0.004));
  CHECK(near(mean.train_auc, 0.942, 0.006));
  CHECK(near(mean.test_auc, 0.911, 0.006));
}

TEST_CASE("k-OS WARP reaches the reference on MovieLens", "[hybrid][movielens]") {
  const Figures mean = mean_figures(RankingLoss::warp_kos);
  CHECK(near(mean.precision, 0.068, 0.005));
  CHECK(near(mean.train_auc, 0.912, 0.008));
  CHECK(near(mean.test_auc, 0.880, 0.008));
}

TEST_CASE("k-OS WARP reaches LightFM's own figures when dislikes are taken for likes, as it does",
          "[hybrid][movielens]") {
  const Figures mean = mean_figures(RankingLoss::warp_kos, -1.0f);
  CHECK(near(mean.precision, 0.0683, 0.004));
  CHECK(near(mean.train_auc, 0.9128, 0.006));
  CHECK(near(mean.test_auc, 0.8898, 0.006));
}

TEST_CASE("many factors over-fit without a penalty, and a penalty on all parameters helps",
          "[hybrid][movielens]") {
  HybridOptions options = reference_options(RankingLoss::logistic, 1);
  options.factors = 50;
  options.epochs = 30;
  const auto model = trained_hybrid(options, hybrid_data(ua().train));
  CHECK(pooled_auc(model, *ua().train) > 0.99);
  CHECK(pooled_auc(model, *ua().test) < 0.75);
  // Where only what a step touches is pulled back, this comes out at 0.739.
  options.user_regularization = options.item_regularization = 1e-4f;
  CHECK(
      near(pooled_auc(trained_hybrid(options, hybrid_data(ua().train)), *ua().test), 0.762, 0.006));
}

TEST_CASE("a penalty that is far too large leaves nothing learned", "[hybrid][movielens]") {
  for (const RankingLoss loss : {RankingLoss::logistic, RankingLoss::bpr, RankingLoss::warp}) {
    HybridOptions options = reference_options(loss, 1);
    options.user_regularization = options.item_regularization = 1;
    const auto model = trained_hybrid(options, hybrid_data(ua().train));
    CHECK(model.all_finite());
    CHECK(pooled_auc(model, *ua().train) < 0.65);
    CHECK(pooled_auc(model, *ua().test) < 0.65);
  }
}

TEST_CASE("interactions of weight 0 teach nothing", "[hybrid][movielens]") {
  const Interactions& data = *ua().train;
  std::vector<Rating> ratings;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      ratings.push_back({user, data.item_at(p), data.value_at(p), 0});
    }
  }
  const SharedData weightless = shared_data(data.users(), data.items(), ratings);
  for (const RankingLoss loss : all_losses) {
    const auto model = trained_hybrid(reference_options(loss, 1), hybrid_data(weightless));
    CHECK(near(pooled_auc(model, data), 0.5, 0.05));
  }
}

TEST_CASE("a rate of 1e7 ends in an error, not in nonsense", "[hybrid][movielens]") {
  for (const RankingLoss loss : all_losses) {
    HybridOptions options = reference_options(loss, 1);
    options.learning_rate = 1e7f;
    const auto trainer = make_hybrid_sgd(options, hybrid_data(ua().train));
    CHECK(error_of([&] { run(*trainer); }) == "DIVERGED learningRate");
    CHECK(trainer->model().all_finite());
  }
}

TEST_CASE("AdaDelta learns to rank without a rate", "[hybrid][movielens]") {
  HybridOptions options = reference_options(RankingLoss::warp, 1);
  options.steps = StepRule::adadelta;
  const Figures figures = figures_of(trained_hybrid(options, hybrid_data(ua().train)).towers());
  CHECK(figures.precision > 0.07);
  CHECK(figures.test_auc > 0.9);
}

TEST_CASE("users that training never met are placed nearly as well as those it has",
          "[hybrid][movielens]") {
  // Every fifth user is held out wholly and placed by the ratings that the others are trained on.
  const Interactions& data = *ua().train;
  const auto held_out = [](std::uint32_t user) { return user % 5 == 0; };
  const auto ratings_of = [&](const Interactions& from, bool held) {
    std::vector<Rating> ratings;
    for (std::uint32_t user = 0; user < from.users(); ++user) {
      if (held_out(user) != held) continue;
      for (std::uint32_t p = from.user_begin(user); p < from.user_end(user); ++p) {
        ratings.push_back({user, from.item_at(p), from.value_at(p)});
      }
    }
    return shared_data(from.users(), from.items(), ratings);
  };
  const SharedData others = ratings_of(data, false), test = ratings_of(*ua().liked_test, true);
  const Indices cut{10};
  for (const RankingLoss loss : all_losses) {
    const auto options = reference_options(loss, 1);
    const Towers with = trained_hybrid(options, hybrid_data(ua().train)).towers();
    Towers without = trained_hybrid(options, hybrid_data(others)).towers();
    FoldIn fold_in(without);
    std::vector<std::pair<std::uint32_t, UserRow>> placed;
    for (std::uint32_t user = 0; user < data.users(); user += 5) {
      std::vector<float> values;
      for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
        values.push_back(data.value_at(p));
      }
      placed.emplace_back(user, fold_in.fold({data.items_of(user), values, {}}).tower_row(without));
    }
    for (const auto& [user, row] : placed) {
      std::ranges::copy(row.row, without.users.row(user));
      without.user_offsets[user] = row.offset;
    }
    const RankingMetrics trained = ranking_metrics(with, *test, nullptr, {cut, 1}),
                         newcomers = ranking_metrics(without, *test, nullptr, {cut, 1});
    CAPTURE(static_cast<int>(loss), trained.at[0].precision, newcomers.at[0].precision, trained.auc,
            newcomers.auc);
    CHECK(newcomers.at[0].precision > trained.at[0].precision - 0.01);
    CHECK(newcomers.auc > trained.auc - 0.01);
  }
}
