#include "train_options.h"

#include <string>

namespace featherfm::bindings {
namespace {

std::optional<ValueRange> value_range(const Options& given) {
  const val range = given.raw("valueRange");
  if (range.isString() && range.as<std::string>() == "observed") return std::nullopt;
  if (!range.isArray() || !range[0].isNumber() || !range[1].isNumber()) {
    fail(ErrorCode::invalid_argument, "valueRange",
         {"valueRange must be \"observed\" or [lowest, highest]"});
  }
  return ValueRange{range[0].as<float>(), range[1].as<float>()};
}

std::optional<float> positive_from(const Options& given) {
  if (given.raw("positiveFrom").isUndefined()) return std::nullopt;
  return given.real("positiveFrom");
}

// What every iterative trainer of points is told, whatever its model.
template <class IterativeOptions>
void read_course(const Options& given, IterativeOptions& options) {
  options.frequency_scaling = given.real("frequencyScaling");
  options.initial_scale = given.real("initialScale");
  options.value_range = value_range(given);
  options.epochs = given.index("epochs");
  options.patience = given.index("patience");
  options.seed = given.seed();
}

void read_mf_common(const Options& given, MfOptions& options) {
  const Options biases = given.part("biases"), regularization = given.part("regularization");
  options.factors = given.index("factors");
  options.global_bias = biases.flag("global");
  options.user_bias = biases.flag("user");
  options.item_bias = biases.flag("item");
  options.user_regularization = regularization.real("user");
  options.item_regularization = regularization.real("item");
  options.bias_regularization = regularization.real("bias");
  read_course(given, options);
}

FmSolver fm_solver(const std::string& name) {
  return choice<FmSolver>(name, "solver",
                          {{"sgd", FmSolver::sgd},
                           {"adagrad", FmSolver::adagrad},
                           {"adam", FmSolver::adam},
                           {"ftrl", FmSolver::ftrl},
                           {"sgda", FmSolver::sgda}});
}

Task task(const Options& given) {
  return choice<Task>(given.text("task"), "task",
                      {{"regression", Task::regression},
                       {"classification", Task::classification},
                       {"ordinal", Task::ordinal}});
}

void read_fm_common(const Options& given, FmOptions& options) {
  const Options terms = given.part("terms"), regularization = given.part("regularization");
  options.task = task(given);
  options.factors = given.index("factors");
  options.constant = terms.flag("constant");
  options.linear = terms.flag("linear");
  options.constant_regularization = regularization.real("constant");
  options.linear_regularization = regularization.real("linear");
  options.factor_regularization = regularization.real("factors");
  options.feature_regularization = regularization.real("features");
  // [{field, linear, factors}]
  const val fields = regularization.raw("fields");
  const auto count = fields["length"].as<std::uint32_t>();
  for (std::uint32_t g = 0; g < count; ++g) {
    const Options field(fields[g]);
    options.field_penalties.push_back(
        {field.text("field"), field.real("linear"), field.real("factors")});
  }
  read_course(given, options);
}

// What Bayesian machines are told, sampled or not.
template <class BayesianOptions>
void read_bayesian(const Options& given, BayesianOptions& options) {
  const Options terms = given.part("terms");
  options.task = task(given);
  options.factors = given.index("factors");
  options.constant = terms.flag("constant");
  options.linear = terms.flag("linear");
  options.initial_scale = given.real("initialScale");
  options.value_range = value_range(given);
  options.seed = given.seed();
}

}  // namespace

MfOptions read_mf(const Options& given) {
  MfOptions options;
  read_mf_common(given, options);
  return options;
}

MfSgdOptions read_mf_sgd(const Options& given) {
  MfSgdOptions options;
  read_mf_common(given, options);
  options.loss = choice<Loss>(given.text("loss"), "loss",
                              {{"squared", Loss::squared}, {"logistic", Loss::logistic}});
  options.optimizer = choice<Optimizer>(
      given.text("optimizer"), "optimizer",
      {{"sgd", Optimizer::sgd}, {"adagrad", Optimizer::adagrad}, {"adam", Optimizer::adam}});
  options.learning_rate = given.real("learningRate");
  options.learning_rate_decay = given.real("learningRateDecay");
  if (options.optimizer == Optimizer::adam) {
    options.beta1 = given.real("beta1");
    options.beta2 = given.real("beta2");
  }
  return options;
}

SvdOptions read_svd(const Options& given) {
  SvdOptions options;
  options.factors = given.index("factors");
  options.oversampling = given.index("oversampling");
  options.power_iterations = given.index("powerIterations");
  options.value_range = value_range(given);
  options.seed = given.seed();
  if (given.raw("fill").isNumber()) {
    options.fill = Fill::constant;
    options.fill_value = given.real("fill");
  } else {
    options.fill = choice<Fill>(given.text("fill"), "fill",
                                {{"global-mean", Fill::global_mean},
                                 {"user-mean", Fill::user_mean},
                                 {"item-mean", Fill::item_mean}});
  }
  return options;
}

FmOptions read_fm(const Options& given) {
  FmOptions options;
  read_fm_common(given, options);
  return options;
}

FmSgdOptions read_fm_sgd(const Options& given) {
  FmSgdOptions options;
  read_fm_common(given, options);
  options.solver = fm_solver(given.text("solver"));
  options.learning_rate = given.real("learningRate");
  options.learning_rate_decay = given.real("learningRateDecay");
  if (options.solver == FmSolver::adam) {
    options.batch_size = given.index("batchSize");
    options.beta1 = given.real("beta1");
    options.beta2 = given.real("beta2");
  }
  if (options.solver == FmSolver::ftrl) {
    options.l1 = given.real("l1");
    options.ftrl_beta = given.real("ftrlBeta");
  }
  return options;
}

FmGibbsOptions read_fm_gibbs(const Options& given) {
  FmGibbsOptions options;
  read_bayesian(given, options);
  options.burn_in = given.index("burnIn");
  options.samples = given.index("samples");
  options.chains = given.index("chains");
  options.keep = given.index("keep");
  return options;
}

FmVbOptions read_fm_vb(const Options& given) {
  FmVbOptions options;
  read_bayesian(given, options);
  options.epochs = given.index("epochs");
  options.patience = given.index("patience");
  return options;
}

HybridOptions read_hybrid(const Options& given) {
  const Options regularization = given.part("regularization");
  HybridOptions options;
  options.loss = choice<RankingLoss>(given.text("loss"), "loss",
                                     {{"logistic", RankingLoss::logistic},
                                      {"bpr", RankingLoss::bpr},
                                      {"warp", RankingLoss::warp},
                                      {"warp-kos", RankingLoss::warp_kos}});
  options.steps =
      choice<StepRule>(given.text("optimizer"), "optimizer",
                       {{"adagrad", StepRule::adagrad}, {"adadelta", StepRule::adadelta}});
  options.factors = given.index("factors");
  options.epochs = given.index("epochs");
  if (options.steps == StepRule::adagrad) {
    options.learning_rate = given.real("learningRate");
  } else {
    options.rho = given.real("rho");
    options.epsilon = given.real("epsilon");
  }
  options.user_regularization = regularization.real("user");
  options.item_regularization = regularization.real("item");
  if (options.loss == RankingLoss::warp || options.loss == RankingLoss::warp_kos) {
    options.max_sampled = given.index("maxSampled");
  }
  if (options.loss == RankingLoss::warp_kos) {
    options.kth = given.index("k");
    options.positives = given.index("n");
  }
  options.positive_from = positive_from(given);
  options.patience = given.index("patience");
  options.seed = given.seed();
  return options;
}

DerivedColumns read_hybrid_columns(const Options& given) {
  const Options identity = given.part("identity");
  DerivedColumns columns;
  columns.user = identity.flag("user");
  columns.item = identity.flag("item");
  columns.normalized = given.flag("normalize");
  return columns;
}

DerivedColumns read_derived(const Options& given) {
  const Options identity = given.part("identity"), derived = given.part("derived");
  DerivedColumns columns;
  columns.user = identity.flag("user");
  columns.item = identity.flag("item");
  columns.user_items = derived.flag("userItems");
  columns.item_users = derived.flag("itemUsers");
  columns.day = derived.flag("day");
  columns.set_scale = choice<SetScale>(derived.text("setScale"), "setScale",
                                       {{"sqrt", SetScale::root}, {"mean", SetScale::mean}});
  columns.units_per_day = derived.number("unitsPerDay");
  return columns;
}

ImplicitAlsOptions read_implicit_als(const Options& given) {
  ImplicitAlsOptions options;
  options.factors = given.index("factors");
  options.epochs = given.index("epochs");
  if (!(given.raw("alpha").isString() && given.text("alpha") == "balanced")) {
    options.alpha = given.real("alpha");
  }
  options.unobserved_weight = given.real("unobservedWeight");
  options.positive_from = positive_from(given);
  options.regularization = given.real("regularization");
  options.frequency_scaling = given.real("frequencyScaling");
  options.solver = choice<ImplicitSolver>(given.text("solver"), "solver",
                                          {{"cg", ImplicitSolver::conjugate_gradient},
                                           {"cholesky", ImplicitSolver::cholesky},
                                           {"subspace", ImplicitSolver::subspace}});
  if (options.solver == ImplicitSolver::conjugate_gradient) {
    options.steps = given.index("cgSteps");
  }
  if (options.solver == ImplicitSolver::subspace) options.block_size = given.index("blockSize");
  options.patience = given.index("patience");
  options.seed = given.seed();
  return options;
}

ItemKnnOptions read_item_knn(const Options& given) {
  return {given.index("neighbours"),
          choice<ItemSimilarity>(given.text("similarity"), "similarity",
                                 {{"cosine", ItemSimilarity::cosine},
                                  {"tf-idf", ItemSimilarity::tf_idf},
                                  {"bm25", ItemSimilarity::bm25}}),
          given.real("shrink")};
}

BiasesOptions read_biases(const Options& given) {
  const Options regularization = given.part("regularization");
  return {given.index("epochs"), regularization.real("user"), regularization.real("item"),
          value_range(given), given.index("patience")};
}

}  // namespace featherfm::bindings
