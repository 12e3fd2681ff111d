#include "support.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <optional>

namespace featherfm::testing {
namespace {

std::optional<std::string> movielens_folder() {
  std::vector<std::string> folders;
  if (const char* unpacked = std::getenv("MOVIELENS_UNPACKED")) folders.emplace_back(unpacked);
  if (const char* parent = std::getenv("MOVIELENS_DIR")) {
    folders.push_back(std::string(parent) + "/ml-100k");
  }
  for (const std::string& folder : folders) {
    if (std::ifstream(folder + "/u.data")) return folder;
  }
  return std::nullopt;
}

Interactions read_movielens() {
  std::ifstream file(movielens_file("u.data"));
  Indices users, items;
  std::vector<float> values;
  std::vector<double> times;
  std::uint32_t user = 0, item = 0;
  float value = 0;
  double time = 0;
  while (file >> user >> item >> value >> time) {
    users.push_back(user - 1);
    items.push_back(item - 1);
    values.push_back(value);
    times.push_back(time);
  }
  REQUIRE(users.size() == 100'000);
  return Interactions::from_coordinates(943, 1682, {users, items, values, {}, times},
                                        Duplicates::error);
}

}  // namespace

Interactions interactions(std::uint32_t users, std::uint32_t items,
                          const std::vector<Rating>& ratings) {
  Indices user_list, item_list;
  std::vector<float> values, weights;
  for (const Rating& rating : ratings) {
    user_list.push_back(rating.user);
    item_list.push_back(rating.item);
    values.push_back(rating.value);
    weights.push_back(rating.weight);
  }
  if (std::ranges::all_of(weights, [](float weight) { return weight == 1; })) weights.clear();
  return Interactions::from_coordinates(users, items, {user_list, item_list, values, weights, {}},
                                        Duplicates::error);
}

SharedData shared(Interactions data) {
  return std::make_shared<const Interactions>(std::move(data));
}

SharedData shared_data(std::uint32_t users, std::uint32_t items,
                       const std::vector<Rating>& ratings) {
  return shared(interactions(users, items, ratings));
}

std::vector<Rating> synthetic_ratings(std::uint32_t users, std::uint32_t items, std::size_t count,
                                      std::uint64_t seed) {
  Random random(seed);
  const auto traits = [&](std::uint32_t rows) {
    std::vector<double> result(2 * rows);
    for (double& trait : result) trait = random.normal();
    return result;
  };
  const auto user_traits = traits(users), item_traits = traits(items);
  Indices places(std::size_t{users} * items);
  std::iota(places.begin(), places.end(), 0u);
  random.shuffle(places);
  places.resize(std::min(count, places.size()));
  std::vector<Rating> ratings;
  for (const std::uint32_t place : places) {
    const std::uint32_t user = place / items, item = place % items;
    const double taste = 3.3 + 0.8 * (user_traits[2 * user] * item_traits[2 * item] +
                                      user_traits[2 * user + 1] * item_traits[2 * item + 1]);
    const double stars = std::floor(taste + 0.3 * random.normal() + 0.5);
    ratings.push_back({user, item, static_cast<float>(std::clamp(stars, 1.0, 5.0))});
  }
  return ratings;
}

MatrixFactorization random_model(std::size_t users, std::size_t items, std::size_t factors,
                                 std::uint64_t seed) {
  MatrixFactorization model(users, items, factors);
  Random random(seed);
  const auto fill = [&](std::span<float> values, double scale) {
    for (float& value : values) value = static_cast<float>(scale * random.normal());
  };
  for (std::size_t user = 0; user < users; ++user) fill(model.user_factors.columns_of(user), 0.5);
  for (std::size_t item = 0; item < items; ++item) fill(model.item_factors.columns_of(item), 0.5);
  fill(model.user_biases, 0.3);
  fill(model.item_biases, 0.3);
  model.global_bias = 3.25f;
  model.range = {1, 5};
  model.fold_in.regularization = 0.5f;
  model.fold_in.bias_regularization = 0.25f;
  model.fold_in.frequency_scaling = 0.5f;
  return model;
}

std::string movielens_file(const std::string& name) {
  const auto folder = movielens_folder();
  if (!folder) SKIP("MovieLens 100K is not there: set MOVIELENS_UNPACKED to the folder of u.data");
  return *folder + "/" + name;
}

const Interactions& movielens() {
  static const Interactions data = read_movielens();
  return data;
}

SharedSplit movielens_fold(std::uint32_t fold) {
  Indices rows(20'000);
  std::iota(rows.begin(), rows.end(), (fold - 1) * 20'000);
  auto [train, test] = split_at(movielens(), rows_test(movielens(), rows));
  return {shared(std::move(train)), shared(std::move(test))};
}

MfSgdOptions plain_options() {
  MfSgdOptions options;
  options.factors = 32;
  options.epochs = 20;
  options.learning_rate = 0.01f;
  options.learning_rate_decay = 1;
  options.user_regularization = options.item_regularization = 0.05f;
  options.bias_regularization = 0.01f;
  options.frequency_scaling = 1;
  options.initial_scale = 0.1f;
  return options;
}

std::vector<EpochLosses> run(Trainer& trainer) {
  std::vector<EpochLosses> epochs;
  for (bool done = false; !done;) {
    const StepReport report = trainer.step(1e6);
    if (report.finished_epoch) epochs.push_back(*report.finished_epoch);
    done = report.done;
  }
  return epochs;
}

std::vector<std::byte> damaged_copy(std::vector<std::byte> bytes, Random& random) {
  for (std::uint32_t strokes = 1 + random.below(3); strokes > 0; --strokes) {
    bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] =
        static_cast<std::byte>(random.below(2) == 0 ? '0' + random.below(10) : random.below(256));
  }
  return bytes;
}

double predict(const MatrixFactorization& model, std::uint32_t user, std::uint32_t item) {
  double result = double{model.global_bias} + model.user_biases[user] + model.item_biases[item];
  const auto p = model.user_factors.columns_of(user), q = model.item_factors.columns_of(item);
  for (std::size_t f = 0; f < p.size(); ++f) result += double{p[f]} * q[f];
  return result;
}

double root_mean_squared_error(const MatrixFactorization& model, const Interactions& data) {
  double sum = 0;
  for (std::uint32_t user = 0; user < data.users(); ++user) {
    for (std::uint32_t p = data.user_begin(user); p < data.user_end(user); ++p) {
      const double clipped = std::clamp(predict(model, user, data.item_at(p)),
                                        double{model.range.low}, double{model.range.high});
      sum += (data.value_at(p) - clipped) * (data.value_at(p) - clipped);
    }
  }
  return std::sqrt(sum / data.size());
}

std::vector<float> parameters(const MatrixFactorization& model) {
  std::vector<float> result{model.global_bias};
  for (const std::span<const float> part :
       {std::span<const float>(model.user_biases), std::span<const float>(model.item_biases),
        model.user_factors.storage(), model.item_factors.storage(),
        std::span<const float>(model.singular_values)}) {
    result.insert(result.end(), part.begin(), part.end());
  }
  return result;
}

}  // namespace featherfm::testing
