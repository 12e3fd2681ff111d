// A model as a safetensors file.
//
// Families "mf", "svd", "popularity", "biases", "implicit-als":
//   user_factors [users, k]  item_factors [items, k]           F32, needed
//   user_biases [users]  item_biases [items]  global_bias [1]  F32, zeros when missing
//   item_fill [items]  singular_values [k]                     F32, of an SVD; values also of a
//                                                              compressed model
//   implicit [4]       F32, only of "implicit-als", which has no biases: alpha, the unobserved
//                      weight, whether there is a value that likes start from (0, 1), and that
//                      value; 1, 1, 0, 0 when missing
// Family "item-knn":
//   neighbour_offsets [items + 1]  neighbour_items [n]         U32, needed
//   neighbour_similarities [n]                                 F32, needed
//   its users are those of seen_offsets, with seen_items and seen_values
// Families "fm" and "hybrid":
//   factors [columns, k]  linear [columns]  constant [1]       F32, needed
//   evidence [columns]  examples [1]                           F32: what they were learned from
//   user_row_offsets [users + 1]  user_row_columns [n]         U32, needed
//   user_row_values [n]                                        F32, needed: the columns of every
//                                                              user; likewise item_row_...
//   days [n]                                                   F64: number of the day of each
//                                                              column of the field "day"; empty
//                                                              or missing when there are no days
//   and of a hybrid model:
//   memory_linear [columns]  memory_factors [columns, k]       F32: what its steps have seen; of
//   memory_linear_steps      memory_factor_steps               AdaDelta these two besides
//   ranking_steps [2]  ranking_positive_from [1]               F32: how newcomers are placed
//   and where it was sampled, with S samples of k / S factors each:
//   posterior_constants [S]  posterior_noise [S]               F32
//   posterior_penalties [S]  posterior_linear [columns, S]     F32
//   classes [c]  posterior_cutpoints [S, c - 1]                F32: of ordered classes; else empty
//   chain_...                                                  where the chain goes on
//   and in place of the chain, of variational inference (S = 1):
//   variance_constant [1]  variance_linear [columns]
//   variance_factors [columns, k]                              F32: of the parameters
//   variational_priors [n]                                     F64: precision and mean of every
//                                                              field, part by part
//   variational_noise [2]                                      F64: shape and rate of its precision
// All:
//   value_range [2]        F32: lowest and highest value; unlimited when missing
//   fold_in [3]            F32: regularization, the bias's, frequency scaling; 0.1, 0.1, 1 when
//                          missing
//   seen_offsets [users + 1]  seen_items [n]                   U32, optional
//   seen_values [n]                                            F32, optional: the ratings
//   user_ids [bytes]  item_ids [bytes]                         U8: JSON lists of the caller's ids;
//                                                              0, 1, 2 ... when missing
// metadata: format "featherfm", format_version "1", family, link "identity" | "logistic", user_bias
//   "true" | "false", fill "none" | "per_item" | "user_mean", options (JSON of the training
//   options); of an fm: fields (their number), field_0_name, field_0_side "user" | "item" |
//   "context", field_0_columns, field_1_name ..., units_per_day, set_scale "root" | "mean",
//   normalized "true" | "false", pairs "all" | "between_sides", of a hybrid one ranking_loss and
//   its numbers, of a Bayesian one task "regression" | "classification" | "ordinal", of a
//   sampled one sweeps; features (JSON: how values become columns)
//
// So a model trained elsewhere comes in with two matrices, and any safetensors reader opens ours.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "data/seen_items.h"
#include "io/safetensors.h"
#include "model/factorization_machine.h"
#include "model/item_neighbours.h"
#include "model/matrix_factorization.h"

namespace featherfm {

struct ModelFile {
  std::string family = "mf", options = "{}";
  std::variant<MatrixFactorization, FactorizationMachine, ItemNeighbours> model;
  SeenItems seen;
  std::string user_ids, item_ids;  // JSON; empty when missing
  std::string features = {};  // JSON of the caller's feature encoders; empty when there are none

  // Of the families "fm" and "hybrid"; of all others but "item-knn".
  MatrixFactorization& mf() { return std::get<MatrixFactorization>(model); }
  const MatrixFactorization& mf() const { return std::get<MatrixFactorization>(model); }
  const FactorizationMachine& fm() const { return std::get<FactorizationMachine>(model); }
  std::size_t users() const;
  std::size_t items() const;
  bool is_fm() const { return std::holds_alternative<FactorizationMachine>(model); }
  // The neighbours of the family "item-knn", or null.
  const ItemNeighbours* neighbours() const { return std::get_if<ItemNeighbours>(&model); }
  Towers towers() const;
};

struct SaveOptions {
  std::string user_ids, item_ids;  // JSON; empty: not written. Take the place of the file's own.
  // Whether to write file.seen. A model of the family "item-knn" has no users without it: their ids
  // are left out too.
  bool seen = true;
};
std::vector<std::byte> write_model(const ModelFile& file, const SaveOptions& options);

// Throws Error{malformed_file} for everything read_safetensors() refuses, and for missing, wrongly
// typed or shaped tensors, numbers that are not finite, items out of range, or a format_version
// this code does not know.
ModelFile read_model(Bytes bytes);

}  // namespace featherfm
