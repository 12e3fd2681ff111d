// What a sampled machine predicts, ranks and makes of a new user: always the same as going through
// its samples one by one.
#include "model/posterior_prediction.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/normal.h"
#include "rank/optimistic.h"
#include "rank/sample_fold_in.h"
#include "support_gibbs.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

constexpr float unlimited = std::numeric_limits<float>::max();

// A machine with its world and its serving form; stays where it is, towers point to it.
struct Served {
  explicit Served(Task task, const DerivedColumns& derived = everything)
      : world(gibbs_world(task)),
        data(world_data(world, derived)),
        model(sampled(gibbs_options(task), data)),
        towers(model.towers()),
        samples(model, towers) {
    for (std::size_t s = 0; s < model.posterior->samples(); ++s) {
      singles.push_back(sample_of(model, s));
    }
  }
  Served(const Served&) = delete;

  std::size_t count() const { return singles.size(); }

  // The row of a pair without context.
  SparseRows pair(std::uint32_t user, std::uint32_t item) const {
    SparseRows rows;
    for (const SparseRows::Row& row : {data.space.users->row(user), data.space.items->row(item)}) {
      for (const auto& [column, value] : entries_of(row)) rows.add(column, value);
    }
    rows.end_row();
    return rows;
  }
  double mean_score(std::uint32_t user, std::uint32_t item) const {
    const SparseRows rows = pair(user, item);
    double sum = 0;
    for (const FactorizationMachine& single : singles) sum += score(single, rows.row(0));
    return sum / static_cast<double>(count());
  }

  SmallWorld world;
  FmData data;
  FactorizationMachine model;
  Towers towers;
  SampleTowers samples;
  std::vector<FactorizationMachine> singles;
};

bool near(double a, double b, double tolerance = 1e-4) {
  return std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b));
}

// Of a score in a sample, in double.
std::vector<double> probabilities_of(const Posterior& posterior, std::size_t sample, double score) {
  std::vector<double> result;
  double below = 0;
  for (std::size_t c = 0; c < posterior.classes.size(); ++c) {
    const double up_to = c + 1 < posterior.classes.size()
                             ? normal_cdf(double{posterior.cutpoints.row(sample)[c]} - score)
                             : 1;
    result.push_back(up_to - below);
    below = up_to;
  }
  return result;
}

Indices indices(const std::vector<Scored>& list) {
  Indices result;
  for (const Scored& scored : list) result.push_back(scored.index);
  return result;
}

constexpr std::uint32_t users = 12, items = 9;

}  // namespace

TEST_CASE("the machine of all samples scores like their mean") {
  for (const Task task : all_tasks) {
    const Served served(task);
    const Design flat = flattened(*served.data.train);
    const auto of_mean = scores(served.model, *served.data.train);
    for (std::uint32_t k = 0; k < flat.size(); ++k) {
      double sum = 0;
      for (const auto& single : served.singles) {
        sum += score(single, flat.blocks[0].table->row(k));
      }
      CHECK(near(of_mean[k], sum / static_cast<double>(served.count())));
    }
    for (std::uint32_t user = 0; user < users; ++user) {
      for (std::uint32_t item = 0; item < items; ++item) {
        CHECK(near(served.towers.score(user, item), served.mean_score(user, item)));
      }
    }
  }
}

TEST_CASE("samples put together and taken apart are the samples") {
  std::vector<FactorizationMachine> samples;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) samples.push_back(random_machine(7, 3, seed));
  const FactorizationMachine model = mean_machine(samples, {});
  CHECK(model.factors.columns() == 15);
  CHECK(model.posterior->factors == 3);
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const FactorizationMachine single = sample_of(model, s);
    CHECK(single.constant == samples[s].constant);
    CHECK(single.linear == samples[s].linear);
    CHECK(largest_difference(ReferenceMachine(samples[s]).values(), single) < 1e-6);
  }
}

TEST_CASE("towers of the samples score every pair as each sample does") {
  for (const Task task : all_tasks) {
    for (const DerivedColumns& derived : {everything, DerivedColumns{}}) {
      const Served served(task, derived);
      std::vector<float> found(served.count());
      for (std::uint32_t user = 0; user < users; ++user) {
        const SampleUser row = served.samples.user(user);
        for (std::uint32_t item = 0; item < items; ++item) {
          served.samples.scores(row, item, found);
          const SparseRows rows = served.pair(user, item);
          for (std::size_t s = 0; s < found.size(); ++s) {
            CHECK(near(found[s], score(served.singles[s], rows.row(0))));
          }
        }
      }
    }
  }
}

