// The part of a model file that a factorization machine takes (io/model_file.h says what is in it).
#pragma once

#include "io/tensors.h"
#include "model/factorization_machine.h"

namespace featherfm {

void write_fm(TensorWriter& writer, const FactorizationMachine& model);

// Errors: malformed_file for missing or contradictory tensors, fields that do not add up to the
// columns, and rows that name a column that is not there.
FactorizationMachine read_fm(const TensorReader& reader);

}  // namespace featherfm
