#include "io/model_file.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <list>
#include <string>
#include <vector>

#include "rank/fold_in.h"
#include "support.h"
#include "train/mf_als.h"
#include "train/mf_sgd.h"
#include "train/svd.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr const char* refused = "MALFORMED_FILE bytes";
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

// The tensors of a model file, to leave out, replace and damage before the file is written: 3
// users, 2 items, 2 factors.
class Draft {
 public:
  Draft() {
    floats("user_factors", {3, 2}, {1, 2, 3, 4, 5, 6});
    floats("item_factors", {2, 2}, {0.5f, -1, 2, 0.25f});
  }
  Draft(const Draft&) = delete;  // tensors point into its lists

  Draft& floats(const std::string& name, std::vector<std::uint64_t> shape,
                std::vector<float> values) {
    const auto& kept = floats_.emplace_back(std::move(values));
    return put({name, "F32", std::move(shape), std::as_bytes(std::span(kept))});
  }
  Draft& indices(const std::string& name, Indices values) {
    const auto& kept = indices_.emplace_back(std::move(values));
    return put({name, "U32", {kept.size()}, std::as_bytes(std::span(kept))});
  }
  Draft& metadata(const std::string& key, const std::string& value) {
    std::erase_if(content_.metadata, [&](const auto& entry) { return entry.key == key; });
    content_.metadata.push_back({key, value});
    return *this;
  }
  Draft& without(const std::string& name) {
    std::erase_if(content_.tensors, [&](const Tensor& tensor) { return tensor.name == name; });
    return *this;
  }
  Draft& dtype(const std::string& name, const std::string& dtype) {
    tensor(name).dtype = dtype;
    return *this;
  }
  Draft& shape(const std::string& name, std::vector<std::uint64_t> shape) {
    tensor(name).shape = std::move(shape);
    return *this;
  }

  ModelFile read() const { return read_model(write_safetensors(content_)); }
  std::string outcome() const {
    return error_of([this] { read(); });
  }

 private:
  Draft& put(Tensor tensor) {
    without(tensor.name);
    content_.tensors.push_back(std::move(tensor));
    return *this;
  }
  Tensor& tensor(const std::string& name) {
    return *std::ranges::find(content_.tensors, name, &Tensor::name);
  }

  std::list<std::vector<float>> floats_;  // a list, so that what tensors point to stays where it is
  std::list<Indices> indices_;
  TensorFile content_;
};

// Every kind of tensor in it; ids of odd lengths, so that the tensors behind them lie at odd
// addresses.
ModelFile full_model() {
  ModelFile file;
  file.model = random_model(7, 5, 3, 1);
  file.seen = SeenItems(interactions(7, 5, {{0, 1, 3}, {0, 4, 5}, {3, 2, 1}, {6, 0, 2.5f}}));
  file.user_ids = R"(["ann","bob",3])";
  file.item_ids = R"(["x"])";
  file.options = R"({"model":"mf","seed":1})";
  return file;
}

void check_same(const ModelFile& a, const ModelFile& b) {
  CHECK(a.family == b.family);
  CHECK(a.options == b.options);
  CHECK(a.user_ids == b.user_ids);
  CHECK(a.item_ids == b.item_ids);
  CHECK(a.seen.offsets == b.seen.offsets);
  CHECK(a.seen.items == b.seen.items);
  CHECK(a.seen.values == b.seen.values);
  CHECK(parameters(a.mf()) == parameters(b.mf()));
  CHECK(a.mf().factors() == b.mf().factors());
  CHECK(a.mf().link == b.mf().link);
  CHECK(a.mf().range.low == b.mf().range.low);
  CHECK(a.mf().range.high == b.mf().range.high);
  CHECK(a.mf().fold_in.regularization == b.mf().fold_in.regularization);
  CHECK(a.mf().fold_in.bias_regularization == b.mf().fold_in.bias_regularization);
  CHECK(a.mf().fold_in.frequency_scaling == b.mf().fold_in.frequency_scaling);
  CHECK(a.mf().fold_in.user_bias == b.mf().fold_in.user_bias);
  CHECK(a.mf().fold_in.fill == b.mf().fold_in.fill);
  CHECK(a.mf().fold_in.item_fill == b.mf().fold_in.item_fill);
}