TEST_CASE("users and items that no sample knows score as average ones") {
  const Served served(Task::regression);
  std::vector<float> found(served.count());
  const SampleUser nobody = served.samples.user(users);
  for (const std::uint32_t item : {0u, 5u, items, 1000u}) {
    served.samples.scores(nobody, item, found);
    const SparseRows rows = served.pair(users, item);  // no columns of the user
    for (std::size_t s = 0; s < found.size(); ++s) {
      CHECK(near(found[s], score(served.singles[s], rows.row(0))));
    }
  }
  served.samples.scores(served.samples.user(3), items, found);
  const SparseRows rows = served.pair(3, items);
  for (std::size_t s = 0; s < found.size(); ++s) {
    CHECK(near(found[s], score(served.singles[s], rows.row(0))));
  }
}

TEST_CASE("a context joins a user in every sample, and in the mean") {
  for (const Task task : all_tasks) {
    const Served served(task);
    const SparseRows contexts =
        describe(served.model.space, Side::context, served.world.features, {});
    const SampleSums in_samples = sample_sums(served.model, contexts);
    const RowSums in_mean = row_sums(served.model, contexts);
    std::vector<float> found(served.count());
    for (std::uint32_t r = 0; r < contexts.rows(); ++r) {
      for (const std::uint32_t user : {0u, 4u, users}) {
        SampleUser there = served.samples.user(user);
        served.samples.add_to(there, in_samples, r);
        UserRow mean = user_row(served.towers, user);
        add_to(mean, in_mean, r);
        for (std::uint32_t item = 0; item < items; ++item) {
          SparseRows rows = served.pair(user, item);
          rows.offsets.pop_back();
          for (const auto& [column, x] : entries_of(contexts.row(r))) rows.add(column, x);
          rows.end_row();
          served.samples.scores(there, item, found);
          double sum = 0;
          for (std::size_t s = 0; s < found.size(); ++s) {
            const double expected = score(served.singles[s], rows.row(0));
            CHECK(near(found[s], expected));
            sum += expected;
          }
          CHECK(near(served.towers.score(mean.row.data(), mean.offset, item),
                     sum / static_cast<double>(found.size())));
        }
      }
    }
  }
}

TEST_CASE("somebody of whom the mean alone is known has its score in the mean of the samples") {
  const Served served(Task::regression);
  const UserRow row = user_row(served.towers, 2);
  const SampleUser like = served.samples.user_like(row);
  std::vector<float> found(served.count());
  for (std::uint32_t item = 0; item < items; ++item) {
    served.samples.scores(like, item, found);
    const double mean =
        std::accumulate(found.begin(), found.end(), 0.0) / static_cast<double>(found.size());
    CHECK(near(mean, served.towers.score(2, item)));
  }
}

TEST_CASE("a predicted value is the mean of the samples', each clipped, with its deviation") {
  Served served(Task::regression);
  served.model.range = {2.5f, 4};  // so that some are clipped and some are not
  PosteriorScores predicted(served.model, *served.data.train);
  int pieces = 1;
  while (!predicted.advance()) ++pieces;
  CHECK(pieces > 0);
  CHECK(predicted.probabilities().empty());
  const Design flat = flattened(*served.data.train);
  REQUIRE(predicted.predicted().size() == flat.size());
  for (std::uint32_t k = 0; k < flat.size(); ++k) {
    double sum = 0, squares = 0, noise = 0;
    const auto n = static_cast<double>(served.count());
    for (std::size_t s = 0; s < served.count(); ++s) {
      const double value =
          std::clamp(score(served.singles[s], flat.blocks[0].table->row(k)), 2.5, 4.0);
      sum += value / n;
      squares += value * value / n;
      noise += std::pow(double{served.model.posterior->noise[s]}, 2) / n;
    }
    CHECK(near(predicted.predicted()[k].mean, sum));
    CHECK(near(predicted.predicted()[k].deviation, std::sqrt(squares - sum * sum + noise), 1e-3));
  }
}

