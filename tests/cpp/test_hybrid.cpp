// Hybrid models: their steps against the equations, and what happens at the edges.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <set>
#include <span>

#include "data/known_items.h"
#include "io/model_file.h"
#include "support_hybrid.h"
#include "train/hybrid_kernels.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// Which camp each of `count` users or items is in.
FeatureField camp_field(const char* name, Side side, std::uint32_t count) {
  FeatureField result{name, side, 2, {}};
  for (std::uint32_t r = 0; r < count; ++r) {
    result.rows.add(r % 2, 1);
    result.rows.end_row();
  }
  return result;
}

}  // namespace

TEST_CASE("the steps of hybrid training give the bits of their scalar twins", "[hybrid]") {
  Random random(3);
  for (const std::size_t n : {4u, 8u, 12u, 36u}) {
    const auto numbers = [&](double low) {
      AlignedFloats values(n);
      for (float& x : values) x = static_cast<float>(low + random.uniform());
      return values;
    };
    const AlignedFloats source = numbers(-0.5);
    AlignedFloats row = numbers(-0.5), squares = numbers(1), steps = numbers(0);
    AlignedFloats row2 = row, squares2 = squares, steps2 = steps;
    for (int k = 0; k < 3; ++k) {
      CHECK(simd::adagrad_along(row.data(), squares.data(), source.data(), 0.7f, 0.05f, 1.25f, n) ==
            scalar::adagrad_along(row2.data(), squares2.data(), source.data(), 0.7f, 0.05f, 1.25f,
                                  n));
      const AdadeltaMemory memory{0.9f, 1e-6f};
      CHECK(simd::adadelta_along(row.data(), squares.data(), steps.data(), source.data(), -0.4f,
                                 memory, 1.5f, n) ==
            scalar::adadelta_along(row2.data(), squares2.data(), steps2.data(), source.data(),
                                   -0.4f, memory, 1.5f, n));
    }
    CHECK(row == row2);
    CHECK(squares == squares2);
    CHECK(steps == steps2);
  }
}

TEST_CASE("a step follows the equations, and the penalty pulls on what it does not touch",
          "[hybrid]") {
  // One interaction, so that the order is known; a second user and item that nobody meets.
  const SharedData data = shared_data(2, 2, {{0, 0, 1, 2}});
  const std::vector<FeatureField> features{
      field("age", Side::user, 2, {{{0, 0.5f}, {1, 2}}, {{1, 1}}}),
      field("kind", Side::item, 2, {{{0, 3}}, {{0, 1}, {1, -1}}})};
  HybridOptions options = small_options(RankingLoss::logistic);
  options.user_regularization = 0.3f;
  options.item_regularization = 0.05f;
  options.learning_rate = 0.2f;
  const HybridData input = hybrid_data(data, features);
  const HybridParameters begin = initial_hybrid(options, input, nullptr);
  const std::size_t k = options.factors;

  PlainHybrid all(begin.rows);  // the columns of both sides; the pulls are by side
  const auto user = input.space.users->row(0), item = input.space.items->row(0);
  const double user_share = 1 / 3.5, item_share = 1 / 4.0;
  for (std::uint32_t epoch = 0; epoch < options.epochs; ++epoch) {
    auto p = all.sum(user, user_share), q = all.sum(item, item_share);
    double score = p[k] + q[k];
    for (std::size_t f = 0; f < k; ++f) score += p[f] * q[f];
    const double slope = 2 * (1 / (1 + std::exp(-score)) - 1);
    p[k] = q[k] = 1;
    for (double& x : p) x *= slope;
    for (double& x : q) x *= slope;
    const double sizes = all.step(item, item_share, p, 0.2) + all.step(user, user_share, q, 0.2);
    const double mean = sizes / static_cast<double>((user.size() + item.size()) * (k + 1));
    all.pull(input.space, 0.3 * mean, 0.05 * mean);
  }

  CHECK(all.largest_difference(trained_hybrid(options, input)) < 1e-6);
}

