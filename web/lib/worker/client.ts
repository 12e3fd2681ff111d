/** The page's side: the engine's verbs as promises, answered by a worker. */
import { abortReason, checkSignal, throwIfAborted } from "../abort.js";
import { ArgumentError, ClosedError, DivergedError, show, WorkerError } from "../errors.js";
import { checkTextSource, pieces, wrongPiece } from "../libsvm.js";
import type { FitPartialOptions, ModelOptions, TrainControls, TrainOptions } from "../options.js";
import {
  checkBoolean,
  checkGiven,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "../options/checks.js";
import { hasFilter, withoutFilter } from "../recommending.js";
import type {
  CrossValidateOptions,
  CrossValidation,
  SearchOptions,
  SearchResult,
  SearchSpace,
} from "../tuning/types.js";
import type {
  ClipOptions,
  CompressOptions,
  Dataset,
  DatasetInput,
  EvaluateOptions,
  FeatureRecord,
  FoldedItem,
  FoldedUser,
  FoldInOptions,
  LibsvmOptions,
  Metric,
  Id,
  Model,
  Rating,
  Rows,
  RowsInput,
  Split,
  SplitOptions,
  TextSource,
} from "../types.js";
import type { WasmSource } from "../wasm.js";
import {
  type Callback,
  type FromWorker,
  type Kind,
  type Reference,
  restoreError,
  type Wanted,
  type WorkerPort,
} from "./protocol.js";
import {
  datasetVerbs,
  type GuestData,
  type GuestItemData,
  guestItemPrefix,
  guestItemVerbs,
  guestPrefix,
  guestVerbs,
  modelVerbs,
  rowsVerbs,
  updateVerbs,
} from "./verbs.js";

/** The same properties; every method but `close` returns a promise. */
export type Remote<T> = {
  readonly [K in keyof T]: K extends "close" | typeof Symbol.dispose
    ? T[K]
    : T[K] extends (...args: infer A) => infer R
      ? (...args: A) => Promise<R>
      : T[K];
};

/** A dataset in the worker. */
export type RemoteDataset = Remote<Dataset>;

/** Rows in the worker. */
export type RemoteRows = Remote<Rows>;

/** A folded-in user whose model is in the worker. */
export type RemoteFoldedUser = Remote<FoldedUser>;

/** An item known by its features, whose model is in the worker. */
export type RemoteFoldedItem = Remote<FoldedItem>;

/** A model in the worker. */
export type RemoteModel = Omit<
  Remote<Model>,
  "foldInUser" | "foldInItem" | "predictRows" | "compress"
> & {
  /** Places a new user by their ratings, without retraining. The model is not changed. */
  foldInUser(ratings: readonly Rating[], options?: FoldInOptions): Promise<RemoteFoldedUser>;
  /** Places a new item by its features alone, without retraining; for the families "fm" and "hybrid". The model is not changed. */
  foldInItem(features: FeatureRecord): Promise<RemoteFoldedItem>;
  /** Predictions for plain rows, for the family "fm". */
  predictRows(rows: RemoteRows, options?: ClipOptions): Promise<Float32Array>;
  /** A new model with fewer factors, see `Model.compress`. */
  compress(options: CompressOptions): Promise<RemoteModel>;
};

export interface ClientOptions {
  /** Where `featherfm.wasm` comes from, if not from beside the package's own files. */
  wasm?: Exclude<WasmSource, Response>;
  /** Makes the worker, where a bundler needs it made in its own way. It must run `featherfm`'s worker script. */
  worker?: () => Worker;
}

export interface TransferOptions {
  /**
   * Hand the buffers of typed arrays over instead of copying them: faster for large inputs, but the caller's arrays are
   * empty afterwards. @defaultValue false
   */
  transfer?: boolean;
}

interface Pending {
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
  callbacks: Callbacks;
  signal?: AbortSignal | undefined;
}

/** What is called while the worker works. */
type Callbacks = { [K in Callback]?: ((report: never) => void) | undefined };

/** The options of a client, checked. */
export function checkClientOptions(options: unknown): ClientOptions {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["wasm", "worker"], "FeatherClient");
  if (given["worker"] !== undefined && typeof given["worker"] !== "function") {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `worker must be a function; got ${show(given["worker"])}`,
      "worker",
    );
  }
  return given;
}

/** Handles of remote objects, kept out of their public shape. */
const handles = new WeakMap<
  object,
  { client: object; kind: Kind; handle: number; closed: boolean }
>();

