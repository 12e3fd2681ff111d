/** Trained models and folded-in users: ids in, ids out, everything between in the core. */
import type { Core, CoreGuest, CoreModel, CoreRatings, CoreRequest, CoreScored } from "./core.js";
import { Owned } from "./core.js";
import { ArgumentError, FileFormatError, show } from "./errors.js";
import { checkIdList, IdMap, parseJson, readIds } from "./ids.js";
import {
  checkBoolean,
  checkChoice,
  checkFinite,
  checkGiven,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  resolveModelOptions,
  valueOf,
} from "./options.js";
import type {
  Explanation,
  FoldedUser,
  FoldInOptions,
  Id,
  IdArray,
  Model,
  PredictOptions,
  Rating,
  Recommendation,
  RecommendOptions,
  SaveOptions,
  SimilarItem,
  SimilarOptions,
  SimilarUser,
  TrainingSummary,
  UserVectors,
  Vectors,
} from "./types.js";

const nothingTrained: TrainingSummary = {
  epochs: [],
  bestEpoch: 0,
  stoppedEarly: false,
  elapsedMs: 0,
};

function checkRecommendOptions(options: unknown, extra: readonly string[] = []) {
  const given = checkObject(options, "options");
  checkNoExtraKeys(
    given,
    ["n", "filterSeen", "exclude", "candidates", "scan", ...extra],
    "recommend",
  );
  return {
    n: checkInteger(valueOf(given, "n", 10), "n", { min: 1, max: 0xfffffffe }),
    filterSeen: checkBoolean(valueOf(given, "filterSeen", true), "filterSeen"),
    exclude: given["exclude"] as IdArray | undefined,
    candidates: given["candidates"] as IdArray | undefined,
    scan: checkChoice(valueOf(given, "scan", "exact"), "scan", ["exact", "int8"]),
  };
}

function checkClip(options: unknown): boolean {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["clip"], "predict");
  return checkBoolean(valueOf(given, "clip", true), "clip");
}

export class TrainedModel implements Model {
  readonly owned: Owned<CoreModel>;
  readonly users: IdMap;
  readonly items: IdMap;
  readonly family: Model["family"];
  readonly factors: number;
  readonly valueRange: readonly [number, number];
  readonly options: Readonly<Record<string, unknown>>;
  readonly summary: TrainingSummary;
  /** Whether predictions go through a sigmoid. */
  readonly logistic: boolean;

  constructor(core: Core, handle: CoreModel, users: IdMap, items: IdMap, summary = nothingTrained) {
    this.owned = new Owned(core, handle, "model");
    this.users = users;
    this.items = items;
    this.family = handle.family as Model["family"];
    this.factors = handle.factors;
    this.logistic = handle.logistic;
    this.valueRange = Object.freeze([handle.low, handle.high] as const);
    this.options = deepFrozen(JSON.parse(handle.options) as Record<string, unknown>);
    this.summary = summary;
  }

  /** Reads a file; the core has refused everything malformed but the ids, which are ours. */
  static load(core: Core, bytes: Uint8Array): TrainedModel {
    const handle = core.run((module) => module.loadModel(bytes));
    try {
      const users = readIds(handle.userIds, handle.users, "user_ids");
      const items = readIds(handle.itemIds, handle.items, "item_ids");
      checkStoredOptions(handle);
      return new TrainedModel(core, handle, users, items);
    } catch (error) {
      handle.delete();
      throw error;
    }
  }

  get userCount(): number {
    return this.users.size;
  }

  get itemCount(): number {
    return this.items.size;
  }

  userIds(): Id[] {
    this.owned.requireOpen();
    return [...this.users.ids];
  }

  itemIds(): Id[] {
    this.owned.requireOpen();
    return [...this.items.ids];
  }

  hasUser(user: Id): boolean {
    this.owned.requireOpen();
    return this.users.has(user);
  }

  hasItem(item: Id): boolean {
    this.owned.requireOpen();
    return this.items.has(item);
  }