TEST_CASE("every draw, shuffle and sum is fixed by the seed", "[hybrid]") {
  const SharedData data = shared_data(12, 8, camps());
  for (const RankingLoss loss : all_losses) {
    HybridOptions options = small_options(loss);
    const auto first = numbers_of(trained_hybrid(options, hybrid_data(data)));
    CHECK(first == numbers_of(trained_hybrid(options, hybrid_data(data))));
    options.seed = 2;
    CHECK(first != numbers_of(trained_hybrid(options, hybrid_data(data))));
  }
}

TEST_CASE("every loss and rule ranks what is liked before what is not", "[hybrid]") {
  // Who likes an item here, has met it; losses of pairs put it before what the user has not met,
  // the logistic one before what the user dislikes.
  const SharedData data = shared_data(12, 8, camps());
  for (const RankingLoss loss : all_losses) {
    for (const StepRule steps : {StepRule::adagrad, StepRule::adadelta}) {
      HybridOptions options = small_options(loss, steps == StepRule::adagrad ? 40 : 200);
      options.steps = steps;
      const Towers towers = trained_hybrid(options, hybrid_data(data)).towers();
      const KnownItems known{SeenItems(*data)};
      std::array<double, 2> sums{}, counts{};  // others, liked
      for (std::uint32_t u = 0; u < 12; ++u) {
        for (std::uint32_t i = 0; i < 8; ++i) {
          const bool liked = known.has(u, i) && u % 2 == i % 2;
          if (!liked && known.has(u, i) != (loss == RankingLoss::logistic)) continue;
          sums[liked] += towers.score(u, i);
          ++counts[liked];
        }
      }
      CHECK(sums[1] / counts[1] > sums[0] / counts[0] + 0.5);
    }
  }
}

TEST_CASE("losses of pairs leave the biases of users alone", "[hybrid]") {
  const SharedData data = shared_data(12, 8, camps());
  for (const RankingLoss loss : all_losses) {
    const Towers towers = trained_hybrid(small_options(loss), hybrid_data(data)).towers();
    const bool all_zero = std::ranges::all_of(towers.user_offsets, [](float x) { return x == 0; });
    CHECK(all_zero == (loss != RankingLoss::logistic));
  }
}

TEST_CASE("two items with ten draws, and one item alone, are no trouble", "[hybrid]") {
  const SharedData two = shared_data(3, 2, {{0, 0, 1}, {1, 1, 1}, {2, 0, 1}, {2, 1, -1}});
  const SharedData one = shared_data(2, 1, {{0, 0, 1}, {1, 0, 1}});
  for (const RankingLoss loss : all_losses) {
    for (const SharedData& data : {two, one}) {
      CHECK(trained_hybrid(small_options(loss, 20), hybrid_data(data)).all_finite());
    }
  }
}

TEST_CASE("a user who has met everything moves nothing under losses of pairs", "[hybrid]") {
  const SharedData data = shared_data(1, 3, {{0, 0, 1}, {0, 1, 1}, {0, 2, -1}});
  for (const RankingLoss loss : {RankingLoss::bpr, RankingLoss::warp, RankingLoss::warp_kos}) {
    const HybridOptions options = small_options(loss, 3);
    const HybridData input = hybrid_data(data);
    const HybridParameters begin = initial_hybrid(options, input, nullptr);
    CHECK(numbers_of(trained_hybrid(options, input)) ==
          numbers_of(hybrid_machine(options, input.space, begin)));
  }
}

TEST_CASE("an item nobody has met is never a positive and can only fall", "[hybrid]") {
  std::vector<Rating> ratings = camps();
  const SharedData data = shared_data(12, 9, ratings);  // item 8 stands in no interaction
  for (const RankingLoss loss : {RankingLoss::warp, RankingLoss::warp_kos}) {
    const Towers towers = trained_hybrid(small_options(loss, 30), hybrid_data(data)).towers();
    const std::size_t bias = towers.factors;
    CHECK(towers.items.row(8)[bias] < 0);
    for (std::uint32_t item = 0; item < 8; ++item) {
      CHECK(towers.items.row(item)[bias] > towers.items.row(8)[bias]);
    }
  }
  // BPR draws from the interaction list, where it does not stand.
  const Towers towers =
      trained_hybrid(small_options(RankingLoss::bpr, 30), hybrid_data(data)).towers();
  CHECK(towers.items.row(8)[towers.factors] == 0);
}

