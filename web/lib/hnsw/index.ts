/** The approximate index: ids in, ids out, everything between in its WebAssembly module. */
import { throwIfAborted } from "../abort.js";
import { checkBytes } from "../bytes.js";
import { type Core, Owned } from "../core.js";
import { toNumbers } from "../dataset.js";
import { ArgumentError, show } from "../errors.js";
import { IdMap, readIds } from "../ids.js";
import { nextTask } from "../next-task.js";
import {
  checkChoice,
  checkGiven,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "../options/checks.js";
import type { Id, NumberArray, Vectors } from "../types.js";
import type { HnswHandle, HnswModule } from "./module.js";

/** How long a slice of building takes: short against the 100 ms in which a cancel must take effect. */
const sliceMs = 12;

export interface HnswOptions {
  /**
   * What scores compare: inner products, which rank items for a user as `recommend` does, or cosines, for what is
   * similar. @defaultValue "dot"
   */
  metric?: "dot" | "cosine";
  /** Links of a vector on each level, 2 to 128; twice as many at the bottom. More find more, and take memory. @defaultValue 16 */
  m?: number;
  /** Candidates for the links of a new vector, 1 to 100,000. More find more, and take time. @defaultValue 200 */
  efConstruction?: number;
  /** The same vectors, options and seed give the same index. @defaultValue 1 */
  seed?: number;
}

export interface BuildControls {
  /** Called after every slice with the share of the vectors that are in, 0 to 1. */
  onProgress?: (fraction: number) => void;
  /** Cancels within 100 ms: the promise rejects with the signal's reason, and the memory is freed. */
  signal?: AbortSignal;
}

export interface HnswSearchOptions {
  /** How many at the most. @defaultValue 10 */
  n?: number;
  /** Candidates kept on the way, 1 to 100,000, at least `n`. More find more, and take time. @defaultValue 64 */
  ef?: number;
}

/** A vector that was found. */
export interface Found {
  id: Id;
  /** Inner product, or cosine in [-1, 1]; the cosine with a vector of zeros is 0. */
  score: number;
}

/** An index, made by `Hnsw.build` or `Hnsw.load`. It never changes. */
export interface HnswIndex {
  /** Number of vectors. */
  readonly size: number;
  /** Length of a vector. */
  readonly dimensions: number;
  readonly metric: "dot" | "cosine";
  /** About the best of all vectors for one query, best first; fewer than `n` where the index has fewer or finds fewer. */
  search(vector: NumberArray, options?: HnswSearchOptions): Found[];
  /** The same for many queries in one call: rows of `dimensions` numbers, one after the other. */
  searchAll(vectors: NumberArray, options?: HnswSearchOptions): Found[][];
  /** The index as a safetensors file. */
  save(): Uint8Array<ArrayBuffer>;
  /** Frees the WebAssembly memory. Any later call throws `ClosedError`. Safe to call twice. */
  close(): void;
  /** As `close`, for `using`. */
  [Symbol.dispose](): void;
}

class BuiltIndex implements HnswIndex {
  readonly size: number;
  readonly dimensions: number;
  readonly metric: "dot" | "cosine";
  readonly #owned: Owned<HnswHandle, HnswModule>;
  readonly #ids: readonly Id[];

  constructor(core: Core<HnswModule>, handle: HnswHandle, ids: readonly Id[]) {
    this.#owned = new Owned(core, handle, "index");
    this.#ids = ids;
    this.size = handle.size;
    this.dimensions = handle.dimensions;
    this.metric = handle.metric as "dot" | "cosine";
  }

  search(vector: NumberArray, options?: HnswSearchOptions): Found[] {
    const checked = checkSearchOptions(options);
    this.#owned.requireOpen();
    const query = toNumbers(vector, "vector", Float32Array);
    if (query.length !== this.dimensions) {
      throw new ArgumentError(
        "SIZE_MISMATCH",
        `vector must have ${this.dimensions} numbers, as those of the index; got ${query.length}`,
        "vector",
      );
    }
    return this.#search(query, checked)[0] as Found[];
  }

  searchAll(vectors: NumberArray, options?: HnswSearchOptions): Found[][] {
    const checked = checkSearchOptions(options);
    this.#owned.requireOpen();
    const queries = toNumbers(vectors, "vectors", Float32Array);
    if (queries.length % this.dimensions !== 0) {
      throw new ArgumentError(
        "SIZE_MISMATCH",
        `vectors must be rows of ${this.dimensions} numbers, as those of the index; got ${queries.length} numbers`,
        "vectors",
      );
    }
    try {
      return this.#search(queries, checked);
    } catch (error) {
      // The core looks at one query at a time.
      if (error instanceof ArgumentError && error.argument === "vector") {
        throw new ArgumentError(error.code, error.message, "vectors");
      }
      throw error;
    }
  }

  #search(queries: Float32Array, { n, ef }: { n: number; ef: number }): Found[][] {
    const { indices, scores, ends } = this.#owned.run((index) => index.search(queries, n, ef));
    return Array.from(ends, (end, k) => {
      const begin = k === 0 ? 0 : (ends[k - 1] as number);
      return Array.from(indices.subarray(begin, end), (index, j) => ({
        id: this.#ids[index] as Id,
        score: scores[begin + j] as number,
      }));
    });
  }

  save(): Uint8Array<ArrayBuffer> {
    return this.#owned.run((index) => index.save(JSON.stringify(this.#ids)));
  }

  close(): void {
    this.#owned.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function checkSearchOptions(options: unknown): { n: number; ef: number } {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["n", "ef"], "search");
  return {
    n: checkInteger(valueOf(given, "n", 10), "n", { min: 1, max: 0xfffffffe }),
    ef: checkInteger(valueOf(given, "ef", 64), "ef", { min: 1, max: 100_000 }),
  };
}

function checkOptions(options: unknown, controls: readonly string[]) {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["metric", "m", "efConstruction", "seed", ...controls], "an index");
  return {
    metric: checkChoice(valueOf(given, "metric", "dot"), "metric", ["dot", "cosine"]),
    m: checkInteger(valueOf(given, "m", 16), "m", { min: 2, max: 128 }),
    efConstruction: checkInteger(valueOf(given, "efConstruction", 200), "efConstruction", {
      min: 1,
      max: 100_000,
    }),
    seed: checkInteger(valueOf(given, "seed", 1), "seed", { min: 0, max: Number.MAX_SAFE_INTEGER }),
  };
}

