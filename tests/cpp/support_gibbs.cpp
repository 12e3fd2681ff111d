#include "support_gibbs.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "io/model_file.h"

namespace featherfm::testing {

KnownRows known_rows(float constant) {
  KnownRows known{machine(constant, {1, 2, -1}, {{1.5f, 0, 0}, {1, 1, 0}, {-0.8f, 1.8f, 0.3f}}),
                  random_rows(1000, 3, 0.5, 21),
                  {}};
  for (std::uint32_t r = 0; r < known.rows.rows(); ++r) {
    known.scores.push_back(score(known.truth, known.rows.row(r)));
  }
  return known;
}

double product(const FactorizationMachine& model, std::size_t a, std::size_t b) {
  double sum = 0;
  for (std::size_t f = 0; f < model.factors.columns(); ++f) {
    sum += double{model.factors.row(a)[f]} * double{model.factors.row(b)[f]};
  }
  return sum;
}

void check_parameters(const FactorizationMachine& model, const FactorizationMachine& truth,
                      double distance) {
  for (std::size_t j = 0; j < 3; ++j) {
    CAPTURE(j);
    CHECK(std::abs(model.linear[j] - truth.linear[j]) < distance);
    for (std::size_t l = 0; l < j; ++l) {
      CAPTURE(l);
      const double ratio = product(model, j, l) / product(truth, j, l);
      CHECK(ratio > 0.5);
      CHECK(ratio < 2);
    }
  }
}

FmData two_tables(Task task) {
  Design design;
  design.columns = 9;
  const auto table = [](std::uint32_t rows, std::uint32_t first, std::uint32_t columns,
                        std::uint64_t seed) {
    SparseRows result = random_rows(rows, columns, 0.6, seed);
    for (std::uint32_t& column : result.columns) column += first;
    return std::make_shared<const SparseRows>(std::move(result));
  };
  design.blocks = {{table(12, 0, 5, 1), {}}, {table(9, 5, 4, 2), {}}};
  Random random(3);
  for (std::uint32_t k = 0; k < 108; ++k) {
    design.blocks[0].index.push_back(k % 12);
    design.blocks[1].index.push_back(k / 12);
    const double latent = random.normal() + (k % 12 < 6 ? 1 : -1);
    design.targets.push_back(task == Task::classification ? (latent > 0 ? 1.0f : 0.0f)
                             : task == Task::ordinal
                                 ? static_cast<float>(std::clamp(std::floor(latent), -1.0, 1.0))
                                 : static_cast<float>(latent));
  }
  FmData data;
  data.space.fields = {{"one", Side::context, 0, 5}, {"two", Side::context, 5, 4}};
  data.train = shared(std::move(design));
  return data;
}

std::vector<float> targets_for(Task task, std::size_t count) {
  std::vector<float> targets;
  for (std::size_t k = 0; k < count; ++k) {
    targets.push_back(static_cast<float>(task == Task::classification ? k % 2 : k % 3));
  }
  return targets;
}

FactorizationMachine through_file(const FactorizationMachine& model) {
  ModelFile file;
  file.family = "fm";
  file.model = model;
  return read_model(write_model(file, {})).fm();
}

}  // namespace featherfm::testing