std::vector<std::byte> written(const ModelFile& file) {
  return write_model(file, {file.user_ids, file.item_ids});
}

ModelFile written_and_read(const ModelFile& file) {
  return read_model(written(file));
}

MatrixFactorization decomposed(Fill fill) {
  SvdOptions options;
  options.fill = fill;
  options.factors = 4;
  const auto trainer = make_svd(options, shared_data(12, 10, synthetic_ratings(12, 10, 70, 2)));
  run(*trainer);
  return trainer->model();
}

}  // namespace

TEST_CASE("a model is read back as it was written, bit for bit") {
  const ModelFile file = full_model();
  check_same(file, written_and_read(file));
  CHECK(written(written_and_read(file)) == written(file));
}

TEST_CASE("a logistic model keeps its link and its rule for new users") {
  ModelFile file = full_model();
  file.mf().link = Link::logistic;
  file.mf().fold_in.user_bias = false;
  check_same(file, written_and_read(file));
}

TEST_CASE("a decomposition keeps its fill and singular values") {
  for (const Fill fill : {Fill::global_mean, Fill::user_mean, Fill::item_mean}) {
    ModelFile file;
    file.family = "svd";
    file.model = decomposed(fill);
    check_same(file, written_and_read(file));
  }
}

TEST_CASE("popularity, a model without factors, can be kept") {
  ModelFile file;
  file.family = "popularity";
  file.model = popularity(interactions(3, 4, {{0, 1}, {1, 1}, {2, 3}}));
  check_same(file, written_and_read(file));
}

TEST_CASE("a model of nobody and nothing can be kept") {
  ModelFile file;
  file.model = MatrixFactorization(0, 0, 0);
  CHECK(written_and_read(file).mf().users() == 0);
}

TEST_CASE("ids are written as given with the call, and the seen items may be left out") {
  const ModelFile file = full_model();
  const ModelFile read = read_model(write_model(file, {R"(["new"])", "", false}));
  CHECK(read.user_ids == R"(["new"])");
  CHECK(read.item_ids.empty());
  CHECK(read.seen.items.empty());
  CHECK(read.seen.values.empty());
  CHECK(parameters(read.mf()) == parameters(file.mf()));
}

TEST_CASE("a file from before ratings were kept has the seen items without them") {
  ModelFile file = full_model();
  file.seen.values.clear();
  const ModelFile read = written_and_read(file);
  CHECK(read.seen.items == file.seen.items);
  CHECK_FALSE(read.seen.has_values());
}

TEST_CASE("two matrices are enough for a model") {
  const ModelFile file = Draft().read();
  CHECK(file.family == "mf");
  CHECK(file.options == "{}");
  CHECK(file.user_ids.empty());
  CHECK(file.seen.offsets == Indices{0});
  const MatrixFactorization& model = file.mf();
  CHECK(model.users() == 3);
  CHECK(model.items() == 2);
  CHECK(model.factors() == 2);
  CHECK(model.user_factors.row(1)[1] == 4);
  CHECK(model.item_factors.row(0)[1] == -1);
  CHECK(model.user_biases == std::vector<float>(3));
  CHECK(model.item_biases == std::vector<float>(2));
  CHECK(model.global_bias == 0);
  CHECK(model.range.low == -std::numeric_limits<float>::max());
  CHECK(model.range.high == std::numeric_limits<float>::max());
  CHECK(model.link == Link::identity);
  CHECK(model.fold_in.regularization == 0.1f);
  CHECK(model.fold_in.bias_regularization == 0.1f);
  CHECK(model.fold_in.frequency_scaling == 1);
  CHECK(model.fold_in.fill == FoldInRule::Fill::none);
  CHECK(model.singular_values.empty());
}

