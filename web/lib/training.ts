/** Training runs: one generator does the work in slices; whoever drives it decides what happens between two of them. */
import { throwIfAborted } from "./abort.js";
import type { Core, CoreInteractions, CoreModel, CoreTrainer } from "./core.js";
import { type CoreDataset, checkDataset } from "./dataset.js";
import { ArgumentError, DivergedError, show } from "./errors.js";
import { IdMap } from "./ids.js";
import { TrainedModel } from "./model.js";
import {
  checkInteger,
  checkFinite,
  checkNoExtraKeys,
  checkObject,
  controlNames,
  type ResolvedOptions,
  resolveModelOptions,
  type TrainControls,
} from "./options.js";
import type { EpochReport, TrainingSummary } from "./types.js";

/** How long a slice of training takes: short against the 100 ms in which a cancel must take effect. */
const sliceMs = 12;

export interface CheckedControls {
  validation: CoreDataset | undefined;
  patience: number;
  onEpoch: TrainControls["onEpoch"];
  onProgress: TrainControls["onProgress"];
  signal: AbortSignal | undefined;
}

export function checkControls(options: unknown, core: Core): CheckedControls {
  const given = checkObject(options, "options") as TrainControls;
  for (const name of ["onEpoch", "onProgress"] as const) {
    if (given[name] !== undefined && typeof given[name] !== "function") {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `${name} must be a function; got ${show(given[name])}`,
        name,
      );
    }
  }
  if (given.signal !== undefined && !(given.signal instanceof AbortSignal)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `signal must be an AbortSignal; got ${show(given.signal)}`,
      "signal",
    );
  }
  const validation =
    given.validation === undefined ? undefined : checkDataset(given.validation, "validation", core);
  if (given.patience !== undefined && validation === undefined) {
    throw new ArgumentError("INVALID_ARGUMENT", "patience needs a validation dataset", "patience");
  }
  return {
    validation,
    patience:
      given.patience === undefined
        ? 0
        : checkInteger(given.patience, "patience", { min: 1, max: 100_000 }),
    onEpoch: given.onEpoch,
    onProgress: given.onProgress,
    signal: given.signal,
  };
}

/** Everything one run needs, checked. */
interface Run {
  core: Core;
  options: ResolvedOptions;
  controls: CheckedControls;
  data: CoreInteractions;
  validation: CoreInteractions | null;
  start: CoreModel | null;
  users: IdMap;
  items: IdMap;
}

/** Yields after every slice; returns the model. An early end of the generator frees everything. */
export type Training = Generator<void, TrainedModel, void>;

function* popularity(run: Run): Training {
  const { core, data, users, items, options } = run;
  const begun = performance.now();
  const handle = core.run((module) => module.trainPopularity(data, JSON.stringify(options)));
  const elapsedMs = performance.now() - begun;
  yield;
  return new TrainedModel(core, handle, users, items, {
    epochs: [],
    bestEpoch: 1,
    stoppedEarly: false,
    elapsedMs,
  });
}

function* steps(run: Run): Training {
  const { core, options, controls, users, items } = run;
  const begun = performance.now();
  const epochs = typeof options["epochs"] === "number" ? options["epochs"] : 1;
  const reports: EpochReport[] = [];
  const trainer = core.run((module) =>
    module.makeTrainer(
      { ...options, patience: controls.patience },
      JSON.stringify(options),
      run.data,
      run.validation,
      run.start,
    ),
  );
  const finished = () => {
    const summary: TrainingSummary = {
      epochs: reports,
      bestEpoch: trainer.bestEpoch,
      stoppedEarly: trainer.stoppedEarly,
      elapsedMs: performance.now() - begun,
    };
    return new TrainedModel(core, trainer.model(), users, items, summary);
  };
  try {
    for (;;) {
      const sliceEnd = performance.now() + sliceMs;
      let done = false;
      let epoch = 1;
      let fraction = 0;
      // A step ends with its epoch, and small epochs take about a millisecond: several fit into a slice.
      while (!done && performance.now() < sliceEnd) {
        const step = core.run(() => trainer.step(sliceEnd - performance.now()));
        ({ done, epoch, fraction } = step);
        if (step.finishedEpoch === null) continue;
        const report = {
          epoch,
          epochs,
          fraction,
          elapsedMs: performance.now() - begun,
          ...step.finishedEpoch,
        };
        reports.push(report);
        controls.onEpoch?.(report);
      }
      controls.onProgress?.({ epoch, epochs, fraction, elapsedMs: performance.now() - begun });
      if (done) return core.run(finished);
      yield;
      throwIfAborted(controls.signal);
    }
  } catch (error) {
    if (error instanceof DivergedError && trainer.bestEpoch > 0) error.model = core.run(finished);
    throw error;
  } finally {
    free(core, trainer);
  }
}

