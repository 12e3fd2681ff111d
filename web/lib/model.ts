/** Trained models and folded-in users: ids in, ids out, everything between in the core. */
import type {
  Core,
  CoreExplanation,
  CoreFeature,
  CoreGuest,
  CoreModel,
  CoreRatings,
  CoreRequest,
  CoreRow,
  CoreScored,
} from "./core.js";
import { checkOwned, Owned } from "./core.js";
import { ArgumentError, FileFormatError, show } from "./errors.js";
import { type ColumnNames, explanation } from "./explaining.js";
import { encodeContexts, encodeRecord, Encoder } from "./features.js";
import { checkId, checkIdList, IdMap, parseJson, readIds } from "./ids.js";
import { resolveModelOptions } from "./options.js";
import {
  checkBoolean,
  checkChoice,
  checkFinite,
  checkGiven,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "./options/checks.js";
import { checkRecommendOptions, type CheckedRecommendOptions, passing } from "./recommending.js";
import { checkRowSet } from "./rows.js";
import type {
  ClipOptions,
  CompressOptions,
  ContextOptions,
  Distribution,
  Explanation,
  FeatureRecord,
  FeatureVector,
  FieldSide,
  FieldStrength,
  FoldedItem,
  FoldedUser,
  FoldInOptions,
  Id,
  IdArray,
  Model,
  Parameters,
  PredictOptions,
  RankOptions,
  Rating,
  Recommendation,
  RecommendOptions,
  Rows,
  SaveOptions,
  SimilarItem,
  SimilarOptions,
  SimilarUser,
  TrainingSummary,
  UnseenCategory,
  UserRating,
  UserVectors,
  Vectors,
} from "./types.js";

/** Whether models of a family know users and items by features. */
export const takesFeatures = (family: string): boolean => family === "fm" || family === "hybrid";

const nothingTrained: TrainingSummary = {
  epochs: [],
  bestEpoch: 0,
  stoppedEarly: false,
  elapsedMs: 0,
};

function checkClip(options: unknown, extra: readonly string[] = []): boolean {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["clip", ...extra], "predict");
  return checkBoolean(valueOf(given, "clip", true), "clip");
}

function checkSimilar(options: unknown): { n: number; measure: "cosine" | "dot" } {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["n", "measure"], "similar");
  return {
    n: checkInteger(valueOf(given, "n", 10), "n", { min: 1, max: 0xfffffffe }),
    measure: checkChoice(valueOf(given, "measure", "cosine"), "measure", ["cosine", "dot"]),
  };
}

/** What somebody new gave, in indices and columns. */
type CheckedRatings = CoreRatings & { unseen: UnseenCategory[] };

/** More unseen categories than this are not reported one by one. */
const mostReports = 100;

export class TrainedModel implements Model {
  readonly owned: Owned<CoreModel>;
  // Shared with datasets, so never added to: a model that grows gets maps of its own.
  users: IdMap;
  items: IdMap;
  readonly family: Model["family"];
  readonly factors: number;
  readonly valueRange: readonly [number, number];
  readonly options: Readonly<Record<string, unknown>>;
  readonly summary: TrainingSummary;
  /** Whether predictions go through a sigmoid. */
  readonly logistic: boolean;
  /** Whether predictions are probabilities or come out of a sigmoid. */
  readonly probabilities: boolean;
  /** How features become columns; of the families "fm" and "hybrid". */
  readonly encoders: readonly Encoder[];
  /** Number of samples kept by the solver "mcmc"; 1, the mean, of the solver "vb"; else 0. */
  readonly samples: number;
  /** Of machines, once they were asked for: the core goes through all columns to list its fields. */
  #columnNames: ColumnNames | undefined;
  /** Unseen categories that were reported. */
  readonly #reported = new Set<string>();

  constructor(core: Core, handle: CoreModel, users: IdMap, items: IdMap, summary = nothingTrained) {
    this.owned = new Owned(core, handle, "model");
    this.users = users;
    this.items = items;
    this.family = handle.family as Model["family"];
    this.factors = handle.factors;
    this.logistic = handle.logistic;
    this.samples = handle.samples;
    this.probabilities = handle.logistic || handle.probabilities;
    this.valueRange = Object.freeze([handle.low, handle.high] as const);
    this.options = deepFrozen(JSON.parse(handle.options) as Record<string, unknown>);
    this.summary = summary;
    this.encoders = readEncoders(handle.features);
  }