TEST_CASE("each optional tensor may be missing alone") {
  const std::vector<std::byte> bytes = written(full_model());
  const TensorFile all = read_safetensors(bytes);
  for (const Tensor& missing : all.tensors) {
    const std::string& name = missing.name;
    TensorFile fewer = all;
    std::erase_if(fewer.tensors, [&](const Tensor& tensor) { return tensor.name == name; });
    const std::string outcome = error_of([&] { read_model(write_safetensors(fewer)); });
    const bool needed = name == "user_factors" || name == "item_factors" ||
                        name == "seen_offsets" || name == "seen_items";
    CAPTURE(name);
    CHECK(outcome == (needed ? refused : "nothing"));
  }
}

TEST_CASE("unknown tensors and metadata are passed over") {
  CHECK(Draft().floats("novelty", {3}, {1, not_a_number, 3}).metadata("author", "me").outcome() ==
        "nothing");
}

TEST_CASE("matrices of the wrong kind are refused") {
  CHECK(Draft().without("user_factors").outcome() == refused);
  CHECK(Draft().without("item_factors").outcome() == refused);
  CHECK(Draft().dtype("user_factors", "I32").outcome() == refused);
  CHECK(Draft().dtype("item_factors", "F64").shape("item_factors", {1, 2}).outcome() == refused);
  CHECK(Draft().shape("user_factors", {6}).outcome() == refused);
  CHECK(Draft().shape("user_factors", {3, 2, 1}).outcome() == refused);
  CHECK(Draft().shape("user_factors", {2, 3}).outcome() == refused);  // 3 factors here, 2 there
}

TEST_CASE("a matrix without columns cannot claim rows without end") {
  CHECK(Draft().floats("user_factors", {std::uint64_t{1} << 40, 0}, {}).outcome() == refused);
  CHECK(Draft().floats("user_factors", {std::uint64_t{1} << 32, 0}, {}).outcome() == refused);
  CHECK(Draft().floats("item_factors", {0, std::uint64_t{1} << 40}, {}).outcome() == refused);
}

TEST_CASE("a small file cannot claim millions of users") {
  CHECK(Draft()
            .floats("user_factors", {40'000'000, 0}, {})
            .floats("item_factors", {2, 0}, {})
            .outcome() == refused);
}

TEST_CASE("lists of the wrong length or kind are refused") {
  for (const char* name : {"user_biases", "item_biases", "global_bias", "value_range", "fold_in"}) {
    CAPTURE(name);
    CHECK(Draft().floats(name, {7}, std::vector<float>(7)).outcome() == refused);
    CHECK(Draft().floats(name, {0}, {}).outcome() == refused);
    CHECK(Draft().floats(name, {1, 1}, {0}).outcome() == refused);
    CHECK(Draft().indices(name, {1, 1, 1}).outcome() == refused);
  }
  CHECK(Draft().metadata("family", "svd").floats("singular_values", {3}, {3, 2, 1}).outcome() ==
        refused);
  CHECK(Draft().floats("user_ids", {1}, {0}).outcome() == refused);
  CHECK(Draft().floats("item_ids", {1}, {0}).outcome() == refused);
}

TEST_CASE("numbers that are not finite are refused wherever they stand") {
  for (const float bad : {not_a_number, infinity, -infinity}) {
    CHECK(Draft().floats("user_factors", {3, 2}, {1, 2, 3, 4, 5, bad}).outcome() == refused);
    CHECK(Draft().floats("item_factors", {2, 2}, {bad, 2, 3, 4}).outcome() == refused);
    CHECK(Draft().floats("user_biases", {3}, {0, bad, 0}).outcome() == refused);
    CHECK(Draft().floats("item_biases", {2}, {0, bad}).outcome() == refused);
    CHECK(Draft().floats("global_bias", {1}, {bad}).outcome() == refused);
    CHECK(Draft().floats("value_range", {2}, {0, bad}).outcome() == refused);
    CHECK(Draft().floats("fold_in", {3}, {bad, 0, 0}).outcome() == refused);
  }
}

