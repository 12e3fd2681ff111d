#include "evaluate.h"

#include <algorithm>
#include <string>

#include "base/portable_math.h"
#include "features.h"
#include "guard.h"
#include "rank/metrics.h"
#include "rank/ranking_metrics.h"
#include "rank/rerank.h"
#include "train/fm_options.h"

namespace featherfm::bindings {
namespace {

val rating_errors_to_js(const RatingErrors& errors) {
  val result = val::object();
  for (const auto& [name, value] : {std::pair{"rmse", errors.rmse},
                                    {"mae", errors.mae},
                                    {"mae-rounded", errors.mae_rounded},
                                    {"accuracy", errors.accuracy},
                                    {"log-loss", errors.log_loss}}) {
    set(result, name, value);
  }
  return result;
}

std::vector<Predicted> predictions_on(const FactorizationMachine& model, const Design& design) {
  PosteriorScores scores(model, design);
  while (!scores.advance()) {
  }
  return scores.predicted();
}

// `targets`: what the caller calls them.
RatingErrors errors_on(const FactorizationMachine& model, Design design, const char* targets) {
  const bool labels = model.link == Link::logistic ||
                      (model.posterior && model.posterior->task == Task::classification);
  if (labels) {
    require_labels(design.targets, targets);
    for (float& target : design.targets) target = label_of(target);
  }
  if (model.posterior) {
    std::vector<float> values;
    for (const Predicted& predicted : predictions_on(model, design)) {
      // Of a probability, the score of which it is the sigmoid.
      const double p = std::clamp(double{predicted.mean}, 1e-7, 1 - 1e-7);
      values.push_back(labels ? static_cast<float>(portable_log(p / (1 - p))) : predicted.mean);
    }
    return rating_errors(values, design.targets, design.weights,
                         labels ? Link::logistic : Link::identity,
                         labels ? ValueRange{0, 1} : model.range);
  }
  return rating_errors(scores(model, design), design.targets, design.weights, model.link,
                       model.range);
}

}  // namespace

val evaluate_ratings(const ServedModel& model, const Interactions& test, const val& features,
                     double units_per_day) {
  return guarded([&] {
    if (!model.file.is_fm()) return rating_errors_to_js(rating_errors(model.towers, test));
    const FactorizationMachine& machine = model.file.fm();
    return rating_errors_to_js(errors_on(
        machine, make_design(machine.space, test, features_from_js(features), units_per_day),
        "ratings"));
  });
}

const FactorizationMachine& machine_of(const ServedModel& model) {
  if (!model.file.is_fm()) {
    fail(ErrorCode::invalid_argument, "model",
         {"only models of the families \"fm\" and \"hybrid\" have features"});
  }
  return model.file.fm();
}

// Rows do not say which of their columns are the user's.
static const FactorizationMachine& row_machine_of(const ServedModel& model) {
  if (!model.file.is_fm() || model.file.fm().pairs != Pairs::all) {
    fail(ErrorCode::invalid_argument, "model", {"only a model of the family \"fm\" takes rows"});
  }
  return model.file.fm();
}

val predict_rows(const ServedModel& model, const RowSet& rows, bool clip) {
  return guarded([&] {
    const FactorizationMachine& machine = row_machine_of(model);
    const Design design = make_design(rows, machine.space.columns());
    if (machine.posterior) {
      std::vector<float> means;
      for (const Predicted& one : predictions_on(machine, design)) means.push_back(one.mean);
      return to_js(means);
    }
    auto values = scores(machine, design);
    for (float& value : values) value = model.towers.value_of(value, clip);
    return to_js(values);
  });
}

val evaluate_rows(const ServedModel& model, const RowSet& rows) {
  return guarded([&] {
    const FactorizationMachine& machine = row_machine_of(model);
    return rating_errors_to_js(
        errors_on(machine, make_design(rows, machine.space.columns()), "targets"));
  });
}

val evaluate_ranking(const ServedModel& model, const Interactions& test,
                     const std::shared_ptr<Interactions>& train, const val& protocol) {
  return guarded([&] {
    const Options given(protocol);
    const auto ks = from_js<std::uint32_t>(given.raw("ks"));
    RankingProtocol asked{ks, given.real("relevantFrom"), given.flag("lists")};
    std::vector<float> information;
    if (given.flag("novelty")) {
      // How popular items are in training is what the lists are measured by.
      if (train) information = self_information(train->item_counts(), train->users());
      asked.information =
          train ? std::span<const float>(information) : model.information("metrics");
    }
    if (!missing(given.raw("negatives"))) {
      const Options negatives = given.part("negatives");
      asked.negatives = SampledNegatives{negatives.index("count"), negatives.seed()};
    }
    const ItemNeighbours* const neighbours = model.file.neighbours();
    const RankingMetrics metrics =
        neighbours ? ranking_metrics(NeighbourScorer(*neighbours, model.file.seen), model.towers,
                                     test, train.get(), asked)
                   : ranking_metrics(model.towers, test, train.get(), asked);
    val result = val::object();
    set(result, "auc", metrics.auc);
    set(result, "mrr", metrics.mrr);
    for (std::size_t j = 0; j < ks.size(); ++j) {
      const RankingAtK& at = metrics.at[j];
      for (const auto& [name, value] : {std::pair{"precision@", at.precision},
                                        {"recall@", at.recall},
                                        {"ndcg@", at.ndcg},
                                        {"map@", at.map},
                                        {"mrr@", at.mrr},
                                        {"hit-rate@", at.hit_rate},
                                        {"coverage@", at.coverage},
                                        {"novelty@", at.novelty},
                                        {"diversity@", at.diversity},
                                        {"gini@", at.gini}}) {
        set(result, joined({name, ks[j]}).c_str(), value);
      }
    }
    return result;
  });
}

}  // namespace featherfm::bindings
