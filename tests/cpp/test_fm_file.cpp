// A factorization machine as a model file.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <list>

#include "io/model_file.h"
#include "model/posterior_prediction.h"
#include "rank/fold_in.h"
#include "support_fm.h"
#include "support_gibbs.h"
#include "support_hybrid.h"
#include "train/fm_vb.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr const char* refused = "MALFORMED_FILE bytes";
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

constexpr std::uint32_t users = 7, items = 5, factors = 3;

ModelFile full_model() {
  SmallWorld world = small_world(users, items, 20, 4);
  world.features[1].name = "genre \"\xc3\xa9\"";
  ModelFile file;
  file.family = "fm";
  FactorizationMachine model = random_machine(world.space(everything), factors, 1);
  model.range = {1, 5};
  file.model = std::move(model);
  file.seen = world.seen;
  file.user_ids = R"(["ann","bob",3])";
  file.item_ids = R"(["x"])";
  file.options = R"({"model":"fm","seed":1})";
  file.features = R"([{"name":"age"}])";
  return file;
}

// Of plain rows: fields, but nobody and nothing in tables.
ModelFile rows_model(std::uint32_t rows_factors = 4) {
  ModelFile file;
  file.family = "fm";
  FactorizationMachine model = random_machine(6, rows_factors, 2);
  model.space.fields = {{"size", Side::context, 0, 1}, {"colour", Side::context, 1, 5}};
  model.link = Link::logistic;
  model.range = {0, 1};
  model.fold_in.user_bias = false;
  model.fold_in.own_parameters = false;
  file.model = std::move(model);
  return file;
}

// Four samples of two factors, of users, items and contexts in eight fields.
ModelFile sampled_model(Task task = Task::ordinal, std::uint32_t sample_factors = 2) {
  FmGibbsOptions options = gibbs_options(task);
  options.factors = sample_factors;
  options.samples = 8;
  const SmallWorld world = gibbs_world(task);
  ModelFile file;
  file.family = "fm";
  file.model = sampled(options, world_data(world, everything));
  file.seen = world.seen;
  return file;
}

// Users and items with features, trained to rank by likes from 4 on.
ModelFile hybrid_model(StepRule steps = StepRule::adagrad) {
  const SmallWorld world = small_world(users, items, 20, 4);
  HybridOptions options;
  options.factors = 3;
  options.epochs = 2;
  options.steps = steps;
  options.max_sampled = 7;
  options.kth = 2;
  options.positives = 4;
  options.user_regularization = 0.125f;
  options.positive_from = 4.0f;
  ModelFile file;
  file.family = "hybrid";
  file.model =
      trained_hybrid(options, hybrid_data(shared(world.data), std::span(world.features).first(2)));
  file.seen = world.seen;
  return file;
}

std::vector<std::byte> written(const ModelFile& file) {
  return write_model(file, {file.user_ids, file.item_ids});
}

void check_same_rows(const SparseRows& a, const SparseRows& b) {
  CHECK(a.offsets == b.offsets);
  CHECK(a.columns == b.columns);
  CHECK(a.values == b.values);
}

void check_same(const ModelFile& a, const ModelFile& b) {
  CHECK(a.family == b.family);
  CHECK(a.options == b.options);
  CHECK(a.features == b.features);
  CHECK(a.user_ids == b.user_ids);
  CHECK(a.item_ids == b.item_ids);
  CHECK(a.seen.offsets == b.seen.offsets);
  CHECK(a.seen.items == b.seen.items);
  CHECK(a.users() == b.users());
  CHECK(a.items() == b.items());
  const FactorizationMachine &one = a.fm(), &two = b.fm();
  CHECK(parameters(one) == parameters(two));
  CHECK(one.factors.columns() == two.factors.columns());
  CHECK(one.link == two.link);
  CHECK(one.range.low == two.range.low);
  CHECK(one.range.high == two.range.high);
  CHECK(one.fold_in.regularization == two.fold_in.regularization);
  CHECK(one.fold_in.bias_regularization == two.fold_in.bias_regularization);
  CHECK(one.fold_in.frequency_scaling == two.fold_in.frequency_scaling);
  CHECK(one.fold_in.user_bias == two.fold_in.user_bias);
  CHECK(one.fold_in.own_parameters == two.fold_in.own_parameters);
  REQUIRE(one.space.fields.size() == two.space.fields.size());
  for (std::size_t g = 0; g < one.space.fields.size(); ++g) {
    const ColumnField &x = one.space.fields[g], &y = two.space.fields[g];
    CHECK(x.name == y.name);
    CHECK(x.side == y.side);
    CHECK(x.begin == y.begin);
    CHECK(x.columns == y.columns);
  }
  check_same_rows(*one.space.users, *two.space.users);
  check_same_rows(*one.space.items, *two.space.items);
  CHECK(one.space.days == two.space.days);
  CHECK(one.space.units_per_day == two.space.units_per_day);
}