/** The item ids of models whose lists were asked for with a rule. */
const itemIdsOf = new WeakMap<object, Promise<readonly Id[]>>();

/**
 * The engine in a worker: pages stay responsive, and training can be cancelled. Made from `featherfm/client`. Inputs are
 * copied unless `transfer` is asked for. Close datasets and models you no longer need; `close()` frees everything.
 */
export class RemoteEngine {
  readonly #port: WorkerPort;
  readonly #pending = new Map<number, Pending>();
  /** Frees what the page let go of without closing it. */
  readonly #forgotten = new FinalizationRegistry<number>((handle) => this.#release(handle));
  #nextCall = 1;
  #gone: (() => Error) | undefined;

  /** @internal */
  constructor(port: WorkerPort, wasm: ClientOptions["wasm"]) {
    this.#port = port;
    port.onMessage((message) => this.#receive(message));
    port.onDeath((why) =>
      this.#die(() => new WorkerError("WORKER_DIED", `the worker died: ${why}`)),
    );
    try {
      this.#post({ type: "open", wasm: wasm instanceof URL ? wasm.href : wasm }, []);
    } catch (error) {
      port.terminate();
      throw notSent(error instanceof Error ? error.message : String(error), "wasm");
    }
    port.keepAlive?.(false);
  }

  /** Resolves when the engine is loaded; rejects with `LoadError` when it cannot be. Calls may be made before. */
  async ready(): Promise<{ version: string }> {
    return { version: await this.#call<string>(0, "version", []) };
  }

  /** Size of the worker's WebAssembly memory in bytes. */
  memoryBytes(): Promise<number> {
    return this.#call(0, "memoryBytes", []);
  }

  /** Takes interactions in. */
  async dataset(input: DatasetInput, options: TransferOptions = {}): Promise<RemoteDataset> {
    const { context, ...lists } = checkGiven(input, "input");
    const all = [lists, context as Record<string, unknown>].flatMap((part) =>
      Object.values({ ...part }),
    );
    const buffers = checkTransfer(options) ? buffersOf(all) : [];
    return this.#dataset(await this.#call(0, "dataset", [input], buffers));
  }

  /** Takes plain rows in, dense or sparse. */
  async rows(input: RowsInput, options: TransferOptions = {}): Promise<RemoteRows> {
    const lists = Object.values(checkGiven(input, "input"));
    const buffers = checkTransfer(options) ? buffersOf(lists) : [];
    return this.#rows(await this.#call(0, "rows", [input], buffers));
  }

  /** Reads rows from libsvm text in the worker. What comes in pieces is put together first. */
  async readLibsvm(source: TextSource, options?: LibsvmOptions): Promise<RemoteRows> {
    checkTextSource(source);
    return this.#rows(await this.#call(0, "readLibsvm", [await whole(source), options]));
  }

  /** Cuts a dataset or rows in two; what is cut stays as it is. Rows are split `by` "random" or "rows". */
  async split<D extends RemoteDataset | RemoteRows>(
    data: D,
    options: SplitOptions,
  ): Promise<Split<D>> {
    const { train, test } = await this.#call<Split<Reference>>(0, "split", [
      this.#handleOf(data, "data", "dataset", "rows"),
      options,
    ]);
    const wrap = (part: Reference) =>
      (part.kind === "rows" ? this.#rows(part) : this.#dataset(part)) as D;
    return { train: wrap(train), test: wrap(test) };
  }

  /** Trains a model. `onEpoch` and `onProgress` are called in this thread; `signal` cancels within 100 ms. */
  async train<D extends RemoteDataset | RemoteRows>(
    data: D,
    options: TrainOptions<NoInfer<D>>,
  ): Promise<RemoteModel> {
    return this.#training("train", [this.#handleOf(data, "data", "dataset", "rows")], options);
  }

  /** Goes on training from a model's parameters with further data. Returns a new model. */
  async fitPartial<D extends RemoteDataset | RemoteRows>(
    model: RemoteModel,
    data: D,
    options: FitPartialOptions<NoInfer<D>> = {},
  ): Promise<RemoteModel> {
    const targets = [
      this.#handleOf(model, "model", "model"),
      this.#handleOf(data, "data", "dataset", "rows"),
    ];
    return this.#training("fitPartial", targets, options);
  }

  /** Measures a model on held-out interactions; see `Engine.evaluate`. */
  async evaluate<const M extends Metric = "rmse" | "mae">(
    model: RemoteModel,
    test: RemoteDataset | RemoteRows,
    options: Omit<EvaluateOptions<M>, "train"> & { train?: RemoteDataset } = {},
  ): Promise<Record<M, number>> {
    const { train, ...rest } = checkObject(options, "options") as typeof options;
    return this.#call(0, "evaluate", [
      this.#handleOf(model, "model", "model"),
      this.#handleOf(test, "test", "dataset", "rows"),
      train === undefined ? rest : { ...rest, train: this.#handleOf(train, "train", "dataset") },
    ]);
  }

