/** Training runs: one generator does the work in slices; whoever drives it decides what happens between two of them. */
import { checkSignal, throwIfAborted } from "./abort.js";
import type {
  Core,
  CoreDescription,
  CoreInteractions,
  CoreModel,
  CoreModule,
  CoreStep,
  CoreTrainer,
} from "./core.js";
import { type CoreDataset, checkDataset } from "./dataset.js";
import { ArgumentError, DivergedError, show } from "./errors.js";
import type { Encoder, Field } from "./features.js";
import { IdMap } from "./ids.js";
import { takesFeatures, TrainedModel } from "./model.js";
import {
  controlNames,
  type ResolvedOptions,
  resolveModelOptions,
  type TrainControls,
} from "./options.js";
import {
  checkChoice,
  checkFinite,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "./options/checks.js";
import { checkRowSet, CoreRowSet } from "./rows.js";
import type { EpochReport, TrainingSummary } from "./types.js";

/** How long a slice of training takes: short against the 100 ms in which a cancel must take effect. */
const sliceMs = 12;

export interface CheckedControls<D> {
  validation: D | undefined;
  patience: number;
  onEpoch: TrainControls["onEpoch"];
  onProgress: TrainControls["onProgress"];
  signal: AbortSignal | undefined;
  onAbort: "reject" | "keep";
}

/** `check` takes validation data of the kind that is trained on. */
export function checkControls<D>(
  options: unknown,
  core: Core,
  check: (value: unknown, name: string, core: Core) => D,
): CheckedControls<D> {
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
  const signal = checkSignal(given.signal);
  const validation =
    given.validation === undefined ? undefined : check(given.validation, "validation", core);
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
    signal,
    onAbort: checkChoice(valueOf({ ...given }, "onAbort", "reject"), "onAbort", ["reject", "keep"]),
  };
}

/** Everything one run needs, checked. */
interface Run {
  core: Core;
  options: ResolvedOptions;
  controls: CheckedControls<unknown>;
  /** Makes the core's trainer from the options it is to have, and their text to be kept with the model. */
  trainer: (module: CoreModule, options: object, text: string) => CoreTrainer;
  users: IdMap;
  items: IdMap;
}

/** Yields after every slice; returns the model. An early end of the generator frees everything. */
export type Training = Generator<void, TrainedModel, void>;

function* popularity(
  core: Core,
  options: ResolvedOptions,
  signal: AbortSignal | undefined,
  { owned: { handle: data }, users, items }: CoreDataset,
): Training {
  throwIfAborted(signal);
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
  throwIfAborted(run.controls.signal);
  const { core, options, controls, users, items } = run;
  const begun = performance.now();
  const epochs = epochsOf(options);
  const reports: EpochReport[] = [];
  const trainer = core.run((module) =>
    run.trainer(module, { ...options, patience: controls.patience }, JSON.stringify(options)),
  );
  const finished = (aborted = false) => {
    const summary: TrainingSummary = {
      epochs: reports,
      bestEpoch: trainer.bestEpoch,
      stoppedEarly: trainer.stoppedEarly,
      ...(aborted && { aborted }),
      ...learnedRegularization(trainer),
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
          ...traceOf(step),
        };
        reports.push(report);
        controls.onEpoch?.(report);
      }
      controls.onProgress?.({ epoch, epochs, fraction, elapsedMs: performance.now() - begun });
      if (done) return core.run(() => finished());
      yield;
      const kept = controls.onAbort === "keep" && trainer.bestEpoch > 0;
      if (kept && controls.signal?.aborted === true) return core.run(() => finished(true));
      throwIfAborted(controls.signal);
    }
  } catch (error) {
    if (error instanceof DivergedError && trainer.bestEpoch > 0)
      error.model = core.run(() => finished());
    throw error;
  } finally {
    free(core, trainer);
  }
}

function free(core: Core, trainer: CoreTrainer): void {
  if (!core.closed) trainer.delete();
}

/** Number of epochs that are reported: sweeps, of a sampler. */
function epochsOf(options: ResolvedOptions): number {
  const { epochs, chains, burnIn, samples } = options as Partial<Record<string, number>>;
  if (epochs !== undefined) return epochs;
  return burnIn === undefined || samples === undefined ? 1 : (chains ?? 1) * burnIn + samples;
}

const byField = (penalties: ReturnType<CoreTrainer["learnedPenalties"]>) =>
  Object.fromEntries(penalties.map(({ field, linear, factors }) => [field, { linear, factors }]));

function traceOf({ noise, penalties }: CoreStep): Pick<EpochReport, "trace"> {
  if (noise === undefined || penalties === undefined) return {};
  return { trace: { noise, precisions: byField(penalties) } };
}

