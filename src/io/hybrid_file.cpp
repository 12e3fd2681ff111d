#include "io/hybrid_file.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "base/error.h"
#include "io/space_file.h"

namespace featherfm {
namespace {

constexpr std::initializer_list<const char*> loss_names{"warp", "bpr", "warp-kos", "logistic"};
constexpr HybridLoss losses[]{HybridLoss::warp, HybridLoss::bpr, HybridLoss::warp_kos,
                              HybridLoss::logistic};

// The optimizer's memory of every parameter, none of it below `least`; empty when missing.
Matrix read_memory(const TensorReader& reader, const char* name, const Matrix& rows, float least) {
  if (!reader.find(name, "F32", 2)) return {};
  Matrix memory = reader.matrix(name);
  if (memory.rows() != rows.rows() || memory.columns() != rows.columns()) {
    malformed({name, " must have a number for every embedding and bias"});
  }
  for (std::size_t j = 0; j < memory.rows(); ++j) {
    if (std::ranges::any_of(memory.columns_of(j), [&](float x) { return x < least; })) {
      malformed({name, " must not be below ", least});
    }
  }
  return memory;
}

// Users are made of the columns of users alone, items of those of items.
void require_sides(const FeatureSpace& space) {
  for (const ColumnField& field : space.fields) {
    const SparseRows* other = field.side == Side::user   ? space.items.get()
                              : field.side == Side::item ? space.users.get()
                                                         : nullptr;
    if (!other) malformed({"a hybrid model has no fields of the context"});
    for (const std::uint32_t column : other->columns) {
      if (column - field.begin < field.columns) {  // wraps around below begin
        malformed({"a row of one side names a column of the other"});
      }
    }
  }
}

}  // namespace

void write_hybrid(TensorWriter& writer, const HybridModel& model) {
  write_space(writer, model.space);
  const std::size_t k = model.factors();
  Matrix embeddings(model.columns(), k);
  std::vector<float> biases;
  for (std::uint32_t j = 0; j < model.columns(); ++j) {
    std::ranges::copy(model.rows.columns_of(j).first(k), embeddings.row(j));
    biases.push_back(model.rows.row(j)[k]);
  }
  writer.add_matrix("embeddings", embeddings);
  writer.add_copy("biases", std::move(biases));
  writer.add_matrix("squared_gradients", model.squares);
  if (model.steps.rows() > 0) writer.add_matrix("squared_steps", model.steps);

  const HybridRule& rule = model.rule;
  const auto loss = std::ranges::find(losses, rule.loss) - losses;
  writer.add_text("loss", loss_names.begin()[loss]);
  writer.add_text("optimizer", model.steps.rows() > 0 ? "adadelta" : "adagrad");
  writer.add_text("normalize", model.normalize ? "true" : "false");
  writer.add_text("max_sampled", joined({rule.max_sampled}));
  writer.add<std::uint64_t>("seed", "U64", {1}, std::span(&rule.seed, 1));
  writer.add_numbers("placing", {rule.learning_rate, rule.user_regularization});
  if (rule.positive_from) writer.add_numbers("positive_from", {*rule.positive_from});
}

HybridModel read_hybrid(const TensorReader& reader) {
  HybridModel model;
  const Matrix embeddings = reader.matrix("embeddings");
  const std::size_t columns = embeddings.rows(), k = embeddings.columns();
  const auto biases = reader.floats("biases", columns);
  if (!biases) malformed({"a hybrid model needs embeddings and biases"});
  model.rows = Matrix(columns, k + 1);
  for (std::uint32_t j = 0; j < columns; ++j) {
    std::ranges::copy(embeddings.columns_of(j), model.rows.row(j));
    model.rows.row(j)[k] = (*biases)[j];
  }
  const bool adadelta = reader.choice("optimizer", {"adagrad", "adadelta"}) == 1;
  model.squares = read_memory(reader, "squared_gradients", model.rows, adadelta ? 0 : 1);
  model.steps = read_memory(reader, "squared_steps", model.rows, 0);
  if ((model.steps.rows() > 0) != (adadelta && columns > 0)) {
    malformed({"squared_steps belong to the optimizer adadelta"});
  }
  model.normalize = reader.choice("normalize", {"true", "false"}) == 0;

  HybridRule& rule = model.rule;
  rule.loss = losses[reader.choice("loss", loss_names)];
  rule.max_sampled = reader.number("max_sampled");
  const auto seed = reader.list<std::uint64_t>("seed", "U64");
  const auto placing = reader.floats("placing", 2);
  if (!seed || seed->size() != 1 || !placing) malformed({"it has no seed, or no tensor placing"});
  rule.seed = seed->front();
  rule.learning_rate = (*placing)[0];
  rule.user_regularization = (*placing)[1];
  const bool sane = rule.max_sampled >= 1 && rule.max_sampled <= 1'000'000 &&
                    rule.learning_rate > 0 && rule.learning_rate <= 1e9f &&
                    rule.user_regularization >= 0 && rule.user_regularization <= 1e6f;
  if (!sane) malformed({"max_sampled or placing is out of range"});
  if (const auto from = reader.floats("positive_from", 1)) rule.positive_from = from->front();

  model.space = read_space(reader, columns);
  require_sides(model.space);
  return model;
}

void complete_hybrid(HybridModel& model) {
  const bool logistic = model.rule.loss == HybridLoss::logistic;
  if (logistic != (model.link == Link::logistic) ||
      (logistic && (model.range.low != 0 || model.range.high != 1))) {
    malformed({"link and value_range do not fit the loss"});
  }
  model.fold_in.user_bias = logistic;
  model.fold_in.own_parameters = model.space.find(user_field) != nullptr;
}

}  // namespace featherfm