  /** Trains and measures a model on several parts that are held out in turn; see `Engine.crossValidate`. */
  async crossValidate<const M extends Metric = "rmse" | "mae">(
    data: RemoteDataset | RemoteRows,
    trainOptions: ModelOptions,
    options: CrossValidateOptions<M> = {},
  ): Promise<CrossValidation<M>> {
    const target = this.#handleOf(data, "data", "dataset", "rows");
    return this.#controlled("crossValidate", [target, trainOptions], options);
  }

  /** Looks for good options of a model; see `Engine.search`. `signal` cancels within 100 ms. */
  async search(
    data: RemoteDataset | RemoteRows,
    options: SearchSpace,
    controls: SearchOptions = {},
  ): Promise<SearchResult> {
    const target = this.#handleOf(data, "data", "dataset", "rows");
    return this.#controlled("search", [target, options], controls);
  }

  /** Reads a model file. The worker's engine stays as it was when the file is refused. */
  async loadModel(
    bytes: Uint8Array | ArrayBuffer,
    options: TransferOptions = {},
  ): Promise<RemoteModel> {
    const buffers = checkTransfer(options) ? buffersOf([bytes]) : [];
    return this.#model(await this.#call(0, "loadModel", [bytes], buffers));
  }

  /** Ends the worker and frees everything in it. Calls under way reject with `ClosedError`. Safe to call twice. */
  close(): void {
    this.#die(() => new ClosedError("CLOSED", "the client was closed"));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #training(
    verb: "train" | "fitPartial",
    targets: number[],
    options: TrainControls<RemoteDataset | RemoteRows>,
  ): Promise<RemoteModel> {
    const { validation, ...rest } = checkObject(options, "options") as typeof options;
    const sent =
      validation === undefined
        ? rest
        : { ...rest, validation: this.#handleOf(validation, "validation", "dataset", "rows") };
    return this.#model(await this.#controlled<Reference>(verb, targets, sent));
  }

  /** A call that takes time: its callbacks are called here, and the signal ends it. */
  async #controlled<T>(verb: string, args: unknown[], options: object): Promise<T> {
    const given = checkObject(options, "options");
    const { signal: unchecked, onEpoch, onProgress, onTrial, ...rest } = given;
    const signal = checkSignal(unchecked);
    const callbacks: Callbacks = {};
    for (const [name, callback] of Object.entries({ onEpoch, onProgress, onTrial })) {
      if (callback === undefined) continue;
      if (typeof callback !== "function") {
        throw new ArgumentError(
          "INVALID_ARGUMENT",
          `${name} must be a function; got ${show(callback)}`,
          name,
        );
      }
      callbacks[name as Callback] = callback as (report: never) => void;
    }
    throwIfAborted(signal);
    const wanted: Wanted = Object.keys(callbacks) as Callback[];
    const call = this.#nextCall;
    let abort: () => void = () => undefined;
    try {
      const aborted = new Promise<never>((_, reject) => {
        abort = () => {
          if (this.#gone === undefined) this.#post({ type: "abort", call }, []);
          // The worker answers with what there is.
          if (rest["onAbort"] === "keep") return;
          this.#forget(call);
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own
          reject(abortReason(signal as AbortSignal));
        };
      });
      const answer = this.#call<T>(0, verb, [...args, rest, wanted], [], { callbacks, signal });
      signal?.addEventListener("abort", abort, { once: true });
      return await Promise.race([answer, aborted]);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #call<T>(
    target: number,
    verb: string,
    args: unknown[],
    transfer: Transferable[] = [],
    { callbacks = {}, signal }: Partial<Pick<Pending, "callbacks" | "signal">> = {},
  ): Promise<T> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone());
    const call = this.#nextCall++;
    return new Promise<T>((resolve, reject) => {
      try {
        this.#post({ type: "call", call, target, verb, args }, transfer);
      } catch (error) {
        // Functions, symbols and the like cannot be sent to a worker.
        const why = error instanceof Error ? error.message : String(error);
        reject(notSent(why, argumentSent[verb] ?? "options"));
        return;
      }
      this.#pending.set(call, { resolve, reject, callbacks, signal });
      this.#port.keepAlive?.(true);
    });
  }