TEST_CASE("settings out of range are refused") {
  CHECK(Draft().floats("value_range", {2}, {5, 1}).outcome() == refused);
  CHECK(Draft().floats("fold_in", {3}, {-1, 0, 1}).outcome() == refused);
  CHECK(Draft().floats("fold_in", {3}, {0, -1, 1}).outcome() == refused);
  CHECK(Draft().floats("fold_in", {3}, {0, 0, 1.5f}).outcome() == refused);
  CHECK(Draft().floats("fold_in", {3}, {0, 0, -0.5f}).outcome() == refused);
}

TEST_CASE("metadata that this version does not know is refused") {
  CHECK(Draft().metadata("format_version", "1").outcome() == "nothing");
  CHECK(Draft().metadata("format_version", "2").outcome() == refused);
  CHECK(Draft().metadata("format_version", "").outcome() == refused);
  CHECK(Draft().metadata("family", "fm").outcome() == refused);
  CHECK(Draft().metadata("link", "probit").outcome() == refused);
  CHECK(Draft().metadata("user_bias", "yes").outcome() == refused);
  CHECK(Draft().metadata("fill", "zeros").outcome() == refused);
}

TEST_CASE("the logistic link needs a range that has room") {
  CHECK(Draft().metadata("link", "logistic").outcome() == refused);
  CHECK(Draft().metadata("link", "logistic").floats("value_range", {2}, {1, 5}).outcome() ==
        "nothing");
  CHECK(
      Draft().metadata("link", "logistic").floats("value_range", {2}, {-3e38f, 3e38f}).outcome() ==
      refused);
}

TEST_CASE("the logistic link is refused a range of a single value, which maps nothing") {
  // (value - low) / (high - low) would be NaN for every new user's rating.
  CHECK(Draft().metadata("link", "logistic").floats("value_range", {2}, {3, 3}).outcome() ==
        refused);
}

TEST_CASE("a filled matrix needs its fill and has no user bias") {
  const auto filled = [](Draft&& draft) -> Draft& {
    return draft.metadata("fill", "per_item").metadata("user_bias", "false");
  };
  CHECK(filled(Draft()).outcome() == refused);
  CHECK(filled(Draft()).floats("item_fill", {2}, {3, 4}).outcome() == "nothing");
  CHECK(filled(Draft()).floats("item_fill", {3}, {3, 4, 5}).outcome() == refused);
  CHECK(filled(Draft()).floats("item_fill", {2}, {3, not_a_number}).outcome() == refused);
  CHECK(filled(Draft()).floats("item_fill", {2}, {3, 4}).metadata("user_bias", "true").outcome() ==
        refused);
  CHECK(Draft().metadata("fill", "user_mean").metadata("user_bias", "false").outcome() ==
        "nothing");
  CHECK(Draft().metadata("fill", "user_mean").outcome() == refused);
}

TEST_CASE("seen items that do not fit are refused") {
  const auto seen = [](Indices offsets, Indices items) {
    return Draft()
        .indices("seen_offsets", std::move(offsets))
        .indices("seen_items", std::move(items))
        .outcome();
  };
  CHECK(seen({0, 1, 1, 2}, {0, 1}) == "nothing");
  CHECK(seen({0, 0, 0, 0}, {}) == "nothing");
  CHECK(seen({0, 1, 2}, {0, 1}) == refused);
  CHECK(seen({}, {}) == refused);
  CHECK(seen({0, 2, 1, 2}, {0, 1}) == refused);
  CHECK(seen({1, 1, 1, 2}, {0, 1}) == refused);
  CHECK(seen({0, 1, 1, 3}, {0, 1}) == refused);
  CHECK(seen({0, 1, 1, 1}, {0, 1}) == refused);
  CHECK(seen({0, 1, 1, 0xffffffff}, {0, 1}) == refused);
  CHECK(seen({0, 1, 1, 2}, {0, 2}) == refused);
  CHECK(Draft().indices("seen_offsets", {0, 0, 0, 0}).outcome() == refused);
  CHECK(Draft().indices("seen_items", {0}).outcome() == refused);
  const auto rated = [](std::vector<float> values) {
    return Draft()
        .indices("seen_offsets", {0, 1, 1, 2})
        .indices("seen_items", {0, 1})
        .floats("seen_values", {values.size()}, values)
        .outcome();
  };
  CHECK(rated({1, 2}) == "nothing");
  CHECK(rated({1}) == refused);
  CHECK(rated({1, 2, 3}) == refused);
  CHECK(rated({1, std::numeric_limits<float>::infinity()}) == refused);
  CHECK(Draft().floats("seen_offsets", {4}, {0, 0, 0, 0}).indices("seen_items", {}).outcome() ==
        refused);
}