void check_same_posterior(const Posterior& a, const Posterior& b) {
  const auto same = [](const Matrix& x, const Matrix& y) {
    return x.rows() == y.rows() && x.columns() == y.columns() &&
           std::ranges::equal(x.storage(), y.storage());
  };
  CHECK(a.task == b.task);
  CHECK(a.factors == b.factors);
  CHECK(a.constants == b.constants);
  CHECK(same(a.linear, b.linear));
  CHECK(a.noise == b.noise);
  CHECK(a.penalties == b.penalties);
  CHECK(a.classes == b.classes);
  CHECK(same(a.cutpoints, b.cutpoints));
  CHECK(a.chain.constant == b.chain.constant);
  CHECK(a.chain.linear == b.chain.linear);
  CHECK(same(a.chain.factors, b.chain.factors));
  CHECK(a.chain.priors == b.chain.priors);
  CHECK(a.chain.cutpoints == b.chain.cutpoints);
  CHECK(std::ranges::equal(a.chain.random.words, b.chain.random.words));
  CHECK(a.chain.random.has_spare == b.chain.random.has_spare);
  if (a.chain.random.has_spare) CHECK(a.chain.random.spare == b.chain.random.spare);
  CHECK(a.chain.sweeps == b.chain.sweeps);
}

// The tensors of the full model, to leave out, replace and damage before the file is read.
class Draft {
 public:
  explicit Draft(const ModelFile& file = full_model())
      : bytes_(written(file)), content_(read_safetensors(bytes_)) {}
  Draft(const Draft&) = delete;  // tensors point into its lists

  template <class T>
  Draft& put(const std::string& name, const char* dtype, std::vector<T> values) {
    without(name);
    auto& kept = bytes_of_.emplace_back();
    const auto bytes = std::as_bytes(std::span(values));
    kept.assign(bytes.begin(), bytes.end());
    content_.tensors.push_back({name, dtype, {values.size()}, kept});
    return *this;
  }
  Draft& floats(const std::string& name, std::vector<float> values) {
    return put(name, "F32", std::move(values));
  }
  Draft& indices(const std::string& name, Indices values) {
    return put(name, "U32", std::move(values));
  }
  Draft& days(std::vector<double> values) { return put("days", "F64", std::move(values)); }
  Draft& doubles(const std::string& name, std::vector<double> values) {
    return put(name, "F64", std::move(values));
  }
  Draft& matrix(const std::string& name, std::uint64_t rows, std::uint64_t columns,
                float value = 1) {
    return floats(name, std::vector<float>(static_cast<std::size_t>(rows * columns), value))
        .shape(name, {rows, columns});
  }
  Draft& metadata(const std::string& key, const std::string& value) {
    std::erase_if(content_.metadata, [&](const auto& entry) { return entry.key == key; });
    content_.metadata.push_back({key, value});
    return *this;
  }
  Draft& without(const std::string& name) {
    std::erase_if(content_.tensors, [&](const Tensor& tensor) { return tensor.name == name; });
    std::erase_if(content_.metadata, [&](const auto& entry) { return entry.key == name; });
    return *this;
  }
  Draft& rename(const std::string& name, const std::string& other) {
    std::ranges::find(content_.tensors, name, &Tensor::name)->name = other;
    return *this;
  }
  Draft& shape(const std::string& name, std::vector<std::uint64_t> shape) {
    std::ranges::find(content_.tensors, name, &Tensor::name)->shape = std::move(shape);
    return *this;
  }

  std::string outcome() const {
    return error_of([this] { read_model(write_safetensors(content_)); });
  }

 private:
  std::vector<std::byte> bytes_;
  TensorFile content_;
  std::list<std::vector<std::byte>> bytes_of_;
};

}  // namespace

TEST_CASE("a factorization machine is read back as it was written, bit for bit") {
  for (const ModelFile& file : {full_model(), rows_model(), rows_model(0)}) {
    const ModelFile read = read_model(written(file));
    REQUIRE(read.is_fm());
    check_same(file, read);
    CHECK(written(read) == written(file));
  }
}

TEST_CASE("a machine from a file scores and serves as before") {
  const ModelFile file = full_model();
  const ModelFile read = read_model(written(file));
  const SmallWorld world = small_world(users, items, 20, 4);
  const auto design = [&](const ModelFile& of) {
    return make_design(of.fm().space, world.data, world.features);
  };
  CHECK(scores(read.fm(), design(read)) == scores(file.fm(), design(file)));
  const Towers before = file.fm().towers(), after = read.fm().towers();
  CHECK(std::ranges::equal(before.users.storage(), after.users.storage()));
  CHECK(std::ranges::equal(before.items.storage(), after.items.storage()));
  CHECK(before.user_offsets == after.user_offsets);
}

