#include "io/fm_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <span>

#include "base/error.h"

namespace featherfm {
namespace {

constexpr std::array side_names{"user", "item", "context"};
constexpr std::uint32_t most_fields = 300;  // safetensors.cpp takes about a thousand texts

std::string field_key(std::uint32_t field, const char* what) {
  return joined({"field_", field, "_", what});
}

void write_rows(TensorWriter& writer, const std::string& side, const SparseRows& rows) {
  writer.add_indices(side + "_row_offsets", rows.offsets);
  writer.add_indices(side + "_row_columns", rows.columns);
  writer.add_floats(side + "_row_values", rows.values);
}

std::shared_ptr<const SparseRows> read_rows(const TensorReader& reader, const std::string& side,
                                            std::uint32_t columns) {
  SparseRows rows;
  auto offsets = reader.indices(side + "_row_offsets");
  auto entries = reader.indices(side + "_row_columns");
  if (!offsets || !entries) malformed({"it has no rows of the ", side, "s"});
  auto values = reader.floats(side + "_row_values", entries->size());
  if (!values || offsets->empty()) malformed({"it has no rows of the ", side, "s"});
  rows.offsets = std::move(*offsets);
  rows.columns = std::move(*entries);
  rows.values = std::move(*values);
  try {
    validate(rows, columns, side);
  } catch (const Error& error) {
    malformed({error.what()});
  }
  return std::make_shared<const SparseRows>(std::move(rows));
}

constexpr std::array pair_names{"all", "between_sides"};

void write_memory(TensorWriter& writer, const StepMemory& memory) {
  writer.add_floats("memory_linear", memory.linear);
  writer.add_matrix("memory_factors", memory.factors);
  if (memory.linear_steps.empty()) return;
  writer.add_floats("memory_linear_steps", memory.linear_steps);
  writer.add_matrix("memory_factor_steps", memory.factor_steps);
}

// Null where the file has none.
std::shared_ptr<const StepMemory> read_memory(const TensorReader& reader,
                                              const FactorizationMachine& model) {
  StepMemory memory;
  const auto read_half = [&](const std::string& linear, const std::string& factors,
                             std::vector<float>& to_linear, Matrix& to_factors) {
    auto values = reader.floats(linear, model.columns());
    if (!values) return false;
    to_linear = std::move(*values);
    to_factors = reader.matrix(factors);
    const auto negative = [](float x) { return x < 0; };
    if (to_factors.rows() != model.columns() || to_factors.columns() != model.factors.columns() ||
        std::ranges::any_of(to_linear, negative) ||
        std::ranges::any_of(to_factors.storage(), negative)) {
      malformed({"the memory of its steps does not fit the model"});
    }
    return true;
  };
  if (!read_half("memory_linear", "memory_factors", memory.linear, memory.factors)) return nullptr;
  read_half("memory_linear_steps", "memory_factor_steps", memory.linear_steps, memory.factor_steps);
  return std::make_shared<const StepMemory>(std::move(memory));
}

constexpr std::array loss_names{"logistic", "bpr", "warp", "warp-kos"};

void write_ranking(TensorWriter& writer, const RankingRule& rule) {
  writer.add_text("ranking_loss", loss_names[static_cast<std::size_t>(rule.loss)]);
  writer.add_text("ranking_max_sampled", joined({rule.max_sampled}));
  writer.add_text("ranking_kth", joined({rule.kth}));
  writer.add_text("ranking_positives", joined({rule.positives}));
  writer.add_numbers("ranking_steps", {rule.learning_rate, rule.regularization});
  if (rule.positive_from) writer.add_numbers("ranking_positive_from", {*rule.positive_from});
}

// Empty where the file has none.
std::optional<RankingRule> read_ranking(const TensorReader& reader) {
  const auto steps = reader.floats("ranking_steps", 2);
  if (!steps) return std::nullopt;
  RankingRule rule;
  rule.loss = std::array{RankingLoss::logistic, RankingLoss::bpr, RankingLoss::warp,
                         RankingLoss::warp_kos}[reader.choice(
      "ranking_loss", {loss_names[0], loss_names[1], loss_names[2], loss_names[3]})];
  rule.learning_rate = (*steps)[0];
  rule.regularization = (*steps)[1];
  rule.max_sampled = reader.number("ranking_max_sampled");
  rule.kth = reader.number("ranking_kth");
  rule.positives = reader.number("ranking_positives");
  if (const auto from = reader.floats("ranking_positive_from", 1)) rule.positive_from = (*from)[0];
  if (!valid(rule)) malformed({"its rule for ranking new users is out of range"});
  return rule;
}

constexpr std::array task_names{"regression", "classification", "ordinal"};

void write_chain(TensorWriter& writer, const Posterior::Chain& chain) {
  writer.add_text("sweeps", joined({chain.sweeps}));
  writer.add_floats("chain_constant", {&chain.constant, 1});
  writer.add_floats("chain_linear", chain.linear);
  writer.add_matrix("chain_factors", chain.factors);
  writer.add<double>("chain_priors", "F64", {chain.priors.size()}, chain.priors);
  writer.add<double>("chain_cutpoints", "F64", {chain.cutpoints.size()}, chain.cutpoints);
  writer.add<std::uint64_t>("chain_random", "U64", {4}, chain.random.words);
  // The draw that is left over from a pair, where there is one.
  writer.add<double>("chain_spare", "F64", {chain.random.has_spare ? std::size_t{1} : 0},
                     std::span(&chain.random.spare, chain.random.has_spare ? 1 : 0));
}

void write_variational(TensorWriter& writer, const Posterior::Variational& variational) {
  const Variances& variances = variational.variances;
  writer.add_floats("variance_constant", {&variances.constant, 1});
  writer.add_floats("variance_linear", variances.linear);
  writer.add_matrix("variance_factors", variances.factors);
  writer.add<double>("variational_priors", "F64", {variational.priors.size()}, variational.priors);
  writer.add<double>("variational_noise", "F64", {2}, variational.noise);
}

void write_posterior(TensorWriter& writer, const Posterior& posterior) {
  writer.add_text("task", task_names[static_cast<std::size_t>(posterior.task)]);
  writer.add_floats("posterior_constants", posterior.constants);
  writer.add_matrix("posterior_linear", posterior.linear);
  writer.add_floats("posterior_noise", posterior.noise);
  writer.add_floats("posterior_penalties", posterior.penalties);
  writer.add_floats("classes", posterior.classes);
  writer.add_matrix("posterior_cutpoints", posterior.cutpoints);
  if (posterior.variational) {
    write_variational(writer, *posterior.variational);
  } else {
    write_chain(writer, posterior.chain);
  }
}

std::vector<double> read_doubles(const TensorReader& reader, const std::string& name) {
  auto values = reader.list<double>(name, "F64");
  if (!values) malformed({"it has no tensor ", name});
  for (const double value : *values) {
    if (!std::isfinite(value)) malformed({name, " holds a number that is not finite"});
  }
  return std::move(*values);
}

std::vector<float> read_floats(const TensorReader& reader, const std::string& name,
                               std::size_t size) {
  auto values = reader.floats(name, size);
  if (!values) malformed({"it has no tensor ", name});
  return std::move(*values);
}

bool ascends(std::span<const float> values) {
  return std::ranges::adjacent_find(values, std::greater_equal<>()) == values.end();
}

// Precision and mean of every field, part by part.
void check_priors(const std::vector<double>& priors, const Posterior& posterior,
                  const FactorizationMachine& model) {
  if (priors.size() != 2 * (std::size_t{posterior.factors} + 1) * model.space.fields.size()) {
    malformed({"the priors do not fit the model"});
  }
  for (std::size_t k = 0; k < priors.size(); k += 2) {
    if (!(priors[k] > 0)) malformed({"the precision of a prior is not positive"});
  }
}

void read_chain(const TensorReader& reader, const FactorizationMachine& model,
                Posterior& posterior) {
  Posterior::Chain& chain = posterior.chain;
  chain.sweeps = reader.number("sweeps");
  chain.constant = read_floats(reader, "chain_constant", 1)[0];
  chain.linear = read_floats(reader, "chain_linear", model.columns());
  chain.factors = reader.matrix("chain_factors");
  chain.priors = read_doubles(reader, "chain_priors");
  chain.cutpoints = read_doubles(reader, "chain_cutpoints");
  check_priors(chain.priors, posterior, model);
  if (chain.factors.rows() != model.columns() || chain.factors.columns() != posterior.factors ||
      chain.cutpoints.size() != posterior.cutpoints.columns() ||
      std::ranges::adjacent_find(chain.cutpoints, std::greater_equal<>()) !=
          chain.cutpoints.end()) {
    malformed({"the state of the chain does not fit the model"});
  }
  const auto words = reader.list<std::uint64_t>("chain_random", "U64");
  const auto spare = read_doubles(reader, "chain_spare");
  // All zeros is the one state the generator never leaves.
  if (!words || words->size() != 4 || spare.size() > 1 ||
      std::ranges::all_of(*words, [](std::uint64_t word) { return word == 0; })) {
    malformed({"the state of the random numbers is damaged"});
  }
  std::ranges::copy(*words, chain.random.words);
  chain.random.has_spare = !spare.empty();
  chain.random.spare = spare.empty() ? 0 : spare[0];
}

Posterior::Variational read_variational(const TensorReader& reader,
                                        const FactorizationMachine& model,
                                        const Posterior& posterior) {
  Posterior::Variational result;
  Variances& variances = result.variances;
  variances.constant = read_floats(reader, "variance_constant", 1)[0];
  variances.linear = read_floats(reader, "variance_linear", model.columns());
  variances.factors = reader.matrix("variance_factors");
  result.priors = read_doubles(reader, "variational_priors");
  check_priors(result.priors, posterior, model);
  const auto noise = read_doubles(reader, "variational_noise");
  const auto negative = [](float x) { return x < 0; };
  if (posterior.samples() != 1 || variances.factors.rows() != model.columns() ||
      variances.factors.columns() != posterior.factors || noise.size() != 2) {
    malformed({"the variances do not fit the model"});
  }
  if (variances.constant < 0 || std::ranges::any_of(variances.linear, negative) ||
      std::ranges::any_of(variances.factors.storage(), negative) || !(noise[0] > 0) ||
      !(noise[1] > 0)) {
    malformed({"a variance is negative"});
  }
  result.noise = {noise[0], noise[1]};
  return result;
}

std::shared_ptr<const Posterior> read_posterior(const TensorReader& reader,
                                                const FactorizationMachine& model) {
  Posterior posterior;
  posterior.task = std::array{
      Task::regression, Task::classification,
      Task::ordinal}[reader.choice("task", {task_names[0], task_names[1], task_names[2]})];
  const std::size_t columns = model.columns(), width = model.factors.columns();
  posterior.linear = reader.matrix("posterior_linear");
  const std::size_t samples = posterior.linear.columns();
  posterior.constants = read_floats(reader, "posterior_constants", samples);
  posterior.noise = read_floats(reader, "posterior_noise", samples);
  posterior.penalties = read_floats(reader, "posterior_penalties", samples);
  if (samples == 0 || posterior.linear.rows() != columns || width % samples != 0) {
    malformed({"the samples do not fit the factors"});
  }
  posterior.factors = static_cast<std::uint32_t>(width / samples);
  const auto negative = [](float x) { return x < 0; };
  if (std::ranges::any_of(posterior.noise, negative) ||
      std::ranges::any_of(posterior.penalties, negative)) {
    malformed({"a sample's noise or penalty is negative"});
  }
  const auto classes = reader.list<float>("classes", "F32");
  const bool ordinal = posterior.task == Task::ordinal;
  if (!classes || classes->empty() == ordinal || !finite(*classes) || !ascends(*classes)) {
    malformed({"the classes do not fit the task"});
  }
  posterior.classes = *classes;
  posterior.cutpoints = reader.matrix("posterior_cutpoints");
  const std::size_t cuts = ordinal ? classes->size() - 1 : 0;
  if (posterior.cutpoints.rows() != samples || posterior.cutpoints.columns() != cuts) {
    malformed({"posterior_cutpoints do not fit samples and classes"});
  }
  for (std::size_t s = 0; s < samples; ++s) {
    // Those around a rare class may have met in rounding.
    if (!std::ranges::is_sorted(posterior.cutpoints.columns_of(s))) {
      malformed({"cutpoints must ascend"});
    }
  }
  if (reader.find("variance_factors", "F32", 2)) {
    posterior.variational = read_variational(reader, model, posterior);
  } else {
    read_chain(reader, model, posterior);
  }
  return std::make_shared<const Posterior>(std::move(posterior));
}

}  // namespace

void write_fm(TensorWriter& writer, const FactorizationMachine& model) {
  const FeatureSpace& space = model.space;
  if (space.fields.size() > most_fields) {
    fail(ErrorCode::out_of_range, "fields",
         {"a model of more than ", most_fields, " fields cannot be saved"});
  }
  writer.add_text("fields", joined({space.fields.size()}));
  for (std::uint32_t g = 0; g < space.fields.size(); ++g) {
    const ColumnField& field = space.fields[g];
    writer.add_text(field_key(g, "name"), field.name);
    writer.add_text(field_key(g, "side"), side_names[static_cast<std::size_t>(field.side)]);
    writer.add_text(field_key(g, "columns"), joined({field.columns}));
  }
  writer.add_text("units_per_day", joined({space.units_per_day}));
  writer.add_text("set_scale", space.set_scale == SetScale::mean ? "mean" : "root");
  writer.add_text("normalized", space.normalized ? "true" : "false");
  writer.add_text("pairs", pair_names[static_cast<std::size_t>(model.pairs)]);
  writer.add_matrix("factors", model.factors);
  writer.add_floats("linear", model.linear);
  writer.add_floats("constant", {&model.constant, 1});
  writer.add_floats("evidence", model.evidence);
  writer.add_floats("examples", {&model.examples, 1});
  write_rows(writer, "user", *space.users);
  write_rows(writer, "item", *space.items);
  writer.add<double>("days", "F64", {space.days.size()}, space.days);
  if (model.posterior) write_posterior(writer, *model.posterior);
  if (model.memory) write_memory(writer, *model.memory);
  if (model.fold_in.ranking) write_ranking(writer, *model.fold_in.ranking);
}

FactorizationMachine read_fm(const TensorReader& reader) {
  FactorizationMachine model;
  model.factors = reader.matrix("factors");
  const std::size_t columns = model.factors.rows();
  auto linear = reader.floats("linear", columns);
  auto constant = reader.floats("constant", 1);
  if (!linear || !constant) malformed({"a factorization machine needs linear and constant"});
  model.linear = std::move(*linear);
  model.constant = constant->front();
  if (const Tensor* evidence = reader.find("evidence", "F32", 1);
      evidence && !evidence->bytes.empty()) {
    model.evidence = *reader.floats("evidence", columns);
  }
  model.examples = reader.floats("examples", 1).value_or(std::vector<float>(1))[0];
  if (model.examples < 0 ||
      std::ranges::any_of(model.evidence, [](float squares) { return squares < 0; })) {
    malformed({"evidence and examples must not be negative"});
  }

  const std::uint32_t fields = reader.number("fields");
  if (fields > most_fields) malformed({"it has too many fields"});
  std::uint64_t end = 0;
  for (std::uint32_t g = 0; g < fields; ++g) {
    ColumnField field;
    field.name = reader.text(field_key(g, "name"), "");
    if (field.name.empty() || model.space.find(field.name)) {
      malformed({"a field has no name of its own"});
    }
    field.side = std::array{Side::user, Side::item, Side::context}[reader.choice(
        field_key(g, "side"), {side_names[0], side_names[1], side_names[2]})];
    field.begin = static_cast<std::uint32_t>(end);
    field.columns = reader.number(field_key(g, "columns"));
    end += field.columns;
    if (end > columns) malformed({"the fields have more columns than the model"});
    model.space.fields.push_back(std::move(field));
  }
  if (end != columns) malformed({"the fields have fewer columns than the model"});

  model.space.users = read_rows(reader, "user", static_cast<std::uint32_t>(columns));
  model.space.items = read_rows(reader, "item", static_cast<std::uint32_t>(columns));
  model.space.days = reader.list<double>("days", "F64").value_or(std::vector<double>{});
  model.space.units_per_day = reader.number("units_per_day");
  model.space.set_scale =
      reader.choice("set_scale", {"root", "mean"}) == 1 ? SetScale::mean : SetScale::root;
  model.space.normalized = reader.choice("normalized", {"false", "true"}) == 1;
  model.pairs = std::array{
      Pairs::all, Pairs::between_sides}[reader.choice("pairs", {pair_names[0], pair_names[1]})];
  model.fold_in.own_parameters = model.space.find(user_field) != nullptr;
  const ColumnField* day = model.space.day();
  const bool fitting = model.space.days.empty() || (day && day->columns == model.space.days.size());
  if (!fitting || model.space.units_per_day == 0) {
    malformed({"its days do not fit the field \"day\""});
  }
  for (const double value : model.space.days) {
    if (!std::isfinite(value)) malformed({"days holds a number that is not finite"});
  }
  if (reader.find("posterior_linear", "F32", 2)) model.posterior = read_posterior(reader, model);
  model.memory = read_memory(reader, model);
  model.fold_in.ranking = read_ranking(reader);
  if (model.pairs == Pairs::between_sides) {
    const auto in_context = [](const ColumnField& field) { return field.side == Side::context; };
    if (model.posterior || std::ranges::any_of(model.space.fields, in_context)) {
      malformed({"pairs between sides alone go with neither samples nor fields of the context"});
    }
  }
  return model;
}

}  // namespace featherfm