TEST_CASE(
    "a model of any trainer can be written and read, also one that another trainer continued") {
  const auto data = shared_data(12, 10, synthetic_ratings(12, 10, 70, 2));
  MfSgdOptions sgd = plain_options();
  sgd.factors = 4;
  MfOptions als = plain_options();
  als.factors = 4;
  for (const bool from_svd : {false, true}) {
    std::optional<MatrixFactorization> start;
    if (from_svd) start = decomposed(Fill::item_mean);
    for (const bool by_als : {false, true}) {
      const auto trainer =
          by_als ? make_mf_als(als, data, nullptr, start) : make_mf_sgd(sgd, data, nullptr, start);
      run(*trainer);
      CAPTURE(from_svd, by_als);
      CHECK(error_of([&] { written_and_read({"mf", "{}", trainer->model(), {}, "", ""}); }) ==
            "nothing");
    }
  }
}

TEST_CASE("random damage to a model file never does more than being refused") {
  const std::vector<std::byte> file = written(full_model());
  Random random(77);
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto damaged = damaged_copy(file, random);
    try {
      const ModelFile read = read_model(damaged);
      ++accepted;
      REQUIRE(read.mf().all_finite());
      const Towers towers = read.mf().towers();
      REQUIRE(towers.users.rows() == read.mf().users());
      const std::uint32_t items[] = {0};
      const float values[] = {std::clamp(3.0f, read.mf().range.low, read.mf().range.high)};
      if (read.mf().items() > 0) FoldIn(towers).fold({items, values, {}});
    } catch (const Error& error) {
      REQUIRE(error.code() == ErrorCode::malformed_file);
    }
  }
  CHECK(accepted > 100);  // damage within the numbers alone leaves a model
}

TEST_CASE("a model of implicit feedback keeps what its values meant") {
  for (const std::optional<float> from : {std::optional<float>(), std::optional<float>(3.5f)}) {
    ModelFile file = full_model();
    file.family = "implicit-als";
    MatrixFactorization& model = file.mf();
    model.global_bias = 0;
    std::ranges::fill(model.user_biases, 0.0f);
    std::ranges::fill(model.item_biases, 0.0f);
    model.fold_in.user_bias = false;
    model.fold_in.implicit = ImplicitRule{0.25f, 0.5f, from};
    const ModelFile read = written_and_read(file);
    check_same(file, read);
    REQUIRE(read.mf().fold_in.implicit);
    CHECK(read.mf().fold_in.implicit->alpha == 0.25f);
    CHECK(read.mf().fold_in.implicit->unobserved_weight == 0.5f);
    CHECK(read.mf().fold_in.implicit->positive_from == from);
    CHECK(read.seen.values == file.seen.values);
  }
}

TEST_CASE("files of implicit feedback that cannot be are refused") {
  const auto outcome = [](std::vector<float> rule, const char* user_bias = "false") {
    Draft draft;
    draft.metadata("family", "implicit-als").metadata("user_bias", user_bias);
    const std::uint64_t size = rule.size();
    draft.floats("implicit", {size}, std::move(rule));
    return draft.outcome();
  };
  CHECK(outcome({1, 1, 0, 0}) == "nothing");
  CHECK(outcome({1, 1, 0, 0}, "true") == refused);
  CHECK(outcome({0, 1, 0, 0}) == refused);
  CHECK(outcome({-1, 1, 0, 0}) == refused);
  CHECK(outcome({1, -1, 0, 0}) == refused);
  CHECK(outcome({1, 1, 2, 0}) == refused);
  CHECK(outcome({1, 1, 0}) == refused);
  CHECK(outcome({1, not_a_number, 0, 0}) == refused);
  Draft biased;
  biased.metadata("family", "implicit-als").metadata("user_bias", "false");
  CHECK(biased.floats("item_biases", {2}, {0, 1}).outcome() == refused);
}

