/** The engine: everything starts here. */
import { checkBytes } from "./bytes.js";
import type { Core } from "./core.js";
import { checkDataset, CoreDataset } from "./dataset.js";
import { evaluate } from "./evaluation.js";
import { nextTask } from "./next-task.js";
import { checkModel, TrainedModel } from "./model.js";
import type { FitPartialOptions, TrainOptions } from "./options.js";
import { fitPartial, type Training, train } from "./training.js";
import type {
  Dataset,
  DatasetInput,
  EvaluateOptions,
  Metric,
  Model,
  Split,
  SplitOptions,
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

  /** Cuts a dataset in two; the dataset itself stays as it is. */
  split(data: Dataset, options: SplitOptions): Split {
    return checkDataset(data, "data", this.#core).split(options);
  }

  /**
   * Trains a model and blocks until it is done. Throws `DivergedError` when parameters stop being finite; its `model` is
   * the last good epoch's.
   */
  train(data: Dataset, options: TrainOptions): Model {
    return finish(this.#train(data, options));
  }

  /** As `train`, but the thread's other work goes on: between slices of some milliseconds the event loop runs. */
  trainAsync(data: Dataset, options: TrainOptions): Promise<Model> {
    return finishAsync(() => this.#train(data, options));
  }

  #train(data: Dataset, options: TrainOptions): Training {
    return train(this.#core, checkDataset(data, "data", this.#core), options);
  }

  /**
   * Goes on training from a model's parameters with further interactions, which may bring new users and items. Returns a
   * new model; the old one stays as it was. Only for models of the family "mf"; step memories of AdaGrad and Adam start
   * afresh. Options not named here stay as the model was trained.
   */
  fitPartial(model: Model, data: Dataset, options?: FitPartialOptions): Model {
    return finish(this.#fitPartial(model, data, options));
  }

  /** As `fitPartial`, sharing the thread like `trainAsync`. */
  fitPartialAsync(model: Model, data: Dataset, options?: FitPartialOptions): Promise<Model> {
    return finishAsync(() => this.#fitPartial(model, data, options));
  }

  #fitPartial(model: Model, data: Dataset, options?: FitPartialOptions): Training {
    return fitPartial(
      this.#core,
      checkModel(model, "model", this.#core),
      checkDataset(data, "data", this.#core),
      options,
    );
  }

  /**
   * Measures a model on held-out interactions. Ranking metrics are means over the users with at least one relevant test
   * item and rank all items but those in `train`; equal scores count against the model. Ids the model does not know count
   * as average users and items in "rmse" and "mae"; in ranking metrics unknown users are left out and unknown items
   * count as not found.
   */
  evaluate<const M extends Metric = "rmse" | "mae">(
    model: Model,
    test: Dataset,
    options?: EvaluateOptions<M>,
  ): Record<M, number> {
    return evaluate(
      checkModel(model, "model", this.#core),
      checkDataset(test, "test", this.#core),
      options,
    );
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

function finish(training: Training): TrainedModel {
  for (;;) {
    const { done, value } = training.next();
    if (done === true) return value;
  }
}

async function finishAsync(start: () => Training): Promise<TrainedModel> {
  const training = start();
  for (;;) {
    const { done, value } = training.next();
    if (done === true) return value;
    await nextTask();
  }
}