TEST_CASE("plain rows may have a field called day") {
  ModelFile file = rows_model();
  auto& model = std::get<FactorizationMachine>(file.model);
  model.space.fields[1].name = "day";
  check_same(file, read_model(written(file)));
}

TEST_CASE("days in milliseconds keep their unit") {
  ModelFile file = full_model();
  std::get<FactorizationMachine>(file.model).space.units_per_day = 86'400'000;
  CHECK(read_model(written(file)).fm().space.units_per_day == 86'400'000);
}

TEST_CASE("a model of very many fields is not written") {
  ModelFile file = rows_model();
  auto& model = std::get<FactorizationMachine>(file.model);
  model = random_machine(301, 1, 1);
  model.space.fields.clear();
  for (std::uint32_t g = 0; g < 300; ++g) {
    model.space.fields.push_back({joined({"f", g}), Side::context, g, g == 299 ? 2u : 1u});
  }
  CHECK(read_model(written(file)).fm().space.fields.size() == 300);
  model.space.fields.back().columns = 1;
  model.space.fields.push_back({"one more", Side::context, 300, 1});
  CHECK(error_of([&] { written(file); }) == "OUT_OF_RANGE fields");
}

TEST_CASE("a machine without one of its tensors is refused") {
  CHECK(Draft().outcome() == "nothing");
  for (const char* name :
       {"factors", "linear", "constant", "user_row_offsets", "user_row_columns", "user_row_values",
        "item_row_offsets", "item_row_columns", "item_row_values", "seen_offsets", "seen_items"}) {
    CAPTURE(name);
    CHECK(Draft().without(name).outcome() == refused);
  }
  for (const char* name : {"value_range", "fold_in", "user_ids", "item_ids", "options", "features",
                           "link", "user_bias"}) {
    CAPTURE(name);
    CHECK(Draft().without(name).outcome() == "nothing");
  }
  for (const char* name : {"fields", "field_0_name", "field_0_columns", "units_per_day"}) {
    CAPTURE(name);
    CHECK(Draft().without(name).outcome() == refused);
  }
}

TEST_CASE("tensors of a machine of another length or type are refused") {
  for (const char* name : {"linear", "constant", "user_row_values", "item_row_values"}) {
    CAPTURE(name);
    CHECK(Draft().floats(name, {}).outcome() == refused);
    CHECK(Draft().floats(name, {1, 2, 3}).outcome() == refused);
    CHECK(Draft().indices(name, {1}).outcome() == refused);
  }
  for (const char* name : {"user_row_offsets", "item_row_columns"}) {
    CAPTURE(name);
    CHECK(Draft().indices(name, {}).outcome() == refused);
    CHECK(Draft().floats(name, {0}).outcome() == refused);
  }
  CHECK(Draft().floats("factors", {1, 2, 3}).outcome() == refused);
  CHECK(Draft().floats("factors", {}).shape("factors", {0, 3}).outcome() == refused);
  CHECK(Draft().floats("factors", {}).shape("factors", {1u << 27, 0}).outcome() == refused);
  CHECK(Draft().floats("days", {0, 1}).outcome() == refused);
}

TEST_CASE("fields that do not add up to the columns are refused") {
  const auto outcome = [](const char* key, const char* value) {
    return Draft().metadata(key, value).outcome();
  };
  CHECK(outcome("field_0_columns", "7") == "nothing");
  CHECK(outcome("field_0_columns", "6") == refused);
  CHECK(outcome("field_0_columns", "8") == refused);
  CHECK(outcome("field_0_columns", "4294967295") == refused);
  CHECK(outcome("field_0_columns", "4294967303") == refused);  // 7 in 32 bits
  CHECK(outcome("fields", "7") == refused);
  CHECK(outcome("fields", "9") == refused);
  CHECK(outcome("fields", "0") == refused);
  CHECK(outcome("fields", "4294967295") == refused);
  for (const char* bad : {"-7", "+7", "7.0", "7x", " 7", "", "0x7"}) {
    CHECK(outcome("field_0_columns", bad) == refused);
  }
}

TEST_CASE("fields need a name of their own and a side there is") {
  CHECK(Draft().metadata("field_1_name", "user").outcome() == refused);
  CHECK(Draft().metadata("field_1_name", "").outcome() == refused);
  CHECK(Draft().metadata("field_1_name", "anything").outcome() == "nothing");
  CHECK(Draft().metadata("field_1_side", "outside").outcome() == refused);
}

