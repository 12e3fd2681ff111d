// Trainers.
#include <emscripten/bind.h>
#include <emscripten/emscripten.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "arrays.h"
#include "features.h"
#include "guard.h"
#include "served_model.h"
#include "train/fm_als.h"
#include "train/mf_als.h"
#include "train/option_draws.h"
#include "train_options.h"

namespace featherfm::bindings {
namespace {

using DataHandle = std::shared_ptr<Interactions>;

std::unique_ptr<FmTrainer> make_fm_trainer(const Options& given, FmData data,
                                           const ModelHandle& start) {
  const FactorizationMachine* from = start ? &start->file.fm() : nullptr;
  if (given.text("solver") == "mcmc") {
    return make_fm_gibbs(read_fm_gibbs(given), std::move(data), from);
  }
  if (given.text("solver") == "vb") return make_fm_vb(read_fm_vb(given), std::move(data), from);
  if (given.text("solver") == "als") return make_fm_als(read_fm(given), std::move(data), from);
  return make_fm_sgd(read_fm_sgd(given), std::move(data), from);
}

// A trainer, and what its model will need for serving.
class TrainerHandle {
 public:
  // Of matrix factorization, and of the models that others are compared to.
  TrainerHandle(const val& options, const std::string& options_text, const DataHandle& data,
                const DataHandle& validation, const ModelHandle& start)
      : options_text_(options_text), data_(data) {
    if (start) earlier_ = start->file.seen;
    const Options given(options);
    family_ = given.text("model");
    std::optional<MatrixFactorization> from;
    if (start) from = start->file.mf();
    if (family_ == "svd") {
      trainer_ = make_svd(read_svd(given), data);
    } else if (family_ == "implicit-als") {
      trainer_ = make_implicit_als(read_implicit_als(given), data, validation, std::move(from));
    } else if (family_ == "biases") {
      trainer_ = make_biases(read_biases(given), data, validation);
    } else if (family_ == "item-knn") {
      trainer_ = make_item_knn(read_item_knn(given), data);
    } else if (given.text("optimizer") == "als") {
      trainer_ = make_mf_als(read_mf(given), data, validation, std::move(from));
    } else {
      trainer_ = make_mf_sgd(read_mf_sgd(given), data, validation, std::move(from));
    }
  }

  // Of a machine over users and items; `description` is {features, validationFeatures | null,
  // validationUnitsPerDay, encoders}.
  TrainerHandle(const val& options, const std::string& options_text, const DataHandle& data,
                const DataHandle& validation, const ModelHandle& start, const Options& description)
      : options_text_(options_text), encoders_(description.text("encoders")), data_(data) {
    if (start) earlier_ = start->file.seen;
    const Options given(options);
    family_ = given.text("model");
    const bool hybrid = family_ == "hybrid";
    const auto features = features_from_js(description.raw("features"));
    const FactorizationMachine* const from = start ? &start->file.fm() : nullptr;
    const SeenItems met = seen();
    FeatureSpace space = make_feature_space(
        *data, met, features, hybrid ? read_hybrid_columns(given) : read_derived(given),
        from ? &from->space : nullptr);
    if (hybrid) {
      trainer_ =
          make_hybrid_sgd(read_hybrid(given), {std::move(space), data, met, validation}, from);
      return;
    }
    FmData examples;
    examples.space = std::move(space);
    examples.train = std::make_shared<Design>(make_design(examples.space, *data, features));
    if (validation) {
      examples.validation = std::make_shared<Design>(make_design(
          examples.space, *validation, features_from_js(description.raw("validationFeatures")),
          description.number("validationUnitsPerDay")));
    }
    trainer_ = make_fm_trainer(given, std::move(examples), start);
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
    trainer_ = make_fm_trainer(Options(options), std::move(examples), start);
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
      if (report.finished_epoch && fm() && fm()->noise() > 0) {
        set(result, "noise", fm()->noise());
        set(result, "penalties", learned_penalties());
      }
      return result;
    });
  }

  ModelHandle model() const {
    return guarded([&] {
      ModelFile file{family_, options_text_, {}, seen(), "", "", encoders_};
      std::visit([&](const auto& one) { file.model = one->model(); }, trainer_);
      return std::make_shared<ServedModel>(std::move(file));
    });
  }
  std::uint32_t best_epoch() const { return trainer().best_epoch(); }
  bool stopped_early() const { return trainer().stopped_early(); }
  // [{field, linear, factors}] where training chooses the penalties itself; else empty.
  val learned_penalties() const {
    return guarded([&] {
      val result = val::array();
      if (!fm()) return result;
      for (const FieldPenalty& penalty : fm()->learned_penalties()) {
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
      if (losses.validation->auc > 0) set(validation, "auc", losses.validation->auc);
      set(result, "validation", validation);
    }
    return result;
  }

  // Made when it is needed: while training goes on it would only take memory.
  SeenItems seen() const {
    if (!data_) return {};
    if (family_ == "item-knn") return what_counts(*data_);
    SeenItems own(*data_);
    return earlier_ ? SeenItems::joined(*earlier_, own) : own;
  }

  Trainer& trainer() const {
    return std::visit([](const auto& one) -> Trainer& { return *one; }, trainer_);
  }
  // Null for other families.
  const FmTrainer* fm() const {
    const auto* trainer = std::get_if<std::unique_ptr<FmTrainer>>(&trainer_);
    return trainer ? trainer->get() : nullptr;
  }

  std::variant<std::unique_ptr<MfTrainer>, std::unique_ptr<FmTrainer>,
               std::unique_ptr<ItemKnnTrainer>>
      trainer_;
  std::string family_, options_text_, encoders_;
  DataHandle data_;                   // null where training is on plain rows
  std::optional<SeenItems> earlier_;  // of the model that is continued
};

// `validation`, `start` and `description` (of the features; not null for the models "fm" and
// "hybrid") may be null; `optionsText` is kept with the model.
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
