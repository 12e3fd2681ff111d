// Placing somebody new by their ratings, and saying why a score is what it is.
#pragma once

#include "arrays.h"
#include "served_model.h"

namespace featherfm::bindings {

// `ratings`: what somebody new gives, {items, values, weights | null, regularization | null,
// features | null}. {vector, bias}, and of a sampled machine `parts`.
val fold_in(ServedModel& model, const val& ratings);

// {score, base, items, contributions, columns, shares}: of the ratings given, or of a user's own.
// The items are those of the contributions.
val explain(ServedModel& model, const val& ratings, std::uint32_t item);
val explain_user(ServedModel& model, std::uint32_t user, std::uint32_t item);

}  // namespace featherfm::bindings
