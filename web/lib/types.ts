/**
 * The vocabulary of the package: what goes in, what comes out, and what the objects can do.
 * Training options live in options/, next to the checks that enforce them.
 */

/** Your own name for a user or an item. Comes back exactly as given: `1` and `"1"` are two different ids. */
export type Id = string | number;

/** Any list of numbers: a plain array or a typed array (not BigInt). */
export type NumberArray =
  | readonly number[]
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** A list of ids: a plain array of strings and numbers, or a typed array of numbers. */
export type IdArray = readonly Id[] | NumberArray;

/** A value of a feature: a number, a category, or a set of categories. */
export type FeatureValue = number | string | boolean | readonly Id[];

/** Features by the name of their field. What is left out, `null` or `undefined` is unknown. */
export type FeatureRecord = Readonly<Record<string, FeatureValue | null | undefined>>;

/** The features of users or items by their ids. A plain object also answers to ids that are numbers. */
export type FeatureTable = ReadonlyMap<Id, FeatureRecord> | Readonly<Record<string, FeatureRecord>>;

/** Features of each interaction, as lists parallel to `users`. */
export type ContextLists = Readonly<
  Record<string, readonly (FeatureValue | null | undefined)[] | NumberArray>
>;

/** Whom or what a field describes. */
export type FieldSide = "user" | "item" | "context";

/**
 * How the values of a field become columns. Left out, values decide: numbers are a `"number"`, lists a `"set"`, all else
 * a `"category"`.
 */
export type FieldOptions =
  /** One column per category; strings, numbers or booleans. */
  | { type: "category" }
  /**
   * Any number of categories at once. The n of a set are scaled by 1/sqrt(n) (`"sqrt"`), 1/n (`"mean"`) or not at all
   * (`"none"`). @defaultValue "sqrt"
   */
  | { type: "set"; scale?: "sqrt" | "mean" | "none" }
  /** One column: the number less its mean over its standard deviation (`"standard"`), or as it is. @defaultValue "standard" */
  | { type: "number"; scale?: "standard" | "none" }
  /** One column per bucket: this many with about as many values in each, or between these ascending edges. */
  | { type: "number"; buckets: number | readonly number[] };

/** A field of a dataset. */
export interface FieldInfo {
  readonly name: string;
  readonly side: FieldSide;
  readonly type: "category" | "set" | "number" | "buckets";
  /** Number of columns it takes: categories, buckets, or one. */
  readonly columns: number;
}

/** A category that the model never met in training. It contributes nothing. */
export interface UnseenCategory {
  readonly field: string;
  readonly category: Id;
}

/** Who met what, as parallel lists: entry `k` of each list describes interaction `k`. */
export interface DatasetInput {
  /** User of each interaction. */
  users: IdArray;
  /** Item of each interaction, as long as `users`. */
  items: IdArray;
  /** Rating or other value of each interaction, finite. All 1 when left out. */
  ratings?: NumberArray;
  /** Weight of each interaction in the loss, finite and not negative. All 1 when left out. */
  weights?: NumberArray;
  /** When each interaction happened, in any unit that grows with time. Needed by splits by time. */
  timestamps?: NumberArray;
  /**
   * What to do when a (user, item) pair occurs twice: keep the `"last"` (latest timestamp; without timestamps the
   * later row), add the values up (`"sum"`; weights: the larger, timestamps: the latest), or refuse (`"error"`).
   * @defaultValue "last"
   */
  duplicates?: "last" | "sum" | "error";
  /** What is known of users: `{ u1: { age: 24, occupation: "student" } }`. Users may be named here alone. */
  userFeatures?: FeatureTable;
  /** What is known of items: `{ i1: { genres: ["Comedy", "Drama"], year: 1994 } }`. Items may be named here alone. */
  itemFeatures?: FeatureTable;
  /** What is known of each interaction: `{ device: ["phone", "tv"], hour: Uint8Array }`. */
  context?: ContextLists;
  /** How the values of a field become columns, by its name. Fields that are left out are told from their values. */
  fields?: Readonly<Record<string, FieldOptions>>;
}

