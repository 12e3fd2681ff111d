// The exact and the int8 scan of a large catalogue, one after the other for each user. Vectors are
// synthetic: 200 clusters, log-normal lengths with the spread that models of MovieLens-100K have.
#include "catalogue.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "base/random.h"
#include "rank/top_k.h"
#include "train/trainer.h"

namespace {

using namespace featherfm;

constexpr std::size_t items = 100'000, users = 50, factors = 64, clusters = 200;

void fill(Matrix& tower, const Matrix& centres, bool of_users, Random& random) {
  for (std::size_t row = 0; row < tower.rows(); ++row) {
    const float* centre = centres.row(random.below(clusters));
    const double length = 0.3 * std::exp(0.4 * random.normal());
    float* x = tower.row(row);
    for (std::size_t f = 0; f < factors; ++f) {
      x[f] = static_cast<float>(length * (centre[f] + 0.8 * random.normal()));
    }
    x[factors] = of_users ? 1 : static_cast<float>(0.3 * random.normal());
  }
}

double median(std::vector<double>& times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

void measure_catalogue() {
  Random random(1);
  Matrix centres(clusters, factors);
  for (float& x : centres.storage()) x = static_cast<float>(random.normal());
  Towers towers;
  towers.factors = factors;
  towers.items = Matrix(items, factors + 1);
  towers.users = Matrix(users, factors + 1);
  towers.user_offsets.resize(users);
  fill(towers.items, centres, false, random);
  fill(towers.users, centres, true, random);

  ItemRanker ranker(towers);
  for (const std::size_t n : {10u, 100u}) {
    std::vector<double> exact, int8;
    for (int round = 0; round < 3; ++round) {
      for (std::uint32_t user = 0; user < users; ++user) {
        const double begin = steady_milliseconds();
        ranker.top(user_view(towers, user), n, {}, Scan::exact);
        const double middle = steady_milliseconds();
        ranker.top(user_view(towers, user), n, {}, Scan::int8);
        const double end = steady_milliseconds();
        exact.push_back(middle - begin);
        int8.push_back(end - middle);
      }
    }
    std::printf("exact-top%zu %.4f\nint8-top%zu %.4f\n", n, median(exact), n, median(int8));
  }
}
