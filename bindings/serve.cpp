// Predicting, ranking, folding in, measuring, saving.
#include <emscripten/bind.h>
#include <emscripten/heap.h>

#include <limits>
#include <string>

#include "arrays.h"
#include "guard.h"
#include "rank/metrics.h"
#include "served_model.h"

namespace featherfm::bindings {
namespace {

using Indices = std::vector<std::uint32_t>;

val predict(const ServedModel& model, const val& users, const val& items, bool clip) {
  return guarded([&] {
    const auto user_list = from_js<std::uint32_t>(users), item_list = from_js<std::uint32_t>(items);
    require_same_size(item_list.size(), user_list.size(), "items");
    std::vector<float> values(user_list.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      values[k] = model.towers.value_of(model.towers.score(user_list[k], item_list[k]), clip);
    }
    return to_js(values);
  });
}

// {indices, scores}; `towers` turns scores into values where given.
val scored_to_js(const std::vector<Scored>& list, const Towers* towers) {
  Indices indices;
  std::vector<float> scores;
  for (const Scored& scored : list) {
    indices.push_back(scored.index);
    scores.push_back(towers ? towers->value_of(scored.score, true) : scored.score);
  }
  val result = val::object();
  set(result, "indices", to_js(indices));
  set(result, "scores", to_js(scores));
  return result;
}

// What {n, scan, exclude, candidates} asks for.
struct Request {
  explicit Request(const Options& given)
      : n(given.index("n")),
        scan(choice<Scan>(given.text("scan"), "scan",
                          {{"exact", Scan::exact}, {"int8", Scan::int8}})),
        exclude(from_js<std::uint32_t>(given.raw("exclude"))),
        has_candidates(!missing(given.raw("candidates"))),
        candidates(from_js<std::uint32_t>(given.raw("candidates"))) {}

  ItemFilter filter(std::span<const std::uint32_t> seen) const {
    ItemFilter result{seen, exclude, std::nullopt};
    if (has_candidates) result.candidates = candidates;
    return result;
  }

  std::size_t n;
  Scan scan;
  Indices exclude;
  bool has_candidates;
  Indices candidates;
};

void require_row(std::uint32_t row, const Matrix& matrix, const char* argument) {
  if (row < matrix.rows()) return;
  fail(ErrorCode::out_of_range, argument, {argument, " is not in the model"});
}

// One {indices, scores} for each of `users`.
val recommend(ServedModel& model, const val& users, bool filter_seen, const val& options) {
  return guarded([&] {
    const Request request{Options(options)};
    val result = val::array();
    for (const std::uint32_t user : from_js<std::uint32_t>(users)) {
      require_row(user, model.towers.users, "users");
      const auto seen = filter_seen ? model.file.seen.of(user) : std::span<const std::uint32_t>{};
      const auto top = model.ranker.top(user_view(model.towers, user), request.n,
                                        request.filter(seen), request.scan);
      result.call<void>("push", scored_to_js(top, &model.towers));
    }
    return result;
  });
}

val similar(const ServedModel& model, const std::string& side, std::uint32_t row, std::uint32_t n,
            const std::string& measure) {
  return guarded([&] {
    const Matrix& tower = *choice<const Matrix*>(
        side, "side", {{"users", &model.towers.users}, {"items", &model.towers.items}});
    require_row(row, tower, side.c_str());
    const auto by = choice<Similarity>(measure, "measure",
                                       {{"cosine", Similarity::cosine}, {"dot", Similarity::dot}});
    return scored_to_js(similar_rows(tower, model.towers.factors, row, n, by), nullptr);
  });
}

// The ratings of somebody new: {items, values, weights | null, regularization | null}.
struct Given {
  explicit Given(const Options& given)
      : items(from_js<std::uint32_t>(given.raw("items"))),
        values(from_js<float>(given.raw("values"))),
        weights(from_js<float>(given.raw("weights"))) {
    if (!missing(given.raw("regularization"))) regularization = given.real("regularization");
  }
  GivenRatings ratings() const { return {items, values, weights}; }

  Indices items;
  std::vector<float> values, weights;
  std::optional<float> regularization;
};

val fold_in(ServedModel& model, const val& ratings) {
  return guarded([&] {
    const Given given{Options(ratings)};
    const FoldedUser user = model.fold_in().fold(given.ratings(), given.regularization);
    val result = val::object();
    set(result, "vector", to_js(user.vector));
    set(result, "bias", double{user.bias});
    return result;
  });
}

val explain(ServedModel& model, const val& ratings, std::uint32_t item) {
  return guarded([&] {
    const Given given{Options(ratings)};
    const ScoreParts parts = model.fold_in().explain(given.ratings(), item, given.regularization);
    val result = val::object();
    set(result, "score", double{parts.score});
    set(result, "base", double{parts.base});
    set(result, "contributions", to_js(parts.contributions));
    return result;
  });
}

// A folded-in user comes back as {vector, bias}.
struct Guest {
  Guest(const ServedModel& model, const val& user) {
    const Options given(user);
    FoldedUser folded{from_js<float>(given.raw("vector")), given.real("bias")};
    require_same_size(folded.vector.size(), model.towers.factors, "vector");
    row = folded.tower_row(model.towers);
    offset = model.towers.base_offset + folded.bias;
  }
  UserView view() const { return {row.data(), offset}; }