/** Rows of real-valued columns with targets, for models without users and items. */
export interface RowsInput {
  /** Dense: row-major values, `rows * columns` of them. Sparse (CSR): the values of all rows in turn. */
  values: NumberArray;
  /** Number of columns. */
  columns: number;
  /** Sparse: the column of each value, from 0, each at most once in its row. */
  indices?: NumberArray;
  /** Sparse: where each row begins in `values`, and the end: one more than there are rows. */
  offsets?: NumberArray;
  /** What is to be predicted, one per row. Needed for training and evaluating. */
  targets?: NumberArray;
  /** Weight of each row in the loss, finite and not negative. All 1 when left out. */
  weights?: NumberArray;
  /**
   * Names for runs of columns, in order, that together cover them all: groups that can be penalised differently.
   * @defaultValue one field, "row"
   */
  fields?: readonly { name: string; columns: number }[];
}

/** libsvm text, whole or in pieces: `target index:value index:value ...`, a row a line. */
export type TextSource =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<string | Uint8Array>;

export interface LibsvmOptions {
  /** Number of columns; the largest index that occurs when left out. */
  columns?: number;
  /** The index of the first column. `"auto"`: 0 if index 0 occurs, else 1. @defaultValue "auto" */
  firstIndex?: 0 | 1 | "auto";
}

/** Rows held in WebAssembly memory. Immutable. */
export interface Rows {
  readonly rowCount: number;
  readonly columnCount: number;
  /** Whether targets were given. */
  readonly hasTargets: boolean;
  /** A copy of everything, sparse. */
  content(): {
    offsets: Uint32Array;
    indices: Uint32Array;
    values: Float32Array;
    targets: Float32Array;
    weights: Float32Array | null;
  };
  /** As libsvm text, a row a line; reading it back gives the same rows. Weights are not part of the format. */
  toLibsvm(options?: { firstIndex?: 0 | 1 }): string;
  /** Frees the WebAssembly memory. Any later call throws `ClosedError`. Safe to call twice. */
  close(): void;
  /** As `close`, for `using`. */
  [Symbol.dispose](): void;
}

/** One interaction of a user, in the caller's ids. */
export interface Rating {
  item: Id;
  rating: number;
  /** Weight of this rating in the loss; 1 when left out. */
  weight?: number;
  timestamp?: number;
}

/** One interaction of an item, in the caller's ids. */
export interface UserRating {
  user: Id;
  rating: number;
  /** Weight of this rating in the loss; 1 when left out. */
  weight?: number;
}

/** Interactions held in WebAssembly memory, with the maps between your ids and dense indices. Immutable. */
export interface Dataset {
  /** Number of distinct users in the id map, those known by features alone included. Both halves of a split share the map of the whole. */
  readonly userCount: number;
  /** Number of distinct items in the id map. */
  readonly itemCount: number;
  /** Number of interactions, after duplicates were resolved. */
  readonly interactionCount: number;
  /** Smallest and largest rating, `[0, 0]` when there is none. */
  readonly ratingRange: readonly [min: number, max: number];
  readonly hasTimestamps: boolean;
  readonly hasWeights: boolean;
  /** The fields of the features that were given. */
  readonly fields: readonly FieldInfo[];
  /** Every user id, in order of first appearance. */
  userIds(): Id[];
  /** Every item id, in order of first appearance. */
  itemIds(): Id[];
  /** What one user rated, in the order of the item map. Throws `UnknownIdError` for an id that is not in the map. */
  ratingsOf(user: Id): Rating[];
  /** Number of interactions of every item, in the order of `itemIds()`. */
  itemCounts(): Uint32Array;
  /** Frees the WebAssembly memory. Any later call throws `ClosedError`. Safe to call twice. */
  close(): void;
  /** As `close`, for `using`. */
  [Symbol.dispose](): void;
}