TEST_CASE("dislikes are no positives and are not drawn as negatives of a pair", "[hybrid]") {
  // Item 1 is disliked by all and unmet by none: it stays where it began.
  const SharedData data =
      shared_data(3, 3, {{0, 0, 1}, {0, 1, -1}, {1, 0, 1}, {1, 1, -1}, {2, 2, 1}, {2, 1, -1}});
  for (const RankingLoss loss : {RankingLoss::bpr, RankingLoss::warp, RankingLoss::warp_kos}) {
    const auto model = trained_hybrid(small_options(loss, 20), hybrid_data(data));
    CHECK(model.linear[model.space.find(item_field)->begin + 1] == 0);
  }
}

TEST_CASE("positives begin where they are said to", "[hybrid]") {
  const SharedData stars = shared_data(2, 3, {{0, 0, 5}, {0, 1, 2}, {1, 1, 4}, {1, 2, 3}});
  const SharedData labels = shared_data(2, 3, {{0, 0, 1}, {0, 1, -1}, {1, 1, 1}, {1, 2, 0}});
  for (const RankingLoss loss : all_losses) {
    HybridOptions options = small_options(loss);
    const auto from_labels = numbers_of(trained_hybrid(options, hybrid_data(labels)));
    options.positive_from = 4.0f;
    CHECK(numbers_of(trained_hybrid(options, hybrid_data(stars))) == from_labels);
  }
  HybridOptions options = small_options(RankingLoss::warp);
  options.positive_from = 6.0f;
  const auto code = error_of([&] { make_hybrid_sgd(options, hybrid_data(stars)); });
  CHECK(code.starts_with("EMPTY"));
}

TEST_CASE("newcomers that only features describe are ranked by them", "[hybrid]") {
  // Users 12, 13 and items 8, 9 are in the features alone, one in each camp.
  const SharedData data = shared_data(14, 10, camps());
  const std::vector<FeatureField> features{camp_field("camp", Side::user, 14),
                                           camp_field("kind", Side::item, 10)};
  const HybridOptions options = small_options(RankingLoss::logistic, 60);
  const Towers towers = trained_hybrid(options, hybrid_data(data, features)).towers();
  CHECK(towers.score(12u, 8u) > towers.score(12u, 9u));
  CHECK(towers.score(13u, 9u) > towers.score(13u, 8u));
}

TEST_CASE("further training makes room, and what it does not touch stays bit for bit", "[hybrid]") {
  const SharedData data = shared_data(12, 8, camps());
  const std::vector<FeatureField> features{camp_field("camp", Side::user, 12)};
  // Two more users and items and a third camp, who meet one another alone.
  FeatureField more{"camp", Side::user, 3, {}};
  for (std::uint32_t u = 0; u < 12; ++u) more.rows.end_row();
  for (std::uint32_t u = 12; u < 14; ++u) {
    more.rows.add(2, 1);
    more.rows.end_row();
  }
  const SharedData further = shared_data(14, 10, {{12, 8, 1}, {13, 9, 1}});
  for (const StepRule steps : {StepRule::adagrad, StepRule::adadelta}) {
    HybridOptions options = small_options(RankingLoss::logistic);
    options.steps = steps;
    const FactorizationMachine before = trained_hybrid(options, hybrid_data(data, features));
    HybridData input = hybrid_data(further, std::span(&more, 1), {}, &before.space);
    input.known = SeenItems::joined(SeenItems(*data), SeenItems(*further));
    const FactorizationMachine after = trained_hybrid(options, input, &before);
    const Towers old_towers = before.towers(), towers = after.towers();
    for (std::uint32_t user = 0; user < 12; ++user) {
      for (std::uint32_t item = 0; item < 8; ++item) {
        CHECK(towers.score(user, item) == old_towers.score(user, item));
      }
    }
    CHECK(towers.users.rows() == 14);
    CHECK(after.space.find("camp")->columns == 3);
    CHECK(towers.score(12u, 8u) > 0);
    // What the steps have seen goes on from what they had seen.
    const auto least = [](const FactorizationMachine& model) {
      return *std::ranges::min_element(model.memory->linear);
    };
    CHECK(least(after) >= (steps == StepRule::adagrad ? 1.0f : 0.0f));
  }
}

