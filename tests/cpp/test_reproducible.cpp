// The same seed and data give the same bits on every machine and target. The constants below were
// computed once by this test; native and WebAssembly builds have to agree on them. A change of any
// of them means that models trained before and after it differ: change them only on purpose.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/normal.h"
#include "model/compressed.h"
#include "model/posterior_prediction.h"
#include "rank/fold_in.h"
#include "rank/sample_fold_in.h"
#include "support.h"
#include "support_fm.h"
#include "support_gibbs.h"
#include "train/biases.h"
#include "train/fm_vb.h"
#include "train/implicit_als.h"
#include "train/item_knn.h"
#include "train/mf_als.h"
#include "train/mf_sgd.h"
#include "train/svd.h"

using namespace featherfm;
using namespace featherfm::testing;

namespace {

// FNV-1a over the bits.
class Hash {
 public:
  Hash& add(std::uint64_t word) {
    for (int k = 0; k < 8; ++k) {
      hash_ = (hash_ ^ (word >> (8 * k) & 0xff)) * 0x100000001b3u;
    }
    return *this;
  }
  Hash& add(std::span<const float> values) {
    for (const float value : values) add(std::bit_cast<std::uint32_t>(value));
    return *this;
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

template <class AnyTrainer>
std::uint64_t hash_of(AnyTrainer& trainer) {
  Hash hash;
  for (const EpochLosses& epoch : run(trainer)) {
    hash.add(std::bit_cast<std::uint64_t>(epoch.train.loss));
    if (epoch.validation) hash.add(std::bit_cast<std::uint64_t>(epoch.validation->loss));
  }
  return hash.add(parameters(trainer.model())).value();
}

SharedSplit fixed_data() {
  const Interactions data = interactions(80, 60, synthetic_ratings(80, 60, 1500, 77));
  auto [train, test] = split_at(data, random_test(data, 0.2, 3));
  return {shared(std::move(train)), shared(std::move(test))};
}

MfSgdOptions sgd_options(Optimizer optimizer, Loss loss) {
  MfSgdOptions options = plain_options();
  options.optimizer = optimizer;
  options.loss = loss;
  options.factors = 10;
  options.epochs = 8;
  options.learning_rate = 0.03f;
  options.learning_rate_decay = 0.9f;
  options.frequency_scaling = 0.5f;
  options.value_range = ValueRange{1, 5};
  return options;
}

std::uint64_t hash_of_sgd(Optimizer optimizer, Loss loss) {
  const auto [train, test] = fixed_data();
  return hash_of(*make_mf_sgd(sgd_options(optimizer, loss), train, test));
}

// Users, items, contexts and days with features of their own and sets, in tables.
FmData fixed_world(Task task) {
  const bool labels = task == Task::classification;
  const SmallWorld train = small_world(40, 30, 500, 77, labels),
                   test = small_world(40, 30, 100, 78, labels);
  FmData data = world_data(train, everything);
  data.validation = shared(make_design(data.space, test.data, test.features));
  return data;
}

std::uint64_t hash_of_fm(Solver solver, Task task) {
  FmSgdOptions options = plain_fm_options();
  options.task = task;
  options.factors = 10;
  options.epochs = 4;
  options.learning_rate_decay = 0.9f;
  options.frequency_scaling = 0.5f;
  options.constant_regularization = 0.1f;
  options.l1 = 1;
  const auto trainer = make_fm(solver, options, fixed_world(task));
  Hash hash;
  hash.add(hash_of(*trainer));
  for (const FieldPenalty& penalty : trainer->learned_penalties()) {
    hash.add(std::bit_cast<std::uint32_t>(penalty.linear));
    hash.add(std::bit_cast<std::uint32_t>(penalty.factors));
  }
  return hash.value();
}

}  // namespace

TEST_CASE("random draws give the same bits everywhere") {
  Random random(12345);
  Hash hash;
  for (int k = 0; k < 5000; ++k) {
    hash.add(random.bits());
    hash.add(std::bit_cast<std::uint64_t>(random.uniform()));
    hash.add(std::bit_cast<std::uint64_t>(random.normal()));
    hash.add(random.below(1000));
  }
  CHECK(hash.value() == 0x54b90cb465b458d9u);
}

TEST_CASE("elementary functions give the same bits everywhere") {
  Hash hash;
  for (int k = -3000; k <= 3000; ++k) {
    const double x = k * 0.0317;
    hash.add(std::bit_cast<std::uint64_t>(portable_exp(x)));
    hash.add(std::bit_cast<std::uint64_t>(portable_log(x * x + 0.001)));
    hash.add(std::bit_cast<std::uint64_t>(softplus(x)));
    hash.add(std::bit_cast<std::uint32_t>(scalar::sigmoid1(static_cast<float>(x))));
  }
  CHECK(hash.value() == 0x9f92bd6435d06712u);
}

TEST_CASE("splits give the same bits everywhere") {
  const Interactions data = interactions(80, 60, synthetic_ratings(80, 60, 1500, 77));
  Hash hash;
  for (const Positions& test : {random_test(data, 0.3, 5), user_random_test(data, 0.3, 5)}) {
    for (const std::uint32_t position : test) hash.add(position);
  }
  CHECK(hash.value() == 0xebdb879cdfc34c93u);
}

TEST_CASE("SGD gives the same bits everywhere") {
  CHECK(hash_of_sgd(Optimizer::sgd, Loss::squared) == 0x8e70732ea2fde4dcu);
  CHECK(hash_of_sgd(Optimizer::sgd, Loss::logistic) == 0xd6306768443a684bu);
}

TEST_CASE("AdaGrad gives the same bits everywhere") {
  CHECK(hash_of_sgd(Optimizer::adagrad, Loss::squared) == 0x79fa86aef8d20dafu);
  CHECK(hash_of_sgd(Optimizer::adagrad, Loss::logistic) == 0x7867cf02cf2b7e2fu);
}

TEST_CASE("Adam gives the same bits everywhere") {
  CHECK(hash_of_sgd(Optimizer::adam, Loss::squared) == 0xaf7e7ff431a1c5f4u);
  CHECK(hash_of_sgd(Optimizer::adam, Loss::logistic) == 0xe56c4615095025fau);
}

TEST_CASE("implicit ALS gives the same bits everywhere") {
  const auto [train, test] = fixed_data();
  const auto hash = [&](ImplicitSolver solver) {
    ImplicitAlsOptions options;
    options.factors = 37;
    options.solver = solver;
    options.block_size = 16;
    options.epochs = 4;
    return hash_of(*make_implicit_als(options, train, test));
  };
  CHECK(hash(ImplicitSolver::cholesky) == 0x106e115fefc40c7eu);
  CHECK(hash(ImplicitSolver::conjugate_gradient) == 0x659f8894a3b4e99cu);
  CHECK(hash(ImplicitSolver::subspace) == 0xf99d6e116e709d30u);
}

TEST_CASE("neighbours and biases are the same bits everywhere") {
  const auto [train, test] = fixed_data();
  const auto hash = [&](ItemSimilarity similarity) {
    const auto trainer = make_item_knn({20, similarity, 2}, train);
    run(*trainer);
    Hash result;
    for (const std::uint32_t neighbour : trainer->model().neighbours()) result.add(neighbour);
    return result.add(trainer->model().similarities()).value();
  };
  CHECK(hash(ItemSimilarity::cosine) == 0x7a6088344030c47cu);
  CHECK(hash(ItemSimilarity::tf_idf) == 0xeabbc6d72eff3d24u);
  CHECK(hash(ItemSimilarity::bm25) == 0x34ecca09ada9ecd8u);
  CHECK(hash_of(*make_biases({}, train, test)) == 0x46580c8484e56feeu);
}

TEST_CASE("ALS gives the same bits everywhere") {
  const auto [train, test] = fixed_data();
  MfOptions options = plain_options();
  options.epochs = 4;
  options.frequency_scaling = 0.5f;
  std::uint64_t hashes[3];
  for (int k = 0; k < 3; ++k) {
    options.factors =
        static_cast<std::uint32_t>(7 + 30 * k);  // also more than a panel of the matrix products
    hashes[k] = hash_of(*make_mf_als(options, train, test));
  }
  CHECK(hashes[0] == 0xe4994ad6e60e9254u);
  CHECK(hashes[1] == 0x74f47ee6e7207f4eu);
  CHECK(hashes[2] == 0x2296093b4eb785eeu);
}

TEST_CASE("the decomposition gives the same bits everywhere") {
  const auto [train, test] = fixed_data();
  for (const auto& [fill, expected] :
       {std::pair<Fill, std::uint64_t>{Fill::item_mean, 0xec3dd2006d139fdcu},
        {Fill::user_mean, 0x014538935e970ca0u}}) {
    SvdOptions options;
    options.fill = fill;
    options.factors = 9;
    CHECK(hash_of(*make_svd(options, train)) == expected);
  }
}

TEST_CASE("folding in gives the same bits everywhere") {
  const std::uint32_t items[] = {3, 14, 15, 9, 26, 5, 35};
  const float values[] = {3, 1, 4, 1, 5, 2, 3};
  Hash hash;
  for (const Link link : {Link::identity, Link::logistic}) {
    MatrixFactorization model = random_model(2, 40, 13, 8);
    model.link = link;
    const Towers towers = model.towers();
    const FoldedUser user = FoldIn(towers).fold({items, values, {}});
    hash.add(user.vector).add(std::bit_cast<std::uint32_t>(user.bias));
  }
  CHECK(hash.value() == 0xfe371e20e70aa592u);
}

TEST_CASE("factorization machines have the same bits everywhere, by every solver") {
  struct Expected {
    Solver solver;
    std::uint64_t regression, classification;
  };
  for (const auto& [solver, regression, classification] :
       {Expected{Solver::als, 0x618bad443d8eb7feu, 0x5a98b74e9bfddfa6u},
        Expected{Solver::sgd, 0x180a74b99b3189dau, 0x34586afb5cbc9e81u},
        Expected{Solver::adagrad, 0x8412323c53b8ae57u, 0x727476e80fb75644u},
        Expected{Solver::adam, 0xc0beddf3fdfb98d2u, 0x68eed6dc3e634e4eu},
        Expected{Solver::ftrl, 0xcc1faeacc610bb49u, 0xf2c81e10dfe9fa77u},
        Expected{Solver::sgda, 0x9ed262a6767cb7a8u, 0xa8d25f6ea9c9d6a5u}}) {
    CAPTURE(name_of(solver));
    CHECK(hash_of_fm(solver, Task::regression) == regression);
    CHECK(hash_of_fm(solver, Task::classification) == classification);
  }
}

TEST_CASE("parts of the normal distribution and gamma draws give the same bits everywhere") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Random random(31);
  Hash hash;
  const auto add = [&](double x) { hash.add(std::bit_cast<std::uint64_t>(x)); };
  for (int k = -200; k <= 200; ++k) {
    const double x = 0.173 * k;
    add(normal_cdf(x));
    for (const NormalInterval& p : {normal_interval(x, x + 0.7), normal_interval(x, infinity),
                                    normal_interval(-infinity, x)}) {
      add(p.log_probability);
      add(p.low_ratio);
      add(p.high_ratio);
    }
    add(truncated_normal(random, x, x + 0.7));
    add(truncated_normal(random, x, infinity));
    add(random.gamma(0.01 + 0.1 * (k + 200), 2));
  }
  AlignedFloats scores(400);
  for (float& score : scores) score = static_cast<float>(3 * random.normal());
  IntervalSums sums;
  add_intervals(scores.data(), 399, -0.7f, 0.9f, sums);
  for (const double x :
       {sums.log, sums.low, sums.high, sums.low_squares, sums.high_squares, sums.both}) {
    add(x);
  }
  normal_cdf(scores.data(), scores.size());
  hash.add(scores);
  CHECK(hash.value() == 0x1f841b53aab45cb9u);
}

TEST_CASE("variances have the same bits everywhere, and so has what they predict") {
  struct Expected {
    Task task;
    std::uint64_t hash;
  };
  for (const auto& [task, expected] : {Expected{Task::regression, 0x3d982c002d6fdc85u},
                                       Expected{Task::classification, 0x4115006be08528d0u},
                                       Expected{Task::ordinal, 0xffafb0c7bceb4711u}}) {
    FmVbOptions options;
    options.task = task;
    options.factors = 6;
    const FmData data = fixed_world(task);
    const auto trainer = make_fm_vb(options, data);
    Hash hash;
    hash.add(hash_of(*trainer));
    const FactorizationMachine& model = trainer->model();
    const auto& [variances, priors, noise] = *model.posterior->variational;
    hash.add(variances.linear).add(variances.factors.storage()).add({&variances.constant, 1});
    for (const double x : priors) hash.add(std::bit_cast<std::uint64_t>(x));
    for (const double x : noise) hash.add(std::bit_cast<std::uint64_t>(x));
    hash.add(model.posterior->cutpoints.storage());
    PosteriorScores predicted(model, *data.validation);
    while (!predicted.advance()) {
    }
    for (const Predicted& one : predicted.predicted()) {
      hash.add(std::bit_cast<std::uint32_t>(one.mean));
      hash.add(std::bit_cast<std::uint32_t>(one.deviation));
    }
    if (task == Task::regression) {
      const MatrixFactorization small = compressed(model.towers(), model.posterior.get(), 3);
      hash.add(small.user_factors.storage()).add(small.item_factors.storage());
      hash.add(small.user_biases).add(small.item_biases);
    }
    CAPTURE(static_cast<int>(task));
    CHECK(hash.value() == expected);
  }
}

TEST_CASE("sampled machines have the same bits everywhere, and so has what they predict") {
  struct Expected {
    Task task;
    std::uint64_t hash;
  };
  for (const auto& [task, expected] : {Expected{Task::regression, 0xc9c87da6502967f3u},
                                       Expected{Task::classification, 0xbd6dbafdad595d2cu},
                                       Expected{Task::ordinal, 0x99d61bf74e2b1557u}}) {
    FmGibbsOptions options = gibbs_options(task);
    options.factors = 6;
    const FmData data = fixed_world(task);
    const auto trainer = make_fm_gibbs(options, data);
    Hash hash;
    hash.add(hash_of(*trainer));
    const FactorizationMachine& model = trainer->model();
    const Posterior& posterior = *model.posterior;
    for (const double x : posterior.chain.priors) hash.add(std::bit_cast<std::uint64_t>(x));
    for (const double x : posterior.chain.cutpoints) hash.add(std::bit_cast<std::uint64_t>(x));
    for (const std::uint64_t word : posterior.chain.random.words) hash.add(word);
    hash.add(posterior.noise).add(posterior.penalties).add(posterior.cutpoints.storage());
    PosteriorScores predicted(model, *data.validation);
    while (!predicted.advance()) {
    }
    for (const Predicted& one : predicted.predicted()) {
      hash.add(std::bit_cast<std::uint32_t>(one.mean));
      hash.add(std::bit_cast<std::uint32_t>(one.deviation));
    }
    hash.add(predicted.probabilities());
    const Towers towers = model.towers();
    const SampleTowers samples(model, towers);
    const std::uint32_t items[] = {3, 14, 15};
    const float values[] = {1, 1, 1};
    const SampleUser start = samples.user(40);
    hash.add(SampleFoldIn(model, towers, samples, start).fold({items, values, {}}, {}).parts);
    CAPTURE(static_cast<int>(task));
    CHECK(hash.value() == expected);
  }
}

TEST_CASE("scores and towers of a factorization machine have the same bits everywhere") {
  const FmData data = fixed_world(Task::regression);
  const FactorizationMachine model = random_machine(data.space, 9, 5);
  const Towers towers = model.towers();
  Hash hash;
  hash.add(scores(model, *data.train)).add(towers.user_offsets);
  hash.add(towers.users.storage()).add(towers.items.storage());
  CHECK(hash.value() == 0x951838572da2a773u);
}
