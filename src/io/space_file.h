// The part of a model file that says which columns a model has, and what stands in them for every
// user and item (io/model_file.h says what is in it).
#pragma once

#include "data/design.h"
#include "io/tensors.h"

namespace featherfm {

// Errors: out_of_range for more fields than a file takes.
void write_space(TensorWriter& writer, const FeatureSpace& space);

// Errors: malformed_file for fields that do not add up to `columns`, and for rows that name a
// column that is not there.
FeatureSpace read_space(const TensorReader& reader, std::size_t columns);

}  // namespace featherfm
