// Predicting, ranking, saving; and the model as JavaScript sees it.
#include <emscripten/bind.h>
#include <emscripten/heap.h>

#include <limits>
#include <string>

#include "arrays.h"
#include "evaluate.h"
#include "explain.h"
#include "features.h"
#include "guard.h"
#include "model/compressed.h"
#include "neighbourhood.h"
#include "rank/optimistic.h"
#include "rank/ranks.h"
#include "rank/rerank.h"
#include "rank/scorer.h"
#include "served_model.h"

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
    const SparseRows rows = describe(machine.space, Side::context, given, {});
    sums_.emplace(row_sums(machine, rows));
    if (model.posterior()) samples_.emplace(sample_sums(machine, rows));
  }
  bool any() const { return sums_.has_value(); }
  // The last row of the sums is the empty one.
  std::size_t count() const { return sums_ ? sums_->constants.size() - 1 : 0; }

  void add_to(UserRow& user, std::size_t k) const {
    if (sums_) featherfm::add_to(user, *sums_, static_cast<std::uint32_t>(count() == 1 ? 0 : k));
  }
  void add_to(SampleUser& user, const SampleTowers& towers, std::size_t k) const {
    if (samples_) towers.add_to(user, *samples_, static_cast<std::uint32_t>(count() == 1 ? 0 : k));
  }

 private:
  std::optional<RowSums> sums_;
  std::optional<SampleSums> samples_;
};

// Predictions of a sampled machine for pairs (user, item): {mean, deviation, probabilities}.
class Predictions {
 public:
  explicit Predictions(const ServedModel& model)
      : towers_(model.sample_towers()),
        average_(model.file.fm()),
        scores_(model.posterior()->samples()) {}

  Predicted predict(const SampleUser& user, std::uint32_t item) {
    towers_.scores(user, item, scores_);
    return average_.predict(scores_, towers_.variance(user, item));
  }
  void add(const SampleUser& user, std::uint32_t item) {
    const Predicted predicted = predict(user, item);
    means_.push_back(predicted.mean);
    deviations_.push_back(predicted.deviation);
    const auto classes = average_.probabilities();
    probabilities_.insert(probabilities_.end(), classes.begin(), classes.end());
  }

  val means() const { return to_js(means_); }
  val to_object() const {
    val result = val::object();
    set(result, "mean", to_js(means_));
    set(result, "deviation", to_js(deviations_));
    set(result, "probabilities", to_js(probabilities_));
    return result;
  }

 private:
  const SampleTowers& towers_;
  PosteriorAverage average_;
  std::vector<float> scores_, means_, deviations_, probabilities_;
};

void require_posterior(const ServedModel& model) {
  if (model.posterior()) return;
  fail(ErrorCode::invalid_argument, "model",
       {"only a model trained with the solver \"mcmc\" or \"vb\" knows how sure it is"});
}

Predictions predicted_pairs(const ServedModel& model, const Indices& users, const Indices& items,
                            const Contexts& contexts) {
  Predictions predictions(model);
  for (std::size_t k = 0; k < users.size(); ++k) {
    SampleUser user = model.sample_towers().user(users[k]);
    contexts.add_to(user, model.sample_towers(), k);
    predictions.add(user, items[k]);
  }
  return predictions;
}

// {mean, deviation, probabilities: pairs x classes} of a sampled machine.
val predict_distribution(const ServedModel& model, const val& users, const val& items,
                         const val& context) {
  return guarded([&] {
    require_posterior(model);
    const auto user_list = from_js<std::uint32_t>(users), item_list = from_js<std::uint32_t>(items);
    require_same_size(item_list.size(), user_list.size(), "items");
    const Contexts contexts(model, context);
    if (contexts.count() > 1) require_same_size(contexts.count(), user_list.size(), "context");
    return predicted_pairs(model, user_list, item_list, contexts).to_object();
  });
}

void require_vectors(const ServedModel& model) {
  if (!model.file.neighbours()) return;
  fail(ErrorCode::invalid_argument, "model",
       {"a model of the family \"item-knn\" has no vectors of users and items"});
}

