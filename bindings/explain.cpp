#include "explain.h"

#include <optional>

#include "features.h"
#include "guard.h"
#include "neighbourhood.h"
#include "rank/explain.h"
#include "rank/sample_fold_in.h"

namespace featherfm::bindings {
namespace {

// What is known of a user before any rating: an average user, or what the columns of a machine that
// describe the user make of one.
struct Start {
  explicit Start(const ServedModel& model) : user(average_user(model.towers)) {}
  Start(const ServedModel& model, SparseRows described) : Start(model) {
    row = std::move(described);
    const FactorizationMachine& machine = model.file.fm();
    add_to(user, row_sums(machine, row), 0);
    if (!model.posterior()) return;
    sampled = model.sample_towers().user(static_cast<std::uint32_t>(model.towers.users.rows()));
    model.sample_towers().add_to(sampled, sample_sums(machine, row), 0);
  }

  SparseRows row;
  UserRow user;
  SampleUser sampled;  // the user in every sample, of a sampled machine
};

// What somebody new gives.
struct Given {
  Given(const ServedModel& model, const Options& given)
      : items(from_js<std::uint32_t>(given.raw("items"))),
        values(from_js<float>(given.raw("values"))),
        weights(from_js<float>(given.raw("weights"))),
        start(start_of(model, given, items)) {
    if (!missing(given.raw("regularization"))) regularization = given.real("regularization");
  }
  GivenRatings ratings() const { return {items, values, weights}; }

  std::vector<std::uint32_t> items;
  std::vector<float> values, weights;
  Start start;
  std::optional<float> regularization;

 private:
  static Start start_of(const ServedModel& model, const Options& given,
                        const std::vector<std::uint32_t>& items) {
    if (!model.file.is_fm()) return Start(model);
    return {model, describe(model.file.fm().space, Side::user,
                            features_from_js(given.raw("features")), items)};
  }
};

// A user of a sampled machine for JavaScript: {vector, bias, parts}.
val guest_to_js(const ServedModel& model, const SampleUser& user) {
  const auto offsets = std::span(user.parts).first(model.sample_towers().samples());
  double offset = 0;
  for (const float part : offsets) offset += double{part};
  offset /= static_cast<double>(offsets.size());
  val result = val::object();
  set(result, "vector", to_js(std::span<const float>(user.row).first(model.towers.factors)));
  set(result, "bias", offset - double{model.towers.base_offset});
  set(result, "parts", to_js(user.parts));
  return result;
}

// {score, base, items, contributions, columns, shares}
val to_object(const Explanation& explanation, std::span<const std::uint32_t> items) {
  std::vector<std::uint32_t> columns;
  std::vector<float> shares;
  for (const ColumnShare& column : explanation.columns) {
    columns.push_back(column.column);
    shares.push_back(column.share);
  }
  val result = val::object();
  set(result, "score", double{explanation.score});
  set(result, "base", double{explanation.base});
  set(result, "items", to_js(items));
  set(result, "contributions", to_js(explanation.contributions));
  set(result, "columns", to_js(columns));
  set(result, "shares", to_js(shares));
  return result;
}

// `score`: the one to be explained; that of the folded-in user when left out.
val explained(ServedModel& model, const Start& start, const GivenRatings& given, std::uint32_t item,
              std::optional<float> regularization, std::optional<float> score) {
  const ScoreParts folded =
      model.posterior()
          ? SampleFoldIn(model.file.fm(), model.towers, model.sample_towers(), start.sampled)
                .explain(given, item, regularization)
          : model.fold_in().explain(given, item, start.user, regularization);
  const float told = score.value_or(folded.score);
  return to_object(model.file.is_fm() ? featherfm::explain(folded, told, model.file.fm(),
                                                           start.row.row(0), item, given.items)
                                      : featherfm::explain(folded, told),
                   given.items);
}

val explained_by_neighbours(const ServedModel& model, std::span<const std::uint32_t> met,
                            std::span<const float> worth, std::uint32_t item) {
  require_row(item, model.towers.items, "item");
  const ScoreParts parts = explain_by_neighbours(*model.file.neighbours(), met, worth, item);
  return to_object({parts.score, parts.base, parts.contributions, {}}, met);
}

}  // namespace

val fold_in(ServedModel& model, const val& ratings) {
  return guarded([&] {
    const Given given(model, Options(ratings));
    if (model.posterior()) {
      const SampleFoldIn fold_in(model.file.fm(), model.towers, model.sample_towers(),
                                 given.start.sampled);
      return guest_to_js(model, fold_in.fold(given.ratings(), given.regularization));
    }
    const FoldedUser user =
        model.fold_in().fold(given.ratings(), given.start.user, given.regularization);
    val result = val::object();
    set(result, "vector", to_js(user.vector));
    set(result, "bias", double{user.bias});
    return result;
  });
}

val explain(ServedModel& model, const val& ratings, std::uint32_t item) {
  return guarded([&] {
    if (model.file.neighbours()) {
      const Neighbourhood::GivenWorth given(Options(ratings), model);
      return explained_by_neighbours(model, given.items, given.worth, item);
    }
    const Given given(model, Options(ratings));
    return explained(model, given.start, given.ratings(), item, given.regularization, std::nullopt);
  });
}

val explain_user(ServedModel& model, std::uint32_t user, std::uint32_t item) {
  return guarded([&] {
    require_row(user, model.towers.users, "user");
    require_row(item, model.towers.items, "item");
    const OwnRatings own = own_ratings(model.file.seen, user, model.towers);
    if (model.file.neighbours()) {
      return explained_by_neighbours(model, own.items, own.values, item);
    }
    const Start start =
        model.file.is_fm() ? Start(model, without_identity(model.file.fm(), user)) : Start(model);
    return explained(model, start, own.given(), item, std::nullopt, model.towers.score(user, item));
  });
}

}  // namespace featherfm::bindings
