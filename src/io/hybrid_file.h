// The part of a model file that a hybrid model takes (io/model_file.h says what is in it).
#pragma once

#include "io/tensors.h"
#include "model/hybrid.h"

namespace featherfm {

void write_hybrid(TensorWriter& writer, const HybridModel& model);

// Errors: malformed_file for missing or contradictory tensors, and what read_space() refuses.
HybridModel read_hybrid(const TensorReader& reader);

// What follows from the loss and from the fields, after link and range were read. Errors:
// malformed_file where they are others than the loss has.
void complete_hybrid(HybridModel& model);

}  // namespace featherfm
