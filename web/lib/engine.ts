/** The engine: everything starts here. */
import { checkBytes } from "./bytes.js";
import type { Core } from "./core.js";
import { checkDataset, CoreDataset } from "./dataset.js";
import { evaluate } from "./evaluation.js";
import { nextTask } from "./next-task.js";
import { checkModel, TrainedModel } from "./model.js";
import type { FitPartialOptions, ModelOptions, TrainOptions } from "./options.js";
import { checkRowSet, CoreRowSet } from "./rows.js";
import { fitPartial, type Training, train } from "./training.js";
import { crossValidate } from "./tuning/cross-validate.js";
import { search } from "./tuning/search.js";
import type {
  CrossValidateOptions,
  CrossValidation,
  SearchOptions,
  SearchResult,
  SearchSpace,
} from "./tuning/types.js";
import type {
  Dataset,
  DatasetInput,
  EvaluateOptions,
  LibsvmOptions,
  Metric,
  Model,
  Rows,
  RowsInput,
  Split,
  SplitOptions,
  TextSource,
} from "./types.js";
import { version } from "./version.js";

/**
 * One instance of the WebAssembly core in this thread, made by `load()`. Datasets and models belong to the engine that
 * made them. Training in this thread blocks it (`train`) or shares it (`trainAsync`); pages use `FeatherClient`.
 */
export class Engine {
  /** Version of the package. */
  readonly version = version;
  readonly #core: Core;

  /** @internal */
  constructor(core: Core) {
    this.#core = core;
  }

  /** Size of the WebAssembly memory in bytes. It grows when needed and never shrinks before `close()`. */
  memoryBytes(): number {
    return this.#core.run((module) => module.memoryBytes());
  }

