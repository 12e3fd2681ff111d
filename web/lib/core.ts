/**
 * The C++ core as TypeScript sees it, and the one door to it. Everything that crosses goes through `Core.run`, which turns
 * the errors of the other side into ours and refuses to touch an instance that was closed or has died.
 *
 * The interfaces repeat what bindings/*.cpp registers; build/wasm/featherfm.d.ts, which the build emits, is the same list
 * without the shapes of plain objects. The package's tests call all of it.
 */
import {
  ArgumentError,
  ClosedError,
  errorFrom,
  FeatherError,
  InternalError,
  show,
} from "./errors.js";

export interface CoreHandle {
  delete(): void;
}

export interface CoreInteractions extends CoreHandle {
  readonly size: number;
  readonly hasWeights: boolean;
  readonly hasTimestamps: boolean;
  readonly low: number;
  readonly high: number;
  split(options: object): { train: CoreInteractions; test: CoreInteractions };
  remapped(
    users: number,
    items: number,
    userMap: Uint32Array,
    itemMap: Uint32Array,
  ): CoreInteractions;
  ratingsOf(user: number): {
    items: Uint32Array;
    values: Float32Array;
    weights: Float32Array | null;
    timestamps: Float64Array | null;
  };
  itemCounts(): Uint32Array;
}

/** One field of features in sparse rows; columns are counted within the field. */
export interface CoreFeature {
  name: string;
  side: "user" | "item" | "context";
  columns: number;
  offsets: Uint32Array;
  indices: Uint32Array;
  values: Float32Array;
}

/** What the features of a dataset give a factorization machine. */
export interface CoreDescription {
  features: CoreFeature[];
  validationFeatures: CoreFeature[] | null;
  /** Of the validation's timestamps. */
  validationUnitsPerDay: number;
  /** JSON of the encoders, kept with the model. */
  encoders: string;
}

export interface CoreRows extends CoreHandle {
  readonly size: number;
  readonly columns: number;
  readonly hasTargets: boolean;
  split(options: object): { train: CoreRows; test: CoreRows };
  content(): {
    offsets: Uint32Array;
    indices: Uint32Array;
    values: Float32Array;
    targets: Float32Array;
    weights: Float32Array | null;
  };
}

export interface CoreField {
  name: string;
  side: "user" | "item" | "context";
  begin: number;
  columns: number;
  used: number;
  linear: number;
  factors: number;
}

export interface CoreScored {
  indices: Uint32Array;
  scores: Float32Array;
}

/** What a score is made of: the ratings' contributions, and of a factorization machine the shares of columns. */
export interface CoreExplanation {
  score: number;
  base: number;
  /** Of the contributions. */
  items: Uint32Array;
  contributions: Float32Array;
  columns: Uint32Array;
  shares: Float32Array;
}

/** How rankings are measured. */
export interface CoreProtocol {
  ks: Uint32Array;
  /** -Infinity: every test rating is relevant. */
  relevantFrom: number;
  /** Whether the lists themselves are measured. */
  lists: boolean;
  novelty: boolean;
  negatives: { count: number; seed: number } | null;
}

export interface CoreRequest {
  n: number;
  scan: string;
  exclude: Uint32Array | null;
  candidates: Uint32Array | null;
  /** Features of the context, one row each. */
  context: CoreFeature[] | null;
  /** Standard deviations of the score that are added to it; of sampled machines. */
  optimism: number;
  /** Of the scores that are shown. */
  minScore: number | null;
  diversity: number;
  novelty: number;
}

export interface CoreRatings {
  items: Uint32Array;
  values: Float32Array;
  weights: Float32Array | null;
  regularization: number | null;
  /** Features of the user, one row each; only of a factorization machine. */
  features: CoreFeature[] | null;
}

/** A folded-in user, or an item described by features. */
export interface CoreGuest {
  vector: Float32Array;
  bias: number;
  /** Of a sampled machine: what the score of each sample has of the user, or the item, alone. */
  parts?: Float32Array;
  /** What a folded-in user gave: all there is of one in a model of the family "item-knn". */
  ratings?: CoreRatings;
}

/** What is known of one row: what a user met, or the users who met an item. */
export interface CoreRow {
  items: Uint32Array;
  values: Float32Array;
  weights: Float32Array | null;
}

export interface CoreDistribution {
  mean: Float32Array;
  deviation: Float32Array;
  probabilities: Float32Array;
}

