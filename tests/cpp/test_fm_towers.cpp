// A factorization machine as two towers: what serves and folds in has to agree with y(x).
#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "model/factorization_machine.h"
#include "rank/fold_in.h"
#include "rank/metrics.h"
#include "rank/top_k.h"
#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr std::uint32_t users = 14, items = 10;

SmallWorld world() {
  return small_world(users, items, 70, 9);
}

FactorizationMachine model_of(const DerivedColumns& derived, std::uint32_t factors = 5) {
  FactorizationMachine model = random_machine(world().space(derived), factors, 3);
  model.range = {1, 5};
  return model;
}

// The rows side by side, as one.
SparseRows joined(std::initializer_list<SparseRows::Row> parts) {
  SparseRows result;
  for (const SparseRows::Row& part : parts) {
    for (const auto& [column, value] : entries_of(part)) result.add(column, value);
  }
  result.end_row();
  return result;
}

double reference_score(const FactorizationMachine& model,
                       std::initializer_list<SparseRows::Row> parts) {
  const SparseRows row = joined(parts);
  return ReferenceMachine(model).score(row.row(0));
}

SparseRows features_row(const FactorizationMachine& model, Side side, const char* field,
                        const Entries& entries, std::uint32_t columns = 3) {
  const std::vector<FeatureField> features{{field, side, columns, sparse_rows({entries})}};
  return describe(model.space, side, features, {});
}

// The sum over pairs of a user's and an item's columns, in double; their linear terms besides.
double score_between(const FactorizationMachine& model, const SparseRows::Row& user,
                     const SparseRows::Row& item) {
  const auto share = [&](const SparseRows::Row& row) {
    double sum = 0;
    for (const float value : row.values) sum += std::abs(double{value});
    return model.space.normalized && sum > 0 ? 1 / sum : 1.0;
  };
  const double user_share = share(user), item_share = share(item);
  double score = model.constant;
  for (const auto& [j, x] : entries_of(user)) score += user_share * double{x} * model.linear[j];
  for (const auto& [t, y] : entries_of(item)) score += item_share * double{y} * model.linear[t];
  for (const auto& [j, x] : entries_of(user)) {
    for (const auto& [t, y] : entries_of(item)) {
      double product = 0;
      for (std::size_t f = 0; f < model.factors.columns(); ++f) {
        product += double{model.factors.row(j)[f]} * double{model.factors.row(t)[f]};
      }
      score += user_share * double{x} * item_share * double{y} * product;
    }
  }
  return score;
}

// What an item's own columns give as a row of the item tower.
AlignedFloats item_row(const FactorizationMachine& model, const Towers& towers,
                       const SparseRows& described) {
  UserRow item{AlignedFloats(towers.items.stride()), 0};
  add_to(item, row_sums(model, described), 0);
  item.row[towers.factors] = item.offset;
  return item.row;
}

bool close(double a, double b) {
  return std::abs(a - b) < 2e-5 * (1 + std::abs(b));
}

}  // namespace

TEST_CASE("the towers give the score of every pair") {
  for (const DerivedColumns& derived : {DerivedColumns{}, DerivedColumns{true, true, true, true},
                                        DerivedColumns{false, false}, everything}) {
    for (const std::uint32_t factors : {0u, 1u, 5u, 12u}) {
      const FactorizationMachine model = model_of(derived, factors);
      const Towers towers = model.towers();
      CHECK(towers.factors == factors);
      CHECK(towers.users.columns() == factors + 1);
      REQUIRE(towers.users.rows() == users);
      REQUIRE(towers.items.rows() == items);
      for (std::uint32_t user = 0; user < users; ++user) {
        for (std::uint32_t item = 0; item < items; ++item) {
          const double expected =
              reference_score(model, {model.space.users->row(user), model.space.items->row(item)});
          CHECK(close(towers.score(user, item), expected));
        }
        CHECK(towers.users.row(user)[factors] == 1);
      }
    }
  }
}

