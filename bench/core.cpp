// Speed of the core alone, natively and as WebAssembly: the same program is built for both, and
// bench/run.mjs runs them one after the other. Prints one "name milliseconds" line per measurement,
// the median of several runs. With the argument "catalogue", catalogue.h's instead.
//
// The ratings are those of the file that the second argument names, or else synthetic, in the shape
// of MovieLens-100K's training folds (943 users, 1682 items, 80,000 ratings with a popularity
// skew): the speed of all but the ranking losses does not depend on the values.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "catalogue.h"
#include "data/design.h"
#include "data/interactions.h"
#include "rank/top_k.h"
#include "train/fm_als.h"
#include "train/fm_gibbs.h"
#include "train/fm_sgd.h"
#include "train/hybrid_sgd.h"
#include "train/implicit_als.h"
#include "train/mf_als.h"
#include "train/mf_sgd.h"
#include "train/svd.h"

namespace {

using namespace featherfm;

std::shared_ptr<const Interactions> synthetic_ratings() {
  Random random(1);
  std::vector<std::uint32_t> users, items;
  std::vector<float> values;
  std::vector<char> taken(943 * 1682);
  while (users.size() < 80'000) {
    const double u = random.uniform(), i = random.uniform();
    const auto user = static_cast<std::uint32_t>(u * u * 943),
               item = static_cast<std::uint32_t>(i * i * 1682);
    if (std::exchange(taken[user * 1682 + item], 1)) continue;
    users.push_back(user);
    items.push_back(item);
    values.push_back(static_cast<float>(1 + random.below(5)));
  }
  return std::make_shared<Interactions>(
      Interactions::from_coordinates(943, 1682, {users, items, values, {}, {}}));
}

// A "user item rating" line for each rating, counted from 0.
std::shared_ptr<const Interactions> ratings_of(const char* path) {
  std::vector<std::uint32_t> users, items;
  std::vector<float> values;
  std::FILE* const file = std::fopen(path, "r");
  unsigned user = 0, item = 0;
  float value = 0;
  while (file && std::fscanf(file, "%u %u %f", &user, &item, &value) == 3) {
    users.push_back(user);
    items.push_back(item);
    values.push_back(value);
  }
  if (file) std::fclose(file);
  if (users.empty()) {
    std::fprintf(stderr, "No ratings in %s\n", path);
    std::exit(1);
  }
  return std::make_shared<Interactions>(
      Interactions::from_coordinates(943, 1682, {users, items, values, {}, {}}));
}

// Only names that begin with this are measured.
std::string wanted;

void report(const char* name, unsigned number, int runs,
            const std::function<double()>& milliseconds) {
  if (!std::string(name).starts_with(wanted)) return;
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) times.push_back(milliseconds());
  std::sort(times.begin(), times.end());
  std::printf("%s%u %.4f\n", name, number, times[times.size() / 2]);
}

// Mean time of an epoch, the first one (with its set-up) left out.
double epoch_time(Trainer& trainer, std::uint32_t epochs) {
  trainer.step(1e9);
  const double begin = steady_milliseconds();
  while (!trainer.step(1e9).done) {
  }
  return (steady_milliseconds() - begin) / (epochs - 1);
}

// A category for each of `rows`, with the same skew as the ratings.
FeatureField categories(const char* name, Side side, std::uint32_t rows, std::uint32_t columns,
                        std::uint32_t per_row, std::uint64_t seed) {
  FeatureField field{name, side, columns, {}};
  Random random(seed);
  for (std::uint32_t r = 0; r < rows; ++r) {
    for (std::uint32_t k = 0; k < per_row; ++k) {
      // One of each of `per_row` ranges of columns, so that none comes twice.
      const std::uint32_t range = columns / per_row;
      field.rows.add(k * range + random.below(range), 1);
    }
    field.rows.end_row();
  }
  return field;
}

// As MovieLens describes its users and films: age, gender, occupation; two genres, year.
std::vector<FeatureField> side_fields() {
  return {categories("age", Side::user, 943, 8, 1, 1),
          categories("gender", Side::user, 943, 2, 1, 2),
          categories("occupation", Side::user, 943, 21, 1, 3),
          categories("genre", Side::item, 1682, 18, 2, 4),
          categories("year", Side::item, 1682, 71, 1, 5)};
}