TEST_CASE("rows of users and items that contradict the columns are refused") {
  const auto rows = [](Indices offsets, Indices columns, std::vector<float> values) {
    return Draft()
        .without("seen_offsets")
        .without("seen_items")
        .indices("user_row_offsets", std::move(offsets))
        .indices("user_row_columns", std::move(columns))
        .floats("user_row_values", std::move(values))
        .outcome();
  };
  CHECK(rows({0, 2, 3}, {0, 1, 1}, {1, 2, 3}) == "nothing");
  CHECK(rows({0}, {}, {}) == "nothing");
  CHECK(rows({}, {}, {}) == refused);
  CHECK(rows({0, 2, 3}, {0, 1, 0xffffffff}, {1, 2, 3}) == refused);
  CHECK(rows({0, 2, 3}, {0, 1, 999}, {1, 2, 3}) == refused);
  CHECK(rows({0, 2, 3}, {1, 1, 1}, {1, 2, 3}) == refused);
  CHECK(rows({0, 2, 4}, {0, 1, 1}, {1, 2, 3}) == refused);
  CHECK(rows({0, 2, 2}, {0, 1, 1}, {1, 2, 3}) == refused);
  CHECK(rows({1, 2, 3}, {0, 1, 1}, {1, 2, 3}) == refused);
  CHECK(rows({0, 3, 2, 3}, {0, 1, 1}, {1, 2, 3}) == refused);
  CHECK(rows({0, 2, 3}, {0, 1, 1}, {1, 2}) == refused);
  for (const float bad : {not_a_number, infinity, -infinity}) {
    CHECK(rows({0, 2, 3}, {0, 1, 1}, {1, 2, bad}) == refused);
  }
}

TEST_CASE("parameters of a machine that are not finite are refused") {
  for (const float bad : {not_a_number, infinity, -infinity}) {
    CHECK(Draft().floats("constant", {bad}).outcome() == refused);
    ModelFile file = full_model();
    auto& model = std::get<FactorizationMachine>(file.model);
    model.linear[2] = bad;
    CHECK(Draft(file).outcome() == refused);
    file = full_model();
    std::get<FactorizationMachine>(file.model).factors.row(2)[1] = bad;
    CHECK(Draft(file).outcome() == refused);
  }
}

TEST_CASE("days that do not fit their field are refused") {
  const std::vector<double> days = full_model().fm().space.days;
  REQUIRE(days.size() >= 3);
  auto fewer = days, more = days, bad = days;
  fewer.pop_back();
  more.push_back(99);
  bad[1] = std::numeric_limits<double>::infinity();
  CHECK(Draft().days(days).outcome() == "nothing");
  CHECK(Draft().days(fewer).outcome() == refused);
  CHECK(Draft().days(more).outcome() == refused);
  CHECK(Draft().days(bad).outcome() == refused);
  CHECK(Draft(rows_model()).days({1, 2}).outcome() == refused);  // there is no such field
  CHECK(Draft().metadata("units_per_day", "0").outcome() == refused);
  CHECK(Draft().metadata("units_per_day", "-1").outcome() == refused);
}

TEST_CASE("the tensors of one family do not make a model of another") {
  CHECK(Draft().metadata("family", "mf").outcome() == refused);
  CHECK(Draft().metadata("family", "fmm").outcome() == refused);
  CHECK(Draft().rename("factors", "user_factors").outcome() == refused);
  CHECK(Draft().metadata("link", "logistic").outcome() == "nothing");
  CHECK(Draft().metadata("link", "logistic").floats("value_range", {1, 1}).outcome() == refused);
}

TEST_CASE("a file of a machine that was cut short is refused at any length") {
  for (const ModelFile& file : {full_model(), rows_model()}) {
    const std::vector<std::byte> bytes = written(file);
    for (std::size_t size = 0; size < bytes.size(); size += 64) {
      CHECK(error_of([&] { read_model(std::span(bytes).first(size)); }) == refused);
    }
    CHECK(error_of([&] { read_model(std::span(bytes).first(bytes.size() - 1)); }) == refused);
  }
}

TEST_CASE("random damage to the file of a machine never does more than being refused") {
  const std::vector<std::byte> file = written(full_model());
  const SmallWorld world = small_world(users + 1, items + 1, 20, 4);
  Random random(78);
  int accepted = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto damaged = damaged_copy(file, random);
    try {
      const ModelFile read = read_model(damaged);
      ++accepted;
      REQUIRE(read.is_fm());
      REQUIRE(read.fm().all_finite());
      const Towers towers = read.fm().towers();
      REQUIRE(towers.users.rows() == read.users());
      const Design design = make_design(read.fm().space, world.data, world.features);
      REQUIRE(scores(read.fm(), design).size() == 20);
      describe(read.fm().space, Side::user, {}, Indices{0});
    } catch (const Error& error) {
      REQUIRE(error.code() == ErrorCode::malformed_file);
    }
  }
  CHECK(accepted > 100);  // damage within the numbers alone leaves a model
}

