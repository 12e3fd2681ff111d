#include "data/features.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "data/row_set.h"
#include "support_fm.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::string outcome(SparseRows rows, std::uint32_t columns = 3) {
  return error_of([&] { validate(rows, columns, "ages"); });
}

std::string message_of(const SparseRows& rows) {
  try {
    validate(rows, 3, "ages");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

RowSet small_row_set() {
  return make_row_set({{"size", {}, 9, 1}, {"colour", {}, 9, 2}},
                      sparse_rows({{{0, 1}, {2, 3}}, {}, {{1, -1}}}), {5, 6, 7}, {1, 0, 2});
}

}  // namespace

TEST_CASE("a row gives its columns and values, and rows behind the last are empty") {
  const SparseRows rows = sparse_rows({{{2, 0.5f}, {0, -1}}, {}, {{1, 3}}});
  CHECK(rows.rows() == 3);
  CHECK(rows.entries() == 3);
  CHECK(entries_of(rows.row(0)) == Entries{{2, 0.5f}, {0, -1}});
  CHECK(entries_of(rows.row(1)).empty());
  CHECK(entries_of(rows.row(2)) == Entries{{1, 3}});
  CHECK(rows.row(3).size() == 0);
  CHECK(rows.row(0xffffffff).size() == 0);
  CHECK(SparseRows().rows() == 0);
  CHECK(SparseRows().row(0).size() == 0);
}

TEST_CASE("a subset has the rows in the order asked for, repeated or empty where asked for") {
  const SparseRows rows = sparse_rows({{{2, 0.5f}, {0, -1}}, {}, {{1, 3}}});
  const SparseRows part = rows.subset(Indices{2, 0, 2, 99, 1});
  REQUIRE(part.rows() == 5);
  CHECK(entries_of(part.row(0)) == Entries{{1, 3}});
  CHECK(entries_of(part.row(1)) == Entries{{2, 0.5f}, {0, -1}});
  CHECK(entries_of(part.row(2)) == Entries{{1, 3}});
  CHECK(part.row(3).size() == 0);
  CHECK(part.row(4).size() == 0);
  CHECK(rows.subset({}).rows() == 0);
}

TEST_CASE("normalized rows sum to one in absolute value, and rows of nothing stay so") {
  const SparseRows rows = sparse_rows({{{2, 0.5f}, {0, -1.5f}}, {}, {{1, 3}}, {{0, 0}, {2, 0}}});
  const SparseRows result = rows.normalized();
  CHECK(entries_of(result.row(0)) == Entries{{2, 0.25f}, {0, -0.75f}});
  CHECK(result.row(1).size() == 0);
  CHECK(entries_of(result.row(2)) == Entries{{1, 1}});
  CHECK(entries_of(result.row(3)) == Entries{{0, 0}, {2, 0}});
  CHECK(rows.row(1).normalizer() == 1);
  // Sums beyond what a float holds, and below what its reciprocal does.
  constexpr float most = std::numeric_limits<float>::max();
  const SparseRows extreme = sparse_rows({{{0, most}, {1, most}}, {{0, 1e-30f}, {1, 3e-30f}}});
  const auto half = extreme.normalized().values;
  CHECK(std::abs(half[2] - 0.25f) < 1e-6f);
  CHECK(std::abs(half[3] - 0.75f) < 1e-6f);
  CHECK(half[0] == half[1]);
  CHECK(std::isfinite(half[0]));
}

TEST_CASE("well-formed rows pass, empty ones and zeros too") {
  CHECK(outcome(sparse_rows({{{2, 0.5f}, {0, 0}}, {}, {{1, 3}}})) == "nothing");
  CHECK(outcome(SparseRows()) == "nothing");
  CHECK(outcome(sparse_rows({{}, {}}), 0) == "nothing");
  // The same column in two rows is no repetition.
  CHECK(outcome(sparse_rows({{{1, 1}}, {{1, 1}}, {{1, 1}}})) == "nothing");
}

TEST_CASE("offsets that do not ascend from zero to the number of entries are refused") {
  for (const Indices& offsets : {Indices{}, Indices{1, 2}, Indices{0, 1}, Indices{0, 3},
                                 Indices{0, 2, 1, 2}, Indices{0, 0xffffffff, 2}}) {
    CHECK(outcome({offsets, {0, 1}, {1, 1}}) == "SIZE_MISMATCH ages");
  }
  CHECK(outcome({{0, 2}, {0, 1}, {1}}) == "SIZE_MISMATCH ages");
  CHECK(outcome({{0, 2}, {0, 1}, {1, 1, 1}}) == "SIZE_MISMATCH ages");
  CHECK(outcome({{0, 0, 2, 2}, {0, 1}, {1, 1}}) == "nothing");
}

TEST_CASE("columns that are not there, numbers that are none, and repetitions are refused") {
  CHECK(outcome(sparse_rows({{{0, 1}}, {{3, 1}}})) == "OUT_OF_RANGE ages");
  CHECK(outcome(sparse_rows({{{0xffffffff, 1}}})) == "OUT_OF_RANGE ages");
  CHECK(outcome(sparse_rows({{{0, 1}}}), 0) == "OUT_OF_RANGE ages");
  for (const float bad : {not_a_number, infinity, -infinity}) {
    CHECK(outcome(sparse_rows({{{0, 1}, {1, bad}}})) == "NOT_FINITE ages");
  }
  CHECK(outcome(sparse_rows({{{1, 1}}, {{1, 2}, {0, 1}, {1, 2}}})) == "DUPLICATE ages");
}

TEST_CASE("the message names row and column") {
  CHECK(message_of(sparse_rows({{}, {{7, 1}}})).find("row 1 has column 7") != std::string::npos);
  CHECK(message_of(sparse_rows({{}, {{2, infinity}}})).find("row 1, column 2") !=
        std::string::npos);
  CHECK(message_of(sparse_rows({{{0, 1}, {0, 1}}})).find("row 0 has column 0 twice") !=
        std::string::npos);
}

TEST_CASE("plain rows lay their fields side by side") {
  const RowSet set = small_row_set();
  CHECK(set.columns() == 3);
  CHECK(set.has_targets);
  CHECK(set.fields[0].begin == 0);
  CHECK(set.fields[1].begin == 1);
  CHECK(set.fields[1].side == Side::context);
  const Design design = make_design(set, 5);
  CHECK(design.columns == 5);
  CHECK(design.size() == 3);
  CHECK(design.weight(2) == 2);
  CHECK(entries_of(design.blocks[0].table->row(design.blocks[0].row_of(2))) == Entries{{1, -1}});
}

TEST_CASE("rows without targets can only be predicted, and count as targets of zero") {
  const RowSet set = make_row_set({{"a", {}, 0, 2}}, sparse_rows({{{0, 1}}, {}}), {}, {});
  CHECK_FALSE(set.has_targets);
  CHECK(set.targets == std::vector<float>{0, 0});
}

TEST_CASE("a part of plain rows keeps targets and weights beside them") {
  const RowSet part = subset(small_row_set(), Indices{2, 0});
  CHECK(part.rows->rows() == 2);
  CHECK(entries_of(part.rows->row(0)) == Entries{{1, -1}});
  CHECK(part.targets == std::vector<float>{7, 5});
  CHECK(part.weights == std::vector<float>{2, 1});
  CHECK(part.fields.size() == 2);
}

TEST_CASE("plain rows that contradict themselves are refused by the name of what is wrong") {
  const auto outcome_of = [](std::vector<ColumnField> fields, std::vector<float> targets,
                             std::vector<float> weights) {
    return error_of([&] {
      make_row_set(std::move(fields), sparse_rows({{{0, 1}}, {{1, 1}}}), std::move(targets),
                   std::move(weights));
    });
  };
  const std::vector<ColumnField> fields{{"a", {}, 0, 1}, {"b", {}, 0, 1}};
  CHECK(outcome_of(fields, {1, 2}, {1, 1}) == "nothing");
  CHECK(outcome_of({{"a", {}, 0, 1}, {"a", {}, 0, 1}}, {1, 2}, {}) == "INVALID_ARGUMENT fields");
  CHECK(outcome_of({{"", {}, 0, 2}}, {1, 2}, {}) == "INVALID_ARGUMENT fields");
  CHECK(outcome_of({{"a", {}, 0, 1}}, {1, 2}, {}) == "OUT_OF_RANGE indices");
  CHECK(outcome_of({}, {1, 2}, {}) == "OUT_OF_RANGE indices");
  CHECK(outcome_of({{"a", {}, 0, 0xfffffffe}, {"b", {}, 0, 0xfffffffe}}, {1, 2}, {}) ==
        "OUT_OF_RANGE columns");
  CHECK(outcome_of(fields, {1}, {}) == "SIZE_MISMATCH targets");
  CHECK(outcome_of(fields, {1, not_a_number}, {}) == "NOT_FINITE targets");
  CHECK(outcome_of(fields, {1, -infinity}, {}) == "NOT_FINITE targets");
  CHECK(outcome_of(fields, {1, 2}, {1}) == "SIZE_MISMATCH weights");
  CHECK(outcome_of(fields, {1, 2}, {1, infinity}) == "NOT_FINITE weights");
  CHECK(outcome_of(fields, {1, 2}, {1, -1}) == "OUT_OF_RANGE weights");
}

TEST_CASE("rows with more columns than the model are refused") {
  CHECK(error_of([] { make_design(small_row_set(), 2); }) == "SIZE_MISMATCH rows");
}