TEST_CASE("training that goes on with another rule or size is refused by name", "[hybrid]") {
  const SharedData data = shared_data(12, 8, camps());
  HybridOptions options = small_options(RankingLoss::warp);
  const FactorizationMachine model = trained_hybrid(options, hybrid_data(data));
  const auto attempt = [&] { make_hybrid_sgd(options, hybrid_data(data), &model); };
  options.factors = 7;
  CHECK(error_of(attempt) == "INVALID_ARGUMENT factors");
  options.factors = 6;
  options.steps = StepRule::adadelta;
  CHECK(error_of(attempt) == "INVALID_ARGUMENT optimizer");
}

TEST_CASE("a rate under which later epochs diverge leaves the last good one", "[hybrid]") {
  bool found = false;
  for (float rate = 1e3f; rate < 1e9f && !found; rate *= 2) {
    HybridOptions options = small_options(RankingLoss::logistic, 50);
    options.learning_rate = rate;
    const auto trainer = make_hybrid_sgd(options, hybrid_data(shared_data(12, 8, camps())));
    const auto error = error_of([&] { run(*trainer); });
    if (error == "nothing" || trainer->best_epoch() == 0) continue;
    found = true;
    CHECK(error == "DIVERGED learningRate");
    CHECK(trainer->model().all_finite());
  }
  CHECK(found);
}

TEST_CASE("validation measures the ranking, and the best epoch is kept", "[hybrid]") {
  const SharedData data = shared_data(12, 8, camps());
  HybridData input = hybrid_data(data);
  std::vector<Rating> held_out;
  std::set<std::pair<std::uint32_t, std::uint32_t>> met;
  for (const Rating& rating : camps()) met.insert({rating.user, rating.item});
  for (std::uint32_t u = 0; u < 12; ++u) {
    for (std::uint32_t i = 0; i < 8; ++i) {
      if (!met.contains({u, i})) held_out.push_back({u, i, u % 2 == i % 2 ? 1.0f : -1.0f});
    }
  }
  input.validation = shared_data(12, 8, held_out);
  HybridOptions options = small_options(RankingLoss::warp, 100);
  options.patience = 3;
  const auto trainer = make_hybrid_sgd(options, input);
  const auto reports = run(*trainer);
  CHECK(trainer->stopped_early());
  CHECK(reports.size() == trainer->best_epoch() + 3);
  double best = 1;
  for (const EpochLosses& report : reports) {
    REQUIRE(report.validation);
    CHECK(report.validation->loss >= 0);
    CHECK(report.validation->loss <= 1);
    best = std::min(best, report.validation->loss);
  }
  CHECK(reports[trainer->best_epoch() - 1].validation->loss == best);
}