TEST_CASE("a sampled machine is read back as it was written, bit for bit") {
  for (const Task task : all_tasks) {
    for (const std::uint32_t sample_factors : {0u, 2u}) {
      const ModelFile file = sampled_model(task, sample_factors);
      const ModelFile read = read_model(written(file));
      check_same(file, read);
      REQUIRE(read.fm().posterior);
      check_same_posterior(*file.fm().posterior, *read.fm().posterior);
      CHECK(written(read) == written(file));
    }
  }
}

TEST_CASE("a left over draw is kept in the file, and none where there is none") {
  ModelFile file = sampled_model();
  for (const bool spare : {false, true}) {
    auto& model = std::get<FactorizationMachine>(file.model);
    Posterior posterior = *model.posterior;
    posterior.chain.random.has_spare = spare;
    posterior.chain.random.spare = spare ? -0.75 : 0;
    model.posterior = std::make_shared<const Posterior>(posterior);
    check_same_posterior(*read_model(written(file)).fm().posterior, posterior);
  }
}

TEST_CASE("a machine without samples is read as a machine of a single point") {
  CHECK(!read_model(written(full_model())).fm().posterior);
}

TEST_CASE("cutpoints that meet in single precision do not spoil a file") {
  // Of a class that hardly ever occurs: apart as doubles, in the chain, but not as floats.
  ModelFile file = sampled_model();
  auto& model = std::get<FactorizationMachine>(file.model);
  Posterior posterior = *model.posterior;
  posterior.cutpoints.row(0)[1] = posterior.cutpoints.row(0)[0];
  model.posterior = std::make_shared<const Posterior>(posterior);
  check_same_posterior(*read_model(written(file)).fm().posterior, posterior);
}

TEST_CASE("a sampled machine without one of its tensors is refused") {
  const ModelFile file = sampled_model();
  CHECK(Draft(file).outcome() == "nothing");
  for (const char* name :
       {"posterior_constants", "posterior_noise", "posterior_penalties", "posterior_cutpoints",
        "classes", "chain_constant", "chain_linear", "chain_factors", "chain_priors",
        "chain_cutpoints", "chain_random", "chain_spare", "task", "sweeps"}) {
    CAPTURE(name);
    CHECK(Draft(file).without(name).outcome() == refused);
  }
}

TEST_CASE("tensors of samples of another length or type are refused") {
  const ModelFile file = sampled_model();
  for (const char* name : {"posterior_constants", "posterior_noise", "posterior_penalties",
                           "classes", "chain_constant", "chain_linear"}) {
    CAPTURE(name);
    CHECK(Draft(file).floats(name, {}).outcome() == refused);
    CHECK(Draft(file).floats(name, {1, 2}).outcome() == refused);
    CHECK(Draft(file).indices(name, {1}).outcome() == refused);
  }
  for (const char* name : {"chain_priors", "chain_cutpoints"}) {
    CAPTURE(name);
    CHECK(Draft(file).doubles(name, {}).outcome() == refused);
    CHECK(Draft(file).doubles(name, {1, 2}).outcome() == refused);
    CHECK(Draft(file).floats(name, {1}).outcome() == refused);
  }
  for (const char* name : {"posterior_linear", "posterior_cutpoints", "chain_factors"}) {
    CAPTURE(name);
    CHECK(Draft(file).matrix(name, 1, 4).outcome() == refused);
    CHECK(Draft(file).matrix(name, 0, 4).outcome() == refused);
    CHECK(Draft(file).matrix(name, 4, 1).outcome() == refused);
  }
  // Samples that do not divide the factors; none at all.
  const std::uint64_t columns = file.fm().columns();
  for (const std::uint64_t samples : {0u, 3u, 5u}) {
    CHECK(Draft(file)
              .matrix("posterior_linear", columns, samples)
              .floats("posterior_constants", std::vector<float>(static_cast<std::size_t>(samples)))
              .floats("posterior_noise", std::vector<float>(static_cast<std::size_t>(samples)))
              .floats("posterior_penalties", std::vector<float>(static_cast<std::size_t>(samples)))
              .outcome() == refused);
  }
  CHECK(Draft(file).put<std::uint64_t>("chain_random", "U64", {1, 2, 3}).outcome() == refused);
  CHECK(Draft(file).put<std::uint64_t>("chain_random", "U64", {1, 2, 3, 4, 5}).outcome() ==
        refused);
  CHECK(Draft(file).doubles("chain_random", {1, 2, 3, 4}).outcome() == refused);
  CHECK(Draft(file).doubles("chain_spare", {1, 2}).outcome() == refused);
}