export interface CoreModel extends CoreHandle {
  readonly users: number;
  readonly items: number;
  readonly factors: number;
  readonly low: number;
  readonly high: number;
  /** Whether predictions go through a sigmoid. */
  readonly logistic: boolean;
  readonly family: string;
  readonly options: string;
  readonly userIds: string;
  readonly itemIds: string;
  /** JSON of the encoders; empty where there are none. */
  readonly features: string;
  /** Number of samples of a sampled machine; else 0. */
  readonly samples: number;
  /** Whether a sampled machine predicts probabilities. */
  readonly probabilities: boolean;
  /** Values of ordered classes; empty for other models. */
  classes(): Float32Array;
  predictDistribution(
    users: Uint32Array,
    items: Uint32Array,
    context: CoreFeature[] | null,
  ): CoreDistribution;
  guestDistribution(
    user: CoreGuest,
    items: Uint32Array,
    context: CoreFeature[] | null,
  ): CoreDistribution;
  predict(
    users: Uint32Array,
    items: Uint32Array,
    clip: boolean,
    context: CoreFeature[] | null,
  ): Float32Array;
  recommend(users: Uint32Array, filterSeen: boolean, request: CoreRequest): CoreScored[];
  similar(side: "users" | "items", row: number, n: number, measure: string): CoreScored;
  updateUser(user: number, ratings: CoreRow): void;
  updateItem(item: number, ratings: CoreRow): void;
  foldIn(ratings: CoreRatings): CoreGuest;
  explain(ratings: CoreRatings, item: number): CoreExplanation;
  explainUser(user: number, item: number): CoreExplanation;
  recommendGuest(user: CoreGuest, seen: Uint32Array | null, request: CoreRequest): CoreScored;
  predictGuest(
    user: CoreGuest,
    items: Uint32Array,
    clip: boolean,
    context: CoreFeature[] | null,
  ): Float32Array;
  describeItem(features: CoreFeature[]): CoreGuest;
  similarToItem(item: CoreGuest, n: number, measure: string): CoreScored;
  usersForItem(item: CoreGuest, n: number): CoreScored;
  predictForItem(item: CoreGuest, users: Uint32Array, clip: boolean): Float32Array;
  predictRows(rows: CoreRows, clip: boolean): Float32Array;
  evaluateRows(rows: CoreRows): Record<string, number>;
  ranks(users: Uint32Array, items: Uint32Array, filterSeen: boolean): Uint32Array;
  parameters(): { constant: number; linear: Float32Array; factors: Float32Array };
  fields(): CoreField[];
  evaluateRatings(
    test: CoreInteractions,
    features: CoreFeature[] | null,
    unitsPerDay: number,
  ): Record<string, number>;
  evaluateRanking(
    test: CoreInteractions,
    train: CoreInteractions | null,
    protocol: CoreProtocol,
  ): Record<string, number>;
  vectors(side: "users" | "items"): {
    vectors: Float32Array<ArrayBuffer>;
    dimensions: number;
    /** Of the users. */
    offsets: Float32Array<ArrayBuffer>;
  };
  singularValues(): Float32Array;
  compress(factors: number): CoreModel;
  save(seen: boolean, userIds: string, itemIds: string): Uint8Array<ArrayBuffer>;
}

export interface CoreStep {
  done: boolean;
  epoch: number;
  fraction: number;
  finishedEpoch: {
    trainLoss: number;
    trainRmse: number;
    best: boolean;
    validation?: { loss: number; rmse: number; mae: number; auc?: number };
  } | null;
  /** Of a sampler that finished a sweep: standard deviation of the noise, precisions of the priors. */
  noise?: number;
  penalties?: { field: string; linear: number; factors: number }[];
}

export interface CoreTrainer extends CoreHandle {
  readonly bestEpoch: number;
  readonly stoppedEarly: boolean;
  step(budgetMilliseconds: number): CoreStep;
  learnedPenalties(): { field: string; linear: number; factors: number }[];
  model(): CoreModel;
}