TEST_CASE("where only pairs between sides count, the towers give the sum over those pairs") {
  for (const DerivedColumns& derived :
       {DerivedColumns{}, DerivedColumns{true, true, true, true}, DerivedColumns{false, false}}) {
    for (const std::uint32_t factors : {0u, 1u, 5u, 12u}) {
      for (const bool normalized : {false, true}) {
        FactorizationMachine model = model_of(derived, factors);
        model.pairs = Pairs::between_sides;
        model.space.normalized = normalized;
        const Towers towers = model.towers();
        const SparseRows age = features_row(model, Side::user, "age", {{0, 0.5f}, {1, -2}}, 2);
        UserRow described = average_user(towers);
        add_to(described, row_sums(model, age), 0);
        for (std::uint32_t item = 0; item < items; ++item) {
          const SparseRows::Row own = model.space.items->row(item);
          for (std::uint32_t user = 0; user < users; ++user) {
            CHECK(close(towers.score(user, item),
                        score_between(model, model.space.users->row(user), own)));
          }
          CHECK(close(towers.score(described.row.data(), described.offset, item),
                      score_between(model, age.row(0), own)));
        }
      }
    }
  }
}

TEST_CASE("scores of a design are those of the towers where only pairs between sides count") {
  for (const bool normalized : {false, true}) {
    FactorizationMachine model = model_of({});
    model.pairs = Pairs::between_sides;
    model.space.normalized = normalized;
    // Nobody's features of the context: the model has no such field.
    std::erase_if(model.space.fields,
                  [](const ColumnField& field) { return field.side == Side::context; });
    const Interactions data = world().data;
    const auto by_design = scores(model, make_design(model.space, data, {}));
    const Towers towers = model.towers();
    std::size_t example = 0;
    for (std::uint32_t user = 0; user < data.users(); ++user) {
      for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
        CHECK(close(by_design[example++], double{towers.score(user, data.item_at(p))}));
      }
    }
  }
}

TEST_CASE("who and what the model never met scores by what is left of the pair") {
  const FactorizationMachine model = model_of(everything);
  const Towers towers = model.towers();
  CHECK(close(towers.score(3, items), reference_score(model, {model.space.users->row(3)})));
  CHECK(close(towers.score(users, 3), reference_score(model, {model.space.items->row(3)})));
  CHECK(towers.score(users, items) == model.constant);
  CHECK(towers.base_offset == model.constant);
}

TEST_CASE("a context added to a user gives the score of user, item and context") {
  const FactorizationMachine model = model_of(everything);
  const Towers towers = model.towers();
  const SparseRows contexts =
      describe(model.space, Side::context, world().features, {});  // 4 rows of "place"
  const RowSums sums = row_sums(model, contexts);
  for (std::uint32_t user = 0; user <= users; ++user) {     // the last one is unknown
    for (std::uint32_t c = 0; c <= contexts.rows(); ++c) {  // the last one is empty
      UserRow row = user_row(towers, user);
      add_to(row, sums, c);
      for (std::uint32_t item = 0; item < items; ++item) {
        const double expected = reference_score(
            model, {model.space.users->row(user), model.space.items->row(item), contexts.row(c)});
        CHECK(close(towers.score(row.row.data(), row.offset, item), expected));
      }
      CHECK(row.row[towers.factors] == 1);
    }
  }
}

TEST_CASE("a user known only by features scores by them") {
  const FactorizationMachine model = model_of(everything);
  const Towers towers = model.towers();
  const SparseRows described = features_row(model, Side::user, "age", {{0, 0.5f}, {1, -2}}, 2);
  UserRow user = average_user(towers);
  add_to(user, row_sums(model, described), 0);
  for (std::uint32_t item = 0; item < items; ++item) {
    CHECK(close(towers.score(user.row.data(), user.offset, item),
                reference_score(model, {described.row(0), model.space.items->row(item)})));
  }
}

TEST_CASE("users of an item known only by features are ranked by their scores") {
  const FactorizationMachine model = model_of(everything);
  const Towers towers = model.towers();
  const SparseRows described = features_row(model, Side::item, "genre", {{0, 1}, {2, 0.5f}});
  const AlignedFloats row = item_row(model, towers, described);
  const auto found = top_users(towers, row.data(), 5);
  REQUIRE(found.size() == 5);
  std::vector<double> expected;
  for (std::uint32_t user = 0; user < users; ++user) {
    expected.push_back(reference_score(model, {model.space.users->row(user), described.row(0)}));
  }
  for (const Scored& scored : found) CHECK(close(scored.score, expected[scored.index]));
  std::ranges::sort(expected, std::greater<>());
  for (std::size_t k = 0; k < 5; ++k) CHECK(close(found[k].score, expected[k]));
  CHECK(top_users(towers, row.data(), 100).size() == users);
  CHECK(top_users(towers, row.data(), 0).empty());
}