val predict(const ServedModel& model, const val& users, const val& items, bool clip,
            const val& context) {
  return guarded([&] {
    const auto user_list = from_js<std::uint32_t>(users), item_list = from_js<std::uint32_t>(items);
    require_same_size(item_list.size(), user_list.size(), "items");
    const Contexts contexts(model, context);
    if (contexts.count() > 1) require_same_size(contexts.count(), user_list.size(), "context");
    if (model.posterior()) return predicted_pairs(model, user_list, item_list, contexts).means();
    std::vector<float> values(user_list.size());
    if (model.file.neighbours()) {
      Neighbourhood neighbourhood(model);
      for (std::size_t k = 0; k < values.size(); ++k) {
        require_row(user_list[k], model.towers.users, "users");
        require_row(item_list[k], model.towers.items, "items");
        values[k] = neighbourhood.of(user_list[k])[item_list[k]];
      }
      return to_js(values);
    }
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

// What {n, scan, exclude, candidates, minScore | null, optimism, diversity, novelty} asks for.
struct Request {
  explicit Request(const Options& given)
      : n(given.index("n")),
        scan(choice<Scan>(given.text("scan"), "scan",
                          {{"exact", Scan::exact}, {"int8", Scan::int8}})),
        exclude(from_js<std::uint32_t>(given.raw("exclude"))),
        has_candidates(!missing(given.raw("candidates"))),
        candidates(from_js<std::uint32_t>(given.raw("candidates"))),
        optimism(given.number("optimism")),
        order{given.number("diversity"), given.number("novelty")} {
    if (!missing(given.raw("minScore"))) min_score = given.real("minScore");
    validate(order);
  }

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
  double optimism;  // of sampled machines
  Rerank order;
  std::optional<float> min_score;  // of the scores that are shown

  // How many of the best are looked at.
  std::size_t pool() const { return order.any() ? Rerank::pool(n) : n; }
};

// The list that is shown, from the best that were looked at.
std::vector<Scored> ordered(const ServedModel& model, const Request& request,
                            std::vector<Scored> pool) {
  if (!request.order.any()) return pool;
  return rerank(
      pool, request.n, request.order, model.towers.items, model.towers.factors,
      request.order.novelty > 0 ? model.information("novelty") : std::span<const float>{});
}

// The list from `best`, which come in order of their scores; `towers` as in scored_to_js().
val shown(const ServedModel& model, const Request& request, std::vector<Scored> best,
          const Towers* towers) {
  if (request.min_score) {
    std::erase_if(best, [&](const Scored& scored) {
      return (towers ? towers->value_of(scored.score, true) : scored.score) < *request.min_score;
    });
  }
  return scored_to_js(ordered(model, request, std::move(best)), towers);
}

val shown(ServedModel& model, UserView user, const Request& request,
          std::span<const std::uint32_t> seen) {
  return shown(model, request,
               model.ranker.top(user, request.pool(), request.filter(seen), request.scan),
               &model.towers);
}

// {indices, scores} of a sampled machine: the items with the best means of the samples' scores, or
// with the best that they hold possible. The scores are the predictions, and order the list unless
// it is asked for by what is possible, or in another order.
val sampled_top(const ServedModel& model, const SampleUser& user, const Request& request,
                std::span<const std::uint32_t> seen) {
  const auto items = static_cast<std::uint32_t>(model.towers.items.rows());
  Predictions predictions(model);
  // What is shown is not what the items are ranked by: the least that may be shown is looked for
  // all the way down.
  const std::size_t ranked = request.min_score ? items : request.pool();
  std::vector<Scored> best;
  for (const Scored& scored : optimistic_top(model.sample_towers(), user, items, ranked,
                                             request.optimism, request.filter(seen))) {
    if (best.size() == request.pool()) break;
    const float mean = predictions.predict(user, scored.index).mean;
    if (request.min_score && mean < *request.min_score) continue;
    best.push_back({scored.index, request.optimism == 0 ? mean : scored.score});
  }
  if (request.optimism == 0) {
    BestN sorted(best.size());
    for (const Scored& scored : best) sorted.offer(scored.index, scored.score);
    best = sorted.take();
  }
  Indices indices;
  for (const Scored& scored : ordered(model, request, std::move(best))) {
    indices.push_back(scored.index);
    predictions.add(user, scored.index);
  }
  val result = val::object();
  set(result, "indices", to_js(indices));
  set(result, "scores", predictions.means());
  return result;
}

// Of a model of neighbours, which has no vectors to round to bytes.
val shown_by_neighbours(const ServedModel& model, std::span<const float> scores,
                        const Request& request, std::span<const std::uint32_t> seen) {
  if (request.scan != Scan::exact) {
    fail(ErrorCode::invalid_argument, "scan",
         {"a model of the family \"item-knn\" has no vectors to scan"});
  }
  return shown(model, request, top_of(scores, request.pool(), request.filter(seen)), nullptr);
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
      if (model.posterior()) {
        SampleUser sampled = model.sample_towers().user(user);
        contexts.add_to(sampled, model.sample_towers(), 0);
        result.call<void>("push", sampled_top(model, sampled, request, seen));
        continue;
      }
      if (model.file.neighbours()) {
        result.call<void>("push",
                          shown_by_neighbours(model, Neighbourhood(model).of(user), request, seen));
        continue;
      }
      UserRow row = user_row(model.towers, user);
      contexts.add_to(row, 0);
      result.call<void>("push", shown(model, {row.row.data(), row.offset}, request, seen));
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
    if (const ItemNeighbours* const neighbours = model.file.neighbours()) {
      if (side == "users") require_vectors(model);
      if (similarity(measure) != Similarity::cosine) {
        fail(ErrorCode::invalid_argument, "measure",
             {"a model of the family \"item-knn\" has one measure, which it was trained with"});
      }
      std::vector<Scored> list;
      for (std::size_t k = 0; k < std::min<std::size_t>(n, neighbours->of(row).size()); ++k) {
        list.push_back({neighbours->of(row)[k], neighbours->similarities_of(row)[k]});
      }
      return scored_to_js(list, nullptr);
    }
    return scored_to_js(similar_rows(tower, model.towers.factors, row, n, similarity(measure)),
                        nullptr);
  });
}

// A folded-in user comes back as {vector, bias}.
UserRow guest_row(const ServedModel& model, const val& user) {
  const Options given(user);
  const FoldedUser folded{from_js<float>(given.raw("vector")), given.real("bias")};
  require_same_size(folded.vector.size(), model.towers.factors, "vector");
  return folded.tower_row(model.towers);
}

// The same for a sampled machine: {vector, bias, parts}.
SampleUser sampled_guest(const ServedModel& model, const val& user) {
  SampleUser guest = model.sample_towers().user_like(guest_row(model, user));
  const auto parts = from_js<float>(Options(user).raw("parts"));
  require_same_size(parts.size(), guest.parts.size(), "parts");
  guest.parts = parts;
  return guest;
}

val recommend_guest(ServedModel& model, const val& user, const val& seen, const val& options) {
  return guarded([&] {
    const Contexts contexts(model, Options(options).raw("context"));
    const Request request{Options(options)};
    const auto seen_items = from_js<std::uint32_t>(seen);
    if (model.posterior()) {
      SampleUser sampled = sampled_guest(model, user);
      contexts.add_to(sampled, model.sample_towers(), 0);
      return sampled_top(model, sampled, request, seen_items);
    }
    if (model.file.neighbours()) {
      return shown_by_neighbours(model, Neighbourhood(model).of(Options(user).part("ratings")),
                                 request, seen_items);
    }
    UserRow guest = guest_row(model, user);
    contexts.add_to(guest, 0);
    return shown(model, {guest.row.data(), guest.offset}, request, seen_items);
  });
}

Predictions predicted_guest(const ServedModel& model, const val& user, const Indices& items,
                            const Contexts& contexts) {
  const SampleUser guest = sampled_guest(model, user);
  Predictions predictions(model);
  for (std::size_t k = 0; k < items.size(); ++k) {
    require_row(items[k], model.towers.items, "items");
    SampleUser row = guest;
    contexts.add_to(row, model.sample_towers(), k);
    predictions.add(row, items[k]);
  }
  return predictions;
}

val guest_distribution(const ServedModel& model, const val& user, const val& items,
                       const val& context) {
  return guarded([&] {
    require_posterior(model);
    const auto item_list = from_js<std::uint32_t>(items);
    const Contexts contexts(model, context);
    if (contexts.count() > 1) require_same_size(contexts.count(), item_list.size(), "context");
    return predicted_guest(model, user, item_list, contexts).to_object();
  });
}

val predict_guest(const ServedModel& model, const val& user, const val& items, bool clip,
                  const val& context) {
  return guarded([&] {
    const auto item_list = from_js<std::uint32_t>(items);
    const Contexts contexts(model, context);
    if (contexts.count() > 1) require_same_size(contexts.count(), item_list.size(), "context");
    if (model.posterior()) return predicted_guest(model, user, item_list, contexts).means();
    std::vector<float> values;
    if (model.file.neighbours()) {
      Neighbourhood somebody(model);
      const auto scores = somebody.of(Options(user).part("ratings"));
      for (const std::uint32_t item : item_list) {
        require_row(item, model.towers.items, "items");
        values.push_back(scores[item]);
      }
      return to_js(values);
    }
    const UserRow guest = guest_row(model, user);
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

// An item known only by its features: {vector, bias}, and of a sampled machine `parts`: what each
// sample has of it besides what it shares with the user.
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
    if (model.posterior()) {
      set(result, "parts", to_js(sample_sums(machine, row).parts.columns_of(0)));
    }
    return result;
  });
}

// A described item of a sampled machine comes back as the sums it was made of. Users it is added to
// predict what a pair of them would.
class SampleItem {
 public:
  SampleItem(const ServedModel& model, const val& item)
      : model_(model), sums_(model.file.fm(), SparseRows{}), predictions_(model) {
    const Options given(item);
    const auto vector = from_js<float>(given.raw("vector")),
               parts = from_js<float>(given.raw("parts"));
    require_same_size(vector.size(), model.towers.factors, "vector");
    require_same_size(parts.size(), model.sample_towers().parts(), "parts");
    std::ranges::copy(vector, sums_.vectors.row(0));
    std::ranges::copy(parts, sums_.parts.row(0));
  }

  void add(std::uint32_t user) {
    SampleUser pair = model_.sample_towers().user(user);
    model_.sample_towers().add_to(pair, sums_, 0);
    // The item is in already.
    predictions_.add(pair, static_cast<std::uint32_t>(model_.towers.items.rows()));
  }
  val means() const { return predictions_.means(); }

 private:
  const ServedModel& model_;
  SampleSums sums_;
  Predictions predictions_;
};

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
    const auto top = top_users(model.towers, item_row(model, item).data(), n);
    val result = scored_to_js(top, &model.towers);
    if (!model.posterior()) return result;
    SampleItem sampled(model, item);
    for (const Scored& scored : top) sampled.add(scored.index);
    set(result, "scores", sampled.means());
    return result;
  });
}

