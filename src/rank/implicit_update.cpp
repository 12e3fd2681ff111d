#include "rank/implicit_update.h"

#include <algorithm>

#include "base/error.h"

namespace featherfm {
namespace {

Towers exchanged(const MatrixFactorization& model) {
  MatrixFactorization result;
  result.user_factors = model.item_factors;
  result.item_factors = model.user_factors;
  result.user_biases = model.item_biases;
  result.item_biases = model.user_biases;
  result.range = model.range;
  result.fold_in = model.fold_in;
  return result.towers();
}

// Of a row that is the next one, what it takes to have it. Everything is made before anything is
// moved, so that nothing is half done when memory runs out.
void put(Matrix& factors, std::vector<float>& biases, Matrix& tower, std::vector<float>* offsets,
         std::uint32_t row, std::span<const float> vector, float last) {
  if (row >= factors.rows()) {
    const std::size_t rows = std::size_t{row} + 1;
    Matrix grown_factors = factors, grown_tower = tower;
    std::vector<float> grown_biases = biases, grown_offsets;
    grown_factors.grow(rows);
    grown_tower.grow(rows);
    grown_biases.resize(rows);
    if (offsets != nullptr) {
      grown_offsets = *offsets;
      grown_offsets.resize(rows);
      *offsets = std::move(grown_offsets);
    }
    factors = std::move(grown_factors);
    tower = std::move(grown_tower);
    biases = std::move(grown_biases);
  }
  std::ranges::copy(vector, factors.row(row));
  std::ranges::copy(vector, tower.row(row));
  tower.row(row)[vector.size()] = last;
}

}  // namespace

ItemFoldIn::ItemFoldIn(const MatrixFactorization& model)
    : towers_(exchanged(model)), fold_in_(towers_) {}

std::vector<float> ItemFoldIn::fold(const GivenRatings& given) {
  std::vector<char> met(towers_.items.rows());
  for (std::size_t k = 0; k < given.items.size(); ++k) {
    if (given.items[k] >= met.size()) {
      fail(ErrorCode::out_of_range, "ratings",
           {"ratings[", k, "] names a user the model does not know"});
    }
    if (met[given.items[k]]++) {
      fail(ErrorCode::duplicate, "ratings", {"ratings[", k, "] names a user a second time"});
    }
  }
  return fold_in_.fold(given).vector;
}

void set_user(MatrixFactorization& model, Towers& towers, std::uint32_t user,
              std::span<const float> vector) {
  put(model.user_factors, model.user_biases, towers.users, &towers.user_offsets, user, vector, 1);
}

void set_item(MatrixFactorization& model, Towers& towers, std::uint32_t item,
              std::span<const float> vector) {
  put(model.item_factors, model.item_biases, towers.items, nullptr, item, vector, 0);
}

}  // namespace featherfm
