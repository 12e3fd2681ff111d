// Options out of range, targets that are no labels, and what training starts from.
#include "train/fm_options.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "support_fm.h"
#include "train/fm_als.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

Design few_rows(std::vector<float> targets = {1, 5, 3}) {
  return plain_design(4, sparse_rows({{{0, 1}, {1, 2}}, {{1, 1}}, {{0, 1}, {2, 0}}}),
                      std::move(targets));
}

std::string outcome(const std::function<void(FmSgdOptions&)>& change) {
  FmSgdOptions options = plain_fm_options();
  change(options);
  return error_of([&] { make_fm_sgd(options, plain_data(few_rows())); });
}

std::string labels(std::vector<float> targets) {
  return error_of([&] { require_labels(targets, "ratings"); });
}

FactorizationMachine begun(const FmSgdOptions& options, const FmData& data,
                           const FactorizationMachine* start = nullptr) {
  return make_fm(Solver::sgd, options, data, start)->model();
}

}  // namespace

TEST_CASE("options out of range are refused by their name") {
  using Options = FmSgdOptions;
  CHECK(outcome([](Options&) {}) == "nothing");
  CHECK(outcome([](Options& o) { o.factors = 1025; }) == "OUT_OF_RANGE factors");
  CHECK(outcome([](Options& o) { o.epochs = 0; }) == "OUT_OF_RANGE epochs");
  CHECK(outcome([](Options& o) { o.epochs = 100'001; }) == "OUT_OF_RANGE epochs");
  CHECK(outcome([](Options& o) { o.constant_regularization = -1; }) ==
        "OUT_OF_RANGE regularization.constant");
  CHECK(outcome([](Options& o) { o.linear_regularization = 2e6f; }) ==
        "OUT_OF_RANGE regularization.linear");
  CHECK(outcome([](Options& o) { o.factor_regularization = not_a_number; }) ==
        "NOT_FINITE regularization.factors");
  CHECK(outcome([](Options& o) { o.field_penalties = {{"row", -1, 0}}; }) ==
        "OUT_OF_RANGE regularization.fields");
  CHECK(outcome([](Options& o) { o.field_penalties = {{"row", 0, not_a_number}}; }) ==
        "NOT_FINITE regularization.fields");
  CHECK(outcome([](Options& o) { o.field_penalties = {{"column", 1, 1}}; }) ==
        "INVALID_ARGUMENT regularization.fields");
  CHECK(outcome([](Options& o) { o.frequency_scaling = 1.5f; }) == "OUT_OF_RANGE frequencyScaling");
  CHECK(outcome([](Options& o) { o.initial_scale = 11; }) == "OUT_OF_RANGE initialScale");
  CHECK(outcome([](Options& o) { o.value_range = ValueRange{5, 1}; }) == "OUT_OF_RANGE valueRange");
  CHECK(outcome([](Options& o) { o.value_range = ValueRange{0, not_a_number}; }) ==
        "NOT_FINITE valueRange");
  CHECK(outcome([](Options& o) { o.learning_rate = 0; }) == "OUT_OF_RANGE learningRate");
  CHECK(outcome([](Options& o) { o.learning_rate = not_a_number; }) == "NOT_FINITE learningRate");
  CHECK(outcome([](Options& o) { o.learning_rate_decay = 1.1f; }) ==
        "OUT_OF_RANGE learningRateDecay");
  CHECK(outcome([](Options& o) { o.batch_size = 0; }) == "OUT_OF_RANGE batchSize");
  CHECK(outcome([](Options& o) { o.beta1 = 1; }) == "OUT_OF_RANGE beta1");
  CHECK(outcome([](Options& o) { o.beta2 = -0.1f; }) == "OUT_OF_RANGE beta2");
  CHECK(outcome([](Options& o) { o.l1 = -1; }) == "OUT_OF_RANGE l1");
  CHECK(outcome([](Options& o) { o.ftrl_beta = -1; }) == "OUT_OF_RANGE ftrlBeta");
  FmOptions options = plain_fm_options();
  options.factors = 2000;
  CHECK(error_of([&] { make_fm_als(options, plain_data(few_rows())); }) == "OUT_OF_RANGE factors");
}

TEST_CASE("labels are 0 and 1, or -1 and 1") {
  CHECK(labels({0, 1, 1}) == "nothing");
  CHECK(labels({-1, 1, -1}) == "nothing");
  CHECK(labels({1, 1}) == "nothing");
  CHECK(labels({0, 0}) == "nothing");
  CHECK(labels({}) == "nothing");
  for (const std::vector<float>& bad :
       {std::vector<float>{0, 2}, {-1, 0, 1}, {0, 1, -1}, {0.5f}, {not_a_number}, {-2, 1}}) {
    CHECK(labels(bad) == "OUT_OF_RANGE ratings");
  }
}

TEST_CASE("classification refuses other targets, in validation rows too") {
  for (const Solver solver : all_solvers) {
    FmSgdOptions options = plain_fm_options();
    options.task = Task::classification;
    const auto outcome_of = [&](std::vector<float> train, std::vector<float> validation) {
      return error_of([&] {
        make_fm(solver, options,
                plain_data(few_rows(std::move(train)), shared(few_rows(std::move(validation)))));
      });
    };
    CHECK(outcome_of({1, 0, 1}, {-1, 1, -1}) == "nothing");
    CHECK(outcome_of({1, 5, 3}, {1, 0, 1}) == "OUT_OF_RANGE ratings");
    CHECK(outcome_of({1, 0, 1}, {1, 5, 3}) == "OUT_OF_RANGE ratings");
  }
}

TEST_CASE("there has to be something to train on and to validate on") {
  const auto nothing = [] { return plain_design(4, {}, {}); };
  for (const Solver solver : all_solvers) {
    const FmSgdOptions options = plain_fm_options();
    CHECK(error_of([&] { make_fm(solver, options, plain_data(nothing())); }) == "EMPTY data");
    CHECK(error_of([&] { make_fm(solver, options, plain_data(few_rows(), shared(nothing()))); }) ==
          "EMPTY validation");
  }
}

TEST_CASE("training starts from the best constant, no linear part, and small random factors") {
  FmSgdOptions options = plain_fm_options();
  options.initial_scale = 0.1f;
  FmData data = plain_data(few_rows());
  FactorizationMachine model = begun(options, data);
  CHECK(model.constant == 3);
  CHECK(model.linear == std::vector<float>(4));
  CHECK(model.range.low == 1);
  CHECK(model.range.high == 5);
  CHECK(model.link == Link::identity);
  CHECK(model.space.fields.size() == 1);
  for (const std::uint32_t column : {0u, 1u}) {
    for (const float v : model.factors.columns_of(column)) {
      CHECK(v != 0);
      CHECK(std::abs(v) < 0.6f);
    }
  }
  // Column 2 occurs as a zero only, column 3 never: they predict nothing.
  for (const std::uint32_t column : {2u, 3u}) {
    for (const float v : model.factors.columns_of(column)) CHECK(v == 0);
  }

  options.seed = 2;
  CHECK(begun(options, data).factors.row(0)[0] != model.factors.row(0)[0]);
  options.constant = false;
  options.value_range = ValueRange{0, 10};
  CHECK(begun(options, data).constant == 0);
  CHECK(begun(options, data).range.high == 10);
}

TEST_CASE("the first constant of a classification is the log odds of the labels") {
  FmSgdOptions options = plain_fm_options();
  options.task = Task::classification;
  options.value_range = ValueRange{1, 5};  // probabilities, whatever is asked for
  Design design = few_rows({1, -1, 1});
  design.weights = {1, 2, 0.5f};
  const FactorizationMachine model = begun(options, plain_data(design));
  CHECK(std::abs(model.constant - std::log(1.5 / 2)) < 1e-6);
  CHECK(model.link == Link::logistic);
  CHECK(model.range.low == 0);
  CHECK(model.range.high == 1);
  CHECK(std::abs(begun(options, plain_data(few_rows({1, 1, 1}))).constant - std::log(1e6)) < 1e-4);
}

TEST_CASE("a new user is placed under the penalties that the users' field has") {
  const SmallWorld world = small_world(5, 4, 12, 1);
  FmSgdOptions options = plain_fm_options();
  options.frequency_scaling = 0.25f;
  const FactorizationMachine model = begun(options, world_data(world, {}));
  CHECK(model.fold_in.regularization == options.factor_regularization);
  CHECK(model.fold_in.bias_regularization == options.linear_regularization);
  CHECK(model.fold_in.frequency_scaling == 0.25f);
  CHECK(model.fold_in.own_parameters);
  CHECK_FALSE(begun(options, world_data(world, {false, true})).fold_in.own_parameters);
  options.field_penalties = {{"item", 5, 6}, {"user", 7, 8}};
  CHECK(begun(options, world_data(world, {})).fold_in.bias_regularization == 7);
  CHECK(begun(options, world_data(world, {})).fold_in.regularization == 8);
}

TEST_CASE("a field under a penalty of its own is held down alone") {
  const FmData data = world_data(small_world(12, 9, 60, 4), {});
  for (const Solver solver : {Solver::als, Solver::sgd, Solver::adagrad, Solver::adam}) {
    FmSgdOptions options = plain_fm_options();
    options.epochs = 60;
    options.learning_rate = 0.02f;
    const auto strength = [&](const FactorizationMachine& model, const char* field) {
      return field_strength(model, *data.space.find(field));
    };
    const FactorizationMachine plain = trained(solver, options, data);
    options.field_penalties = {{"user", 100, 100}};
    const FactorizationMachine held = trained(solver, options, data);
    CAPTURE(name_of(solver));
    CHECK(strength(held, "user").linear < 0.3 * strength(plain, "user").linear);
    CHECK(strength(held, "item").linear > 0.5 * strength(plain, "item").linear);
  }
}
