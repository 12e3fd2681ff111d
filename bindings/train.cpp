// Trainers.
#include <emscripten/bind.h>
#include <emscripten/emscripten.h>

#include <memory>
#include <optional>
#include <string>

#include "arrays.h"
#include "features.h"
#include "guard.h"
#include "served_model.h"
#include "train/fm_als.h"
#include "train/fm_gibbs.h"
#include "train/fm_sgd.h"
#include "train/mf_als.h"
#include "train/mf_sgd.h"
#include "train/option_draws.h"
#include "train/svd.h"

namespace featherfm::bindings {
namespace {

using DataHandle = std::shared_ptr<Interactions>;

std::optional<ValueRange> value_range(const Options& given) {
  const val range = given.raw("valueRange");
  if (range.isString() && range.as<std::string>() == "observed") return std::nullopt;
  if (!range.isArray() || !range[0].isNumber() || !range[1].isNumber()) {
    fail(ErrorCode::invalid_argument, "valueRange",
         {"valueRange must be \"observed\" or [lowest, highest]"});
  }
  return ValueRange{range[0].as<float>(), range[1].as<float>()};
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

void read_common(const Options& given, MfOptions& options) {
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

MfSgdOptions read_sgd(const Options& given) {
  MfSgdOptions options;
  read_common(given, options);
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
  const Options terms = given.part("terms");
  FmGibbsOptions options;
  options.task = task(given);
  options.factors = given.index("factors");
  options.constant = terms.flag("constant");
  options.linear = terms.flag("linear");
  options.burn_in = given.index("burnIn");
  options.samples = given.index("samples");
  options.keep = given.index("keep");
  options.initial_scale = given.real("initialScale");
  options.value_range = value_range(given);
  options.seed = given.seed();
  return options;
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

std::unique_ptr<FmTrainer> make_fm_trainer(const Options& given, FmData data,
                                           const ModelHandle& start) {
  const FactorizationMachine* from = start ? &start->file.fm() : nullptr;
  if (given.text("solver") == "mcmc") {
    return make_fm_gibbs(read_fm_gibbs(given), std::move(data), from);
  }
  if (given.text("solver") == "als") {
    FmOptions options;
    read_fm_common(given, options);
    return make_fm_als(options, std::move(data), from);
  }
  return make_fm_sgd(read_fm_sgd(given), std::move(data), from);
}

// A trainer, and what its model will need for serving.
class TrainerHandle {
 public:
  // Of matrix factorization.
  TrainerHandle(const val& options, const std::string& options_text, const DataHandle& data,
                const DataHandle& validation, const ModelHandle& start)
      : options_text_(options_text), data_(data) {
    if (start) earlier_ = start->file.seen;
    const Options given(options);
    family_ = given.text("model");
    std::optional<MatrixFactorization> from;
    if (start) from = start->file.mf();
    if (family_ == "svd") {
      mf_ = make_svd(read_svd(given), data);
    } else if (given.text("optimizer") == "als") {
      MfOptions als;
      read_common(given, als);
      mf_ = make_mf_als(als, data, validation, std::move(from));
    } else {
      mf_ = make_mf_sgd(read_sgd(given), data, validation, std::move(from));
    }
  }

  // Of a factorization machine over users and items; `description` is {features,
  // validationFeatures | null, validationUnitsPerDay, encoders}.
  TrainerHandle(const val& options, const std::string& options_text, const DataHandle& data,
                const DataHandle& validation, const ModelHandle& start, const Options& description)
      : family_("fm"),
        options_text_(options_text),
        encoders_(description.text("encoders")),
        data_(data) {
    if (start) earlier_ = start->file.seen;
    const Options given(options);
    const auto features = features_from_js(description.raw("features"));
    FmData examples;
    examples.space = make_feature_space(*data, seen(), features, read_derived(given),
                                        start ? &start->file.fm().space : nullptr);
    examples.train = std::make_shared<Design>(make_design(examples.space, *data, features));
    if (validation) {
      examples.validation = std::make_shared<Design>(make_design(
          examples.space, *validation, features_from_js(description.raw("validationFeatures")),
          description.number("validationUnitsPerDay")));
    }
    fm_ = make_fm_trainer(given, std::move(examples), start);
  }

  // Of a factorization machine over plain rows.
  TrainerHandle(const val& options, const std::string& options_text, const RowSet& rows,
                const RowsHandle& validation, const ModelHandle& start)
      : family_("fm"), options_text_(options_text) {
    FmData examples;
    examples.targets = "targets";
    examples.space.fields = rows.fields;
    examples.train = std::make_shared<Design>(make_design(rows, rows.columns()));
    if (validation) {
      examples.validation = std::make_shared<Design>(make_design(*validation, rows.columns()));
    }
    fm_ = make_fm_trainer(Options(options), std::move(examples), start);
  }

  val step(double budget_milliseconds) {
    return guarded([&] {
      const StepReport report = trainer().step(budget_milliseconds, emscripten_get_now);
      val result = val::object();
      set(result, "done", report.done);
      set(result, "epoch", double(report.epoch));
      set(result, "fraction", report.fraction);
      set(result, "finishedEpoch",
          report.finished_epoch ? losses_to_js(*report.finished_epoch) : val::null());
      if (report.finished_epoch && fm_ && fm_->noise() > 0) {
        set(result, "noise", fm_->noise());
        set(result, "penalties", learned_penalties());
      }
      return result;
    });
  }

  ModelHandle model() const {
    return guarded([&] {
      ModelFile file{family_, options_text_, {}, seen(), "", "", encoders_};
      if (mf_) {
        file.model = mf_->model();
      } else {
        file.model = fm_->model();
      }
      return std::make_shared<ServedModel>(std::move(file));
    });
  }
  std::uint32_t best_epoch() const { return trainer().best_epoch(); }
  bool stopped_early() const { return trainer().stopped_early(); }
  // [{field, linear, factors}] where training chooses the penalties itself; else empty.
  val learned_penalties() const {
    return guarded([&] {
      val result = val::array();
      if (!fm_) return result;
      for (const FieldPenalty& penalty : fm_->learned_penalties()) {
        val entry = val::object();
        set(entry, "field", val(penalty.field));
        set(entry, "linear", double{penalty.linear});
        set(entry, "factors", double{penalty.factors});
        result.call<void>("push", entry);
      }
      return result;
    });
  }

 private:
  static val losses_to_js(const EpochLosses& losses) {
    val result = val::object();
    set(result, "trainLoss", losses.train.loss);
    set(result, "trainRmse", losses.train.rmse);
    set(result, "best", losses.best);
    if (losses.validation) {
      val validation = val::object();
      set(validation, "loss", losses.validation->loss);
      set(validation, "rmse", losses.validation->rmse);
      set(validation, "mae", losses.validation->mae);
      set(result, "validation", validation);
    }
    return result;
  }

  // Made when it is needed: while training goes on it would only take memory.
  SeenItems seen() const {
    if (!data_) return {};
    SeenItems own(*data_);
    return earlier_ ? SeenItems::joined(*earlier_, own) : own;
  }

  Trainer& trainer() const {
    if (mf_) return *mf_;
    return *fm_;
  }

  std::unique_ptr<MfTrainer> mf_;  // one of the two
  std::unique_ptr<FmTrainer> fm_;
  std::string family_, options_text_, encoders_;
  DataHandle data_;                   // null where training is on plain rows
  std::optional<SeenItems> earlier_;  // of the model that is continued
};

// `validation`, `start` and `description` (of the features; not null for the model "fm") may be
// null; `optionsText` is kept with the model.
std::shared_ptr<TrainerHandle> make_trainer(const val& options, const std::string& options_text,
                                            const DataHandle& data, const DataHandle& validation,
                                            const ModelHandle& start, const val& description) {
  return guarded([&] {
    if (missing(description)) {
      return std::make_shared<TrainerHandle>(options, options_text, data, validation, start);
    }
    return std::make_shared<TrainerHandle>(options, options_text, data, validation, start,
                                           Options(description));
  });
}

std::shared_ptr<TrainerHandle> make_row_trainer(const val& options, const std::string& options_text,
                                                const RowSet& rows, const RowsHandle& validation,
                                                const ModelHandle& start) {
  return guarded([&] {
    return std::make_shared<TrainerHandle>(options, options_text, rows, validation, start);
  });
}

ModelHandle train_popularity(const DataHandle& data, const std::string& options_text) {
  return guarded([&] {
    return std::make_shared<ServedModel>(
        ModelFile{"popularity", options_text, popularity(*data), SeenItems(*data), "", ""});
  });
}

// Of ranges [{low, high, logarithmic, whole}] and {trials, seed}: trials x ranges, row by row.
val draw_options(const val& ranges, const val& options) {
  return guarded([&] {
    const Options given(options);
    std::vector<OptionRange> list;
    const auto count = ranges["length"].as<std::uint32_t>();
    for (std::uint32_t k = 0; k < count; ++k) {
      const Options range(ranges[k]);
      list.push_back({range.number("low"), range.number("high"), range.flag("logarithmic"),
                      range.flag("whole")});
    }
    return to_js(featherfm::draw_options(list, given.index("trials"), given.seed()));
  });
}

}  // namespace

EMSCRIPTEN_BINDINGS(train) {
  using namespace emscripten;
  class_<TrainerHandle>("Trainer")
      .smart_ptr<std::shared_ptr<TrainerHandle>>("TrainerHandle")
      .property("bestEpoch", &TrainerHandle::best_epoch)
      .property("stoppedEarly", &TrainerHandle::stopped_early)
      .function("step(budgetMilliseconds)", &TrainerHandle::step)
      .function("learnedPenalties()", &TrainerHandle::learned_penalties)
      .function("model()", &TrainerHandle::model);
  function("makeTrainer(options, optionsText, data, validation, start, description)",
           &make_trainer);
  function("makeRowTrainer(options, optionsText, rows, validation, start)", &make_row_trainer);
  function("trainPopularity(data, optionsText)", &train_popularity);
  function("drawOptions(ranges, options)", &draw_options);
}

}  // namespace featherfm::bindings
