#include "io/fm_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <span>

#include "base/error.h"
#include "io/space_file.h"

namespace featherfm {
namespace {

constexpr std::array task_names{"regression", "classification", "ordinal"};

void write_posterior(TensorWriter& writer, const Posterior& posterior) {
  const Posterior::Chain& chain = posterior.chain;
  writer.add_text("task", task_names[static_cast<std::size_t>(posterior.task)]);
  writer.add_text("sweeps", joined({chain.sweeps}));
  writer.add_floats("posterior_constants", posterior.constants);
  writer.add_matrix("posterior_linear", posterior.linear);
  writer.add_floats("posterior_noise", posterior.noise);
  writer.add_floats("posterior_penalties", posterior.penalties);
  writer.add_floats("classes", posterior.classes);
  writer.add_matrix("posterior_cutpoints", posterior.cutpoints);
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
  Posterior::Chain& chain = posterior.chain;
  chain.sweeps = reader.number("sweeps");
  chain.constant = read_floats(reader, "chain_constant", 1)[0];
  chain.linear = read_floats(reader, "chain_linear", columns);
  chain.factors = reader.matrix("chain_factors");
  chain.priors = read_doubles(reader, "chain_priors");
  chain.cutpoints = read_doubles(reader, "chain_cutpoints");
  if (chain.factors.rows() != columns || chain.factors.columns() != posterior.factors ||
      chain.priors.size() != 2 * (posterior.factors + 1) * model.space.fields.size() ||
      chain.cutpoints.size() != cuts ||
      std::ranges::adjacent_find(chain.cutpoints, std::greater_equal<>()) !=
          chain.cutpoints.end()) {
    malformed({"the state of the chain does not fit the model"});
  }
  for (std::size_t k = 0; k < chain.priors.size(); k += 2) {
    if (!(chain.priors[k] > 0))
      malformed({"a precision in the state of the chain is not positive"});
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
  return std::make_shared<const Posterior>(std::move(posterior));
}

}  // namespace

void write_fm(TensorWriter& writer, const FactorizationMachine& model) {
  write_space(writer, model.space);
  writer.add_matrix("factors", model.factors);
  writer.add_floats("linear", model.linear);
  writer.add_floats("constant", {&model.constant, 1});
  writer.add_floats("evidence", model.evidence);
  writer.add_floats("examples", {&model.examples, 1});
  if (model.posterior) write_posterior(writer, *model.posterior);
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

  model.space = read_space(reader, columns);
  model.fold_in.own_parameters = model.space.find(user_field) != nullptr;
  if (reader.find("posterior_linear", "F32", 2)) model.posterior = read_posterior(reader, model);
  return model;
}

}  // namespace featherfm