  /** Reads a file; the core has refused everything malformed but the ids, which are ours. */
  static load(core: Core, bytes: Uint8Array): TrainedModel {
    const handle = core.run((module) => module.loadModel(bytes));
    try {
      const users = readIds(handle.userIds, handle.users, "user_ids");
      const items = readIds(handle.itemIds, handle.items, "item_ids");
      checkStoredOptions(handle);
      checkEncoders(handle);
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
    const clip = checkClip(options, ["context"]);
    const pairs = this.#pairs(users, items);
    const context = this.contexts(options, pairs.users.length);
    return this.owned.run((model) => model.predict(pairs.users, pairs.items, clip, context));
  }

  predictRank(users: IdArray, items: IdArray, options?: RankOptions): Uint32Array {
    this.owned.requireOpen();
    const given = checkObject(options, "options");
    checkNoExtraKeys(given, ["filterSeen"], "predictRank");
    const filterSeen = checkBoolean(valueOf(given, "filterSeen", false), "filterSeen");
    const pairs = this.#pairs(users, items);
    return this.owned.run((model) => model.ranks(pairs.users, pairs.items, filterSeen));
  }

  #pairs(users: IdArray, items: IdArray): { users: Uint32Array; items: Uint32Array } {
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
    return { users: userIndices, items: itemIndices };
  }

  /** The contexts of predictions as the core takes them. */
  contexts(options: ContextOptions | undefined, count: number): CoreFeature[] | null {
    if (options?.context === undefined) return null;
    this.#requireMachine("context");
    return encodeContexts(options.context, count, this.encoders, this.reporter());
  }

  /** One record of features as the core takes it. */
  encoded(record: unknown, side: FieldSide, argument: string, unseen: UnseenCategory[] = []) {
    if (side === "context" || !takesFeatures(this.family)) this.#requireMachine(argument);
    return encodeRecord(record, side, this.encoders, argument, this.reporter(unseen));
  }