TEST_CASE("a predicted probability is the mean of the samples'") {
  const Served served(Task::classification);
  PosteriorScores predicted(served.model, *served.data.train);
  while (!predicted.advance()) {
  }
  const Design flat = flattened(*served.data.train);
  for (std::uint32_t k = 0; k < flat.size(); ++k) {
    double p = 0;
    for (const auto& single : served.singles) {
      p += normal_cdf(score(single, flat.blocks[0].table->row(k))) /
           static_cast<double>(served.count());
    }
    CHECK(near(predicted.predicted()[k].mean, p));
    CHECK(near(predicted.predicted()[k].deviation, std::sqrt(p * (1 - p)), 1e-3));
  }
}

TEST_CASE("probabilities of ordered classes sum to 1 and are the mean of the samples'") {
  const Served served(Task::ordinal);
  const Posterior& posterior = *served.model.posterior;
  const std::size_t classes = posterior.classes.size();
  PosteriorScores predicted(served.model, *served.data.train);
  while (!predicted.advance()) {
  }
  const Design flat = flattened(*served.data.train);
  REQUIRE(predicted.probabilities().size() == flat.size() * classes);
  for (std::uint32_t k = 0; k < flat.size(); ++k) {
    std::vector<double> expected(classes);
    for (std::size_t s = 0; s < served.count(); ++s) {
      const auto one =
          probabilities_of(posterior, s, score(served.singles[s], flat.blocks[0].table->row(k)));
      for (std::size_t c = 0; c < classes; ++c) {
        expected[c] += one[c] / static_cast<double>(served.count());
      }
    }
    double sum = 0, mean = 0, squares = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      const double p = predicted.probabilities()[k * classes + c], value = posterior.classes[c];
      CHECK(p >= 0);
      CHECK(near(p, expected[c]));
      sum += p;
      mean += expected[c] * value;
      squares += expected[c] * value * value;
    }
    CHECK(std::abs(sum - 1) < 1e-6);
    CHECK(near(predicted.predicted()[k].mean, mean));
    CHECK(near(predicted.predicted()[k].deviation, std::sqrt(squares - mean * mean), 1e-3));
  }
}

TEST_CASE("the mean value of ordered classes is that of their probabilities") {
  const std::vector<float> classes{1, 2, 4, 7};
  const std::vector<double> cutpoints{-0.5, 0.25, 1.5};
  AlignedFloats values(132);
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = 0.1f * static_cast<float>(k) - 6;
  const AlignedFloats scores = values;
  class_means(classes, cutpoints, values.data(), values.size());
  for (std::size_t k = 0; k < values.size(); ++k) {
    double mean = 0, below = 0;
    for (std::size_t c = 0; c < 4; ++c) {
      const double up_to = c < 3 ? normal_cdf(cutpoints[c] - double{scores[k]}) : 1;
      mean += (up_to - below) * double{classes[c]};
      below = up_to;
    }
    CHECK(near(values[k], mean, 1e-5));
  }
}

TEST_CASE("ranking at no deviation is ranking by the mean") {
  for (const Task task : all_tasks) {
    const Served served(task);
    ItemRanker ranker(served.towers);
    for (std::uint32_t user = 0; user < users; ++user) {
      const auto seen = served.world.data.items_of(user);
      const Indices exclude{1, 4, 4, 99}, candidates{0, 1, 2, 3, 7, 8, 200};
      for (const ItemFilter& filter :
           {ItemFilter{}, ItemFilter{seen, {}, {}}, ItemFilter{{}, exclude, {}},
            ItemFilter{seen, exclude, std::span<const std::uint32_t>(candidates)},
            ItemFilter{{}, {}, std::span<const std::uint32_t>()}}) {
        for (const std::size_t n : {0u, 3u, 20u}) {
          const auto found =
              optimistic_top(served.samples, served.samples.user(user), items, n, 0, filter);
          const auto expected = ranker.top(user_view(served.towers, user), n, filter);
          CHECK(indices(found) == indices(expected));
          for (std::size_t k = 0; k < std::min(found.size(), expected.size()); ++k) {
            CHECK(near(found[k].score, expected[k].score));
          }
        }
      }
    }
  }
}

TEST_CASE("optimism adds deviations of the samples' scores") {
  const Served served(Task::regression);
  for (const double deviations : {1.0, 3.0, -1.0}) {
    const auto found =
        optimistic_top(served.samples, served.samples.user(3), items, items, deviations, {});
    REQUIRE(found.size() == items);
    float before = unlimited;
    for (const Scored& scored : found) {
      CHECK(scored.score <= before);
      before = scored.score;
      const SparseRows rows = served.pair(3, scored.index);
      const double mean = served.mean_score(3, scored.index);
      double variance = 0;
      for (const auto& single : served.singles) {
        variance +=
            std::pow(score(single, rows.row(0)) - mean, 2) / static_cast<double>(served.count());
      }
      CHECK(near(scored.score, mean + deviations * std::sqrt(variance), 2e-3));
    }
  }
}