function free(core: Core, trainer: CoreTrainer): void {
  if (!core.closed) trainer.delete();
}

function* trained(run: Run): Training {
  throwIfAborted(run.controls.signal);
  return yield* run.options.model === "popularity" ? popularity(run) : steps(run);
}

/** Training from the beginning. Arguments are checked at once, before the first slice. */
export function train(core: Core, data: CoreDataset, given: unknown): Training {
  const options = resolveModelOptions(given);
  const controls = checkControls(given, core);
  if (controls.patience > 0 && options.model !== "mf") {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `patience counts epochs, and the model "${options.model}" has none`,
      "patience",
    );
  }
  const { users, items } = data;
  return (function* () {
    return yield* withCounted(controls.validation, users, items, (validation) =>
      trained({
        core,
        options,
        controls,
        data: data.owned.handle,
        validation,
        start: null,
        users,
        items,
      }),
    );
  })();
}

/** Training goes on from a model's parameters, over the users and items of both. */
export function fitPartial(
  core: Core,
  model: TrainedModel,
  data: CoreDataset,
  given: unknown,
): Training {
  if (model.family !== "mf") {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `a model of the family "${model.family}" cannot be continued; train it anew`,
      "model",
    );
  }
  const changes = checkObject(given, "options");
  checkNoExtraKeys(changes, ["epochs", "learningRate", "seed", ...controlNames], "fitPartial");
  const options = continuedOptions(model, changes);
  const controls = checkControls(given, core);
  const users = model.users.extendedBy(data.users);
  const items = model.items.extendedBy(data.items);
  return (function* () {
    return yield* withCounted(data, users, items, (counted) =>
      withCounted(controls.validation, users, items, (validation) =>
        trained({
          core,
          options,
          controls,
          data: counted as CoreInteractions,
          validation,
          start: model.owned.handle,
          users,
          items,
        }),
      ),
    );
  })();
}

function continuedOptions(model: TrainedModel, changes: Record<string, unknown>): ResolvedOptions {
  const options: Record<string, unknown> = {
    ...model.options,
    model: "mf",
    factors: model.factors,
  };
  for (const name of ["epochs", "learningRate", "seed"]) {
    if (changes[name] !== undefined) options[name] = changes[name];
  }
  // A model from elsewhere comes without options: how it predicts says which loss goes on.
  if (model.options["optimizer"] !== "als")
    options["loss"] = model.logistic ? "logistic" : "squared";
  if (options["optimizer"] === "als" && changes["learningRate"] !== undefined) {
    checkFinite(changes["learningRate"], "learningRate");
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      "alternating least squares has no learningRate",
      "learningRate",
    );
  }
  return resolveModelOptions(options);
}

/** As CoreDataset.counted, around a generator. */
function* withCounted(
  data: CoreDataset | undefined,
  users: IdMap,
  items: IdMap,
  body: (data: CoreInteractions | null) => Training,
): Training {
  if (data === undefined) return yield* body(null);
  const { handle, release } = data.countedBy(users, items);
  try {
    return yield* body(handle);
  } finally {
    release();
  }
}
