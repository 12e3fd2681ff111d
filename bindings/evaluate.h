// Measuring models, and predictions for plain rows.
#pragma once

#include <memory>

#include "arrays.h"
#include "data/row_set.h"
#include "served_model.h"

namespace featherfm::bindings {

// Errors of predicted ratings: {rmse, mae, "mae-rounded", accuracy, "log-loss"}. Of a factorization
// machine: `features`, what describes the test set's users, items and contexts, and what its
// timestamps count.
val evaluate_ratings(const ServedModel& model, const Interactions& test, const val& features,
                     double units_per_day);
val evaluate_rows(const ServedModel& model, const RowSet& rows);

// {auc, mrr, "precision@10": ...} for every k. `train` may be null; `protocol`: {ks, relevantFrom,
// lists, novelty, negatives: {count, seed} | null}, with -Infinity for all that is relevant.
val evaluate_ranking(const ServedModel& model, const Interactions& test,
                     const std::shared_ptr<Interactions>& train, const val& protocol);

val predict_rows(const ServedModel& model, const RowSet& rows, bool clip);

// The parameters of a factorization machine, or an error for other models.
const FactorizationMachine& machine_of(const ServedModel& model);

}  // namespace featherfm::bindings