TEST_CASE("folding nothing in leaves the start") {
  for (const Task task : all_tasks) {
    const Served served(task);
    for (const std::uint32_t user : {2u, users}) {
      const SampleUser start = served.samples.user(user);
      const SampleFoldIn fold_in(served.model, served.towers, served.samples, start);
      const SampleUser folded = fold_in.fold({}, std::nullopt);
      REQUIRE(folded.row.size() == start.row.size());
      for (std::size_t f = 0; f < start.row.size(); ++f) CHECK(near(folded.row[f], start.row[f]));
      for (std::size_t s = 0; s < start.parts.size(); ++s) {
        CHECK(near(folded.parts[s], start.parts[s]));
      }
    }
  }
}

TEST_CASE("in every sample a new user is the ridge regression under its penalty") {
  const Served served(Task::regression);
  const Indices given_items{0, 3, 4, 7};
  const std::vector<float> values{5, 1, 4, 2}, weights{1, 2, 0.5f, 1};
  for (const bool weighted : {false, true}) {
    for (const std::optional<float> regularization :
         {std::optional<float>(), std::optional<float>(2.5f)}) {
      const GivenRatings given{
          given_items, values,
          weighted ? std::span<const float>(weights) : std::span<const float>()};
      const SampleUser start = served.samples.user(users);
      const SampleUser folded = SampleFoldIn(served.model, served.towers, served.samples, start)
                                    .fold(given, regularization);
      std::vector<float> found(served.count());
      for (std::size_t s = 0; s < served.count(); ++s) {
        FactorizationMachine single = served.singles[s];
        single.space = served.model.space;
        single.range = {-unlimited, unlimited};
        single.fold_in = served.model.fold_in;
        single.fold_in.frequency_scaling = 0;
        single.fold_in.regularization = single.fold_in.bias_regularization =
            regularization.value_or(served.model.posterior->penalties[s]);
        const Towers towers = single.towers();
        const FoldedUser expected = FoldIn(towers).fold(given);
        const UserRow row = expected.tower_row(towers);
        for (std::uint32_t item = 0; item < items; ++item) {
          served.samples.scores(folded, item, found);
          CHECK(near(found[s], towers.score(row.row.data(), row.offset, item), 1e-3));
        }
      }
    }
  }
}

TEST_CASE("the parts of a new user's score sum to it") {
  for (const Task task : all_tasks) {
    const Served served(task);
    const Indices given_items{0, 3, 4, 7};
    const std::vector<float> values = task == Task::classification ? std::vector<float>{1, 0, 1, 0}
                                                                   : std::vector<float>{5, 1, 4, 2};
    const GivenRatings given{given_items, values, {}};
    const SampleUser start = served.samples.user(users);
    const SampleFoldIn fold_in(served.model, served.towers, served.samples, start);
    const SampleUser folded = fold_in.fold(given, std::nullopt);
    std::vector<float> found(served.count()), before(served.count());
    for (std::uint32_t item = 0; item < items; ++item) {
      const ScoreParts parts = fold_in.explain(given, item, std::nullopt);
      REQUIRE(parts.contributions.size() == 4);
      const double sum = std::accumulate(parts.contributions.begin(), parts.contributions.end(),
                                         double{parts.base});
      CHECK(near(parts.score, sum));
      served.samples.scores(folded, item, found);
      served.samples.scores(start, item, before);
      const auto n = static_cast<double>(served.count());
      // Of classes the last digits are still moving when the rounds end.
      const double tolerance = task == Task::regression ? 1e-3 : 1e-2;
      CHECK(near(parts.score, std::accumulate(found.begin(), found.end(), 0.0) / n, tolerance));
      CHECK(near(parts.base, std::accumulate(before.begin(), before.end(), 0.0) / n, 1e-3));
    }
  }
}