TEST_CASE("options out of range are refused by name", "[hybrid]") {
  const auto refusal = [](auto&& change) {
    HybridOptions options;
    change(options);
    return error_of([&] { options.validate(); });
  };
  using O = HybridOptions;
  CHECK(refusal([](O& o) { o.factors = 1025; }) == "OUT_OF_RANGE factors");
  CHECK(refusal([](O& o) { o.learning_rate = 0; }) == "OUT_OF_RANGE learningRate");
  CHECK(refusal([](O& o) { o.rho = 1; }) == "OUT_OF_RANGE rho");
  CHECK(refusal([](O& o) { o.epsilon = 0; }) == "OUT_OF_RANGE epsilon");
  CHECK(refusal([](O& o) { o.user_regularization = -1; }) == "OUT_OF_RANGE regularization.user");
  CHECK(refusal([](O& o) { o.max_sampled = 0; }) == "OUT_OF_RANGE maxSampled");
  CHECK(refusal([](O& o) { o.kth = 0; }) == "OUT_OF_RANGE k");
  CHECK(refusal([](O& o) { o.positives = 0; }) == "OUT_OF_RANGE n");
  CHECK(refusal([](O& o) { o.positive_from = std::nanf(""); }) == "NOT_FINITE positiveFrom");
  CHECK(refusal([](O& o) { o.epochs = 0; }) == "OUT_OF_RANGE epochs");
  CHECK(error_of([] { make_hybrid_sgd({}, hybrid_data(shared_data(2, 2, {}))); }) == "EMPTY data");
}

TEST_CASE("fields of the context, and no columns at all, are refused", "[hybrid]") {
  const SharedData data = shared_data(12, 8, camps());
  const std::vector<FeatureField> context{camp_field("device", Side::context, 2)};
  CHECK(error_of([&] { make_hybrid_sgd({}, hybrid_data(data, context)); }) ==
        "INVALID_ARGUMENT fields");
  CHECK(error_of([&] { make_hybrid_sgd({}, hybrid_data(data, {}, {false, false})); }) ==
        "INVALID_ARGUMENT identity");
}

TEST_CASE("a hybrid model comes back from its file, and goes on alike", "[hybrid]") {
  const SharedData data = shared_data(12, 8, camps());
  const std::vector<FeatureField> features{camp_field("camp", Side::user, 12),
                                           camp_field("kind", Side::item, 8)};
  for (const RankingLoss loss : all_losses) {
    for (const StepRule steps : {StepRule::adagrad, StepRule::adadelta}) {
      HybridOptions options = small_options(loss);
      options.steps = steps;
      options.positive_from = 1.0f;
      ModelFile file;
      file.family = "hybrid";
      file.model = trained_hybrid(options, hybrid_data(data, features));
      const auto bytes = write_model(file, {});
      const ModelFile back = read_model(bytes);
      CHECK(write_model(back, {}) == bytes);
      const auto further = [&](const FactorizationMachine& start) {
        return numbers_of(
            trained_hybrid(options, hybrid_data(data, features, {}, &start.space), &start));
      };
      CHECK(further(back.fm()) == further(file.fm()));
    }
  }
}

TEST_CASE("a damaged file of a hybrid model is refused or read, never trusted", "[hybrid]") {
  ModelFile file;
  file.family = "hybrid";
  file.model =
      trained_hybrid(small_options(RankingLoss::warp), hybrid_data(shared_data(12, 8, camps())));
  const auto bytes = write_model(file, {});
  Random random(1);
  int refused = 0;
  for (int k = 0; k < 2000; ++k) {
    const auto damaged = damaged_copy(bytes, random);
    const auto error = error_of([&] { (void)read_model(damaged).fm().towers(); });
    if (error == "MALFORMED_FILE bytes") {
      ++refused;
    } else {
      CHECK(error == "nothing");
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("what a user has met is known, however much it is", "[hybrid]") {
  Random random(5);
  SeenItems seen;
  std::vector<std::set<std::uint32_t>> sets;
  for (const std::size_t count : {0u, 1u, 7u, 8u, 9u, 500u, 3000u}) {
    std::set<std::uint32_t> own;
    while (own.size() < count) own.insert(random.below(5000));
    Indices list(own.begin(), own.end());
    random.shuffle(list);  // as after two trainings
    seen.items.insert(seen.items.end(), list.begin(), list.end());
    seen.offsets.push_back(static_cast<std::uint32_t>(seen.items.size()));
    sets.push_back(std::move(own));
  }
  const KnownItems known(seen);
  for (std::uint32_t user = 0; user < sets.size(); ++user) {
    for (std::uint32_t item = 0; item < 5000; ++item) {
      if (known.has(user, item) != sets[user].contains(item)) FAIL("item " << item);
    }
  }
}