TEST_CASE("variances that do not fit the model are refused") {
  ModelFile file;
  file.family = "fm";
  FmVbOptions options;
  options.factors = options.epochs = 2;
  const auto trainer = make_fm_vb(options, world_data(gibbs_world(Task::regression), everything));
  run(*trainer);
  file.model = trainer->model();
  CHECK(Draft(file).outcome() == "nothing");
  CHECK(written(read_model(written(file))) == written(file));
  for (const char* name :
       {"variance_constant", "variance_linear", "variational_priors", "variational_noise"}) {
    CAPTURE(name);
    CHECK(Draft(file).without(name).outcome() == refused);
  }
  CHECK(Draft(file).without("variance_factors").outcome() == refused);  // and no chain
  for (const char* name : {"variance_constant", "variance_linear"}) {
    CAPTURE(name);
    CHECK(Draft(file).floats(name, {}).outcome() == refused);
    CHECK(Draft(file).floats(name, {1, 2}).outcome() == refused);
    CHECK(Draft(file).indices(name, {1}).outcome() == refused);
  }
  for (const float bad : {not_a_number, infinity, -1.0f}) {
    CHECK(Draft(file).floats("variance_constant", {bad}).outcome() == refused);
  }
  CHECK(Draft(file).matrix("variance_factors", 1, 2).outcome() == refused);
  CHECK(Draft(file).doubles("variational_priors", {1, 0}).outcome() == refused);
  for (const double bad : {-1.0, 0.0, double{infinity}}) {
    CHECK(Draft(file).doubles("variational_noise", {1, bad}).outcome() == refused);
    CHECK(Draft(file).doubles("variational_noise", {bad, 1}).outcome() == refused);
  }
  CHECK(Draft(file).doubles("variational_noise", {1}).outcome() == refused);
  Random random(3);
  std::size_t accepted = 0;
  for (int trial = 0; trial < 400; ++trial) {
    try {
      const ModelFile read = read_model(damaged_copy(written(file), random));
      if (read.is_fm()) ++accepted;
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::malformed_file);
    }
  }
  CHECK(accepted > 0);
}

TEST_CASE("numbers that no chain can have are refused") {
  const ModelFile file = sampled_model();
  const Posterior& posterior = *file.fm().posterior;
  for (const float bad : {not_a_number, infinity, -infinity}) {
    CAPTURE(bad);
    for (const char* name : {"posterior_constants", "posterior_noise", "posterior_penalties"}) {
      CHECK(Draft(file).floats(name, {1, 1, bad, 1}).outcome() == refused);
    }
    CHECK(Draft(file).floats("chain_constant", {bad}).outcome() == refused);
    std::vector<float> linear = posterior.chain.linear;
    linear[3] = bad;
    CHECK(Draft(file).floats("chain_linear", linear).outcome() == refused);
    std::vector<double> priors = posterior.chain.priors;
    priors[3] = bad;
    CHECK(Draft(file).doubles("chain_priors", priors).outcome() == refused);
    CHECK(Draft(file).doubles("chain_spare", {bad}).outcome() == refused);
    std::vector<double> cutpoints = posterior.chain.cutpoints;
    cutpoints.back() = bad;
    CHECK(Draft(file).doubles("chain_cutpoints", cutpoints).outcome() == refused);
    std::vector<float> classes = posterior.classes;
    classes.back() = bad;
    CHECK(Draft(file).floats("classes", classes).outcome() == refused);
    CHECK(Draft(file).matrix("posterior_linear", file.fm().columns(), 4, bad).outcome() == refused);
    CHECK(Draft(file).matrix("chain_factors", file.fm().columns(), 2, bad).outcome() == refused);
  }
  CHECK(Draft(file).floats("posterior_noise", {1, 1, -1, 1}).outcome() == refused);
  CHECK(Draft(file).floats("posterior_penalties", {1, 1, -1, 1}).outcome() == refused);
  std::vector<double> priors = posterior.chain.priors;
  priors[2] = 0;
  CHECK(Draft(file).doubles("chain_priors", priors).outcome() == refused);
  priors[2] = -1;
  CHECK(Draft(file).doubles("chain_priors", priors).outcome() == refused);
  std::vector<double> cutpoints = posterior.chain.cutpoints;
  std::swap(cutpoints[0], cutpoints[1]);
  CHECK(Draft(file).doubles("chain_cutpoints", cutpoints).outcome() == refused);
  cutpoints[0] = cutpoints[1];
  CHECK(Draft(file).doubles("chain_cutpoints", cutpoints).outcome() == refused);
  std::vector<float> classes = posterior.classes;
  std::swap(classes[0], classes[1]);
  CHECK(Draft(file).floats("classes", classes).outcome() == refused);
  classes[0] = classes[1];
  CHECK(Draft(file).floats("classes", classes).outcome() == refused);
  Matrix descending = posterior.cutpoints;
  std::swap(descending.row(1)[0], descending.row(1)[1]);
  ModelFile other = file;
  Posterior damaged = posterior;
  damaged.cutpoints = descending;
  std::get<FactorizationMachine>(other.model).posterior =
      std::make_shared<const Posterior>(damaged);
  CHECK(Draft(other).outcome() == refused);
  CHECK(Draft(file).put<std::uint64_t>("chain_random", "U64", {0, 0, 0, 0}).outcome() == refused);
}