/** How to cut a dataset in two. All splits are deterministic; the random ones by their seed. */
export type SplitOptions =
  /** A random share of all interactions goes to the test set. */
  | { by: "random"; testFraction?: number; seed?: number }
  /** A random share of each user's interactions (rounded to the nearest, at least one stays in training). */
  | { by: "user"; testFraction?: number; seed?: number }
  /**
   * One of `folds` parts that do not overlap and together are everything: the one numbered `fold`, from 0. Within "user" each
   * user's interactions are spread over the folds evenly; somebody's only one stays in training always.
   */
  | { by: "fold"; fold?: number; folds?: number; within?: "all" | "user"; seed?: number }
  /** Each user's latest `count` interactions go to the test set; a user with no more than `count` stays whole. */
  | { by: "leave-last-out"; count?: number }
  /** The latest share of all interactions goes to the test set. */
  | { by: "time"; testFraction?: number }
  /** Exactly these rows of the input (positions in the lists given to `dataset`) go to the test set. */
  | { by: "rows"; testRows: NumberArray };

export interface Split<D = Dataset> {
  train: D;
  test: D;
}

/** A bounded piece of training has been done. */
export interface Progress {
  /** The epoch under way, from 1. */
  epoch: number;
  /** Number of epochs asked for. */
  epochs: number;
  /** Share of the whole training done, 0 to 1. */
  fraction: number;
  /** Milliseconds since training began. */
  elapsedMs: number;
}

/** What one finished epoch gave. */
export interface EpochReport extends Progress {
  /**
   * Mean training loss per unit of weight: squared error for loss "squared", cross-entropy for "logistic". Of "implicit-als":
   * squared error of the preferences of all pairs, per unit of confidence.
   * For SGD, AdaGrad and Adam measured on the way, each rating before its own update (progressive loss).
   * Of the solver "vb" the negative evidence lower bound per row, up to a constant: it never rises but for rounding.
   */
  trainLoss: number;
  /** Root mean squared training error in the units of the ratings, measured likewise. */
  trainRmse: number;
  /**
   * The same on the validation set, where one was given, after the epoch. Losses that compare items have no errors of
   * ratings: `rmse` and `mae` are NaN, and `loss` is 1 - AUC. Of "implicit-als", `loss` is 1 - NDCG@10 over the users with likes
   * there (at most 1,000 of them), training items left out of the ranking; `rmse` and `mae` are those of the likes' scores
   * against 1.
   */
  validation?: {
    loss: number;
    rmse: number;
    mae: number;
    /** Of hybrid models: the mean over users of the share of (liked, other) pairs in the right order. */
    auc?: number;
  };
  /** True when this epoch has the best validation loss so far (always true without validation). */
  best: boolean;
  /**
   * Of the solvers "vb" and "mcmc", of which the latter's epochs are sweeps and its validation that of the average over all samples
   * so far: the standard deviation of the noise, and the precisions of the priors of each field (of the factors: their mean).
   */
  trace?: {
    noise: number;
    precisions: Readonly<Record<string, { linear: number; factors: number }>>;
  };
}

/** What a training run did. */
export interface TrainingSummary {
  epochs: EpochReport[];
  /** The epoch whose parameters the model holds, from 1; 0 when nothing was trained. */
  bestEpoch: number;
  /** True when `patience` ended the run before its last epoch. */
  stoppedEarly: boolean;
  /** True when the signal ended the run and `onAbort: "keep"` kept what there was. */
  aborted?: boolean;
  /** The penalties that the solver "sgda" arrived at, by field (of the factors: their mean over the factors). */
  learnedRegularization?: Readonly<Record<string, { linear: number; factors: number }>>;
  /** Milliseconds of training, everything included. */
  elapsedMs: number;
}

/** An item and its score, in the units of the ratings (for "popularity": the number of interactions). */
export interface Recommendation {
  item: Id;
  score: number;
}

export interface SimilarUser {
  user: Id;
  /** Cosine in [-1, 1], or the plain dot product; from `topUsers`, the prediction, limited to the range of the ratings. */
  score: number;
}