void factorization_machines(const std::shared_ptr<const Interactions>& data) {
  struct Names {
    const char *sgd, *als, *mcmc;
  };
  for (const auto& [names, fields] :
       {std::pair{Names{"fm-sgd-epoch-ids-k", "fm-als-sweep-ids-k", "fm-mcmc-sweep-ids-k"},
                  std::vector<FeatureField>{}},
        {Names{"fm-sgd-epoch-side-k", "fm-als-sweep-side-k", "fm-mcmc-sweep-side-k"},
         side_fields()}}) {
    FmData examples;
    examples.space = make_feature_space(*data, SeenItems(*data), fields, {}, nullptr);
    examples.train = std::make_shared<Design>(make_design(examples.space, *data, fields));
    report(names.sgd, 16, 7, [&] {
      FmSgdOptions options;
      options.factors = 16;
      options.epochs = 11;
      return epoch_time(*make_fm_sgd(options, examples), options.epochs);
    });
    report(names.als, 16, 5, [&] {
      FmOptions options;
      options.factors = 16;
      options.epochs = 6;
      return epoch_time(*make_fm_als(options, examples), options.epochs);
    });
    report(names.mcmc, 16, 5, [&] {
      FmGibbsOptions options;
      options.factors = 16;
      options.burn_in = 5;
      options.samples = 1;
      return epoch_time(*make_fm_gibbs(options, examples), 6);
    });
  }
}

void ranking_models(const std::shared_ptr<const Interactions>& data) {
  report("hybrid-warp-epoch-k", 32, 3, [&] {
    HybridOptions options;
    options.factors = 32;
    options.epochs = 11;
    options.positive_from = 4;
    const SeenItems seen(*data);
    return epoch_time(
        *make_hybrid_sgd(options, {make_feature_space(*data, seen, {}, {}, nullptr), data, seen}),
        options.epochs);
  });
  report("implicit-als-sweep-k", 64, 3, [&] {
    ImplicitAlsOptions options;
    options.factors = 64;
    options.epochs = 11;
    return epoch_time(*make_implicit_als(options, data, nullptr), options.epochs);
  });
}

}  // namespace

// Measures everything, or what begins with the first argument, on the ratings of the second;
// "catalogue" alone what concerns large catalogues.
int main(int count, char** arguments) {
  if (count > 1 && std::string_view(arguments[1]) == "catalogue") {
    measure_catalogue();
    return 0;
  }
  if (count > 1) wanted = arguments[1];
  const auto data = count > 2 ? ratings_of(arguments[2]) : synthetic_ratings();
  factorization_machines(data);
  ranking_models(data);
  for (const std::uint32_t factors : {16u, 32u, 64u}) {
    report("mf-sgd-epoch-k", factors, 7, [&] {
      MfSgdOptions options;
      options.factors = factors;
      options.epochs = 21;
      return epoch_time(*make_mf_sgd(options, data, nullptr), options.epochs);
    });
  }
  for (const std::uint32_t factors : {32u, 64u}) {
    report("mf-als-sweep-k", factors, 5, [&] {
      MfOptions options;
      options.factors = factors;
      options.epochs = 4;
      return epoch_time(*make_mf_als(options, data, nullptr), options.epochs);
    });
  }
  report("svd-k", 16, 5, [&] {
    const auto trainer = make_svd({}, data);
    const double begin = steady_milliseconds();
    while (!trainer->step(1e9).done) {
    }
    return steady_milliseconds() - begin;
  });
  MfSgdOptions options;
  options.epochs = 1;
  const auto trainer = make_mf_sgd(options, data, nullptr);
  while (!trainer->step(1e9).done) {
  }
  const Towers towers = trainer->model().towers();
  report("top10-all-users-k", 32, 7, [&] {
    ItemRanker ranker(towers);
    const double begin = steady_milliseconds();
    for (std::uint32_t user = 0; user < data->users(); ++user) {
      ranker.top(user_view(towers, user), 10, {data->items_of(user), {}, std::nullopt});
    }
    return steady_milliseconds() - begin;
  });
}
