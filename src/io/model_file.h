// A model as a safetensors file.
//
//   user_factors [users, k]  item_factors [items, k]           F32, needed
//   user_biases [users]  item_biases [items]  global_bias [1]  F32, zeros when missing
//   value_range [2]            F32: lowest and highest value; unlimited when missing
//   fold_in [3]                F32: regularization, the bias's, frequency scaling; 0.1, 0.1, 1 when
//   missing item_fill [items]          F32, only of an SVD singular_values [k]        F32, only of
//   an SVD seen_offsets [users + 1]  seen_items [n]                   U32, optional user_ids
//   [bytes]  item_ids [bytes]                         U8: JSON lists of the caller's ids; 0, 1, 2
//   ... when missing metadata: format "featherfm", format_version "1", family, link "identity" |
//   "logistic", user_bias "true" | "false",
//             fill "none" | "per_item" | "user_mean", options (JSON of the training options)
//
// So a model trained elsewhere comes in with two matrices, and any safetensors reader opens ours.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/seen_items.h"
#include "io/safetensors.h"
#include "model/matrix_factorization.h"

namespace featherfm {

struct ModelFile {
  std::string family = "mf", options = "{}";
  MatrixFactorization model;
  SeenItems seen;
  std::string user_ids, item_ids;  // JSON; empty when missing
};

struct SaveOptions {
  std::string user_ids, item_ids;  // JSON; empty: not written. Take the place of the file's own.
  bool seen = true;                // whether to write file.seen
};
std::vector<std::byte> write_model(const ModelFile& file, const SaveOptions& options);

// Throws Error{malformed_file} for everything read_safetensors() refuses, and for missing, wrongly
// typed or shaped tensors, numbers that are not finite, items out of range, or a format_version
// this code does not know.
ModelFile read_model(Bytes bytes);

}  // namespace featherfm
