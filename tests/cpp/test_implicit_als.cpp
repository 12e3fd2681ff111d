#include "train/implicit_als.h"

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "rank/fold_in.h"
#include "rank/implicit_update.h"
#include "rank/ranking_metrics.h"
#include "rank/top_k.h"
#include "support.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr ImplicitSolver solvers[] = {ImplicitSolver::cholesky, ImplicitSolver::conjugate_gradient,
                                      ImplicitSolver::subspace};

MatrixFactorization trained(const ImplicitAlsOptions& options, const SharedData& data,
                            std::optional<MatrixFactorization> start = std::nullopt) {
  const auto trainer = make_implicit_als(options, data, nullptr, std::move(start));
  run(*trainer);
  return trainer->model();
}

// The paper's confidence 1 + alpha r, nothing scaled.
ImplicitAlsOptions plain(std::uint32_t factors, float alpha, float regularization) {
  ImplicitAlsOptions options;
  options.factors = factors;
  options.alpha = alpha;
  options.unobserved_weight = 1;
  options.regularization = regularization;
  options.frequency_scaling = 0;
  options.solver = ImplicitSolver::cholesky;
  return options;
}

// Likes and dislikes of different strengths, weights among them 0, a user and an item without any.
SharedData mixed_data() {
  auto ratings = synthetic_ratings(29, 19, 200, 5);
  for (std::size_t k = 0; k < ratings.size(); ++k) {
    ratings[k].value -= 2.5f;
    ratings[k].weight = static_cast<float>(k % 5) / 2;
  }
  return shared_data(30, 20, ratings);
}

// Half of the squares of a board, those of user u's colour but the one at (u, u).
SharedData checkerboard(std::uint32_t size) {
  std::vector<Rating> ratings;
  for (std::uint32_t user = 0; user < size; ++user) {
    for (std::uint32_t item = user % 2; item < size; item += 2) {
      if (item != user) ratings.push_back({user, item});
    }
  }
  return shared_data(size, size, ratings);
}

// The equations of a user written out, in double.
Eigen::VectorXd solved(const ImplicitAlsOptions& options, const MatrixFactorization& model,
                       const Interactions& data, std::uint32_t user) {
  const auto k = static_cast<Eigen::Index>(model.factors());
  const auto row = [&](std::uint32_t item) {
    return Eigen::Map<const Eigen::VectorXf>(model.item_factors.row(item), k).cast<double>().eval();
  };
  const double w = options.unobserved_weight;
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(k, k);
  Eigen::VectorXd b = Eigen::VectorXd::Zero(k);
  for (std::uint32_t item = 0; item < model.items(); ++item) {
    a += w * row(item) * row(item).transpose();
  }
  double count = 0;
  for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
    const double value = data.value_at(p);
    const double strength = double{*options.alpha} * std::abs(value) * data.weight_at(p);
    if (strength == 0) continue;
    ++count;
    a += strength * row(data.item_at(p)) * row(data.item_at(p)).transpose();
    if (value > 0) b += (w + strength) * row(data.item_at(p));
  }
  if (count == 0) return Eigen::VectorXd::Zero(k);
  const double penalty = options.regularization * std::pow(count + w * double(model.items()),
                                                           double{options.frequency_scaling});
  a += penalty * Eigen::MatrixXd::Identity(k, k);
  return a.ldlt().solve(b);
}

// The loss of implicit_rule.h with its penalties, over every pair, in double.
double objective(const ImplicitAlsOptions& options, const MatrixFactorization& model,
                 const Interactions& data) {
  const double w = options.unobserved_weight;
  double sum = 0;
  std::vector<double> user_counts(model.users()), item_counts(model.items());
  for (std::uint32_t user = 0; user < model.users(); ++user) {
    for (std::uint32_t item = 0; item < model.items(); ++item) {
      const double score = predict(model, user, item);
      sum += w * score * score;
    }
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      const double strength = double{*options.alpha} * data.value_at(p) * data.weight_at(p);
      if (strength == 0) continue;
      ++user_counts[user];
      ++item_counts[data.item_at(p)];
      const double score = predict(model, user, data.item_at(p));
      const double error = (strength > 0 ? 1 : 0) - score;
      sum += (w + std::abs(strength)) * error * error - w * score * score;
    }
  }
  const auto penalty = [&](const Matrix& rows, const std::vector<double>& counts, double others) {
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      const double scale = std::pow(counts[r] + w * others, double{options.frequency_scaling});
      for (const float x : rows.columns_of(r)) {
        sum += double{options.regularization} * scale * double{x} * double{x};
      }
    }
  };
  penalty(model.user_factors, user_counts, double(model.items()));
  penalty(model.item_factors, item_counts, double(model.users()));
  return sum;
}