export interface CoreModule {
  makeInteractions(
    options: { users: number; items: number; duplicates: string; hasContext: boolean },
    users: Uint32Array,
    items: Uint32Array,
    ratings: Float32Array | null,
    weights: Float32Array | null,
    timestamps: Float64Array | null,
  ): CoreInteractions;
  makeTrainer(
    options: object,
    optionsText: string,
    data: CoreInteractions,
    validation: CoreInteractions | null,
    start: CoreModel | null,
    description: CoreDescription | null,
  ): CoreTrainer;
  makeRows(input: {
    fields: readonly { name: string; columns: number }[];
    offsets: Uint32Array;
    indices: Uint32Array;
    values: Float32Array;
    targets: Float32Array | null;
    weights: Float32Array | null;
  }): CoreRows;
  makeRowTrainer(
    options: object,
    optionsText: string,
    rows: CoreRows,
    validation: CoreRows | null,
    start: CoreModel | null,
  ): CoreTrainer;
  /** Trials x ranges, row by row. */
  drawOptions(
    ranges: { low: number; high: number; logarithmic: boolean; whole: boolean }[],
    options: { trials: number; seed: number },
  ): Float64Array;
  trainPopularity(data: CoreInteractions, optionsText: string): CoreModel;
  loadModel(bytes: Uint8Array): CoreModel;
  memoryBytes(): number;
}

/** What the glue that Emscripten writes exports: it makes one instance per call. */
export type CoreFactory<M = CoreModule> = (options: {
  instantiateWasm?: (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ) => object;
}) => Promise<M>;

function translated(error: unknown): unknown {
  if (error instanceof FeatherError || !(error instanceof Error)) return error;
  const { code, argument } = error as Error & { code?: unknown; argument?: unknown };
  if (typeof code === "string" && typeof argument === "string") {
    return errorFrom(code, error.message, argument);
  }
  return error;
}

/** An instance of a WebAssembly module: of the core, or of one that is loaded beside it. */
export class Core<M = CoreModule> {
  #module: M | undefined;
  #whyGone = "the engine was closed";

  constructor(module: M) {
    this.#module = module;
  }

  /** Runs `body` on the instance. Errors of the core come out as FeatherErrors. */
  run<T>(body: (module: M) => T): T {
    if (this.#module === undefined) throw new ClosedError("CLOSED", this.#whyGone);
    try {
      return body(this.#module);
    } catch (error) {
      // A trap (stack overflow, out-of-bounds access) leaves the instance in an unknown state.
      if (
        error instanceof WebAssembly.RuntimeError ||
        (error instanceof RangeError && /stack/i.test(error.message))
      ) {
        this.close("the WebAssembly instance died of an internal fault; load a new engine");
        throw new InternalError("INTERNAL", `the WebAssembly instance died: ${error.message}`);
      }
      throw translated(error);
    }
  }

  get closed(): boolean {
    return this.#module === undefined;
  }

  /** Lets go of the instance; its memory is freed once nothing refers to it any more. */
  close(why = "the engine was closed"): void {
    this.#module = undefined;
    this.#whyGone = why;
  }
}

/** Owns one object of the core and frees it once. */
export class Owned<T extends CoreHandle, M = CoreModule> {
  readonly core: Core<M>;
  readonly #what: string;
  #handle: T | undefined;

  constructor(core: Core<M>, handle: T, what: string) {
    this.core = core;
    this.#handle = handle;
    this.#what = what;
  }

  /** The object, for use inside `Core.run`. */
  get handle(): T {
    if (this.#handle === undefined)
      throw new ClosedError("CLOSED", `this ${this.#what} was closed`);
    return this.#handle;
  }

  /** Throws `ClosedError` when this object or its engine is closed. */
  requireOpen(): void {
    this.run(() => undefined);
  }

  run<R>(body: (handle: T) => R): R {
    const handle = this.handle;
    return this.core.run(() => body(handle));
  }

  close(): void {
    // With the engine closed the memory goes with the instance.
    if (!this.core.closed) this.#handle?.delete();
    this.#handle = undefined;
  }
}

/** An object of this class and engine that is still open, or an error that names the argument. */
export function checkOwned<T extends { readonly owned: Owned<CoreHandle> }>(
  value: unknown,
  Class: abstract new (...args: never[]) => T,
  what: string,
  name: string,
  core: Core,
): T {
  if (!(value instanceof Class)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name} must be ${what}; got ${show(value)}`,
      name,
    );
  }
  if (value.owned.core !== core) {
    throw new ArgumentError("INVALID_ARGUMENT", `${name} belongs to another engine`, name);
  }
  value.owned.requireOpen();
  return value;
}