/** What `model.itemVectors()` gives, or the like. */
function checkVectors(input: unknown): {
  ids: readonly Id[];
  values: Float32Array;
  dimensions: number;
} {
  const given = checkGiven(input, "vectors");
  // A user's vectors come with offsets, which no ranking needs.
  checkNoExtraKeys(given, ["ids", "vectors", "dimensions", "offsets"], "vectors");
  const dimensions = checkInteger(given["dimensions"], "dimensions", { min: 1, max: 65_536 });
  const map = new IdMap();
  const count = map.addAll(given["ids"] as Id[], "ids").length;
  if (map.size !== count) {
    throw new ArgumentError("DUPLICATE", "ids must be different from each other", "ids");
  }
  const values = toNumbers(given["vectors"], "vectors", Float32Array);
  if (values.length !== count * dimensions) {
    throw new ArgumentError(
      "SIZE_MISMATCH",
      `vectors must have ${dimensions} numbers for each of the ${count} ids; got ${values.length}`,
      "vectors",
    );
  }
  return { ids: map.ids, values, dimensions };
}

function checkControls(options: unknown): BuildControls {
  const { onProgress, signal } = checkObject(options, "options");
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `onProgress must be a function; got ${show(onProgress)}`,
      "onProgress",
    );
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `signal must be an AbortSignal; got ${show(signal)}`,
      "signal",
    );
  }
  return { onProgress, signal } as BuildControls;
}

/**
 * One instance of the index's WebAssembly module in this thread, made by `loadHnsw()`. Indexes belong to the instance
 * that made them; vectors may come from any model, or from elsewhere.
 */
export class Hnsw {
  readonly #core: Core<HnswModule>;

  /** @internal */
  constructor(core: Core<HnswModule>) {
    this.#core = core;
  }

  /** Builds an index and blocks until it is done: for 100,000 vectors, tens of seconds. The vectors are copied. */
  build(vectors: Vectors, options?: HnswOptions): HnswIndex {
    const building = this.#build(vectors, checkOptions(options, []), {});
    for (;;) {
      const { done, value } = building.next();
      if (done === true) return value;
    }
  }

  /** As `build`, but the thread's other work goes on: between slices of some milliseconds the event loop runs. */
  async buildAsync(vectors: Vectors, options?: HnswOptions & BuildControls): Promise<HnswIndex> {
    const checked = checkOptions(options, ["onProgress", "signal"]);
    const building = this.#build(vectors, checked, checkControls(options));
    for (;;) {
      const { done, value } = building.next();
      if (done === true) return value;
      await nextTask();
    }
  }

  /** Yields after every slice. An error on the way frees everything. */
  *#build(vectors: Vectors, options: object, controls: BuildControls): Generator<void, HnswIndex> {
    const core = this.#core;
    core.run(() => undefined);
    const { ids, values, dimensions } = checkVectors(vectors);
    throwIfAborted(controls.signal);
    const handle = core.run((module) => module.makeIndex(values, dimensions, options));
    try {
      const size = handle.size;
      for (;;) {
        const count = core.run(() => handle.add(sliceMs));
        controls.onProgress?.(count / size);
        if (count === size) return new BuiltIndex(core, handle, ids);
        yield;
        throwIfAborted(controls.signal);
      }
    } catch (error) {
      if (!core.closed) handle.delete();
      throw error;
    }
  }

  /** Reads an index that `save()` wrote. Throws `FileFormatError` for anything else; nothing else changes. */
  load(bytes: Uint8Array | ArrayBuffer): HnswIndex {
    const view = checkBytes(bytes);
    const handle = this.#core.run((module) => module.loadIndex(view));
    try {
      const { ids } = readIds(handle.ids, handle.size, "ids");
      return new BuiltIndex(this.#core, handle, ids);
    } catch (error) {
      handle.delete();
      throw error;
    }
  }

  /** Frees everything this instance made. Any later call on it or its indexes throws `ClosedError`. Safe to call twice. */
  close(): void {
    this.#core.close("the index's engine was closed");
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