val predict_for_item(const ServedModel& model, const val& item, const val& users, bool clip) {
  return guarded([&] {
    const auto user_list = from_js<std::uint32_t>(users);
    for (const std::uint32_t user : user_list) require_row(user, model.towers.users, "users");
    if (model.posterior()) {
      SampleItem sampled(model, item);
      for (const std::uint32_t user : user_list) sampled.add(user);
      return sampled.means();
    }
    const AlignedFloats row = item_row(model, item);
    std::vector<float> values;
    for (const std::uint32_t user : user_list) {
      values.push_back(model.towers.value_of(
          model.towers.user_offsets[user] +
              simd::dot(model.towers.users.row(user), row.data(), model.towers.items.stride()),
          clip));
    }
    return to_js(values);
  });
}

// The ranks of the pairs (users[k], items[k]), from 0; `filterSeen`: among what the user has not
// met.
val ranks(const ServedModel& model, const val& users, const val& items, bool filter_seen) {
  return guarded([&] {
    const auto user_list = from_js<std::uint32_t>(users), item_list = from_js<std::uint32_t>(items);
    require_same_size(item_list.size(), user_list.size(), "items");
    const std::size_t count = model.towers.items.rows();
    std::vector<float> scores(count);
    std::vector<char> marks(count);
    Indices result;
    for (std::size_t k = 0; k < user_list.size(); ++k) {
      require_row(user_list[k], model.towers.users, "users");
      require_row(item_list[k], model.towers.items, "items");
      if (k == 0 || user_list[k] != user_list[k - 1]) {
        if (const ItemNeighbours* const neighbours = model.file.neighbours()) {
          NeighbourScorer(*neighbours, model.file.seen).score_items(user_list[k], scores);
        } else {
          TowersScorer(model.towers).score_items(user_list[k], scores);
        }
      }
      const auto seen =
          filter_seen ? model.file.seen.of(user_list[k]) : std::span<const std::uint32_t>{};
      result.push_back(rank_of(scores, item_list[k], seen, marks));
    }
    return to_js(result);
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

// The values of ordered classes; empty for other models.
val classes(const ServedModel& model) {
  return guarded([&] {
    return to_js(model.posterior() ? std::span<const float>(model.posterior()->classes)
                                   : std::span<const float>{});
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

// {vectors, dimensions, offsets} of "users" or "items": the rows one after the other, without their
// padding; the offsets are those of the users.
val vectors(const ServedModel& model, const std::string& side) {
  return guarded([&] {
    require_vectors(model);
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
    const auto* const mf = std::get_if<MatrixFactorization>(&model.file.model);
    return to_js(mf ? std::span<const float>(mf->singular_values) : std::span<const float>{});
  });
}

// The model with fewer factors; users, items and who has seen what stay.
ModelHandle compress(const ServedModel& model, std::uint32_t factors) {
  return guarded([&] {
    require_vectors(model);
    return std::make_shared<ServedModel>(
        ModelFile{"mf", "{}", compressed(model.towers, model.posterior(), factors), model.file.seen,
                  model.file.user_ids, model.file.item_ids});
  });
}

val save(const ServedModel& model, bool seen, const std::string& user_ids,
         const std::string& item_ids) {
  return guarded([&] {
    const auto bytes = write_model(model.file, {user_ids, item_ids, seen});
    return to_js(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  });
}

// What is known of one row, as {items, values, weights | null}; for an item, `items` are users.
template <void (ServedModel::*update)(std::uint32_t, const GivenRatings&)>
void update_row(ServedModel& model, std::uint32_t row, const val& ratings) {
  guarded([&] {
    const Options given(ratings);
    const auto others = from_js<std::uint32_t>(given.raw("items"));
    const auto values = from_js<float>(given.raw("values"));
    const auto weights = from_js<float>(given.raw("weights"));
    (model.*update)(row, {others, values, weights});
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
          "samples",
          +[](const ServedModel& m) { return m.posterior() ? m.posterior()->samples() : 0; })
      .property(
          "probabilities",
          +[](const ServedModel& m) {
            return m.posterior() && m.posterior()->task == Task::classification;
          })
      .function("classes()", &classes)
      .function("predictDistribution(users, items, context)", &predict_distribution)
      .function("guestDistribution(user, items, context)", &guest_distribution)
      .property(
          "features", +[](const ServedModel& m) { return m.file.features; })
      .function("predict(users, items, clip, context)", &predict)
      .function("recommend(users, filterSeen, options)", &recommend)
      .function("similar(side, row, n, measure)", &similar)
      .function("foldIn(ratings)", &fold_in)
      .function("explain(ratings, item)", &explain)
      .function("explainUser(user, item)", &explain_user)
      .function("updateUser(user, ratings)", &update_row<&ServedModel::update_user>)
      .function("updateItem(item, ratings)", &update_row<&ServedModel::update_item>)
      .function("recommendGuest(user, seen, options)", &recommend_guest)
      .function("predictGuest(user, items, clip, context)", &predict_guest)
      .function("describeItem(features)", &describe_item)
      .function("similarToItem(item, n, measure)", &similar_to_item)
      .function("usersForItem(item, n)", &users_for_item)
      .function("predictForItem(item, users, clip)", &predict_for_item)
      .function("predictRows(rows, clip)", &predict_rows)
      .function("evaluateRows(rows)", &evaluate_rows)
      .function("ranks(users, items, filterSeen)", &ranks)
      .function("parameters()", &parameters)
      .function("fields()", &fields)
      .function("evaluateRatings(test, features, unitsPerDay)", &evaluate_ratings)
      .function("evaluateRanking(test, train, protocol)", &evaluate_ranking)
      .function("vectors(side)", &vectors)
      .function("singularValues()", &singular_values)
      .function("compress(factors)", &compress)
      .function("save(seen, userIds, itemIds)", &save);
  function("loadModel(bytes)", &load_model);
  function("memoryBytes()", +[] { return static_cast<double>(emscripten_get_heap_size()); });
}

}  // namespace featherfm::bindings