  /** Takes interactions in. The lists are copied. */
  dataset(input: DatasetInput): Dataset {
    return CoreDataset.from(this.#core, input);
  }

  /** Takes plain rows in, dense or sparse. The lists are copied. */
  rows(input: RowsInput): Rows {
    return CoreRowSet.from(this.#core, input);
  }

  /** Reads rows from libsvm text, piece by piece. Errors name the line; nothing is kept of a text with an error. */
  readLibsvm(source: TextSource, options?: LibsvmOptions): Promise<Rows> {
    return CoreRowSet.read(this.#core, source, options);
  }

  /** Cuts a dataset or rows in two; what is cut stays as it is. Rows are split `by` "random" or "rows". */
  split<D extends Dataset | Rows>(data: D, options: SplitOptions): Split<D> {
    return this.#trainable(data, "data").split(options) as Split<Dataset | Rows> as Split<D>;
  }

  #trainable(data: Dataset | Rows, name: string): CoreDataset | CoreRowSet {
    return data instanceof CoreRowSet
      ? checkRowSet(data, name, this.#core)
      : checkDataset(data, name, this.#core);
  }

  /**
   * Trains a model and blocks until it is done. Throws `DivergedError` when parameters stop being finite; its `model` is
   * the last good epoch's.
   */
  train<D extends Dataset | Rows>(data: D, options: TrainOptions<NoInfer<D>>): Model {
    return finish(this.#train(data, options));
  }

  /** As `train`, but the thread's other work goes on: between slices of some milliseconds the event loop runs. */
  trainAsync<D extends Dataset | Rows>(data: D, options: TrainOptions<NoInfer<D>>): Promise<Model> {
    return finishAsync(() => this.#train(data, options));
  }

  #train(data: Dataset | Rows, options: unknown): Training {
    return train(this.#core, this.#trainable(data, "data"), options);
  }

  /**
   * Goes on training from a model's parameters with further interactions, which may bring new users and items. Returns a
   * new model; the old one stays as it was. Only for models of the families "mf", "implicit-als", "fm" and "hybrid"; the last two may
   * also meet new
   * categories; step memories of AdaGrad, Adam and FTRL start afresh. Options not named here stay as the model was trained.
   */
  fitPartial<D extends Dataset | Rows>(
    model: Model,
    data: D,
    options?: FitPartialOptions<NoInfer<D>>,
  ): Model {
    return finish(this.#fitPartial(model, data, options));
  }

  /** As `fitPartial`, sharing the thread like `trainAsync`. */
  fitPartialAsync<D extends Dataset | Rows>(
    model: Model,
    data: D,
    options?: FitPartialOptions<NoInfer<D>>,
  ): Promise<Model> {
    return finishAsync(() => this.#fitPartial(model, data, options));
  }

  #fitPartial(model: Model, data: Dataset | Rows, options?: unknown): Training {
    return fitPartial(
      this.#core,
      checkModel(model, "model", this.#core),
      this.#trainable(data, "data"),
      options,
    );
  }

  /**
   * Measures a model on held-out interactions. Ranking metrics are means over the users with at least one relevant test
   * item and rank all items but those in `train`; equal scores count against the model. Ids the model does not know count
   * as average users and items in "rmse" and "mae" (under a factorization machine, as what their features say); in ranking metrics unknown users are left out and unknown items
   * count as not found.
   */
  evaluate<const M extends Metric = "rmse" | "mae">(
    model: Model,
    test: Dataset | Rows,
    options?: EvaluateOptions<M>,
  ): Record<M, number> {
    return evaluate(checkModel(model, "model", this.#core), this.#trainable(test, "test"), options);
  }

  /**
   * Trains a model for each of several parts that are held out in turn, measures it on that part, and closes it. The solver
   * "sgda" gets a tenth of what it may learn from as its validation data. Blocks until it is done.
   */
  crossValidate<const M extends Metric = "rmse" | "mae">(
    data: Dataset | Rows,
    trainOptions: ModelOptions,
    options?: CrossValidateOptions<M>,
  ): CrossValidation<M> {
    return finish(this.#crossValidate(data, trainOptions, options));
  }

  /** As `crossValidate`, sharing the thread like `trainAsync`. */
  crossValidateAsync<const M extends Metric = "rmse" | "mae">(
    data: Dataset | Rows,
    trainOptions: ModelOptions,
    options?: CrossValidateOptions<M>,
  ): Promise<CrossValidation<M>> {
    return finishAsync(() => this.#crossValidate(data, trainOptions, options));
  }

  #crossValidate(data: Dataset | Rows, trainOptions: unknown, options: unknown) {
    return crossValidate(this.#core, this.#trainable(data, "data"), trainOptions, options);
  }

  /**
   * Looks for good options of a model: draws them from the ranges and choices that stand in their places, trains, measures on what was
   * held out, and returns all trials, the best first. `train(data, best.options)` makes the model. Blocks until it is
   * done. Throws `DivergedError` when every single trial failed.
   */
  search(data: Dataset | Rows, options: SearchSpace, controls?: SearchOptions): SearchResult {
    return finish(this.#search(data, options, controls));
  }

  /** As `search`, sharing the thread like `trainAsync`. */
  searchAsync(
    data: Dataset | Rows,
    options: SearchSpace,
    controls?: SearchOptions,
  ): Promise<SearchResult> {
    return finishAsync(() => this.#search(data, options, controls));
  }

  #search(data: Dataset | Rows, options: unknown, controls: unknown) {
    return search(this.#core, this.#trainable(data, "data"), options, controls);
  }

  /**
   * Reads a model that `save()` wrote, or any safetensors file with `user_factors` and `item_factors`. Throws
   * `FileFormatError` for anything else; the engine stays as it was.
   */
  loadModel(bytes: Uint8Array | ArrayBuffer): Model {
    return TrainedModel.load(this.#core, checkBytes(bytes));
  }

  /** Frees everything this engine made. Any later call on it or its objects throws `ClosedError`. Safe to call twice. */
  close(): void {
    this.#core.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function finish<T>(work: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

async function finishAsync<T>(start: () => Generator<void, T, void>): Promise<T> {
  const work = start();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    await nextTask();
  }
}