  AlignedFloats row;
  float offset;
};

val recommend_guest(ServedModel& model, const val& user, const val& seen, const val& options) {
  return guarded([&] {
    const Guest guest(model, user);
    const Request request{Options(options)};
    const auto seen_items = from_js<std::uint32_t>(seen);
    const auto top =
        model.ranker.top(guest.view(), request.n, request.filter(seen_items), request.scan);
    return scored_to_js(top, &model.towers);
  });
}

val predict_guest(const ServedModel& model, const val& user, const val& items, bool clip) {
  return guarded([&] {
    const Guest guest(model, user);
    std::vector<float> values;
    for (const std::uint32_t item : from_js<std::uint32_t>(items)) {
      require_row(item, model.towers.items, "items");
      values.push_back(
          model.towers.value_of(model.towers.score(guest.row.data(), guest.offset, item), clip));
    }
    return to_js(values);
  });
}

val evaluate_ratings(const ServedModel& model, const Interactions& test) {
  return guarded([&] {
    const RatingErrors errors = rating_errors(model.towers, test);
    val result = val::object();
    set(result, "rmse", errors.rmse);
    set(result, "mae", errors.mae);
    set(result, "mae-rounded", errors.mae_rounded);
    return result;
  });
}

// {auc, "precision@10": ...} for every k; `train` may be null, `relevantFrom` -Infinity.
val evaluate_ranking(const ServedModel& model, const Interactions& test,
                     const std::shared_ptr<Interactions>& train, const val& ks,
                     double relevant_from) {
  return guarded([&] {
    const auto cuts = from_js<std::uint32_t>(ks);
    const RankingMetrics metrics =
        ranking_metrics(model.towers, test, train.get(), cuts, static_cast<float>(relevant_from));
    val result = val::object();
    set(result, "auc", metrics.auc);
    for (std::size_t j = 0; j < cuts.size(); ++j) {
      const RankingAtK& at = metrics.at[j];
      for (const auto& [name, value] : {std::pair{"precision@", at.precision},
                                        {"recall@", at.recall},
                                        {"ndcg@", at.ndcg},
                                        {"map@", at.map},
                                        {"mrr@", at.mrr},
                                        {"hit-rate@", at.hit_rate},
                                        {"coverage@", at.coverage}}) {
        set(result, joined({name, cuts[j]}).c_str(), value);
      }
    }
    return result;
  });
}

// {vectors, dimensions, offsets} of "users" or "items": the rows one after the other, without their
// padding; the offsets are those of the users.
val vectors(const ServedModel& model, const std::string& side) {
  return guarded([&] {
    const Matrix& tower = *choice<const Matrix*>(
        side, "side", {{"users", &model.towers.users}, {"items", &model.towers.items}});
    val result = val::object();
    set(result, "vectors", to_js(tower.without_padding()));
    set(result, "dimensions", double(tower.columns()));
    set(result, "offsets", to_js(model.towers.user_offsets));
    return result;
  });
}

val singular_values(const ServedModel& model) {
  return guarded([&] { return to_js(model.file.model.singular_values); });
}

val save(const ServedModel& model, bool seen, const std::string& user_ids,
         const std::string& item_ids) {
  return guarded([&] {
    const auto bytes = write_model(model.file, {user_ids, item_ids, seen});
    return to_js(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  });
}

ModelHandle load_model(const val& bytes) {
  return guarded([&] {
    const auto copy = from_js<std::uint8_t>(bytes);
    return std::make_shared<ServedModel>(read_model(std::as_bytes(std::span(copy))));
  });
}

}  // namespace

EMSCRIPTEN_BINDINGS(serve) {
  using namespace emscripten;
  class_<ServedModel>("Model")
      .smart_ptr<ModelHandle>("ModelHandle")
      .property(
          "users", +[](const ServedModel& m) { return m.towers.users.rows(); })
      .property(
          "items", +[](const ServedModel& m) { return m.towers.items.rows(); })
      .property(
          "factors", +[](const ServedModel& m) { return m.towers.factors; })
      .property(
          "low", +[](const ServedModel& m) { return m.towers.range.low; })
      .property(
          "high", +[](const ServedModel& m) { return m.towers.range.high; })
      .property(
          "logistic", +[](const ServedModel& m) { return m.towers.link == Link::logistic; })
      .property(
          "family", +[](const ServedModel& m) { return m.file.family; })
      .property(
          "options", +[](const ServedModel& m) { return m.file.options; })
      .property(
          "userIds", +[](const ServedModel& m) { return m.file.user_ids; })
      .property(
          "itemIds", +[](const ServedModel& m) { return m.file.item_ids; })
      .function("predict(users, items, clip)", &predict)
      .function("recommend(users, filterSeen, options)", &recommend)
      .function("similar(side, row, n, measure)", &similar)
      .function("foldIn(ratings)", &fold_in)
      .function("explain(ratings, item)", &explain)
      .function("recommendGuest(user, seen, options)", &recommend_guest)
      .function("predictGuest(user, items, clip)", &predict_guest)
      .function("evaluateRatings(test)", &evaluate_ratings)
      .function("evaluateRanking(test, train, ks, relevantFrom)", &evaluate_ranking)
      .function("vectors(side)", &vectors)
      .function("singularValues()", &singular_values)
      .function("save(seen, userIds, itemIds)", &save);
  function("loadModel(bytes)", &load_model);
  function("memoryBytes()", +[] { return static_cast<double>(emscripten_get_heap_size()); });
}

}  // namespace featherfm::bindings
