// What several test files share: small data sets, MovieLens, running a trainer, and saying which
// error a call raised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "data/interactions.h"
#include "data/split.h"
#include "model/matrix_factorization.h"
#include "train/mf_sgd.h"
#include "train/trainer.h"

namespace featherfm::testing {

using SharedData = std::shared_ptr<const Interactions>;
using Indices = std::vector<std::uint32_t>;

struct Rating {
  std::uint32_t user, item;
  float value = 1, weight = 1;
};

// Carries weights only when one of them is not 1.
Interactions interactions(std::uint32_t users, std::uint32_t items,
                          const std::vector<Rating>& ratings);
SharedData shared_data(std::uint32_t users, std::uint32_t items,
                       const std::vector<Rating>& ratings);
SharedData shared(Interactions data);

// `count` ratings at distinct places: whole stars from 1 to 5 around a hidden structure of two
// factors.
std::vector<Rating> synthetic_ratings(std::uint32_t users, std::uint32_t items, std::size_t count,
                                      std::uint64_t seed);

// A model with normal factors and biases, of which none is special.
MatrixFactorization random_model(std::size_t users, std::size_t items, std::size_t factors,
                                 std::uint64_t seed);

// MovieLens 100K in the order of u.data; skips the test where it is not there. The runner unpacks
// the archive and names the folder with u.data in MOVIELENS_UNPACKED; MOVIELENS_DIR with an
// unpacked ml-100k/ will do as well.
const Interactions& movielens();
std::string movielens_file(const std::string& name);

// The official split u<fold>, fold from 1 to 5: its test set is the fold-th fifth of u.data.
struct SharedSplit {
  SharedData train, test;
};
SharedSplit movielens_fold(std::uint32_t fold);

// Gentle settings that tests build on, so that they do not depend on the defaults: 32 factors, 20
// epochs, a constant rate of 0.01, penalties of 0.05 and 0.01 for every rating.
MfSgdOptions plain_options();

// Runs to the end; the reports of all finished epochs.
std::vector<EpochLosses> run(Trainer& trainer);

// "OUT_OF_RANGE users" when the call raised such an Error, "nothing" when it raised none.
template <class Call>
std::string error_of(Call&& call) {
  try {
    std::forward<Call>(call)();
  } catch (const Error& error) {
    const std::string code(name_of(error.code()));
    return error.argument().empty() ? code : code + " " + error.argument();
  }
  return "nothing";
}

// The bytes with one to three of them overwritten, half of the time by digits: numbers in headers
// are what a reader is most easily misled by.
std::vector<std::byte> damaged_copy(std::vector<std::byte> bytes, Random& random);

// y(u, i) of matrix_factorization.h, in double and without the kernels.
double predict(const MatrixFactorization& model, std::uint32_t user, std::uint32_t item);

double root_mean_squared_error(const MatrixFactorization& model, const Interactions& data);

// Every trained number, in a fixed order.
std::vector<float> parameters(const MatrixFactorization& model);

}  // namespace featherfm::testing
