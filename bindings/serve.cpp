// Predicting, ranking, folding in, measuring, saving.
#include <emscripten/bind.h>
#include <emscripten/heap.h>

#include <limits>
#include <string>

#include "arrays.h"
#include "features.h"
#include "guard.h"
#include "rank/metrics.h"
#include "served_model.h"
#include "train/fm_options.h"

namespace featherfm::bindings {
namespace {

using Indices = std::vector<std::uint32_t>;

// The contexts that predictions and lists are asked for in: features of the context, one row for
// all or one for each; none for null.
class Contexts {
 public:
  Contexts(const ServedModel& model, const val& features) {
    const auto given = features_from_js(features);
    if (given.empty()) return;
    const FactorizationMachine& machine = model.file.fm();
    sums_.emplace(row_sums(machine, describe(machine.space, Side::context, given, {})));
  }
  bool any() const { return sums_.has_value(); }
  // The last row of the sums is the empty one.
  std::size_t count() const { return sums_ ? sums_->constants.size() - 1 : 0; }

  void add_to(UserRow& user, std::size_t k) const {
    if (sums_) featherfm::add_to(user, *sums_, static_cast<std::uint32_t>(count() == 1 ? 0 : k));
  }

 private:
  std::optional<RowSums> sums_;
};

val predict(const ServedModel& model, const val& users, const val& items, bool clip,
            const val& context) {
  return guarded([&] {
    const auto user_list = from_js<std::uint32_t>(users), item_list = from_js<std::uint32_t>(items);
    require_same_size(item_list.size(), user_list.size(), "items");
    const Contexts contexts(model, context);
    if (contexts.count() > 1) require_same_size(contexts.count(), user_list.size(), "context");
    std::vector<float> values(user_list.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      float score;
      if (contexts.any()) {
        UserRow user = user_row(model.towers, user_list[k]);
        contexts.add_to(user, k);
        score = model.towers.score(user.row.data(), user.offset, item_list[k]);
      } else {
        score = model.towers.score(user_list[k], item_list[k]);
      }
      values[k] = model.towers.value_of(score, clip);
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
    const Contexts contexts(model, Options(options).raw("context"));
    val result = val::array();
    for (const std::uint32_t user : from_js<std::uint32_t>(users)) {
      require_row(user, model.towers.users, "users");
      const auto seen = filter_seen ? model.file.seen.of(user) : std::span<const std::uint32_t>{};
      UserRow row = user_row(model.towers, user);
      contexts.add_to(row, 0);
      const auto top = model.ranker.top({row.row.data(), row.offset}, request.n,
                                        request.filter(seen), request.scan);
      result.call<void>("push", scored_to_js(top, &model.towers));
    }
    return result;
  });
}

Similarity similarity(const std::string& measure) {
  return choice<Similarity>(measure, "measure",
                            {{"cosine", Similarity::cosine}, {"dot", Similarity::dot}});
}

val similar(const ServedModel& model, const std::string& side, std::uint32_t row, std::uint32_t n,
            const std::string& measure) {
  return guarded([&] {
    const Matrix& tower = *choice<const Matrix*>(
        side, "side", {{"users", &model.towers.users}, {"items", &model.towers.items}});
    require_row(row, tower, side.c_str());
    return scored_to_js(similar_rows(tower, model.towers.factors, row, n, similarity(measure)),
                        nullptr);
  });
}

// What somebody new gives: {items, values, weights | null, regularization | null, features | null}.
struct Given {
  Given(const ServedModel& model, const Options& given)
      : items(from_js<std::uint32_t>(given.raw("items"))),
        values(from_js<float>(given.raw("values"))),
        weights(from_js<float>(given.raw("weights"))),
        start(average_user(model.towers)) {
    if (!missing(given.raw("regularization"))) regularization = given.real("regularization");
    if (!model.file.is_fm()) return;
    const FactorizationMachine& machine = model.file.fm();
    const SparseRows row =
        describe(machine.space, Side::user, features_from_js(given.raw("features")), items);
    add_to(start, row_sums(machine, row), 0);
  }
  GivenRatings ratings() const { return {items, values, weights}; }

  Indices items;
  std::vector<float> values, weights;
  UserRow start;
  std::optional<float> regularization;
};

val fold_in(ServedModel& model, const val& ratings) {
  return guarded([&] {
    const Given given(model, Options(ratings));
    const FoldedUser user =
        model.fold_in().fold(given.ratings(), given.start, given.regularization);
    val result = val::object();
    set(result, "vector", to_js(user.vector));
    set(result, "bias", double{user.bias});
    return result;
  });
}

val explain(ServedModel& model, const val& ratings, std::uint32_t item) {
  return guarded([&] {
    const Given given(model, Options(ratings));
    const ScoreParts parts =
        model.fold_in().explain(given.ratings(), item, given.start, given.regularization);
    val result = val::object();
    set(result, "score", double{parts.score});
    set(result, "base", double{parts.base});
    set(result, "contributions", to_js(parts.contributions));
    return result;
  });
}

// A folded-in user comes back as {vector, bias}.
UserRow guest_row(const ServedModel& model, const val& user) {
  const Options given(user);
  const FoldedUser folded{from_js<float>(given.raw("vector")), given.real("bias")};
  require_same_size(folded.vector.size(), model.towers.factors, "vector");
  return folded.tower_row(model.towers);
}

val recommend_guest(ServedModel& model, const val& user, const val& seen, const val& options) {
  return guarded([&] {
    UserRow guest = guest_row(model, user);
    Contexts(model, Options(options).raw("context")).add_to(guest, 0);
    const Request request{Options(options)};
    const auto seen_items = from_js<std::uint32_t>(seen);
    const auto top = model.ranker.top({guest.row.data(), guest.offset}, request.n,
                                      request.filter(seen_items), request.scan);
    return scored_to_js(top, &model.towers);
  });
}

val predict_guest(const ServedModel& model, const val& user, const val& items, bool clip,
                  const val& context) {
  return guarded([&] {
    const auto item_list = from_js<std::uint32_t>(items);
    const Contexts contexts(model, context);
    if (contexts.count() > 1) require_same_size(contexts.count(), item_list.size(), "context");
    const UserRow guest = guest_row(model, user);
    std::vector<float> values;
    for (std::size_t k = 0; k < item_list.size(); ++k) {
      require_row(item_list[k], model.towers.items, "items");
      UserRow row = guest;
      contexts.add_to(row, k);
      values.push_back(model.towers.value_of(
          model.towers.score(row.row.data(), row.offset, item_list[k]), clip));
    }
    return to_js(values);
  });
}

// An item known only by its features: {vector, bias}.
val describe_item(const ServedModel& model, const val& features) {
  return guarded([&] {
    const FactorizationMachine& machine = model.file.fm();
    const SparseRows row = describe(machine.space, Side::item, features_from_js(features), {});
    // The row of an item among the users' columns: its own terms come out as the offset.
    UserRow item{AlignedFloats(model.towers.items.stride()), 0};
    add_to(item, row_sums(machine, row), 0);
    val result = val::object();
    set(result, "vector", to_js(std::span<const float>(item.row).first(model.towers.factors)));
    set(result, "bias", double{item.offset});
    return result;
  });
}

// A described item comes back as {vector, bias}, and becomes a row of the item tower.
AlignedFloats item_row(const ServedModel& model, const val& item) {
  const Options given(item);
  const auto vector = from_js<float>(given.raw("vector"));
  require_same_size(vector.size(), model.towers.factors, "vector");
  AlignedFloats row(model.towers.items.stride());
  std::copy(vector.begin(), vector.end(), row.begin());
  row[vector.size()] = given.real("bias");
  return row;
}

val similar_to_item(const ServedModel& model, const val& item, std::uint32_t n,
                    const std::string& measure) {
  return guarded([&] {
    const AlignedFloats row = item_row(model, item);
    const auto vector = std::span<const float>(row).first(model.towers.factors);
    return scored_to_js(
        similar_rows(model.towers.items, model.towers.factors, vector, n, similarity(measure)),
        nullptr);
  });
}

val users_for_item(const ServedModel& model, const val& item, std::uint32_t n) {
  return guarded([&] {
    return scored_to_js(top_users(model.towers, item_row(model, item).data(), n), &model.towers);
  });
}

val predict_for_item(const ServedModel& model, const val& item, const val& users, bool clip) {
  return guarded([&] {
    const AlignedFloats row = item_row(model, item);
    std::vector<float> values;
    for (const std::uint32_t user : from_js<std::uint32_t>(users)) {
      require_row(user, model.towers.users, "users");
      values.push_back(model.towers.value_of(
          model.towers.user_offsets[user] +
              simd::dot(model.towers.users.row(user), row.data(), model.towers.items.stride()),
          clip));
    }
    return to_js(values);
  });
}

val rating_errors_to_js(const RatingErrors& errors) {
  val result = val::object();
  for (const auto& [name, value] : {std::pair{"rmse", errors.rmse},
                                    {"mae", errors.mae},
                                    {"mae-rounded", errors.mae_rounded},
                                    {"accuracy", errors.accuracy},
                                    {"log-loss", errors.log_loss}}) {
    set(result, name, value);
  }
  return result;
}

// `targets`: what the caller calls them.
RatingErrors errors_on(const FactorizationMachine& model, Design design, const char* targets) {
  if (model.link == Link::logistic) {
    require_labels(design.targets, targets);
    for (float& target : design.targets) target = label_of(target);
  }
  return rating_errors(scores(model, design), design.targets, design.weights, model.link,
                       model.range);
}

// Of a factorization machine: `features`, what describes the test set's users, items and contexts,
// and what its timestamps count.
val evaluate_ratings(const ServedModel& model, const Interactions& test, const val& features,
                     double units_per_day) {
  return guarded([&] {
    if (!model.file.is_fm()) return rating_errors_to_js(rating_errors(model.towers, test));
    const FactorizationMachine& machine = model.file.fm();
    return rating_errors_to_js(errors_on(
        machine, make_design(machine.space, test, features_from_js(features), units_per_day),
        "ratings"));
  });
}

const FactorizationMachine& machine_of(const ServedModel& model) {
  if (!model.file.is_fm()) {
    fail(ErrorCode::invalid_argument, "model", {"only a model of the family \"fm\" takes rows"});
  }
  return model.file.fm();
}

val predict_rows(const ServedModel& model, const RowSet& rows, bool clip) {
  return guarded([&] {
    const FactorizationMachine& machine = machine_of(model);
    auto values = scores(machine, make_design(rows, machine.space.columns()));
    for (float& value : values) value = model.towers.value_of(value, clip);
    return to_js(values);
  });
}

val evaluate_rows(const ServedModel& model, const RowSet& rows) {
  return guarded([&] {
    const FactorizationMachine& machine = machine_of(model);
    return rating_errors_to_js(
        errors_on(machine, make_design(rows, machine.space.columns()), "targets"));
  });
}

// {constant, linear, factors}: factors row-major, columns x k.
val parameters(const ServedModel& model) {
  return guarded([&] {
    const FactorizationMachine& machine = machine_of(model);
    val result = val::object();
    set(result, "constant", double{machine.constant});
    set(result, "linear", to_js(machine.linear));
    set(result, "factors", to_js(machine.factors.without_padding()));
    return result;
  });
}

// [{name, side, begin, columns, used, linear, factors}] of a factorization machine; else empty.
val fields(const ServedModel& model) {
  return guarded([&] {
    val result = val::array();
    if (!model.file.is_fm()) return result;
    const FactorizationMachine& machine = model.file.fm();
    for (const ColumnField& field : machine.space.fields) {
      const FieldStrength strength = field_strength(machine, field);
      val entry = val::object();
      set(entry, "name", val(field.name));
      set(entry, "side",
          val(field.side == Side::user   ? "user"
              : field.side == Side::item ? "item"
                                         : "context"));
      set(entry, "begin", double(field.begin));
      set(entry, "columns", double(field.columns));
      set(entry, "used", double(strength.used));
      set(entry, "linear", strength.linear);
      set(entry, "factors", strength.factors);
      result.call<void>("push", entry);
    }
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
  return guarded([&] {
    return model.file.is_fm() ? to_js(std::span<const float>{})
                              : to_js(model.file.mf().singular_values);
  });
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
      .property(
          "features", +[](const ServedModel& m) { return m.file.features; })
      .function("predict(users, items, clip, context)", &predict)
      .function("recommend(users, filterSeen, options)", &recommend)
      .function("similar(side, row, n, measure)", &similar)
      .function("foldIn(ratings)", &fold_in)
      .function("explain(ratings, item)", &explain)
      .function("recommendGuest(user, seen, options)", &recommend_guest)
      .function("predictGuest(user, items, clip, context)", &predict_guest)
      .function("describeItem(features)", &describe_item)
      .function("similarToItem(item, n, measure)", &similar_to_item)
      .function("usersForItem(item, n)", &users_for_item)
      .function("predictForItem(item, users, clip)", &predict_for_item)
      .function("predictRows(rows, clip)", &predict_rows)
      .function("evaluateRows(rows)", &evaluate_rows)
      .function("parameters()", &parameters)
      .function("fields()", &fields)
      .function("evaluateRatings(test, features, unitsPerDay)", &evaluate_ratings)
      .function("evaluateRanking(test, train, ks, relevantFrom)", &evaluate_ranking)
      .function("vectors(side)", &vectors)
      .function("singularValues()", &singular_values)
      .function("save(seen, userIds, itemIds)", &save);
  function("loadModel(bytes)", &load_model);
  function("memoryBytes()", +[] { return static_cast<double>(emscripten_get_heap_size()); });
}

}  // namespace featherfm::bindings
