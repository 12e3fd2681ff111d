// What the tests of factorization machines share: small rows and designs, a reference in double
// straight from the definition, and every solver behind one call.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/design.h"
#include "model/factorization_machine.h"
#include "support.h"
#include "train/fm_options.h"
#include "train/fm_sgd.h"

namespace featherfm::testing {

using Entries = std::vector<std::pair<std::uint32_t, float>>;  // column, value
using SharedDesign = std::shared_ptr<const Design>;

SparseRows sparse_rows(const std::vector<Entries>& rows);
// Every number is an entry, zeros too.
SparseRows dense_rows(const std::vector<std::vector<float>>& rows);
// Entries at random places with normal values; some rows may come out empty.
SparseRows random_rows(std::uint32_t rows, std::uint32_t columns, double density,
                       std::uint64_t seed);
Entries entries_of(const SparseRows::Row& row);

// One block, whose row k is that of example k.
Design plain_design(std::uint32_t columns, SparseRows rows, std::vector<float> targets,
                    std::vector<float> weights = {});
SharedDesign shared(Design design);
// A single field "row" over all columns of `train`.
FmData plain_data(Design train, SharedDesign validation = nullptr);
// The same examples, each with a row of its own: what the relational form stands for.
Design flattened(const Design& design);

// Normal parameters, of which none is special.
FactorizationMachine random_machine(std::uint32_t columns, std::uint32_t factors,
                                    std::uint64_t seed);
FactorizationMachine random_machine(const FeatureSpace& space, std::uint32_t factors,
                                    std::uint64_t seed);
FactorizationMachine machine(float constant, std::vector<float> linear,
                             const std::vector<std::vector<float>>& factors_of_columns);

// Every trained number, in a fixed order.
std::vector<float> parameters(const FactorizationMachine& model);

// The model in double, its scores by the definition: a sum over pairs of columns.
struct ReferenceMachine {
  double constant = 0;
  std::vector<double> linear, factors;  // factors: columns x k
  std::size_t k = 0;

  explicit ReferenceMachine(const FactorizationMachine& model);
  double score(const SparseRows::Row& row) const;
  // Constant, linear, factors.
  std::vector<double*> parameters();
  std::vector<double> values() const;
};
double largest_difference(const std::vector<double>& a, const FactorizationMachine& b);

// Half the squared error, or the cross-entropy.
double loss_of(Task task, double score, float target);
// sum w loss + 1/2 sum lambda |theta|^2 with the penalties of `options`, the same for all fields.
double objective(const FmOptions& options, const ReferenceMachine& model, const Design& design);
// Mean of the loss over the examples by their weights, without penalties.
double mean_loss(Task task, const FactorizationMachine& model, const Design& design);
// The gradient in model.parameters() by central differences.
std::vector<double> gradient(ReferenceMachine& model, const std::function<double()>& function);

// What plain steps are shortened by: 2 over the mean of the rows' sums of squares, if that is
// larger.
double shortening(const Design& design);

enum class Solver { als, sgd, adagrad, adam, ftrl, sgda };
inline constexpr std::array all_solvers{Solver::als,  Solver::sgd,  Solver::adagrad,
                                        Solver::adam, Solver::ftrl, Solver::sgda};
std::string name_of(Solver solver);
// SGDA gets the training rows as validation rows where there are none.
std::unique_ptr<FmTrainer> make_fm(Solver solver, FmSgdOptions options, FmData data,
                                   const FactorizationMachine* start = nullptr);
FactorizationMachine trained(Solver solver, const FmSgdOptions& options, const FmData& data,
                             const FactorizationMachine* start = nullptr);

// Gentle settings that tests build on, so that they do not depend on the defaults.
FmSgdOptions plain_fm_options();

// Users, items and a context with features of their own, days, and everything that is derived; all
// of it small. `contexts` rows of context features, used in turn.
struct SmallWorld {
  Interactions data;
  SeenItems seen;
  std::vector<FeatureField> features;

  FeatureSpace space(const DerivedColumns& derived, const FeatureSpace* earlier = nullptr) const {
    return make_feature_space(data, seen, features, derived, earlier);
  }
};
SmallWorld small_world(std::uint32_t users, std::uint32_t items, std::size_t count,
                       std::uint64_t seed, bool labels = false);
inline constexpr DerivedColumns everything{true, true, true, true, true, 86400};
FmData world_data(const SmallWorld& world, const DerivedColumns& derived);

}  // namespace featherfm::testing