  #checkedOptimism(optimism: number): number {
    if (optimism !== 0) this.requireSamples("optimism");
    return optimism;
  }

  requireSamples(argument: string): void {
    if (this.samples > 0) return;
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      'only a model trained with the solver "mcmc" or "vb" knows how sure it is',
      argument,
    );
  }

  predictDistribution(users: IdArray, items: IdArray, options?: ContextOptions): Distribution {
    this.owned.requireOpen();
    this.requireSamples("model");
    checkNoExtraKeys(checkObject(options, "options"), ["context"], "predictDistribution");
    const pairs = this.#pairs(users, items);
    const context = this.contexts(options, pairs.users.length);
    return this.owned.run((model) => ({
      ...model.predictDistribution(pairs.users, pairs.items, context),
      classes: model.classes(),
    }));
  }

  #requireMachine(argument: string): void {
    if (this.family === "fm") return;
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `a model of the family "${this.family}" takes no ${argument}; train one with model: "fm"`,
      argument,
    );
  }

  /** Says each unseen category once, and notes it in the list. */
  reporter(list: UnseenCategory[] = []): (unseen: UnseenCategory) => void {
    return (unseen) => {
      list.push(unseen);
      const key = JSON.stringify([unseen.field, unseen.category]);
      if (this.#reported.has(key)) return;
      this.#reported.add(key);
      if (this.#reported.size > mostReports) return;
      console.warn(
        `FeatherFM: the model never met ${show(unseen.category)} in the field "${unseen.field}"; it contributes nothing`,
      );
    };
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

  #recommend(users: Uint32Array, options: CheckedRecommendOptions): Recommendation[][] {
    const request = this.request(options);
    return this.owned
      .run((model) => model.recommend(users, options.filterSeen, request))
      .map((scored) => this.named(scored));
  }

  /** A checked request in indices. */
  request(options: CheckedRecommendOptions): CoreRequest {
    const known = (list: IdArray | undefined, name: string) =>
      list === undefined ? null : this.items.knownIndices(list, name);
    const { filter } = options;
    const candidates =
      filter === undefined
        ? options.candidates
        : passing(this.items.ids, filter, options.candidates);
    return {
      n: options.n,
      scan: options.scan,
      exclude: known(options.exclude, "exclude"),
      candidates: known(candidates, "candidates"),
      context:
        options.context === undefined ? null : this.encoded(options.context, "context", "context"),
      optimism: this.#checkedOptimism(options.optimism),
      minScore: options.minScore,
      diversity: options.diversity,
      novelty: options.novelty,
    };
  }

  /** Items by id, with their scores. */
  named(scored: CoreScored): Recommendation[] {
    return Array.from(scored.indices, (index, k) => ({
      item: this.items.at(index),
      score: scored.scores[k] as number,
    }));
  }

  explain(user: Id, item: Id): Explanation {
    this.owned.requireOpen();
    const row = this.users.indexOf(user, "user", "the model");
    const index = this.items.indexOf(item, "item", "the model");
    return this.explained(this.owned.run((model) => model.explainUser(row, index)));
  }

  /** An explanation of the core in ids and names. */
  explained(parts: CoreExplanation): Explanation {
    if (takesFeatures(this.family)) {
      this.#columnNames ??= { fields: this.fields(), encoders: this.encoders };
    }
    return explanation(parts, this.items, this.#columnNames);
  }

  similarItems(item: Id, options?: SimilarOptions): SimilarItem[] {
    this.owned.requireOpen();
    return this.named(
      this.#similar("items", this.items.indexOf(item, "item", "the model"), options),
    );
  }

  similarUsers(user: Id, options?: SimilarOptions): SimilarUser[] {
    this.owned.requireOpen();
    return this.namedUsers(
      this.#similar("users", this.users.indexOf(user, "user", "the model"), options),
    );
  }

  /** Users by id, with their scores. */
  namedUsers({ indices, scores }: CoreScored): SimilarUser[] {
    return Array.from(indices, (index, k) => ({
      user: this.users.at(index),
      score: scores[k] as number,
    }));
  }

  #similar(side: "users" | "items", row: number, options: SimilarOptions | undefined): CoreScored {
    const { n, measure } = checkSimilar(options);
    return this.owned.run((model) => model.similar(side, row, n, measure));
  }

  foldInUser(ratings: readonly Rating[], options?: FoldInOptions): Guest {
    const given = this.checkRatings(ratings, options);
    const guest = this.owned.run((model) => model.foldIn(given));
    return new Guest(this, guest, given);
  }

  foldInItem(features: FeatureRecord): GuestItem {
    this.owned.requireOpen();
    const unseen: UnseenCategory[] = [];
    const encoded = this.encoded(features, "item", "features", unseen);
    return new GuestItem(
      this,
      this.owned.run((model) => model.describeItem(encoded)),
      unseen,
    );
  }

  predictRows(rows: Rows, options?: ClipOptions): Float32Array {
    this.owned.requireOpen();
    this.#requireMachine("rows");
    const clip = checkClip(options);
    const { handle } = checkRowSet(rows, "rows", this.owned.core).owned;
    return this.owned.run((model) => model.predictRows(handle, clip));
  }

  fields(): FieldStrength[] {
    return this.owned.run((model) => model.fields());
  }

  parameters(): Parameters {
    return this.owned.run((model) => model.parameters());
  }

  featureVectors(): FeatureVector[] {
    const { linear, factors } = this.parameters();
    const k = this.factors;
    return this.fields().flatMap(({ name, side, begin, columns }) => {
      const categoryOf = this.#categoriesOf(name);
      return Array.from({ length: columns }, (_, column): FeatureVector => {
        const at = begin + column;
        return {
          field: name,
          side,
          ...(categoryOf !== undefined && { category: categoryOf(column) }),
          bias: linear[at] as number,
          vector: factors.slice(at * k, (at + 1) * k),
        };
      });
    });
  }

  /** What the columns of a field stand for; nothing for numbers, days and plain rows. */
  #categoriesOf(field: string): ((column: number) => Id) | undefined {
    const encoding = this.encoders.find(({ name }) => name === field)?.encoding;
    if (encoding === undefined) {
      if (field === "user" || field === "item-users") return (column) => this.users.at(column);
      if (field === "item" || field === "user-items") return (column) => this.items.at(column);
      return undefined;
    }
    if (encoding.type === "number") return undefined;
    if (encoding.type === "buckets") return (column) => column;
    return (column) => encoding.categories.at(column);
  }

  updateUser(user: Id, ratings: readonly Rating[]): void {
    const id = this.#checkUpdate(user, "user");
    const row = ratingsOf(ratings, "item", this.items);
    const users = this.users.extendedBy(IdMap.of([id]));
    const index = users.find(id) as number;
    this.owned.run((model) => model.updateUser(index, row));
    this.users = users;
  }

  updateItem(item: Id, ratings: readonly UserRating[]): void {
    const id = this.#checkUpdate(item, "item");
    const row = ratingsOf(ratings, "user", this.users);
    const items = this.items.extendedBy(IdMap.of([id]));
    const index = items.find(id) as number;
    this.owned.run((model) => model.updateItem(index, row));
    this.items = items;
  }

  #checkUpdate(id: unknown, argument: string): Id {
    this.owned.requireOpen();
    if (this.family === "implicit-als") return checkId(id, argument);
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `a model of the family "${this.family}" is not updated in place; only one of "implicit-als" is`,
      "model",
    );
  }

  /** The ratings of somebody new in indices. */
  checkRatings(ratings: readonly Rating[], options?: FoldInOptions): CheckedRatings {
    this.owned.requireOpen();
    const given = checkObject(options, "options");
    checkNoExtraKeys(given, ["regularization", "features"], "foldInUser");
    const unseen: UnseenCategory[] = [];
    return {
      ...ratingsOf(ratings, "item", this.items),
      regularization:
        given["regularization"] === undefined
          ? null
          : checkFinite(given["regularization"], "regularization", { min: 0, max: 1e6 }),
      features:
        given["features"] === undefined
          ? null
          : this.encoded(given["features"], "user", "features", unseen),
      unseen,
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

  compress(options: CompressOptions): TrainedModel {
    const given = checkGiven(options, "options");
    checkNoExtraKeys(given, ["factors"], "compress");
    const factors = checkInteger(given["factors"], "factors", { min: 1, max: 1024 });
    const handle = this.owned.run((model) => model.compress(factors));
    return new TrainedModel(this.owned.core, handle, this.users, this.items);
  }

  close(): void {
    this.owned.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A list of ratings in indices; `other` is what each names: what the user met, or who met the item. */
function ratingsOf(ratings: unknown, other: "item" | "user", map: IdMap): CoreRow {
  if (!Array.isArray(ratings)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `ratings must be an array of { ${other}, rating }; got ${show(ratings)}`,
      "ratings",
    );
  }
  // Array.from, unlike map, does not pass over holes.
  const list = Array.from(ratings as unknown[], (entry, k) => checkGiven(entry, `ratings[${k}]`));
  const weighted = list.some((entry) => entry["weight"] !== undefined);
  return {
    items: Uint32Array.from(list, (entry) => map.indexOf(entry[other], other, "the model")),
    values: Float32Array.from(list, (entry, k) =>
      checkFinite(entry["rating"], `ratings[${k}].rating`),
    ),
    weights: weighted
      ? Float32Array.from(list, (entry, k) =>
          checkFinite(valueOf(entry, "weight", 1), `ratings[${k}].weight`, { min: 0 }),
        )
      : null,
  };
}

/** Somebody new as the core takes them; parts only where the model has samples. */
export function coreGuest(
  vector: Float32Array,
  bias: number,
  parts: Float32Array | undefined,
): CoreGuest {
  return parts === undefined ? { vector, bias } : { vector, bias, parts };
}

/** A folded-in user: plain numbers that borrow the model for ranking. */
export class Guest implements FoldedUser {
  readonly vector: Float32Array;
  readonly bias: number;
  readonly unseen: readonly UnseenCategory[];
  /** @internal Of a Bayesian model: what the score of each sample, and its variance, have of the user alone. */
  readonly parts: Float32Array | undefined;
  readonly #model: TrainedModel;
  readonly #ratings: CoreRatings;

  constructor(model: TrainedModel, guest: CoreGuest, ratings: CheckedRatings) {
    this.#model = model;
    this.#ratings = ratings;
    this.unseen = ratings.unseen;
    this.vector = guest.vector;
    this.bias = guest.bias;
    this.parts = guest.parts;
  }

  /** As the core takes it. */
  get #core(): CoreGuest {
    return { ...coreGuest(this.vector, this.bias, this.parts), ratings: this.#ratings };
  }

  predictDistribution(items: IdArray, options?: ContextOptions): Distribution {
    this.#model.requireSamples("model");
    checkNoExtraKeys(checkObject(options, "options"), ["context"], "predictDistribution");
    const indices = this.#model.items.indicesOf(items, "items", "item", "the model");
    const context = this.#model.contexts(options, indices.length);
    return this.#model.owned.run((model) => ({
      ...model.guestDistribution(this.#core, indices, context),
      classes: model.classes(),
    }));
  }

  recommend(options?: RecommendOptions): Recommendation[] {
    const checked = checkRecommendOptions(options);
    const request = this.#model.request(checked);
    const seen = checked.filterSeen ? this.#ratings.items : null;
    return this.#model.named(
      this.#model.owned.run((model) => model.recommendGuest(this.#core, seen, request)),
    );
  }

  predict(items: IdArray, options?: PredictOptions): Float32Array {
    const clip = checkClip(options, ["context"]);
    const indices = this.#model.items.indicesOf(items, "items", "item", "the model");
    const context = this.#model.contexts(options, indices.length);
    return this.#model.owned.run((model) => model.predictGuest(this.#core, indices, clip, context));
  }

  explain(item: Id): Explanation {
    const index = this.#model.items.indexOf(item, "item", "the model");
    return this.#model.explained(
      this.#model.owned.run((model) => model.explain(this.#ratings, index)),
    );
  }
}