function learnedRegularization(
  trainer: CoreTrainer,
): Pick<TrainingSummary, "learnedRegularization"> {
  const penalties = trainer.learnedPenalties();
  return penalties.length === 0 ? {} : { learnedRegularization: byField(penalties) };
}

/** Options of a factorization machine as the core takes them. */
export function fmCoreOptions(options: object, unitsPerDay: number): object {
  const { derived, setScale, regularization, ...rest } = options as {
    derived: readonly string[];
    setScale: string;
    // A sampler has none.
    regularization?: { fields: Record<string, { linear: number; factors: number }> };
  };
  return {
    ...rest,
    derived: {
      userItems: derived.includes("user-items"),
      itemUsers: derived.includes("item-users"),
      day: derived.includes("day"),
      setScale,
      unitsPerDay,
    },
    ...(regularization && {
      regularization: {
        ...regularization,
        fields: Object.entries(regularization.fields).map(([field, penalties]) => ({
          field,
          ...penalties,
        })),
      },
    }),
  };
}

/** Rows have no users and items that their other fields could be compared to. */
function withoutIdentity(options: object): object {
  const { regularization } = options as { regularization?: object };
  if (regularization === undefined) return options;
  return { ...options, regularization: { ...regularization, features: 1 } };
}

/** The encoders of the dataset's fields that the options name. */
function chosenEncoders(options: ResolvedOptions, data: CoreDataset): Encoder[] {
  const encoders = data.knowledge.fields
    .map(({ encoder }) => encoder)
    .filter(({ side }) => options.model === "fm" || side !== "context");
  const chosen = options["fields"] as "all" | readonly string[];
  if (chosen === "all") return encoders;
  for (const [k, name] of chosen.entries()) {
    if (encoders.some((encoder) => encoder.name === name)) continue;
    const known = encoders.map((encoder) => `"${encoder.name}"`).join(", ");
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      options.model === "fm"
        ? `fields[${k}]: the dataset has no field "${name}"; it has ${known || "none"}`
        : `fields[${k}]: the dataset has no field "${name}" of users or items; it has ${known || "none"}`,
      "fields",
    );
  }
  return encoders.filter((encoder) => chosen.includes(encoder.name));
}

/** What the features of the data give a factorization machine under the maps of its model. */
function describe(
  encoders: readonly Encoder[],
  data: CoreDataset,
  validation: CoreDataset | undefined,
  users: IdMap,
  items: IdMap,
  timestampUnit: unknown,
): CoreDescription {
  return {
    features: data.featuresFor(encoders, users, items, "data"),
    validationFeatures: validation?.featuresFor(encoders, users, items, "validation") ?? null,
    validationUnitsPerDay: (validation ?? data).unitsPerDay(timestampUnit),
    encoders: JSON.stringify(encoders),
  };
}

/** Training on interactions; `counted` are those and the validation's, both counted by `users` and `items`. */
function* onInteractions(
  core: Core,
  options: ResolvedOptions,
  controls: CheckedControls<CoreDataset>,
  data: CoreDataset,
  users: IdMap,
  items: IdMap,
  encoders: readonly Encoder[],
  start: CoreModel | null,
): Training {
  const { validation } = controls;
  const { timestampUnit } = options;
  return yield* withCounted(data, users, items, (counted) =>
    withCounted(validation, users, items, (countedValidation) =>
      steps({
        core,
        options,
        controls,
        trainer: (module, given, text) => {
          return module.makeTrainer(
            options.model === "fm" ? fmCoreOptions(given, data.unitsPerDay(timestampUnit)) : given,
            text,
            counted as CoreInteractions,
            countedValidation,
            start,
            takesFeatures(options.model)
              ? describe(encoders, data, validation, users, items, timestampUnit)
              : null,
          );
        },
        users,
        items,
      }),
    ),
  );
}

function onRows(
  core: Core,
  options: ResolvedOptions,
  controls: CheckedControls<CoreRowSet>,
  rows: CoreRowSet,
  start: CoreModel | null,
): Training {
  rows.requireTargets("data");
  controls.validation?.requireTargets("validation");
  const none = new IdMap();
  return steps({
    core,
    options,
    controls,
    trainer: (module, given, text) =>
      module.makeRowTrainer(
        fmCoreOptions(withoutIdentity(given), 86_400),
        text,
        rows.owned.handle,
        controls.validation?.owned.handle ?? null,
        start,
      ),
    users: none,
    items: none,
  });
}

