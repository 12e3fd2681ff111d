// Trainers.
#include <emscripten/bind.h>
#include <emscripten/emscripten.h>

#include <memory>
#include <string>

#include "arrays.h"
#include "guard.h"
#include "served_model.h"
#include "train/mf_als.h"
#include "train/mf_sgd.h"
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

void read_common(const Options& given, MfOptions& options) {
  const Options biases = given.part("biases"), regularization = given.part("regularization");
  options.factors = given.index("factors");
  options.global_bias = biases.flag("global");
  options.user_bias = biases.flag("user");
  options.item_bias = biases.flag("item");
  options.user_regularization = regularization.real("user");
  options.item_regularization = regularization.real("item");
  options.bias_regularization = regularization.real("bias");
  options.frequency_scaling = given.real("frequencyScaling");
  options.initial_scale = given.real("initialScale");
  options.value_range = value_range(given);
  options.epochs = given.index("epochs");
  options.patience = given.index("patience");
  options.seed = given.seed();
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

// A trainer, and what its model will need for serving.
class TrainerHandle {
 public:
  TrainerHandle(const val& options, const std::string& options_text, const DataHandle& data,
                const DataHandle& validation, const ModelHandle& start)
      : data_(data), start_(start), options_text_(options_text) {
    const Options given(options);
    family_ = given.text("model");
    std::optional<MatrixFactorization> from;
    if (start) from = start->file.model;
    if (family_ == "svd") {
      trainer_ = make_svd(read_svd(given), data);
    } else if (given.text("optimizer") == "als") {
      MfOptions als;
      read_common(given, als);
      trainer_ = make_mf_als(als, data, validation, std::move(from));
    } else {
      trainer_ = make_mf_sgd(read_sgd(given), data, validation, std::move(from));
    }
  }

  val step(double budget_milliseconds) {
    return guarded([&] {
      const StepReport report = trainer_->step(budget_milliseconds, emscripten_get_now);
      val result = val::object();
      set(result, "done", report.done);
      set(result, "epoch", double(report.epoch));
      set(result, "fraction", report.fraction);
      set(result, "finishedEpoch",
          report.finished_epoch ? losses_to_js(*report.finished_epoch) : val::null());
      return result;
    });
  }

  ModelHandle model() const {
    return guarded([&] {
      SeenItems seen(*data_);
      if (start_) seen = SeenItems::joined(start_->file.seen, seen);
      return std::make_shared<ServedModel>(
          ModelFile{family_, options_text_, trainer_->model(), std::move(seen), "", ""});
    });
  }
  std::uint32_t best_epoch() const { return trainer_->best_epoch(); }
  bool stopped_early() const { return trainer_->stopped_early(); }

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

  std::unique_ptr<MfTrainer> trainer_;
  DataHandle data_;
  ModelHandle start_;
  std::string family_, options_text_;
};

// `validation` and `start` may be null; `optionsText` is kept with the model.
std::shared_ptr<TrainerHandle> make_trainer(const val& options, const std::string& options_text,
                                            const DataHandle& data, const DataHandle& validation,
                                            const ModelHandle& start) {
  return guarded([&] {
    return std::make_shared<TrainerHandle>(options, options_text, data, validation, start);
  });
}

ModelHandle train_popularity(const DataHandle& data, const std::string& options_text) {
  return guarded([&] {
    return std::make_shared<ServedModel>(
        ModelFile{"popularity", options_text, popularity(*data), SeenItems(*data), "", ""});
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
      .function("model()", &TrainerHandle::model);
  function("makeTrainer(options, optionsText, data, validation, start)", &make_trainer);
  function("trainPopularity(data, optionsText)", &train_popularity);
}

}  // namespace featherfm::bindings
