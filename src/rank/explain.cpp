#include "rank/explain.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace featherfm {
namespace {

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

// Places in a list of items by item; none for the others.
class Places {
 public:
  Places(std::span<const std::uint32_t> items, std::size_t count) : places_(count, none) {
    for (std::uint32_t k = 0; k < items.size(); ++k) places_[items[k]] = k;
  }
  std::uint32_t& operator[](std::uint32_t item) { return places_[item]; }

 private:
  std::vector<std::uint32_t> places_;
};

// The base is what is left, so that the parts sum to the score.
void balance(Explanation& explanation) {
  double rest = explanation.score;
  for (float& contribution : explanation.contributions) {
    contribution += 0.0f;  // no -0 is shown to anybody
    rest -= double{contribution};
  }
  explanation.base = static_cast<float>(rest);
}

}  // namespace

OwnRatings own_ratings(const SeenItems& seen, std::uint32_t user, const Towers& towers) {
  if (seen.users() != towers.users.rows() || !seen.has_values()) {
    fail(ErrorCode::invalid_argument, "model",
         {"the model does not know what its users rated: it was saved without that, or comes from "
          "elsewhere"});
  }
  OwnRatings own;
  const auto items = seen.of(user);
  const auto values = seen.values_of(user);
  // Models that were trained to rank take ratings on any scale.
  const bool limited = towers.link == Link::logistic && !towers.fold_in.ranking;
  Places places(own.items, towers.items.rows());
  for (std::size_t k = 0; k < items.size(); ++k) {
    std::uint32_t& place = places[items[k]];
    const float value =
        limited ? std::clamp(values[k], towers.range.low, towers.range.high) : values[k];
    if (place == none) {
      place = static_cast<std::uint32_t>(own.items.size());
      own.items.push_back(items[k]);
      own.values.push_back(value);
    } else {
      own.values[place] = value;
    }
  }
  return own;
}

SparseRows without_identity(const FactorizationMachine& model, std::uint32_t user) {
  const ColumnField* const identity = model.space.find(user_field);
  const SparseRows::Row row = model.space.users->row(user);
  SparseRows result;
  for (std::size_t k = 0; k < row.size(); ++k) {
    const std::uint32_t column = row.columns[k];
    if (identity && column >= identity->begin && column < identity->begin + identity->columns) {
      continue;
    }
    result.add(column, row.values[k]);
  }
  result.end_row();
  return result;
}

ScoreParts explain_by_neighbours(const ItemNeighbours& neighbours,
                                 std::span<const std::uint32_t> met, std::span<const float> worth,
                                 std::uint32_t item) {
  ScoreParts parts;
  for (std::size_t k = 0; k < met.size(); ++k) {
    parts.contributions.push_back(worth[k] * neighbours.similarity(item, met[k]));
    parts.score += parts.contributions.back();
  }
  return parts;
}

Explanation explain(const ScoreParts& folded, float score) {
  Explanation result{score, 0, folded.contributions, {}};
  balance(result);
  return result;
}

Explanation explain(const ScoreParts& folded, float score, const FactorizationMachine& model,
                    const SparseRows::Row& user, std::uint32_t item,
                    std::span<const std::uint32_t> rated) {
  Explanation result{score, 0, folded.contributions, {}};
  const SparseRows::Row item_row = model.space.items->row(item);
  const std::size_t k = model.factors.columns();
  const bool all = model.pairs == Pairs::all;
  const auto scale_of = [&](const SparseRows::Row& row) {
    return model.space.normalized ? double{row.normalizer()} : 1.0;
  };
  const auto sum_of = [&](const SparseRows::Row& row) {
    std::vector<double> sum(k);
    const double scale = scale_of(row);
    for (std::size_t e = 0; e < row.size(); ++e) {
      const auto v = model.factors.columns_of(row.columns[e]);
      for (std::size_t f = 0; f < k; ++f) sum[f] += scale * double{row.values[e]} * double{v[f]};
    }
    return sum;
  };
  const std::vector<double> of_user = sum_of(user), of_item = sum_of(item_row);
  const ColumnField* const set = model.space.find(user_items_field);
  Places places(rated, model.space.items->rows());
  const auto add = [&](const SparseRows::Row& row, const std::vector<double>& own,
                       const std::vector<double>& other) {
    const double scale = scale_of(row);
    for (std::size_t e = 0; e < row.size(); ++e) {
      const std::uint32_t column = row.columns[e];
      const double x = scale * double{row.values[e]};
      const auto v = model.factors.columns_of(column);
      double partners = 0;
      for (std::size_t f = 0; f < k; ++f) {
        partners += double{v[f]} * (other[f] + (all ? own[f] - x * double{v[f]} : 0.0));
      }
      const auto share = static_cast<float>(x * double{model.linear[column]} + 0.5 * x * partners);
      const bool in_set = set && column >= set->begin && column < set->begin + set->columns;
      const std::uint32_t place = in_set ? places[column - set->begin] : none;
      if (place != none) {
        result.contributions[place] += share;
      } else {
        result.columns.push_back({column, share});
      }
    }
  };
  add(user, of_user, of_item);
  add(item_row, of_item, of_user);
  balance(result);
  return result;
}

}  // namespace featherfm