/** Options that mean something only where there are users and items. */
function checkRowOptions(given: unknown, options: ResolvedOptions): void {
  if (options.model !== "fm") {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `the model "${options.model}" is trained on a dataset of users and items; rows are for the model "fm"`,
      "data",
    );
  }
  for (const name of ["identity", "fields", "derived", "setScale", "timestampUnit"]) {
    if ((given as Record<string, unknown>)[name] === undefined) continue;
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name} is about users and items, and rows have none`,
      name,
    );
  }
}

function checkPatience(options: ResolvedOptions, { patience }: { patience: number }): void {
  const sampled = options["solver"] === "mcmc";
  const inEpochs =
    ["mf", "fm", "hybrid", "implicit-als", "biases"].includes(options.model) && !sampled;
  if (patience === 0 || inEpochs) return;
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    sampled
      ? "patience waits for the best epoch, and a sampler averages over all of them"
      : `patience counts epochs, and the model "${options.model}" has none`,
    "patience",
  );
}

/** Training from the beginning. Arguments are checked at once, before the first slice. */
export function train(core: Core, data: CoreDataset | CoreRowSet, given: unknown): Training {
  const options = resolveModelOptions(given);
  if (data instanceof CoreRowSet) {
    checkRowOptions(given, options);
    const controls = checkControls(given, core, checkRowSet);
    checkPatience(options, controls);
    return onRows(core, options, controls, data, null);
  }
  const controls = checkControls(given, core, checkDataset);
  checkPatience(options, controls);
  if (options.model === "popularity") return popularity(core, options, controls.signal, data);
  const encoders = takesFeatures(options.model) ? chosenEncoders(options, data) : [];
  return onInteractions(core, options, controls, data, data.users, data.items, encoders, null);
}

/** Training goes on from a model's parameters, over the users and items of both. */
export function fitPartial(
  core: Core,
  model: TrainedModel,
  data: CoreDataset | CoreRowSet,
  given: unknown,
): Training {
  if (!["mf", "fm", "hybrid", "implicit-als"].includes(model.family)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `a model of the family "${model.family}" cannot be continued; train it anew`,
      "model",
    );
  }
  const changes = checkObject(given, "options");
  const sampled = model.options["solver"] === "mcmc";
  const steps = model.options["solver"] === "vb" ? [] : ["learningRate"];
  const names = sampled ? ["samples", "keep"] : ["epochs", "seed", ...steps];
  checkNoExtraKeys(changes, [...names, ...controlNames], "fitPartial");
  const options = continuedOptions(model, changes);
  const start = model.owned.handle;
  if (data instanceof CoreRowSet || (model.family === "fm" && model.users.size === 0)) {
    const rows = checkRowSet(data, "data", core);
    if (model.family !== "fm" || model.users.size > 0) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        "a model of users and items continues with a dataset, not with rows",
        "data",
      );
    }
    const controls = checkControls(given, core, checkRowSet);
    checkPatience(options, controls);
    return onRows(core, options, controls, rows, start);
  }
  const controls = checkControls(given, core, checkDataset);
  checkPatience(options, controls);
  const users = model.users.extendedBy(data.users);
  const items = model.items.extendedBy(data.items);
  // Categories that are new come behind those the model has.
  const encoders = model.encoders.map((encoder) => {
    const same = ({ encoder: { name, side } }: Field) =>
      name === encoder.name && side === encoder.side;
    const further = data.knowledge.fields.find(same);
    return further === undefined ? encoder : encoder.extendedBy(further.encoder);
  });
  return onInteractions(core, options, controls, data, users, items, encoders, start);
}

function continuedOptions(model: TrainedModel, changes: Record<string, unknown>): ResolvedOptions {
  const options: Record<string, unknown> = {
    ...model.options,
    model: model.family,
    factors: model.factors,
  };
  for (const name of ["epochs", "learningRate", "seed", "samples", "keep"]) {
    if (changes[name] !== undefined) options[name] = changes[name];
  }
  // A chain goes on where it stands.
  if (options["solver"] === "mcmc") {
    const { factors } = model.options;
    return resolveModelOptions({ ...options, factors, burnIn: 0, chains: 1 });
  }
  if (options["solver"] === "vb") return resolveModelOptions(options);
  const als =
    model.family === "implicit-als" ||
    (options[model.family === "fm" ? "solver" : "optimizer"] ??
      (model.family === "fm" ? "als" : "sgd")) === "als";
  // A model from elsewhere comes without options: how it predicts says which loss goes on.
  if (model.family === "hybrid") {
    if (options["optimizer"] === "adadelta" && changes["learningRate"] !== undefined) {
      checkFinite(changes["learningRate"], "learningRate");
      throw new ArgumentError("INVALID_ARGUMENT", "AdaDelta has no learningRate", "learningRate");
    }
  } else if (model.family === "fm") {
    options["task"] = model.logistic ? "classification" : "regression";
  } else if (model.family === "mf" && options["optimizer"] !== "als") {
    options["loss"] = model.logistic ? "logistic" : "squared";
  }
  if (als && changes["learningRate"] !== undefined) {
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
