/**
 * Training options: each one is written down once, in the tables of options/, with its documentation, range and
 * default. The TypeScript types are derived from these tables, the checks run over them, and what goes to C++ is their
 * output. The C++ side refuses the same ranges again; a test holds the two together.
 */
import { popularity, type PopularityOptions } from "./options/baselines.js";
import { checkChoice, checkNoExtraKeys, checkObject, valueOf } from "./options/checks.js";
import { fmClassificationDefaults, type FmOptions, fmTables } from "./options/fm.js";
import { mfLogisticDefaults, type MfOptions, mfTables } from "./options/mf.js";
import type { Option } from "./options/option.js";
import { svd, type SvdOptions } from "./options/svd.js";
import type { Dataset, EpochReport, Progress } from "./types.js";

export type { PopularityOptions } from "./options/baselines.js";
export type * from "./options/fm.js";
export type * from "./options/mf.js";
export type { SvdOptions } from "./options/svd.js";

/** The option tables by what selects them; a test walks over them and holds them to the C++ side. */
export const optionTables = { ...mfTables, svd, popularity, ...fmTables } as const;

/** Defaults that differ for the loss "logistic" of the model "mf" and the task "classification" of "fm". */
const labelDefaults: Record<string, Readonly<Record<string, unknown>>> = {
  ...mfLogisticDefaults,
  ...fmClassificationDefaults,
};

export type ModelOptions = MfOptions | SvdOptions | PopularityOptions | FmOptions;

/** What every training run takes besides the options of its model. */
export interface TrainControls<D = Dataset> {
  /** Held-out interactions whose error is measured after every epoch; for the models "mf" and "fm", which have epochs. */
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
  /** Ends training within 100 ms; the call rejects with the signal's reason. */
  signal?: AbortSignal;
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

export const controlNames = ["validation", "patience", "onEpoch", "onProgress", "signal"] as const;

/** Model options with every default filled in and every value checked. */
export type ResolvedOptions = { readonly model: ModelOptions["model"] } & Readonly<
  Record<string, unknown>
>;

/** What tells the algorithms of a family apart. */
const selectors = {
  mf: { name: "optimizer", choices: ["sgd", "adagrad", "adam", "als"] },
  fm: { name: "solver", choices: ["als", "sgd", "adagrad", "adam", "ftrl", "sgda", "mcmc"] },
} as const;

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
  const model = checkChoice(given["model"], "model", ["mf", "svd", "popularity", "fm"]);
  const selector = model === "mf" || model === "fm" ? selectors[model] : undefined;
  const selected =
    selector &&
    checkChoice(
      valueOf(given, selector.name, selector.choices[0]),
      selector.name,
      selector.choices as readonly string[],
    );
  const where = selected === undefined ? model : `${model}/${selected}`;
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
  if (selector !== undefined) resolved[selector.name] = selected;
  return resolved;
}