TEST_CASE("items similar to one known only by features are those with a similar vector") {
  const FactorizationMachine model = model_of({true, true, false, true});
  const Towers towers = model.towers();
  // The row of item 4 described once more: nothing is left out, not even the item itself.
  const AlignedFloats row = item_row(model, towers, model.space.items->subset(Indices{4}));
  const auto query = std::span<const float>(row).first(towers.factors);
  for (const Similarity measure : {Similarity::cosine, Similarity::dot}) {
    const auto all = similar_rows(towers.items, towers.factors, query, 100, measure);
    REQUIRE(all.size() == items);
    for (const Scored& scored : all) {
      double dot = 0, own = 0, other = 0;
      for (std::size_t f = 0; f < towers.factors; ++f) {
        const double x = query[f], y = towers.items.row(scored.index)[f];
        dot += x * y, own += x * x, other += y * y;
      }
      const bool cosine = measure == Similarity::cosine;
      CHECK(close(scored.score, cosine ? dot / std::sqrt(own * other) : dot));
    }
    CHECK(std::ranges::is_sorted(all, std::greater<>(), &Scored::score));
    const auto known = similar_rows(towers.items, towers.factors, 4, 100, measure);
    CHECK(known.size() == items - 1);
    auto without = all;
    std::erase_if(without, [](const Scored& scored) { return scored.index == 4; });
    for (std::size_t k = 0; k < known.size(); ++k) CHECK(known[k].index == without[k].index);
  }
  CHECK(similar_rows(towers.items, towers.factors, query, 1, Similarity::cosine)[0].index == 4);
}

TEST_CASE("ratings move a described user from where the features put them") {
  const FactorizationMachine model = model_of(everything);
  const Towers towers = model.towers();
  const SparseRows described = features_row(model, Side::user, "age", {{0, 1}}, 2);
  UserRow start = average_user(towers);
  add_to(start, row_sums(model, described), 0);

  const Indices rated{1, 4, 8};
  const std::vector<float> values{5, 1, 3};
  FoldIn fold_in(towers);
  const FoldedUser nothing = fold_in.fold({}, start);
  CHECK(close(nothing.bias, start.offset - towers.base_offset));
  for (std::size_t f = 0; f < towers.factors; ++f) CHECK(nothing.vector[f] == start.row[f]);

  // A dense ridge regression on what the start leaves over, with the user's own column [v, 1].
  const auto k = static_cast<Eigen::Index>(towers.factors);
  Eigen::MatrixXd a = Eigen::MatrixXd::Identity(k + 1, k + 1);
  a *= 0.5 * std::sqrt(3.0);
  a(k, k) = 0.25 * std::sqrt(3.0);
  Eigen::VectorXd b = Eigen::VectorXd::Zero(k + 1);
  for (std::size_t r = 0; r < rated.size(); ++r) {
    Eigen::VectorXd z = Eigen::VectorXd::Ones(k + 1);
    for (Eigen::Index f = 0; f < k; ++f) z[f] = towers.items.row(rated[r])[f];
    a += z * z.transpose();
    b +=
        (values[r] - reference_score(model, {described.row(0), model.space.items->row(rated[r])})) *
        z;
  }
  const Eigen::VectorXd moved = a.ldlt().solve(b);
  const FoldedUser user = fold_in.fold({rated, values, {}}, start);
  for (Eigen::Index f = 0; f < k; ++f) {
    CHECK(close(user.vector[static_cast<std::size_t>(f)],
                double{start.row[static_cast<std::size_t>(f)]} + moved[f]));
  }
  CHECK(close(user.bias, double{start.offset} - towers.base_offset + moved[k]));

  const ScoreParts parts = fold_in.explain({rated, values, {}}, 2, start);
  double sum = parts.base;
  for (const float contribution : parts.contributions) sum += contribution;
  CHECK(close(sum, parts.score));
  const UserRow row = user.tower_row(towers);
  CHECK(close(parts.score, towers.score(row.row.data(), row.offset, 2)));
  CHECK(close(parts.base, reference_score(model, {described.row(0), model.space.items->row(2)})));
}