float largest_difference(const MatrixFactorization& a, const MatrixFactorization& b) {
  float largest = 0;
  for (std::uint32_t user = 0; user < a.users(); ++user) {
    for (std::uint32_t item = 0; item < a.items(); ++item) {
      largest = std::max(largest, std::abs(score(a, user, item) - score(b, user, item)));
    }
  }
  return largest;
}

const SharedSplit& random_split() {
  static const SharedSplit split = [] {
    auto [train, test] = split_at(movielens(), random_test(movielens(), 0.2, 1));
    return SharedSplit{shared(std::move(train)), shared(std::move(test))};
  }();
  return split;
}

}  // namespace

TEST_CASE("implicit ALS puts the missing square of a checkerboard first") {
  const auto board = checkerboard(50);
  for (const ImplicitSolver solver : solvers) {
    ImplicitAlsOptions options = plain(32, 1e-3f, 0);  // every square about as sure as the others
    options.solver = solver;
    options.epochs = 15;
    const Towers towers = trained(options, board).towers();
    ItemRanker ranker(towers);
    for (std::uint32_t user = 0; user < 50; ++user) {
      const auto top =
          ranker.top(user_view(towers, user), 1, {board->items_of(user), {}, std::nullopt});
      REQUIRE(top.size() == 1);
      CHECK(top[0].index == user);
    }
  }
}

TEST_CASE("implicit ALS reconstructs a small matrix when it has as many factors as items") {
  const std::vector<std::vector<float>> counts = {
      {1, 1, 0, 1, 0, 0}, {0, 1, 1, 1, 0, 0}, {1, 4, 1, 0, 7, 0}, {1, 1, 0, 0, 0, 0},
      {9, 0, 4, 1, 0, 1}, {0, 1, 0, 0, 0, 1}, {0, 0, 2, 0, 1, 1}};
  std::vector<Rating> ratings;
  for (std::uint32_t user = 0; user < 7; ++user) {
    for (std::uint32_t item = 0; item < 6; ++item) {
      if (counts[user][item] > 0) ratings.push_back({user, item, counts[user][item]});
    }
  }
  const auto data = shared_data(7, 6, ratings);
  for (const ImplicitSolver solver : solvers) {
    ImplicitAlsOptions options = plain(6, 2, 0);
    options.solver = solver;
    options.steps = 6;
    options.block_size = 4;
    options.epochs = 100;
    const auto model = trained(options, data);
    for (std::uint32_t user = 0; user < 7; ++user) {
      for (std::uint32_t item = 0; item < 6; ++item) {
        CHECK(std::abs(score(model, user, item) - (counts[user][item] > 0 ? 1.0f : 0.0f)) < 1e-3f);
      }
    }
  }
}

TEST_CASE("the users of an implicit sweep solve the equations written out") {
  const auto data = mixed_data();
  for (const float scaling : {0.0f, 0.7f, 1.0f}) {
    for (const float unobserved : {0.0f, 0.3f, 1.0f}) {
      ImplicitAlsOptions options = plain(5, 1.5f, 0.2f);
      options.frequency_scaling = scaling;
      options.unobserved_weight = unobserved;
      options.epochs = 1;
      MatrixFactorization start = random_model(30, 20, 5, 4);
      std::fill(start.user_biases.begin(), start.user_biases.end(), 0.0f);
      // Users are solved first, with the items of the start held.
      MatrixFactorization model = trained(options, data, start);
      for (std::uint32_t user = 0; user < 29; ++user) {
        const Eigen::VectorXd expected = solved(options, start, *data, user);
        if (expected.isZero()) continue;
        for (std::size_t f = 0; f < 5; ++f) {
          CHECK(std::abs(model.user_factors.row(user)[f] - expected[static_cast<Eigen::Index>(f)]) <
                1e-4);
        }
      }
    }
  }
}