  #post(...[message, transfer]: Parameters<WorkerPort["post"]>): void {
    this.#port.post(message, transfer);
  }

  #forget(call: number): Pending | undefined {
    const pending = this.#pending.get(call);
    this.#pending.delete(call);
    if (this.#pending.size === 0) this.#port.keepAlive?.(false);
    return pending;
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "result": {
        const pending = this.#forget(message.call);
        if (pending !== undefined) pending.resolve(message.value as never);
        else this.#releaseUnclaimed(message.value);
        return;
      }
      case "error": {
        const error = restoreError(message.error);
        const pending = this.#forget(message.call);
        if (message.error.model !== undefined) {
          if (pending === undefined) this.#releaseUnclaimed(message.error.model);
          else if (error instanceof DivergedError) error.model = this.#model(message.error.model);
        }
        pending?.reject(error);
        return;
      }
      case "aborted": {
        const pending = this.#forget(message.call);
        if (pending?.signal !== undefined) pending.reject(abortReason(pending.signal));
        return;
      }
      case "epoch":
        this.#notify(message.call, "onEpoch", message.report);
        return;
      case "progress":
        this.#notify(message.call, "onProgress", message.progress);
        return;
      case "trial":
        this.#notify(message.call, "onTrial", message.trial);
        return;
      case "dead":
        this.#die(() => restoreError(message.error));
    }
  }

  /** Runs a callback; as in the engine itself, an exception thrown there ends the run and comes out of the call. */
  #notify(call: number, callback: Callback, report: unknown): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    try {
      pending.callbacks[callback]?.(report as never);
    } catch (error) {
      this.#forget(call);
      this.#post({ type: "abort", call }, []);
      pending.reject(error);
    }
  }

  /** A model that was finished in the moment its training was cancelled. */
  #releaseUnclaimed(value: unknown): void {
    const reference = value as Partial<Reference> | null;
    if (typeof reference?.handle === "number") this.#release(reference.handle);
  }

  #release(handle: number): void {
    if (this.#gone === undefined) this.#post({ type: "release", handle }, []);
  }

  #die(why: () => Error): void {
    if (this.#gone !== undefined) return;
    this.#gone = why;
    this.#port.terminate();
    for (const { reject } of this.#pending.values()) reject(why());
    this.#pending.clear();
  }

  #handleOf(object: unknown, name: string, ...kinds: [Kind, ...Kind[]]): number {
    const known = typeof object === "object" && object !== null ? handles.get(object) : undefined;
    if (known === undefined || !kinds.includes(known.kind)) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `${name} must be a ${kinds[0]} made by this client; got ${show(object)}`,
        name,
      );
    }
    if (known.client !== this) {
      throw new ArgumentError("INVALID_ARGUMENT", `${name} belongs to another client`, name);
    }
    if (known.closed) throw closedObject(known.kind);
    return known.handle;
  }

  #dataset(reference: Reference): RemoteDataset {
    return this.#object(reference, datasetVerbs) as RemoteDataset;
  }

  #rows(reference: Reference): RemoteRows {
    return this.#object(reference, rowsVerbs) as RemoteRows;
  }

  #model(reference: Reference): RemoteModel {
    const model = this.#object(reference, modelVerbs) as RemoteModel;
    const foldInUser: RemoteModel["foldInUser"] = async (ratings, options) => {
      // With ratings and options as they arrived there: what the caller does to them later must not change what is explained.
      const data = await this.#objectCall<GuestData>(model, "foldInUser", [ratings, options]);
      return this.#guest(model, data, guestPrefix, guestVerbs) as RemoteFoldedUser;
    };
    const foldInItem: RemoteModel["foldInItem"] = async (features) => {
      const data = await this.#objectCall<GuestItemData>(model, "foldInItem", [features]);
      return this.#guest(model, data, guestItemPrefix, guestItemVerbs) as RemoteFoldedItem;
    };
    const predictRows: RemoteModel["predictRows"] = async (rows, options) =>
      this.#objectCall(model, "predictRows", [this.#handleOf(rows, "rows", "rows"), options]);
    for (const verb of updateVerbs) {
      const value = async (...args: unknown[]) => {
        Object.assign(model, await this.#objectCall<object>(model, verb, args));
      };
      Object.defineProperty(model, verb, { value });
    }
    const compress: RemoteModel["compress"] = async (options) =>
      this.#model(await this.#objectCall(model, "compress", [options]));
    for (const [name, value] of Object.entries({
      foldInUser,
      foldInItem,
      predictRows,
      compress,
    })) {
      Object.defineProperty(model, name, { value });
    }
    return model;
  }

  #guest(
    model: RemoteModel,
    data: GuestData | GuestItemData,
    prefix: string,
    verbs: readonly string[],
  ): object {
    const guest = { vector: data.vector, bias: data.bias, unseen: data.unseen };
    for (const verb of verbs) {
      Object.defineProperty(guest, verb, {
        value: (...args: unknown[]) => this.#objectCall(model, prefix + verb, [data, ...args]),
      });
    }
    return guest;
  }

  /** An object with the reference's properties and a method for each verb. */
  #object({ kind, handle, properties }: Reference, verbs: readonly string[]): object {
    const object = { ...properties };
    for (const verb of verbs) {
      Object.defineProperty(object, verb, {
        value: (...args: unknown[]) => this.#objectCall(object, verb, args),
      });
    }
    const close = () => {
      const known = handles.get(object);
      if (known === undefined || known.closed) return;
      known.closed = true;
      this.#forgotten.unregister(object);
      this.#release(handle);
    };
    Object.defineProperty(object, "close", { value: close });
    if (typeof Symbol.dispose === "symbol")
      Object.defineProperty(object, Symbol.dispose, { value: close });
    handles.set(object, { client: this, kind, handle, closed: false });
    this.#forgotten.register(object, handle, object);
    return object;
  }

  async #objectCall<T>(object: object, verb: string, args: unknown[]): Promise<T> {
    // The rule on ids that a list may be asked for with is a function of this thread.
    const options = recommending[verb];
    if (options !== undefined && hasFilter(args[options])) {
      const itemIds = () => this.#itemIds(object);
      args[options] = await withoutFilter(args[options], itemIds);
    }
    const known = handles.get(object);
    if (known === undefined || known.closed) throw closedObject(known?.kind ?? "model");
    // An item may come in.
    if (verb === "updateItem") itemIdsOf.delete(object);
    return this.#call(known.handle, verb, args);
  }

  /** The ids of a model's items, asked for once. */
  #itemIds(model: object): Promise<readonly Id[]> {
    let ids = itemIdsOf.get(model);
    if (ids === undefined) {
      ids = this.#objectCall<Id[]>(model, "itemIds", []);
      ids.catch(() => itemIdsOf.delete(model));
      itemIdsOf.set(model, ids);
    }
    return ids;
  }
}