TEST_CASE("folding in a classified user lowers the penalised cross-entropy to its minimum") {
  FactorizationMachine model = model_of(everything);
  model.link = Link::logistic;
  model.range = {0, 1};
  const Towers towers = model.towers();
  UserRow start = average_user(towers);
  add_to(start, row_sums(model, features_row(model, Side::user, "age", {{1, 1}}, 2)), 0);
  const Indices rated{0, 3, 5, 7};
  const std::vector<float> values{1, 0, 0, 1};
  const FoldedUser user = FoldIn(towers).fold({rated, values, {}}, start);
  const UserRow row = user.tower_row(towers);
  for (std::size_t f = 0; f <= towers.factors; ++f) {
    const bool bias = f == towers.factors;
    const double moved =
        bias ? double{row.offset} - start.offset : double{row.row[f]} - start.row[f];
    double slope = (bias ? 0.25 : 0.5) * 2 * moved;  // four ratings under the root
    for (std::size_t r = 0; r < rated.size(); ++r) {
      const double s = towers.score(row.row.data(), row.offset, rated[r]);
      slope += (1 / (1 + std::exp(-s)) - values[r]) *
               (bias ? 1.0 : double{towers.items.row(rated[r])[f]});
    }
    CHECK(std::abs(slope) < 1e-4);
  }
}

TEST_CASE("ratings move nobody where users have no column of their own") {
  const FactorizationMachine model = model_of({false, true, true, true});
  REQUIRE_FALSE(model.fold_in.own_parameters);
  const Towers towers = model.towers();
  UserRow start = average_user(towers);
  add_to(start, row_sums(model, features_row(model, Side::user, "age", {{1, 1}}, 2)), 0);
  const Indices rated{0, 3};
  const std::vector<float> values{1, 5};
  FoldIn fold_in(towers);
  const FoldedUser user = fold_in.fold({rated, values, {}}, start);
  for (std::size_t f = 0; f < towers.factors; ++f) CHECK(user.vector[f] == start.row[f]);
  CHECK(close(user.bias, start.offset - towers.base_offset));
  const ScoreParts parts = fold_in.explain({rated, values, {}}, 6, start);
  CHECK(parts.contributions == std::vector<float>{0, 0});
  CHECK(parts.base == parts.score);
  // Bad ratings are refused all the same.
  CHECK(error_of([&] { fold_in.fold({Indices{99}, std::vector<float>{1}, {}}, start); }) ==
        "OUT_OF_RANGE ratings");
}

TEST_CASE("a user of the training, folded in anew, comes to where alternating least squares was") {
  SmallWorld small = world();
  std::erase_if(small.features, [](const FeatureField& field) { return field.side != Side::item; });
  FmSgdOptions options = plain_fm_options();
  options.epochs = 600;
  options.factors = 2;
  options.linear_regularization = options.factor_regularization = 0.5f;
  options.frequency_scaling = 0.5f;
  const FactorizationMachine model = trained(Solver::als, options, world_data(small, {}));
  const Towers towers = model.towers();
  FoldIn fold_in(towers);
  for (std::uint32_t user = 0; user < users; ++user) {
    std::vector<float> values;
    for (std::uint32_t p = small.data.user_begin(user); p < small.data.user_end(user); ++p) {
      values.push_back(small.data.value_at(p));
    }
    const FoldedUser folded = fold_in.fold({small.data.items_of(user), values, {}});
    const UserRow row = folded.tower_row(towers);
    for (std::uint32_t item = 0; item < items; ++item) {
      CHECK(std::abs(towers.score(row.row.data(), row.offset, item) - towers.score(user, item)) <
            5e-3);
    }
  }
}

TEST_CASE("errors of computed scores are those of the towers") {
  const SmallWorld small = world();
  const FactorizationMachine model = model_of({true, true, true, true});
  const Design design = make_design(model.space, small.data, {});
  const RatingErrors direct =
      rating_errors(scores(model, design), design.targets, design.weights, model.link, model.range);
  const RatingErrors served = rating_errors(model.towers(), small.data);
  CHECK(std::abs(direct.rmse - served.rmse) < 1e-5);
  CHECK(std::abs(direct.mae - served.mae) < 1e-5);
  const std::vector<float> two_scores{1, 3}, two_values{2, 3}, two_weights{3, 1};
  const RatingErrors weighted =
      rating_errors(two_scores, two_values, two_weights, Link::identity, {0, 5});
  CHECK(std::abs(weighted.rmse - std::sqrt(0.75)) < 1e-12);
  CHECK(std::abs(weighted.mae - 0.75) < 1e-12);
}