TEST_CASE("the implicit penalty follows its formula") {
  // lambda (count + w others)^nu, by hand: 0.5 (4 + 0.1 60)^0.5, 0.5 (4 + 0.1 60)^1.
  CHECK(implicit_penalty(0.5f, 0.5f, 0.1f, 4, 60) == Catch::Approx(0.5 * std::sqrt(10.0)));
  CHECK(implicit_penalty(0.5f, 1, 0.1f, 4, 60) == Catch::Approx(5));
  CHECK(implicit_penalty(0.5f, 0, 0.1f, 4, 60) == 0.5f);
}

TEST_CASE("no implicit solver ever raises the objective, and all end at the same") {
  const auto data = mixed_data();
  std::vector<double> ends;
  for (const ImplicitSolver solver : solvers) {
    ImplicitAlsOptions options = plain(10, 1, 0.05f);
    options.frequency_scaling = 0.5f;
    options.unobserved_weight = 0.3f;
    options.solver = solver;
    options.block_size = 4;  // 10 factors: two blocks and a rest
    options.epochs = 1;
    MatrixFactorization model = trained(options, data);
    double before = objective(options, model, *data);
    for (int sweep = 0; sweep < 150; ++sweep) {
      model = trained(options, data, model);
      const double after = objective(options, model, *data);
      CHECK(after < before * (1 + 1e-5));
      before = after;
    }
    ends.push_back(before);
  }
  CHECK(ends[1] == Catch::Approx(ends[0]).epsilon(1e-3));
  CHECK(ends[2] == Catch::Approx(ends[0]).epsilon(1e-3));
}

TEST_CASE("enough conjugate gradient steps are a Cholesky solution, and so is one whole block") {
  const auto data = mixed_data();
  ImplicitAlsOptions options = plain(12, 1, 0.1f);
  options.epochs = 4;
  const auto exact = trained(options, data);
  options.solver = ImplicitSolver::conjugate_gradient;
  options.steps = 40;
  CHECK(largest_difference(trained(options, data), exact) < 1e-3f);
  options.solver = ImplicitSolver::subspace;
  options.block_size = 64;
  CHECK(largest_difference(trained(options, data), exact) < 1e-3f);
}

TEST_CASE("the implicit training loss is the mean over every pair by its confidence") {
  const auto data = mixed_data();
  ImplicitAlsOptions options = plain(6, 0.7f, 0.1f);
  options.unobserved_weight = 0.4f;
  options.epochs = 3;
  const auto trainer = make_implicit_als(options, data, nullptr);
  const auto epochs = run(*trainer);
  ImplicitAlsOptions unpenalised = options;
  unpenalised.regularization = 0;
  double confidence = 0.4 * 30 * 20;
  for (std::uint32_t p = 0; p < data->size(); ++p) {
    confidence += 0.7 * std::abs(data->value_at(p)) * data->weight_at(p);
  }
  CHECK(epochs.back().train.loss ==
        Catch::Approx(objective(unpenalised, trainer->model(), *data) / confidence).epsilon(1e-4));
}

TEST_CASE("rows without observations are zero, and more factors than rows stay finite") {
  const auto data = mixed_data();
  for (const ImplicitSolver solver : solvers) {
    for (const float regularization : {0.0f, 0.1f}) {
      ImplicitAlsOptions options = plain(70, 1, regularization);
      options.solver = solver;
      const auto model = trained(options, data);
      REQUIRE(model.all_finite());
      CHECK(std::ranges::all_of(model.user_factors.columns_of(29), [](float x) { return x == 0; }));
      CHECK(std::ranges::all_of(model.item_factors.columns_of(19), [](float x) { return x == 0; }));
    }
  }
}