export interface SimilarItem {
  item: Id;
  /** Cosine in [-1, 1], or the plain dot product. */
  score: number;
}

export interface RecommendOptions {
  /** How many at the most. @defaultValue 10 */
  n?: number;
  /** Leave out what the user rated in training (for a folded-in user: the ratings given). @defaultValue true */
  filterSeen?: boolean;
  /** Items never to return. Ids the model does not know are ignored. */
  exclude?: IdArray;
  /** Rank only these items. Ids the model does not know are ignored. All items when left out. */
  candidates?: IdArray;
  /** The context to recommend in, for models with fields of it: `{ device: "phone" }`. Unknown when left out. */
  context?: FeatureRecord;
  /**
   * For sampled models: rank by the mean of the score plus this many of its standard deviations, -10 to 10. Above 0 what the user
   * might love comes first ("surprise me"; 1.28 is the upper tenth), below 0 what is safe. @defaultValue 0
   */
  optimism?: number;
  /** Only items whose score, as it is returned, is at least this. No limit when left out. */
  minScore?: number;
  /**
   * A rule on the ids of items: only those for which it returns `true` are ranked. With the worker client it runs on the page's
   * side. What it throws comes out of the call.
   */
  filter?: (item: Id) => boolean;
  /**
   * How much the list should vary, 0 to 1, by maximal marginal relevance (Carbonell, Goldstein 1998): of the best max(100, 4 n)
   * items it takes one after the other by `(1 - diversity) relevance - diversity * largest cosine with those taken`, relevance being the
   * score brought to [0, 1] over those items. Scores stay what they are, so they may go up and down along the
   * list. Without latent factors nothing changes. @defaultValue 0
   */
  diversity?: number;
  /**
   * How much is weighed against scores that an item is little known, 0 to 1: the relevance of the same best items becomes
   * `(1 - novelty) score + novelty * -log2(share of the training users who met it)`, both brought to [0, 1]. Needs a model that was
   * saved with what its users have seen. @defaultValue 0
   */
  novelty?: number;
  /**
   * How the items are gone through. `"int8"` gives exactly what `"exact"` gives, and sooner where items are many: it
   * reads a rounded copy of the item vectors and computes the scores of those alone that may be among the best. The copy
   * is made at first use and takes about a quarter of the item vectors' memory. @defaultValue "exact"
   */
  scan?: "exact" | "int8";
}

export interface SimilarOptions {
  /** How many at the most. @defaultValue 10 */
  n?: number;
  /** `"cosine"` compares directions of the latent vectors, `"dot"` favours long (frequent) ones. @defaultValue "cosine" */
  measure?: "cosine" | "dot";
}

export interface ClipOptions {
  /** Limit predictions to the range of the ratings. @defaultValue true */
  clip?: boolean;
}

export interface ContextOptions {
  /** The context of the predictions, for models with fields of it: one value for all, or a list with one for each. */
  context?: FeatureRecord | ContextLists;
}

export interface PredictOptions extends ClipOptions, ContextOptions {}

export interface RankOptions {
  /** Rank among the items the user has not rated in training (and the item itself). @defaultValue false */
  filterSeen?: boolean;
}

/** What a sampled model holds possible, for each prediction asked for. */
export interface Distribution {
  /** The predictions themselves. */
  mean: Float32Array;
  /** Standard deviation of each: how far the rating may be from the prediction. */
  deviation: Float32Array;
  /** For the task "ordinal": the ratings there are, ascending; else empty. */
  classes: Float32Array;
  /** Their probabilities, row-major, predictions x classes. */
  probabilities: Float32Array;
}

export interface FoldInOptions {
  /** L2 penalty on the new user's vector (times the number of ratings, as in training). The model's own when left out. */
  regularization?: number;
  /** What is known of the user besides ratings, for models with fields of users: `{ age: 24 }`. */
  features?: FeatureRecord;
}

/** One of the user's own ratings and its share of a predicted score. */
export interface Contribution {
  item: Id;
  contribution: number;
}