TEST_CASE("classes are there for the ordered task alone") {
  CHECK(Draft(sampled_model()).metadata("task", "regression").outcome() == refused);
  CHECK(Draft(sampled_model()).metadata("task", "ranking").outcome() == refused);
  CHECK(Draft(sampled_model()).metadata("sweeps", "-1").outcome() == refused);
  CHECK(Draft(sampled_model()).metadata("sweeps", "many").outcome() == refused);
  const ModelFile file = sampled_model(Task::regression);
  CHECK(Draft(file).metadata("task", "classification").outcome() == "nothing");
  CHECK(Draft(file).metadata("task", "ordinal").outcome() == refused);
  CHECK(Draft(file).floats("classes", {1, 2}).outcome() == refused);
}

TEST_CASE("a file of a sampled machine that was cut short is refused at any length") {
  const std::vector<std::byte> bytes = written(sampled_model());
  for (std::size_t size = 0; size < bytes.size(); size += 64) {
    CHECK(error_of([&] { read_model(std::span(bytes).first(size)); }) == refused);
  }
  CHECK(error_of([&] { read_model(std::span(bytes).first(bytes.size() - 1)); }) == refused);
}

TEST_CASE("random damage to the file of a sampled machine never does more than being refused") {
  const std::vector<std::byte> file = written(sampled_model());
  const FmData data = world_data(gibbs_world(Task::ordinal), everything);
  Random random(79);
  int accepted = 0;
  for (int round = 0; round < 600; ++round) {
    const auto damaged = damaged_copy(file, random);
    try {
      const ModelFile read = read_model(damaged);
      ++accepted;
      REQUIRE(read.fm().all_finite());
      if (!read.fm().posterior) continue;
      const Towers towers = read.fm().towers();
      const SampleTowers samples(read.fm(), towers);
      std::vector<float> found(samples.samples());
      samples.scores(samples.user(1), 1, found);
      PosteriorAverage average(read.fm());
      average.predict(found);
      // The chain goes on, or says why it does not.
      FmGibbsOptions options = gibbs_options(read.fm().posterior->task);
      options.burn_in = 0;
      options.samples = 1;
      try {
        sampled(options, data, &read.fm());
      } catch (const Error& error) {
        CHECK(error.code() != ErrorCode::malformed_file);
      }
    } catch (const Error& error) {
      REQUIRE(error.code() == ErrorCode::malformed_file);
    }
  }
  CHECK(accepted > 30);
}

TEST_CASE("a hybrid model is read back with its pairs, its rule for newcomers and its memory") {
  for (const StepRule steps : {StepRule::adagrad, StepRule::adadelta}) {
    const ModelFile file = hybrid_model(steps);
    const ModelFile read = read_model(written(file));
    check_same(file, read);
    CHECK(written(read) == written(file));
    CHECK(read.fm().pairs == Pairs::between_sides);
    CHECK(read.fm().space.normalized);
    REQUIRE(read.fm().fold_in.ranking);
    const RankingRule& rule = *read.fm().fold_in.ranking;
    CHECK(rule.loss == RankingLoss::warp);
    CHECK(rule.learning_rate == 0.05f);
    CHECK(rule.regularization == 0.125f);
    CHECK(rule.max_sampled == 7);
    CHECK(rule.kth == 2);
    CHECK(rule.positives == 4);
    CHECK(rule.positive_from == 4.0f);
    REQUIRE(read.fm().memory);
    const StepMemory &one = *file.fm().memory, &two = *read.fm().memory;
    CHECK(one.linear == two.linear);
    CHECK(one.linear_steps == two.linear_steps);
    CHECK(one.linear_steps.empty() == (steps == StepRule::adagrad));
    CHECK(std::ranges::equal(one.factors.storage(), two.factors.storage()));
    CHECK(std::ranges::equal(one.factor_steps.storage(), two.factor_steps.storage()));
  }
}