TEST_CASE("interactions of weight or value 0 are as good as none") {
  std::vector<Rating> ratings = synthetic_ratings(12, 9, 60, 3);
  const auto without = shared_data(12, 9, ratings);
  // A pair that is not there yet, without weight; another with weight and no value.
  std::vector<Rating> further;
  for (std::uint32_t item = 0; item < 9 && further.size() < 2; ++item) {
    if (std::ranges::none_of(ratings,
                             [&](const Rating& r) { return r.user == 4 && r.item == item; })) {
      further.push_back({4, item, further.empty() ? 3.0f : 0.0f, further.empty() ? 0.0f : 1.0f});
    }
  }
  REQUIRE(further.size() == 2);
  ratings.insert(ratings.end(), further.begin(), further.end());
  const ImplicitAlsOptions options;
  CHECK(parameters(trained(options, shared_data(12, 9, ratings))) ==
        parameters(trained(options, without)));
}

TEST_CASE("dislikes push a score down, further than what was never met") {
  std::vector<Rating> ratings;
  for (std::uint32_t user = 0; user < 20; ++user) {
    for (std::uint32_t item = 0; item < 8; ++item) {
      if (user > 0 || item < 5) ratings.push_back({user, item, 5});
    }
  }
  ImplicitAlsOptions options;
  options.factors = 4;
  options.alpha = 1;
  options.regularization = 0.01f;
  const auto without = trained(options, shared_data(20, 8, ratings));
  ratings.push_back({0, 7, -5});
  const auto with = trained(options, shared_data(20, 8, ratings));
  CHECK(score(without, 0, 7) > 0.1f);
  CHECK(score(with, 0, 7) < score(without, 0, 7) - 0.05f);
  // The same said by a value that likes start from.
  for (Rating& rating : ratings) rating.value = rating.value > 0 ? 4 : 1;
  options.alpha = 5;
  options.positive_from = 3;
  const auto told = trained(options, shared_data(20, 8, ratings));
  CHECK(parameters(told) == parameters(with));
}

TEST_CASE("balanced alpha does not care for the unit of the values") {
  auto ratings = synthetic_ratings(30, 20, 250, 5);
  ImplicitAlsOptions options;
  options.factors = 8;
  const auto model = trained(options, shared_data(30, 20, ratings));
  for (Rating& rating : ratings) rating.value *= 64;
  const auto scaled = trained(options, shared_data(30, 20, ratings));
  CHECK(largest_difference(model, scaled) < 1e-4f);
  double mean = 0;
  for (const Rating& rating : ratings) mean += rating.value / double(ratings.size());
  CHECK(scaled.fold_in.implicit->alpha == Catch::Approx(1 / mean));
}

TEST_CASE("a user's own interactions fold in to what the last half sweep made of them") {
  const auto data = mixed_data();
  ImplicitAlsOptions options = plain(7, 1, 0.1f);
  options.frequency_scaling = 0.5f;
  options.unobserved_weight = 0.5f;
  options.epochs = 300;  // so that items move no more after the users
  const auto model = trained(options, data);
  const Towers towers = model.towers();
  FoldIn fold_in(towers);
  for (std::uint32_t user = 0; user < 30; ++user) {
    std::vector<float> values, weights;
    for (std::uint32_t p = data->user_begin(user); p < data->user_end(user); ++p) {
      values.push_back(data->value_at(p));
      weights.push_back(data->weight_at(p));
    }
    const auto folded = fold_in.fold({data->items_of(user), values, weights});
    CHECK(folded.bias == 0);
    const Eigen::VectorXd expected = solved(options, model, *data, user);
    for (std::size_t f = 0; f < 7; ++f) {
      CHECK(std::abs(folded.vector[f] - expected[static_cast<Eigen::Index>(f)]) < 1e-4);
      CHECK(std::abs(folded.vector[f] - model.user_factors.row(user)[f]) < 2e-2);
    }
  }
}