/** A feature of the user or the item and its share of a predicted score. */
export interface FeatureContribution {
  side: "user" | "item";
  /** Name of the field; "item" is the item's own column, which all that is particular to it stands in. */
  field: string;
  /** For categories and sets, and for buckets of numbers ("20 to 30"). */
  category?: Id;
  contribution: number;
}

/**
 * Why a score is what it is: `score = base + sum of contributions`, and of models with features `base = rest + sum of features`.
 *
 * The contribution of a rating is its part in the least-squares solution that places the user (Hu, Koren, Volinsky
 * 2008, section 5). Of a user of the model, what training made of the user beyond that solution is in the base.
 */
export interface Explanation {
  /**
   * The prediction before link and limits: for the losses and tasks of labels the log odds, for ordered classes the latent
   * score.
   */
  score: number;
  /** What no rating of the user carries: global mean, biases, features, and the rest of the user's own parameters. */
  base: number;
  /** The user's own ratings, largest absolute contribution first. */
  contributions: Contribution[];
  /**
   * For the families "fm" and "hybrid": what of the base each feature gives, linear weight and half of each pair it is in (its
   * Shapley value), largest absolute contribution first. What ratings are about, the user's own column, is not among them.
   */
  features?: FeatureContribution[];
}

/** A user the model was not trained on, placed among the others by one ridge solve. Holds no WebAssembly memory. */
export interface FoldedUser {
  /** The latent vector, `factors` long. */
  readonly vector: Float32Array;
  /** The user's own bias. */
  readonly bias: number;
  /** Categories among the user's features that the model never met; they contribute nothing. */
  readonly unseen: readonly UnseenCategory[];
  /** Best items for this user, highest score first. */
  recommend(options?: RecommendOptions): Recommendation[];
  /** Predicted ratings for these items, in their order. */
  predict(items: IdArray, options?: PredictOptions): Float32Array;
  /** Predictions with how sure they are, for models trained with the solver "mcmc" or "vb". */
  predictDistribution(items: IdArray, options?: ContextOptions): Distribution;
  /** Which of the given ratings, or features, carried the score of this item. */
  explain(item: Id): Explanation;
}

/** An item the model was not trained on, known by its features. Holds no WebAssembly memory. */
export interface FoldedItem {
  /** The latent vector, `factors` long. */
  readonly vector: Float32Array;
  readonly bias: number;
  /** Categories among the item's features that the model never met; they contribute nothing. */
  readonly unseen: readonly UnseenCategory[];
  /** Items whose latent vectors are closest to this one's. */
  similarItems(options?: SimilarOptions): SimilarItem[];
  /** The users with the highest predictions for this item. */
  topUsers(options?: { n?: number }): SimilarUser[];
  /** Predictions of these users, in their order. */
  predict(users: IdArray, options?: ClipOptions): Float32Array;
}

/** A field of a factorization machine and how much weight it carries. */
export interface FieldStrength {
  readonly name: string;
  readonly side: FieldSide;
  /** Its columns are `begin` to `begin + columns - 1` of the model's. */
  readonly begin: number;
  readonly columns: number;
  /** Columns with any parameter that is not zero. */
  readonly used: number;
  /** Root mean square of the linear weights of the used columns. */
  readonly linear: number;
  /** Root mean square length of their factor vectors. */
  readonly factors: number;
}

/** The parameters of a factorization machine: `constant + sum w_j x_j + sum_{j<l} <v_j, v_l> x_j x_l`. */
export interface Parameters {
  constant: number;
  /** One weight per column. */
  linear: Float32Array;
  /** Row-major, columns x factors. */
  factors: Float32Array;
}

/** What a model learned of one feature: of a category of a field, or of a field that is one number. */
export interface FeatureVector {
  readonly field: string;
  readonly side: FieldSide;
  /**
   * The category; of the fields "user", "item", "user-items" and "item-users" the user or item; of buckets their number, from 0.
   * Missing where a column has no name: numbers, days, plain rows.
   */
  readonly category?: Id;
  /** Its linear weight, or bias. */
  readonly bias: number;
  /** Its factors, or embedding. A copy: yours to change. */
  readonly vector: Float32Array;
}