  predict(users: IdArray, items: IdArray, options?: PredictOptions): Float32Array {
    this.owned.requireOpen();
    const clip = checkClip(options);
    const length = checkIdList(users, "users").length;
    if (checkIdList(items, "items").length !== length) {
      throw new ArgumentError(
        "SIZE_MISMATCH",
        `items must have as many entries as users (${length}); got ${items.length}`,
        "items",
      );
    }
    const userIndices = this.users.indicesOf(users, "users", "user", "the model");
    const itemIndices = this.items.indicesOf(items, "items", "item", "the model");
    return this.owned.run((model) => model.predict(userIndices, itemIndices, clip));
  }

  recommend(user: Id, options?: RecommendOptions): Recommendation[] {
    const checked = checkRecommendOptions(options);
    this.owned.requireOpen();
    const hint = "; place somebody new with foldInUser(ratings)";
    const index = this.users.indexOf(user, "user", "the model", hint);
    return this.#recommend(Uint32Array.of(index), checked)[0] as Recommendation[];
  }

  recommendAll(
    options?: RecommendOptions & { users?: IdArray },
  ): { user: Id; items: Recommendation[] }[] {
    const checked = checkRecommendOptions(options, ["users"]);
    const indices =
      options?.users === undefined
        ? Uint32Array.from({ length: this.users.size }, (_, k) => k)
        : this.users.indicesOf(options.users, "users", "user", "the model");
    return this.#recommend(indices, checked).map((items, k) => ({
      user: this.users.at(indices[k] as number),
      items,
    }));
  }

  #recommend(
    users: Uint32Array,
    options: ReturnType<typeof checkRecommendOptions>,
  ): Recommendation[][] {
    const request = this.request(options);
    return this.owned
      .run((model) => model.recommend(users, options.filterSeen, request))
      .map((scored) => this.named(scored));
  }

  /** A checked request in indices. */
  request(options: ReturnType<typeof checkRecommendOptions>): CoreRequest {
    const known = (list: IdArray | undefined, name: string) =>
      list === undefined ? null : this.items.knownIndices(list, name);
    return {
      n: options.n,
      scan: options.scan,
      exclude: known(options.exclude, "exclude"),
      candidates: known(options.candidates, "candidates"),
    };
  }

  /** Items by id, with their scores. */
  named(scored: CoreScored): Recommendation[] {
    return Array.from(scored.indices, (index, k) => ({
      item: this.items.at(index),
      score: scored.scores[k] as number,
    }));
  }

  similarItems(item: Id, options?: SimilarOptions): SimilarItem[] {
    this.owned.requireOpen();
    return this.named(
      this.#similar("items", this.items.indexOf(item, "item", "the model"), options),
    );
  }

  similarUsers(user: Id, options?: SimilarOptions): SimilarUser[] {
    this.owned.requireOpen();
    const { indices, scores } = this.#similar(
      "users",
      this.users.indexOf(user, "user", "the model"),
      options,
    );
    return Array.from(indices, (index, k) => ({
      user: this.users.at(index),
      score: scores[k] as number,
    }));
  }

  #similar(side: "users" | "items", row: number, options: SimilarOptions | undefined): CoreScored {
    const given = checkObject(options, "options");
    checkNoExtraKeys(given, ["n", "measure"], "similar");
    const n = checkInteger(valueOf(given, "n", 10), "n", { min: 1, max: 0xfffffffe });
    const measure = checkChoice(valueOf(given, "measure", "cosine"), "measure", ["cosine", "dot"]);
    return this.owned.run((model) => model.similar(side, row, n, measure));
  }

  foldInUser(ratings: readonly Rating[], options?: FoldInOptions): FoldedUser {
    const given = this.checkRatings(ratings, options);
    const guest = this.owned.run((model) => model.foldIn(given));
    return new Guest(this, guest, given);
  }

  /** The ratings of somebody new in indices. */
  checkRatings(ratings: readonly Rating[], options?: FoldInOptions): CoreRatings {
    this.owned.requireOpen();
    const given = checkObject(options, "options");
    checkNoExtraKeys(given, ["regularization"], "foldInUser");
    if (!Array.isArray(ratings)) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `ratings must be an array of { item, rating }; got ${show(ratings)}`,
        "ratings",
      );
    }
    // Array.from, unlike map, does not pass over holes.
    const list = Array.from(ratings as unknown[], (entry, k) => checkGiven(entry, `ratings[${k}]`));
    const weighted = list.some((entry) => entry["weight"] !== undefined);
    return {
      items: Uint32Array.from(list, (entry) =>
        this.items.indexOf(entry["item"], "item", "the model"),
      ),
      values: Float32Array.from(list, (entry, k) =>
        checkFinite(entry["rating"], `ratings[${k}].rating`),
      ),
      weights: weighted
        ? Float32Array.from(list, (entry, k) =>
            checkFinite(valueOf(entry, "weight", 1), `ratings[${k}].weight`, { min: 0 }),
          )
        : null,
      regularization:
        given["regularization"] === undefined
          ? null
          : checkFinite(given["regularization"], "regularization", { min: 0, max: 1e6 }),
    };
  }

  userVectors(): UserVectors {
    const { vectors, dimensions, offsets } = this.owned.run((model) => model.vectors("users"));
    return { ids: [...this.users.ids], vectors, dimensions, offsets };
  }

  itemVectors(): Vectors {
    const { vectors, dimensions } = this.owned.run((model) => model.vectors("items"));
    return { ids: [...this.items.ids], vectors, dimensions };
  }

  singularValues(): Float32Array {
    return this.owned.run((model) => model.singularValues());
  }

  save(options?: SaveOptions): Uint8Array<ArrayBuffer> {
    const given = checkObject(options, "options");
    checkNoExtraKeys(given, ["seen"], "save");
    const seen = checkBoolean(valueOf(given, "seen", true), "seen");
    return this.owned.run((model) =>
      model.save(seen, JSON.stringify(this.users.ids), JSON.stringify(this.items.ids)),
    );
  }

  close(): void {
    this.owned.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A folded-in user: plain numbers that borrow the model for ranking. */
export class Guest implements FoldedUser {
  readonly vector: Float32Array;
  readonly bias: number;
  readonly #model: TrainedModel;
  readonly #ratings: CoreRatings;

  constructor(model: TrainedModel, guest: CoreGuest, ratings: CoreRatings) {
    this.#model = model;
    this.#ratings = ratings;
    this.vector = guest.vector;
    this.bias = guest.bias;
  }

  recommend(options?: RecommendOptions): Recommendation[] {
    const checked = checkRecommendOptions(options);
    const request = this.#model.request(checked);
    const seen = checked.filterSeen ? this.#ratings.items : null;
    return this.#model.named(
      this.#model.owned.run((model) => model.recommendGuest(this, seen, request)),
    );
  }

  predict(items: IdArray, options?: PredictOptions): Float32Array {
    const clip = checkClip(options);
    const indices = this.#model.items.indicesOf(items, "items", "item", "the model");
    return this.#model.owned.run((model) => model.predictGuest(this, indices, clip));
  }

  explain(item: Id): Explanation {
    const index = this.#model.items.indexOf(item, "item", "the model");
    const parts = this.#model.owned.run((model) => model.explain(this.#ratings, index));
    const contributions = Array.from(parts.contributions, (contribution, k) => ({
      item: this.#model.items.at(this.#ratings.items[k] as number),
      contribution,
    }));
    contributions.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
    return { score: parts.score, base: parts.base, contributions };
  }
}

function deepFrozen<T extends object>(object: T): T {
  for (const value of Object.values(object)) {
    if (typeof value === "object" && value !== null) deepFrozen(value as object);
  }
  return Object.freeze(object);
}

/** The options a file carries decide what fitPartial does, so they must be ours; a file from elsewhere has none. */
function checkStoredOptions(handle: CoreModel): void {
  const options = parseJson(handle.options, "options");
  try {
    if (Object.keys(checkGiven(options, "options")).length === 0) return;
    if (resolveModelOptions(options).model === handle.family) return;
  } catch {
    // Told below in the words of a file.
  }
  throw new FileFormatError(
    "MALFORMED_FILE",
    `not a valid model file: its options are not those of a model of the family "${handle.family}"`,
    "bytes",
  );
}

/** A model of this engine, or an error that names the argument. */
export function checkModel(value: unknown, name: string, core: Core): TrainedModel {
  if (!(value instanceof TrainedModel)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name} must be a model; got ${show(value)}`,
      name,
    );
  }
  if (value.owned.core !== core) {
    throw new ArgumentError("INVALID_ARGUMENT", `${name} belongs to another engine`, name);
  }
  value.owned.requireOpen();
  return value;
}