TEST_CASE("explanations of implicit scores add up to the score") {
  const auto data = mixed_data();
  const auto model = trained(plain(7, 2, 0.1f), data);
  const Towers towers = model.towers();
  FoldIn fold_in(towers);
  const Indices items = {2, 5, 11, 17};
  const std::vector<float> values = {1, 3, -2, 0.5f};
  const auto folded = fold_in.fold({items, values, {}}).tower_row(towers);
  for (std::uint32_t item = 0; item < 20; ++item) {
    const ScoreParts parts = fold_in.explain({items, values, {}}, item);
    CHECK(parts.score ==
          Catch::Approx(towers.score(folded.row.data(), folded.offset, item)).margin(1e-5));
    float sum = 0;
    for (const float contribution : parts.contributions) sum += contribution;
    CHECK(std::abs(parts.base) < 1e-4f);
    CHECK(std::abs(sum - parts.score) < 1e-4f);
    CHECK(parts.contributions[2] == 0);  // a dislike makes the others weigh less, but adds nothing
  }
}

TEST_CASE("an item folds in by the users who met it, and rows are put in place") {
  const auto data = mixed_data();
  ImplicitAlsOptions options = plain(7, 1, 0.1f);
  options.epochs = 3;
  MatrixFactorization model = trained(options, data);
  Towers towers = model.towers();
  const ByItem by_item(*data);
  // The last half sweep solved the items with these very users.
  for (std::uint32_t item = 0; item < 19; ++item) {
    Indices users;
    std::vector<float> values, weights;
    for (std::uint32_t k = by_item.offsets[item]; k < by_item.offsets[item + 1]; ++k) {
      users.push_back(by_item.users[k]);
      values.push_back(data->value_at(by_item.positions[k]));
      weights.push_back(data->weight_at(by_item.positions[k]));
    }
    const auto vector = ItemFoldIn(model).fold({users, values, weights});
    for (std::size_t f = 0; f < 7; ++f) {
      CHECK(std::abs(vector[f] - model.item_factors.row(item)[f]) < 1e-4f);
    }
  }
  const std::vector<float> vector = {1, 2, 3, 4, 5, 6, 7};
  set_item(model, towers, 20, vector);
  set_user(model, towers, 30, vector);
  set_user(model, towers, 3, vector);
  CHECK(model.items() == 21);
  CHECK(model.users() == 31);
  CHECK(towers.score(3, 20) == 140);
  CHECK(towers.score(30, 20) == 140);
  CHECK(score(model, 30, 20) == 140);
}

TEST_CASE("an item that is folded in must name known users, each once") {
  const MatrixFactorization model = trained(plain(4, 1, 0.1f), mixed_data());
  ItemFoldIn fold_in(model);
  const std::vector<float> ones = {1, 1};
  CHECK(error_of([&] { fold_in.fold({Indices{1, 30}, ones, {}}); }) == "OUT_OF_RANGE ratings");
  CHECK(error_of([&] { fold_in.fold({Indices{1, 1}, ones, {}}); }) == "DUPLICATE ratings");
}

TEST_CASE("training goes on from an implicit model with new users and items") {
  const auto data = shared_data(12, 9, synthetic_ratings(12, 9, 60, 3));
  ImplicitAlsOptions options;
  options.factors = 6;
  options.epochs = 60;
  const auto model = trained(options, data);
  options.epochs = 1;
  // Converged already: one more sweep changes next to nothing.
  CHECK(largest_difference(trained(options, data, model), model) < 5e-3f);
  const auto grown =
      trained(options, shared_data(13, 10, {{12, 9, 3}, {12, 0, 3}, {0, 9, 3}}), model);
  REQUIRE(grown.users() == 13);
  REQUIRE(grown.items() == 10);
  CHECK(score(grown, 12, 9) > 0.1f);
  // Who has nothing new keeps the row.
  CHECK(std::ranges::equal(grown.user_factors.columns_of(5), model.user_factors.columns_of(5)));
  CHECK(grown.fold_in.implicit->alpha == model.fold_in.implicit->alpha);
  options.factors = 7;
  CHECK(error_of([&] { trained(options, data, model); }) == "INVALID_ARGUMENT factors");
}

