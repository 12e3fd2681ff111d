/**
 * Training options: each one is written down once, in the tables of options/, with its documentation, range and
 * default. The TypeScript types are derived from these tables, the checks run over them, and what goes to C++ is their
 * output. The C++ side refuses the same ranges again; a test holds the two together.
 */
import {
  biases,
  type BiasesOptions,
  itemKnn,
  type ItemKnnOptions,
  popularity,
  type PopularityOptions,
} from "./options/baselines.js";
import { checkChoice, checkNoExtraKeys, checkObject, valueOf } from "./options/checks.js";
import { fmClassificationDefaults, type FmOptions, fmTables } from "./options/fm.js";
import { checkHybrid, type HybridOptions, hybridTables } from "./options/hybrid.js";
import { type ImplicitAlsOptions, implicitTables } from "./options/implicit.js";
import { mfLogisticDefaults, type MfOptions, mfTables } from "./options/mf.js";
import type { Option } from "./options/option.js";
import { svd, type SvdOptions } from "./options/svd.js";
import type { Dataset, EpochReport, Progress } from "./types.js";

export type { BiasesOptions, ItemKnnOptions, PopularityOptions } from "./options/baselines.js";
export type * from "./options/fm.js";
export type * from "./options/hybrid.js";
export type * from "./options/implicit.js";
export type * from "./options/mf.js";
export type { SvdOptions } from "./options/svd.js";

/** The option tables by what selects them; a test walks over them and holds them to the C++ side. */
export const optionTables = {
  ...mfTables,
  svd,
  popularity,
  ...fmTables,
  ...hybridTables,
  ...implicitTables,
  "item-knn": itemKnn,
  biases,
} as const;

/** Defaults that differ for the loss "logistic" of the model "mf" and the task "classification" of "fm". */
const labelDefaults: Record<string, Readonly<Record<string, unknown>>> = {
  ...mfLogisticDefaults,
  ...fmClassificationDefaults,
};

export type ModelOptions =
  | MfOptions
  | SvdOptions
  | PopularityOptions
  | FmOptions
  | HybridOptions
  | ImplicitAlsOptions
  | ItemKnnOptions
  | BiasesOptions;

/** What every training run takes besides the options of its model. */
export interface TrainControls<D = Dataset> {
  /**
   * Held-out interactions on which every epoch is measured, for models that have epochs: by their error, or by how well they
   * are ranked for models that are trained to rank.
   */
  validation?: D;
  /**
   * Stop after this many epochs without a better validation loss, and return the best epoch's parameters. Needs
   * `validation`. Never stops early when left out (the best epoch's parameters are returned all the same).
   */
  patience?: number;
  /** Called after every epoch. An exception thrown here ends training and comes out of the call. */
  onEpoch?: (report: EpochReport) => void;
  /** Called every few milliseconds of training. */
  onProgress?: (progress: Progress) => void;
  /** Ends training within 100 ms; the call rejects with the signal's reason, or does what `onAbort` says. */
  signal?: AbortSignal;
  /**
   * What an aborted run gives: nothing (`"reject"`), or the model as it stands (`"keep"`): of the last finished epoch, with
   * validation of the best one, of a sampler the samples kept so far, or the last one. Before anything is finished the call rejects all the same.
   * @defaultValue "reject"
   */
  onAbort?: "reject" | "keep";
}

export type TrainOptions<D = Dataset> = ModelOptions & TrainControls<D>;

/** What may change when training is continued; everything else stays as the model was trained. */
export type FitPartialOptions<D = Dataset> = {
  epochs?: number;
  learningRate?: number;
  seed?: number;
  /** For models that were sampled: how many further sweeps count, and how many samples the model keeps of all. */
  samples?: number;
  keep?: number;
} & TrainControls<D>;

export const controlNames = [
  "validation",
  "patience",
  "onEpoch",
  "onProgress",
  "signal",
  "onAbort",
] as const;

/** Model options with every default filled in and every value checked. */
export type ResolvedOptions = { readonly model: ModelOptions["model"] } & Readonly<
  Record<string, unknown>
>;

/** The families of models, by the name that selects them. */
export const families = [
  "mf",
  "svd",
  "popularity",
  "fm",
  "hybrid",
  "implicit-als",
  "item-knn",
  "biases",
] as const;

/** What tells the algorithms of a family apart, by option; its first choice is the default. */
const selectors: Partial<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  mf: { optimizer: ["sgd", "adagrad", "adam", "als"] },
  fm: { solver: ["als", "sgd", "adagrad", "adam", "ftrl", "sgda", "mcmc", "vb"] },
  hybrid: {
    loss: ["warp", "bpr", "warp-kos", "logistic"],
    optimizer: ["adagrad", "adadelta"],
  },
  "implicit-als": { solver: ["cg", "cholesky", "subspace"] },
};

/** Rules over several options of a family. */
const rules: Partial<Record<string, (resolved: Readonly<Record<string, unknown>>) => void>> = {
  hybrid: checkHybrid,
};

/**
 * The options with every default filled in, for forms and the like: defaults depend on `model`, `optimizer` and `loss`.
 * Checks every value on the way and throws what `train` would.
 */
export function withDefaults(options: ModelOptions): ResolvedOptions {
  return resolveModelOptions(options);
}

/** Checks `options` against the table its `model` and `optimizer` select; controls are left to the caller. */
export function resolveModelOptions(options: unknown): ResolvedOptions {
  const given = checkObject(options, "options");
  const model = checkChoice(given["model"], "model", families);
  const selected: Record<string, string> = {};
  for (const [name, choices] of Object.entries(selectors[model] ?? {})) {
    selected[name] = checkChoice(valueOf(given, name, choices[0]), name, choices);
  }
  const where = [model, ...Object.values(selected)].join("/");
  const table: Readonly<Record<string, Option<unknown>>> =
    optionTables[where as keyof typeof optionTables];
  checkNoExtraKeys(given, ["model", ...Object.keys(table), ...controlNames], where);
  const defaults =
    given["loss"] === "logistic" || given["task"] === "classification"
      ? (labelDefaults[where] ?? {})
      : {};
  const resolved: Record<string, unknown> & { model: ModelOptions["model"] } = { model };
  for (const [name, option] of Object.entries(table)) {
    const fallback = defaults[name] ?? option.default;
    resolved[name] =
      given[name] === undefined ? fallback : option.parse(given[name], name, fallback);
  }
  Object.assign(resolved, selected);
  rules[model]?.(resolved);
  return resolved;
}
