// Speed of the core alone, natively and as WebAssembly: the same program is built for both, and
// bench/run.mjs runs them one after the other. Prints one "name milliseconds" line per measurement,
// the median of several runs. With the argument "catalogue", catalogue.h's instead.
//
// The ratings are synthetic, in the shape of MovieLens-100K's training folds (943 users, 1682
// items, 80,000 ratings with a popularity skew): speed does not depend on the values.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "catalogue.h"
#include "data/interactions.h"
#include "rank/top_k.h"
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

void report(const char* name, unsigned number, int runs,
            const std::function<double()>& milliseconds) {
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

}  // namespace

int main(int count, char** arguments) {
  if (count > 1 && std::string_view(arguments[1]) == "catalogue") {
    measure_catalogue();
    return 0;
  }
  const auto data = synthetic_ratings();
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