/** Where the options stand among the arguments of the verbs that make lists. */
const recommending: Readonly<Record<string, number>> = {
  recommend: 1,
  recommendAll: 0,
  [`${guestPrefix}recommend`]: 1,
};

/** The argument that cannot be cloned, where it is not the options. */
const argumentSent: Readonly<Record<string, string>> = {
  dataset: "input",
  rows: "input",
  readLibsvm: "source",
  loadModel: "bytes",
  foldInItem: "features",
  updateUser: "ratings",
  updateItem: "ratings",
};

/** A source that can be sent. */
async function whole(source: TextSource): Promise<string | Uint8Array | ArrayBuffer | Blob> {
  if (
    typeof source === "string" ||
    source instanceof Uint8Array ||
    source instanceof ArrayBuffer ||
    source instanceof Blob
  ) {
    return source;
  }
  const parts: BlobPart[] = [];
  for await (const piece of pieces(source)) {
    if (typeof piece === "string" || piece instanceof Uint8Array) parts.push(piece as BlobPart);
    else throw wrongPiece(piece);
  }
  return new Blob(parts);
}

const notSent = (why: string, argument: string) =>
  new ArgumentError("INVALID_ARGUMENT", `${argument} cannot be sent to a worker: ${why}`, argument);

const closedObject = (kind: Kind) =>
  new ClosedError("CLOSED", `this ${kind === "rows" ? "set of rows" : kind} was closed`);

function checkTransfer(options: unknown): boolean {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["transfer"], "this call");
  return checkBoolean(valueOf(given, "transfer", false), "transfer");
}

/** The buffers of the typed arrays among these values, each once. */
function buffersOf(values: unknown[]): Transferable[] {
  const buffers = new Set<ArrayBuffer>();
  for (const value of values) {
    const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
    if (buffer instanceof ArrayBuffer) buffers.add(buffer);
  }
  return [...buffers];
}