/** The vectors of a model's items, for an index or for ranking elsewhere. A copy: yours to change. */
export interface Vectors {
  ids: Id[];
  /** One row of `dimensions` numbers for each id, one after the other. */
  vectors: Float32Array<ArrayBuffer>;
  dimensions: number;
}

/** The vectors of a model's users. `score = offset + dot(user vector, item vector)`, before link and limits. */
export interface UserVectors extends Vectors {
  /** What of a score depends on the user alone, one number for each id: it cannot change a ranking. */
  offsets: Float32Array<ArrayBuffer>;
}

export interface CompressOptions {
  /** Number of factors to keep, 1 to 1024; more than the model has are as many as it has. */
  factors: number;
}

export interface SaveOptions {
  /**
   * Keep who rated what, and how, in the file, so that a loaded model can still leave out what a user has seen, explain, and
   * say how popular items are. Switch it off where the file leaves the device. A model of the family "item-knn" knows its
   * users by that list alone: without it the file has no users. @defaultValue true
   */
  seen?: boolean;
}

/** The families of models. */
export type ModelFamily =
  "mf" | "svd" | "popularity" | "fm" | "hybrid" | "implicit-als" | "item-knn" | "biases";

/** A trained model. Only `updateUser` and `updateItem` change it: `fitPartial` returns a new one. */
export interface Model {
  readonly family: ModelFamily;
  readonly userCount: number;
  readonly itemCount: number;
  /** Number of latent factors. */
  readonly factors: number;
  /**
   * Range of the ratings the model was trained on; predictions are limited to it unless `clip` is false. Without limits for
   * "implicit-als", whose predictions are preferences (about 0 to 1), and "item-knn", whose are sums of similarities.
   */
  readonly valueRange: readonly [min: number, max: number];
  /** The options it was trained with, defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
  /** How training went; without epochs for a model that was loaded from a file. */
  readonly summary: TrainingSummary;
  /** Every user id the model knows. */
  userIds(): Id[];
  /** Every item id the model knows. */
  itemIds(): Id[];
  hasUser(user: Id): boolean;
  hasItem(item: Id): boolean;
  /** Predicted ratings of the pairs (users[k], items[k]). Throws `UnknownIdError` for an id the model does not know. */
  predict(users: IdArray, items: IdArray, options?: PredictOptions): Float32Array;
  /**
   * Where items stand: the rank of items[k] for users[k] among all items, 0 for the best. Equal scores count against it.
   * Throws `UnknownIdError`.
   */
  predictRank(users: IdArray, items: IdArray, options?: RankOptions): Uint32Array;
  /** Predictions with how sure they are, for models trained with the solver "mcmc" or "vb". Throws `ArgumentError` for others. */
  predictDistribution(users: IdArray, items: IdArray, options?: ContextOptions): Distribution;
  /** Best items for a user, highest score first. Throws `UnknownIdError`; for somebody new use `foldInUser`. */
  recommend(user: Id, options?: RecommendOptions): Recommendation[];
  /** Best items for many users in one pass (every user of the model when `users` is left out). */
  recommendAll(
    options?: RecommendOptions & { users?: IdArray },
  ): { user: Id; items: Recommendation[] }[];
  /**
   * Which of a user's own ratings in training, or which features, carried the score of an item. Throws `ArgumentError` for a
   * model that was saved without what its users rated.
   */
  explain(user: Id, item: Id): Explanation;
  /** Items whose latent vectors are closest to this item's, without the item itself; its neighbours, for "item-knn". */
  similarItems(item: Id, options?: SimilarOptions): SimilarItem[];
  /** Users whose latent vectors are closest to this user's, without the user. */
  similarUsers(user: Id, options?: SimilarOptions): SimilarUser[];
  /** Places a new user by their ratings, without retraining. The model is not changed. */
  foldInUser(ratings: readonly Rating[], options?: FoldInOptions): FoldedUser;
  /**
   * Brings a user of an "implicit-als" model up to date in place: their vector becomes the one that training would solve for
   * with the items held, from these ratings alone, so give all of the user's; they are also what `filterSeen` knows from now on.
   * A user the model does not know is added. Nothing else changes, and nothing at all when the call fails.
   * Throws `ArgumentError` for other families, `UnknownIdError` for an item the model does not know.
   */
  updateUser(user: Id, ratings: readonly Rating[]): void;
  /** The same for an item and all its ratings, with the users held. Folded-in users keep the vectors they have. */
  updateItem(item: Id, ratings: readonly UserRating[]): void;
  /**
   * Places a new item by its features alone, without retraining; for the families "fm" and "hybrid". The model is not changed.
   * Throws `ArgumentError` for a field the model does not have.
   */
  foldInItem(features: FeatureRecord): FoldedItem;
  /** Predictions for plain rows, for the family "fm". Probabilities for the task "classification". */
  predictRows(rows: Rows, options?: ClipOptions): Float32Array;
  /** The fields of a factorization machine or hybrid model, in order of their columns; empty for other families. */
  fields(): FieldStrength[];
  /**
   * The parameters of a factorization machine or hybrid model: weights (biases) and factors (embeddings) of the columns that
   * `fields()` names. Throws `ArgumentError` for other families.
   */
  parameters(): Parameters;
  /** The same by field and category, in the order of the columns. Throws `ArgumentError` where `parameters` does. */
  featureVectors(): FeatureVector[];
  /**
   * The users' vectors, in the order of `userIds()`: the latent columns, then a 1 that meets the item's bias, so that
   * inner products with `itemVectors()` rank items as `recommend` does.
   */
  userVectors(): UserVectors;
  /** The items' vectors, in the order of `itemIds()`: the latent columns, then the item's bias. */
  itemVectors(): Vectors;
  /** Singular values, largest first; empty for every family but "svd". */
  singularValues(): Float32Array;
  /** The model as a safetensors file that any safetensors reader opens. */
  save(options?: SaveOptions): Uint8Array<ArrayBuffer>;
  /**
   * A new model of the family "mf" that scores like this one as nearly as `factors` factors can: biases exact, the rest by a truncated
   * SVD, whose `singularValues()` it has. Users, items and who has seen what stay; contexts, features and how sure a Bayesian
   * model is do not. A machine of 50 samples becomes a file and a scan of a fraction of the size. Throws `ArgumentError` for
   * models without factors, and for Bayesian ones of classes.
   */
  compress(options: CompressOptions): Model;
  /** Frees the WebAssembly memory. Any later call throws `ClosedError`. Safe to call twice. */
  close(): void;
  /** As `close`, for `using`. */
  [Symbol.dispose](): void;
}