TEST_CASE("neighbours are read back as they were written, their users with what they met") {
  ModelFile file;
  file.family = "item-knn";
  file.model = ItemNeighbours({0, 2, 3, 3}, {1, 2, 0}, {0.5f, 0.25f, 0.5f});
  file.seen = SeenItems(interactions(2, 3, {{0, 1, 4}, {1, 2, 0.5f}}));
  file.user_ids = "[1,2]";
  const ModelFile read = written_and_read(file);
  REQUIRE(read.neighbours());
  CHECK(read.users() == 2);
  CHECK(read.items() == 3);
  CHECK(read.neighbours()->offsets() == file.neighbours()->offsets());
  CHECK(read.neighbours()->neighbours() == file.neighbours()->neighbours());
  CHECK(read.neighbours()->similarities() == file.neighbours()->similarities());
  CHECK(read.seen.values == file.seen.values);
  CHECK(written(read) == written(file));
  // Without what they met there are no users.
  const ModelFile bare = read_model(write_model(file, {file.user_ids, "", false}));
  CHECK(bare.users() == 0);
  CHECK(bare.user_ids.empty());
}

TEST_CASE("files of neighbours that cannot be are refused") {
  const auto outcome = [](Indices offsets, Indices items, std::vector<float> similarities) {
    Draft draft;
    draft.metadata("family", "item-knn");
    const std::uint64_t size = similarities.size();
    draft.indices("neighbour_offsets", std::move(offsets));
    draft.indices("neighbour_items", std::move(items));
    draft.floats("neighbour_similarities", {size}, std::move(similarities));
    return draft.outcome();
  };
  CHECK(outcome({0, 2, 3, 3}, {1, 2, 0}, {0.5f, 0.25f, 0.5f}) == "nothing");
  CHECK(outcome({}, {}, {}) == refused);
  CHECK(outcome({0, 2, 3}, {1, 2, 0}, {0.5f, 0.25f, 0.5f}) == refused);     // item 2 of 2
  CHECK(outcome({0, 3, 2, 3}, {1, 2, 0}, {0.5f, 0.25f, 0.5f}) == refused);  // not sorted
  CHECK(outcome({0, 2, 2, 2}, {1, 2, 0}, {0.5f, 0.25f, 0.5f}) == refused);  // too few
  CHECK(outcome({0, 2, 3, 3}, {0, 2, 0}, {0.5f, 0.25f, 0.5f}) == refused);  // itself
  CHECK(outcome({0, 2, 3, 3}, {1, 1, 0}, {0.5f, 0.25f, 0.5f}) == refused);  // twice
  CHECK(outcome({0, 2, 3, 3}, {1, 2, 0}, {0.25f, 0.5f, 0.5f}) == refused);  // not the first
  CHECK(outcome({0, 2, 3, 3}, {1, 2, 0}, {0.5f, 0, 0.5f}) == refused);
  CHECK(outcome({0, 2, 3, 3}, {1, 2, 0}, {0.5f, 0.25f}) == refused);
  CHECK(outcome({0, 2, 3, 3}, {1, 2, 0}, {infinity, 0.25f, 0.5f}) == refused);
  Draft without;
  CHECK(without.metadata("family", "item-knn").outcome() == refused);
  // What users met needs its values.
  Draft valueless;
  valueless.metadata("family", "item-knn");
  valueless.indices("neighbour_offsets", {0, 0}).indices("neighbour_items", {});
  valueless.floats("neighbour_similarities", {0}, {});
  CHECK(valueless.outcome() == "nothing");
  valueless.indices("seen_offsets", {0, 1}).indices("seen_items", {0});
  CHECK(valueless.outcome() == refused);
}