/** An item known by its features: plain numbers that borrow the model for ranking. */
export class GuestItem implements FoldedItem {
  readonly vector: Float32Array;
  readonly bias: number;
  readonly unseen: readonly UnseenCategory[];
  /** @internal Of a Bayesian model: what the score of each sample, and its variance, have of the item alone. */
  readonly parts: Float32Array | undefined;
  readonly #model: TrainedModel;

  constructor(model: TrainedModel, item: CoreGuest, unseen: readonly UnseenCategory[]) {
    this.#model = model;
    this.vector = item.vector;
    this.bias = item.bias;
    this.parts = item.parts;
    this.unseen = unseen;
  }

  /** As the core takes it. */
  get #core(): CoreGuest {
    return coreGuest(this.vector, this.bias, this.parts);
  }

  similarItems(options?: SimilarOptions): SimilarItem[] {
    const { n, measure } = checkSimilar(options);
    return this.#model.named(
      this.#model.owned.run((model) => model.similarToItem(this.#core, n, measure)),
    );
  }

  topUsers(options?: { n?: number }): SimilarUser[] {
    const given = checkObject(options, "options");
    checkNoExtraKeys(given, ["n"], "topUsers");
    const n = checkInteger(valueOf(given, "n", 10), "n", { min: 1, max: 0xfffffffe });
    return this.#model.namedUsers(
      this.#model.owned.run((model) => model.usersForItem(this.#core, n)),
    );
  }

  predict(users: IdArray, options?: ClipOptions): Float32Array {
    const clip = checkClip(options);
    const indices = this.#model.users.indicesOf(users, "users", "user", "the model");
    return this.#model.owned.run((model) => model.predictForItem(this.#core, indices, clip));
  }
}

function readEncoders(text: string): Encoder[] {
  if (text === "") return [];
  const list = parseJson(text, "features");
  if (Array.isArray(list)) return list.map((entry) => Encoder.fromJSON(entry));
  throw new FileFormatError(
    "MALFORMED_FILE",
    "not a valid model file: its features are no list",
    "bytes",
  );
}

/** The encoders of a file must make columns of the fields that its model has. */
function checkEncoders(handle: CoreModel): void {
  const fields = new Map(handle.fields().map((field) => [field.name, field]));
  for (const { name, side, columns } of readEncoders(handle.features)) {
    const field = fields.get(name);
    fields.delete(name); // each once
    if (field?.side === side && field.columns === columns) continue;
    throw new FileFormatError(
      "MALFORMED_FILE",
      `not a valid model file: its features do not fit the field ${show(name)}`,
      "bytes",
    );
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
  return checkOwned(value, TrainedModel, "a model", name, core);
}