TEST_CASE("a hybrid model without memory or rule serves, and starts its steps anew") {
  Draft draft(hybrid_model());
  CHECK(draft.outcome() == "nothing");
  CHECK(draft.without("memory_linear").without("memory_factors").outcome() == "nothing");
  CHECK(draft.without("ranking_positive_from").outcome() == "nothing");
  CHECK(draft.without("ranking_steps").outcome() == "nothing");
  CHECK(Draft(hybrid_model(StepRule::adadelta)).outcome() == "nothing");
}

TEST_CASE("memory of steps that no training can have left is refused") {
  const ModelFile file = hybrid_model(StepRule::adadelta);
  const std::size_t columns = file.fm().columns();
  for (const char* name : {"memory_linear", "memory_linear_steps"}) {
    CAPTURE(name);
    std::vector<float> values(columns, 1);
    CHECK(Draft(file).floats(name, values).outcome() == "nothing");
    for (const float bad : {-1.0f, not_a_number, infinity}) {
      values.back() = bad;
      CHECK(Draft(file).floats(name, values).outcome() == refused);
    }
    CHECK(Draft(file).floats(name, {}).outcome() == refused);
    CHECK(Draft(file).floats(name, std::vector<float>(columns + 1)).outcome() == refused);
  }
  for (const char* name : {"memory_factors", "memory_factor_steps"}) {
    CAPTURE(name);
    CHECK(Draft(file).without(name).outcome() == refused);
    CHECK(Draft(file).matrix(name, columns, 3).outcome() == "nothing");
    CHECK(Draft(file).matrix(name, columns, 2).outcome() == refused);
    CHECK(Draft(file).matrix(name, columns, 4).outcome() == refused);
    CHECK(Draft(file).matrix(name, columns - 1, 3).outcome() == refused);
    CHECK(Draft(file).matrix(name, columns, 3, -1).outcome() == refused);
    CHECK(Draft(file).matrix(name, columns, 3, not_a_number).outcome() == refused);
  }
}

TEST_CASE("rules for newcomers out of the options' ranges are refused") {
  const ModelFile file = hybrid_model();
  const auto text = [&](const char* key, const char* value) {
    return Draft(file).metadata(key, value).outcome();
  };
  for (const char* loss : {"logistic", "bpr", "warp", "warp-kos"}) {
    CHECK(text("ranking_loss", loss) == "nothing");
  }
  CHECK(text("ranking_loss", "squared") == refused);
  for (const char* key : {"ranking_max_sampled", "ranking_kth", "ranking_positives"}) {
    CAPTURE(key);
    for (const char* value : {"0", "-1", "1e3", "", "4294967295", "4294967296"}) {
      CHECK(text(key, value) == refused);
    }
    CHECK(Draft(file).without(key).outcome() == refused);
  }
  CHECK(text("ranking_kth", "4") == "nothing");
  CHECK(text("ranking_kth", "5") == refused);  // of four positives
  const auto steps = [&](std::vector<float> values) {
    return Draft(file).floats("ranking_steps", std::move(values)).outcome();
  };
  CHECK(steps({0.1f, 1}) == "nothing");
  CHECK(steps({0, 0}) == refused);
  CHECK(steps({-0.1f, 0}) == refused);
  CHECK(steps({2e9f, 0}) == refused);
  CHECK(steps({0.1f, -1}) == refused);
  CHECK(steps({0.1f, 2}) == refused);
  CHECK(steps({not_a_number, 0}) == refused);
  CHECK(steps({0.1f}) == refused);
  CHECK(Draft(file).floats("ranking_positive_from", {infinity}).outcome() == refused);
  CHECK(Draft(file).floats("ranking_positive_from", {1, 2}).outcome() == refused);
}

TEST_CASE("pairs between sides are those of hybrid models, which have no context") {
  const ModelFile file = hybrid_model();
  CHECK(Draft(file).metadata("pairs", "all").outcome() == refused);
  CHECK(Draft(file).metadata("pairs", "some").outcome() == refused);
  CHECK(Draft(file).metadata("family", "fm").outcome() == refused);
  CHECK(Draft(file).metadata("normalized", "perhaps").outcome() == refused);
  CHECK(Draft(file).metadata("normalized", "false").outcome() == "nothing");
  CHECK(Draft(file).metadata("field_0_side", "context").outcome() == refused);
  CHECK(Draft().metadata("pairs", "between_sides").outcome() == refused);
  CHECK(Draft(sampled_model()).metadata("family", "hybrid").outcome() == refused);
}

TEST_CASE("a file of a hybrid model that was cut short is refused at any length") {
  const std::vector<std::byte> bytes = written(hybrid_model(StepRule::adadelta));
  for (std::size_t size = 0; size < bytes.size(); size += 64) {
    CHECK(error_of([&] { read_model(std::span(bytes).first(size)); }) == refused);
  }
}