TEST_CASE("implicit training says how well it ranks and keeps the best epoch") {
  const Interactions all = interactions(60, 50, synthetic_ratings(60, 50, 700, 8));
  auto [train, test] = split_at(all, random_test(all, 0.25, 1));
  const auto train_data = shared(std::move(train)), test_data = shared(std::move(test));
  ImplicitAlsOptions options;
  options.factors = 16;
  options.epochs = 200;
  options.patience = 4;
  options.regularization = 0.001f;
  const auto trainer = make_implicit_als(options, train_data, test_data);
  const auto epochs = run(*trainer);
  REQUIRE(trainer->stopped_early());
  CHECK(epochs.size() == trainer->best_epoch() + 4);
  const EpochLosses& best = epochs[trainer->best_epoch() - 1];
  CHECK(best.best);
  const std::uint32_t ks[] = {10};
  const auto metrics =
      ranking_metrics(trainer->model().towers(), *test_data, train_data.get(), {ks, 0});
  CHECK(best.validation->loss == Catch::Approx(1 - metrics.at[0].ndcg));
}

TEST_CASE("the same seed trains the same implicit model, however its work is cut") {
  const auto data = mixed_data();
  for (const ImplicitSolver solver : solvers) {
    ImplicitAlsOptions options;
    options.factors = 9;
    options.solver = solver;
    const auto whole = trained(options, data);
    const auto trainer = make_implicit_als(options, data, nullptr);
    while (!trainer->step(0).done) {
    }
    CHECK(parameters(trainer->model()) == parameters(whole));
    options.seed = 2;
    CHECK(parameters(trained(options, data)) != parameters(whole));
  }
}

TEST_CASE("implicit ALS refuses what it cannot work with") {
  const auto data = mixed_data();
  const auto refusal = [&](auto change) {
    ImplicitAlsOptions options;
    change(options);
    return error_of([&] { make_implicit_als(options, data, nullptr); });
  };
  using Options = ImplicitAlsOptions;
  CHECK(refusal([](Options& o) { o.factors = 0; }) == "OUT_OF_RANGE factors");
  CHECK(refusal([](Options& o) { o.epochs = 0; }) == "OUT_OF_RANGE epochs");
  CHECK(refusal([](Options& o) { o.alpha = 0; }) == "OUT_OF_RANGE alpha");
  CHECK(refusal([](Options& o) { o.unobserved_weight = -1; }) == "OUT_OF_RANGE unobservedWeight");
  CHECK(refusal([](Options& o) { o.positive_from = NAN; }) == "NOT_FINITE positiveFrom");
  CHECK(refusal([](Options& o) { o.regularization = -1; }) == "OUT_OF_RANGE regularization");
  CHECK(refusal([](Options& o) { o.frequency_scaling = 2; }) == "OUT_OF_RANGE frequencyScaling");
  CHECK(refusal([](Options& o) { o.steps = 0; }) == "OUT_OF_RANGE cgSteps");
  CHECK(refusal([](Options& o) { o.block_size = 0; }) == "OUT_OF_RANGE blockSize");
  const auto empty = shared(Interactions::from_coordinates(1, 1, {}));
  CHECK(error_of([&] { make_implicit_als({}, empty, nullptr); }) == "EMPTY data");
  CHECK(error_of([&] { make_implicit_als({}, data, empty); }) == "EMPTY validation");
  ImplicitAlsOptions huge;
  huge.alpha = 1e6f;
  CHECK(error_of([&] { make_implicit_als(huge, shared_data(1, 1, {{0, 0, 3e38f}}), nullptr); }) ==
        "OUT_OF_RANGE alpha");
}

TEST_CASE("implicit ALS ranks MovieLens no worse than a tuned matrix factorization") {
  // Random 80/20, all ratings positive, training items left out: 0.440 and 0.366 in the mean of
  // five seeds; this is one of them.
  const auto& [train, test] = random_split();
  const auto model = trained({}, train);
  const std::uint32_t ks[] = {10};
  const auto metrics = ranking_metrics(model.towers(), *test, train.get(), {ks, 0});
  CHECK(metrics.at[0].ndcg > 0.445);
  CHECK(metrics.at[0].precision > 0.37);
  CHECK(metrics.at[0].recall > 0.24);
}