/** A metric by its usual name; `@k` metrics carry their cut-off. */
export type Metric =
  | "rmse"
  | "mae"
  | "mae-rounded"
  | "accuracy"
  | "log-loss"
  | "auc"
  | "mrr"
  | `${"precision" | "recall" | "ndcg" | "map" | "mrr" | "hit-rate"}@${number}`
  | `${"coverage" | "novelty" | "diversity" | "gini"}@${number}`;

export interface EvaluateOptions<M extends Metric = Metric> {
  /** @defaultValue ["rmse", "mae"] */
  metrics?: readonly M[];
  /** Items each user rated here are left out of the ranking, as they would be when recommending. */
  train?: Dataset;
  /** Test ratings from this value on count as relevant for ranking metrics; all of them when left out. */
  relevantFrom?: number;
  /**
   * Rank each relevant test item by itself against `count` items that are drawn uniformly from those the user has met neither in
   * `train` nor in the test set, as He et al. 2017 ("Neural Collaborative Filtering") do with 99 or 100 of them. A user counts with the
   * mean over their items. Such figures are higher than those over all items and may order models differently (Krichene, Rendle
   * 2020): for comparing with published ones. All items are ranked when left out. `seed` is 1 when left out.
   */
  negatives?: { count: number; seed?: number };
}