TEST_CASE("the better the class somebody gives, the higher the score") {
  for (const Task task : {Task::classification, Task::ordinal}) {
    const Served served(task);
    const SampleUser start = served.samples.user(users);
    const SampleFoldIn fold_in(served.model, served.towers, served.samples, start);
    const std::vector<float> ladder =
        task == Task::classification ? std::vector<float>{0, 1} : served.model.posterior->classes;
    for (std::uint32_t item = 0; item < items; ++item) {
      double before = -unlimited;
      for (const float value : ladder) {
        const Indices given_items{item};
        const std::vector<float> values{value};
        std::vector<float> found(served.count());
        served.samples.scores(fold_in.fold({given_items, values, {}}, 0.5f), item, found);
        const double sum = std::accumulate(found.begin(), found.end(), 0.0);
        CHECK(sum > before);
        before = sum;
      }
      // From its two ends a class pulls to the middle: the start lies between.
      std::vector<float> at_start(served.count());
      served.samples.scores(start, item, at_start);
      CHECK(std::accumulate(at_start.begin(), at_start.end(), 0.0) < before);
    }
  }
}

TEST_CASE("labels of 0 and of -1 say the same") {
  const Served served(Task::classification);
  const SampleUser start = served.samples.user(users);
  const SampleFoldIn fold_in(served.model, served.towers, served.samples, start);
  const Indices given_items{2, 5};
  const std::vector<float> zero{1, 0}, minus{1, -1};
  const SampleUser a = fold_in.fold({given_items, zero, {}}, std::nullopt),
                   b = fold_in.fold({given_items, minus, {}}, std::nullopt);
  CHECK(a.parts == b.parts);
  CHECK(std::ranges::equal(a.row, b.row));
}

TEST_CASE("ratings nobody can fold in are refused") {
  for (const Task task : all_tasks) {
    CAPTURE(static_cast<int>(task));
    const Served served(task);
    const SampleUser start = served.samples.user(0);
    const SampleFoldIn fold_in(served.model, served.towers, served.samples, start);
    const auto outcome = [&](const Indices& given_items, const std::vector<float>& values,
                             const std::vector<float>& weights = {},
                             std::optional<float> regularization = std::nullopt) {
      const GivenRatings given{given_items, values, weights};
      const std::string folded = error_of([&] { fold_in.fold(given, regularization); }),
                        explained = error_of([&] { fold_in.explain(given, 0, regularization); });
      CHECK(folded == explained);
      return folded;
    };
    const float not_a_number = std::numeric_limits<float>::quiet_NaN();
    CHECK(outcome({0, 1}, {1, 1}) == "nothing");
    CHECK(outcome({0, items}, {1, 1}) == "OUT_OF_RANGE ratings");
    CHECK(outcome({3, 3}, {1, 1}) == "DUPLICATE ratings");
    CHECK(outcome({0, 1}, {1}) == "SIZE_MISMATCH ratings");
    CHECK(outcome({0}, {1, 1}) == "SIZE_MISMATCH ratings");
    CHECK(outcome({0, 1}, {1, 1}, {1}).starts_with("SIZE_MISMATCH"));
    CHECK(outcome({0, 1}, {1, 1}, {1, -1}).starts_with("OUT_OF_RANGE"));
    CHECK(outcome({0}, {1}, {}, -1.0f).starts_with("OUT_OF_RANGE"));
    CHECK(outcome({0}, {not_a_number}) != "nothing");
    if (task != Task::regression) {
      CHECK(outcome({0}, {0.5f}) == "OUT_OF_RANGE ratings");
      CHECK(outcome({0}, {7}) == "OUT_OF_RANGE ratings");
    }
    CHECK(error_of([&] { fold_in.explain({}, items, std::nullopt); }) == "OUT_OF_RANGE item");
  }
}

TEST_CASE("without factors or user columns folding in stays harmless") {
  for (const Task task : all_tasks) {
    const FmData data = world_data(gibbs_world(task), {false, true});
    for (const std::uint32_t factors : {0u, 2u}) {
      FmGibbsOptions options = gibbs_options(task);
      options.factors = factors;
      const FactorizationMachine model = sampled(options, data);
      const Towers towers = model.towers();
      const SampleTowers samples(model, towers);
      const SampleUser start = samples.user(users);
      const Indices given_items{2, 5};
      const std::vector<float> values{1, 1};
      const SampleUser folded =
          SampleFoldIn(model, towers, samples, start).fold({given_items, values, {}}, std::nullopt);
      // Nobody has parameters of their own, so nothing moves.
      for (std::size_t s = 0; s < samples.samples(); ++s) {
        CHECK(near(folded.parts[s], start.parts[s]));
      }
    }
  }
}
