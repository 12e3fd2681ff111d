/**
 * The C++ core as TypeScript sees it, and the one door to it. Everything that crosses goes through `Core.run`, which turns
 * the errors of the other side into ours and refuses to touch an instance that was closed or has died.
 *
 * The interfaces repeat what bindings/*.cpp registers; build/wasm/featherfm.d.ts, which the build emits, is the same list
 * without the shapes of plain objects. The package's tests call all of it.
 */
import { ClosedError, errorFrom, FeatherError, InternalError } from "./errors.js";

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

export interface CoreScored {
  indices: Uint32Array;
  scores: Float32Array;
}

export interface CoreRequest {
  n: number;
  scan: string;
  exclude: Uint32Array | null;
  candidates: Uint32Array | null;
}

export interface CoreRatings {
  items: Uint32Array;
  values: Float32Array;
  weights: Float32Array | null;
  regularization: number | null;
}

export interface CoreGuest {
  vector: Float32Array;
  bias: number;
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
  predict(users: Uint32Array, items: Uint32Array, clip: boolean): Float32Array;
  recommend(users: Uint32Array, filterSeen: boolean, request: CoreRequest): CoreScored[];
  similar(side: "users" | "items", row: number, n: number, measure: string): CoreScored;
  foldIn(ratings: CoreRatings): CoreGuest;
  explain(
    ratings: CoreRatings,
    item: number,
  ): { score: number; base: number; contributions: Float32Array };
  recommendGuest(user: CoreGuest, seen: Uint32Array | null, request: CoreRequest): CoreScored;
  predictGuest(user: CoreGuest, items: Uint32Array, clip: boolean): Float32Array;
  evaluateRatings(test: CoreInteractions): Record<string, number>;
  evaluateRanking(
    test: CoreInteractions,
    train: CoreInteractions | null,
    ks: Uint32Array,
    relevantFrom: number,
  ): Record<string, number>;
  vectors(side: "users" | "items"): {
    vectors: Float32Array<ArrayBuffer>;
    dimensions: number;
    /** Of the users. */
    offsets: Float32Array<ArrayBuffer>;
  };
  singularValues(): Float32Array;
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
    validation?: { loss: number; rmse: number; mae: number };
  } | null;
}

export interface CoreTrainer extends CoreHandle {
  readonly bestEpoch: number;
  readonly stoppedEarly: boolean;
  step(budgetMilliseconds: number): CoreStep;
  model(): CoreModel;
}

export interface CoreModule {
  makeInteractions(
    options: { users: number; items: number; duplicates: string },
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
  ): CoreTrainer;
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
