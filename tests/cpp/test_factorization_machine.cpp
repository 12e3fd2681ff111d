#include "model/factorization_machine.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Worked by hand: w0 = 2, w = [9, 2], <v_0, v_1> = 6 * 0 + 5 * 8 = 40.
FactorizationMachine golden_machine() {
  return machine(2, {9, 2}, {{6, 5}, {0, 8}});
}
const std::vector<float> golden_scores{298, 266, 29, 298, 848};

// [[6, 1], [2, 3], [3, 0], [6, 1], [4, 5]]
Design golden_design() {
  return plain_design(2, dense_rows({{6, 1}, {2, 3}, {3, 0}, {6, 1}, {4, 5}}),
                      std::vector<float>(5));
}

// The same with a block per column. The first and the fourth row share theirs, the fifth shares a
// column with none.
Design golden_design_in_blocks() {
  Design design;
  design.columns = 2;
  design.targets.resize(5);
  design.blocks = {
      {std::make_shared<const SparseRows>(sparse_rows({{{0, 2}}, {{0, 3}}, {{0, 4}}, {{0, 6}}})),
       {3, 0, 1, 3, 2}},
      {std::make_shared<const SparseRows>(sparse_rows({{{1, 5}}, {{1, 1}}, {{1, 3}}})),
       {1, 2, 3, 1, 0}}};  // row 3 is the empty one: 0
  return design;
}

}  // namespace

TEST_CASE("predictions are those worked out by hand") {
  const FactorizationMachine model = golden_machine();
  const Design design = golden_design();
  CHECK(scores(model, design) == golden_scores);
  for (std::uint32_t k = 0; k < 5; ++k) {
    CHECK(score(model, design.blocks[0].table->row(k)) == golden_scores[k]);
    CHECK(ReferenceMachine(model).score(design.blocks[0].table->row(k)) == golden_scores[k]);
  }
}

TEST_CASE("predictions do not depend on how columns are spread over blocks") {
  CHECK(scores(golden_machine(), golden_design_in_blocks()) == golden_scores);
}

TEST_CASE("the score is the sum over all pairs of columns") {
  for (const std::uint32_t factors : {0u, 1u, 3u, 8u, 17u}) {
    const FactorizationMachine model = random_machine(12, factors, factors + 1);
    const ReferenceMachine reference(model);
    const SparseRows rows = random_rows(40, 12, 0.5, 3);
    const std::vector<float> in_pieces =
        scores(model, plain_design(12, rows, std::vector<float>(40)));
    for (std::uint32_t r = 0; r < 40; ++r) {
      CHECK(std::abs(score(model, rows.row(r)) - reference.score(rows.row(r))) < 1e-10);
      CHECK(std::abs(in_pieces[r] - reference.score(rows.row(r))) < 1e-4);
    }
  }
}

TEST_CASE("an empty row and a row of zeros score as the constant") {
  const FactorizationMachine model = random_machine(3, 4, 1);
  const Design design = plain_design(3, sparse_rows({{}, {{0, 0}, {1, 0}, {2, 0}}}), {0, 0});
  CHECK(scores(model, design) == std::vector<float>{model.constant, model.constant});
  CHECK(score(model, {}) == double{model.constant});
}

TEST_CASE("rows in relational form score as the same rows written out") {
  for (const bool sets : {false, true}) {
    const SmallWorld world = small_world(15, 11, 80, 7);
    const FmData data = world_data(world, {true, true, sets, sets, true});
    REQUIRE(data.train->blocks.size() == 4);
    const FactorizationMachine model = random_machine(data.space, 5, 2);
    const auto relational = scores(model, *data.train),
               flat = scores(model, flattened(*data.train));
    const ReferenceMachine reference(model);
    const Design rows = flattened(*data.train);
    for (std::uint32_t k = 0; k < relational.size(); ++k) {
      const double expected = reference.score(rows.blocks[0].table->row(k));
      CHECK(std::abs(relational[k] - expected) < 1e-4);
      CHECK(std::abs(flat[k] - expected) < 1e-4);
    }
  }
}

TEST_CASE("scores come in bounded pieces") {
  const std::uint32_t rows = 20'000;
  const FactorizationMachine model = random_machine(4, 2, 1);
  const Design design = plain_design(4, random_rows(rows, 4, 0.5, 1), std::vector<float>(rows));
  DesignScores pieces(model, design);
  int calls = 1;
  while (!pieces.advance()) ++calls;
  CHECK(calls > 4);
  CHECK(pieces.advance());
  CHECK(pieces.scores() == scores(model, design));
  CHECK(scores(model, plain_design(4, {}, {})).empty());
}

TEST_CASE("parameters under new column numbers give the same scores") {
  const FactorizationMachine model = random_machine(3, 2, 5);
  const FactorizationMachine moved = model.translated({4, 0, 2}, 6);
  CHECK(moved.columns() == 6);
  const SparseRows before = sparse_rows({{{0, 0.5f}, {1, 2}, {2, -1}}}),
                   after = sparse_rows({{{4, 0.5f}, {0, 2}, {2, -1}}});
  CHECK(score(moved, after.row(0)) == score(model, before.row(0)));
  CHECK(score(moved, sparse_rows({{{1, 1}, {3, 1}, {5, 1}}}).row(0)) == double{model.constant});
  CHECK(moved.range.low == model.range.low);
  CHECK(moved.fold_in.regularization == model.fold_in.regularization);
}

TEST_CASE("a number that is not finite is found wherever it stands") {
  const float bad = std::numeric_limits<float>::quiet_NaN();
  CHECK(random_machine(3, 2, 5).all_finite());
  FactorizationMachine model = random_machine(3, 2, 5);
  model.constant = bad;
  CHECK_FALSE(model.all_finite());
  model = random_machine(3, 2, 5);
  model.linear[2] = std::numeric_limits<float>::infinity();
  CHECK_FALSE(model.all_finite());
  model = random_machine(3, 2, 5);
  model.factors.row(2)[1] = -bad;
  CHECK_FALSE(model.all_finite());
}

TEST_CASE("a field is as strong as the root mean square over the columns it uses") {
  FactorizationMachine model(6, 2);
  const ColumnField field{"field", Side::context, 1, 4};
  CHECK(field_strength(model, field).used == 0);
  CHECK(field_strength(model, field).linear == 0);
  model.linear = {100, 3, 0, 0, 1, 100};
  model.factors.row(2)[0] = 3;
  model.factors.row(2)[1] = 4;
  model.factors.row(0)[0] = 100;
  const FieldStrength strength = field_strength(model, field);
  CHECK(strength.used == 3);  // columns 1, 2 and 4
  CHECK(std::abs(strength.linear - std::sqrt(10.0 / 3)) < 1e-12);
  CHECK(std::abs(strength.factors - std::sqrt(25.0 / 3)) < 1e-6);
  CHECK(field_strength(model, {"none", Side::context, 6, 0}).used == 0);
}
