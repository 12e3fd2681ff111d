/** What the training form can ask for, and how that reads as options of the package. */
import { type ModelOptions, type SplitOptions, withDefaults } from "featherfm/client";
import { officialTestRows, type OfficialSplit } from "../data/official-splits.js";
import type { RatingTable } from "../data/table.js";
import { fieldNames, isDerived, isIdentity, type FieldName } from "./fields.js";

export type Optimizer = "sgd" | "adagrad" | "adam" | "als";
export type Solver = "als" | "sgd" | "adagrad" | "adam" | "ftrl" | "sgda" | "mcmc";
export type SplitChoice = "random" | "user" | "leave-last-out" | "time" | OfficialSplit;

export const splitNames: Readonly<Record<SplitChoice, string>> = {
  random: "random ratings",
  user: "random, of each person",
  "leave-last-out": "each person’s latest",
  time: "the latest of all",
  u1: "official split u1",
  u2: "official split u2",
  u3: "official split u3",
  u4: "official split u4",
  u5: "official split u5",
  ua: "official split ua",
  ub: "official split ub",
};

/** What decides which options there are, and their defaults. */
export interface Choice {
  /** Matrix factorization or a factorization machine. */
  model: "mf" | "fm";
  optimizer: Optimizer;
  loss: "squared" | "logistic";
  solver: Solver;
  /** A rating, the probability that it is one of four stars or more, or (of a sampler) that of every rating. */
  task: "regression" | "classification" | "ordinal";
}

interface Tuning {
  factors: number;
  epochs: number;
  /** Sweeps of a sampler before those that count. */
  burnIn: number;
  /** Sweeps that count. */
  samples: number;
  learningRate: number;
  /** The penalty on factors; the others keep the proportions they have in the package's defaults. */
  regularization: number;
}

export interface Settings extends Choice, Tuning {
  /** What a factorization machine learns from. */
  fields: readonly FieldName[];
  split: SplitChoice;
  /** Share of the ratings held out, in percent. */
  testPercent: number;
  /** How many of each user's latest ratings are held out. */
  lastCount: number;
  seed: number;
}

type MfPenalties = Record<"user" | "item" | "bias", number>;
type FmPenalties = Record<"linear" | "factors", number>;

/** Of factorization machines alone: sampled, and therefore able to say how sure they are. */
export const isSampled = ({ model, solver }: Pick<Choice, "model" | "solver">): boolean =>
  model === "fm" && solver === "mcmc";

/** Alternating least squares solves for the squared error and takes no steps: it has neither a loss nor a rate. */
function choose(choice: Choice): ModelOptions {
  const { model, optimizer, loss, solver, task } = choice;
  if (model === "mf")
    return optimizer === "als" ? { model, optimizer } : { model, optimizer, loss };
  if (solver === "mcmc") return { model, solver, task };
  return { model, solver, task: task === "ordinal" ? "regression" : task };
}

/** Numbers of the form that go to the package under their own names, where the algorithm has them. */
const tuned = ["factors", "epochs", "burnIn", "samples", "learningRate"] as const;

/** The package's own defaults, which were tuned on MovieLens 100K; what the algorithm does not have is left out. */
export function tuningFor(choice: Choice): Partial<Tuning> {
  const defaults = withDefaults(choose(choice));
  const known = tuned.filter((name) => defaults[name] !== undefined);
  const penalties = defaults["regularization"] as Partial<MfPenalties & FmPenalties> | undefined;
  return {
    ...Object.fromEntries(known.map((name) => [name, defaults[name] as number])),
    ...(penalties && { regularization: (penalties.user ?? penalties.factors) as number }),
  };
}

const firstChoice: Choice = {
  model: "mf",
  optimizer: "sgd",
  loss: "squared",
  solver: "als",
  task: "regression",
};

export const defaultSettings: Settings = {
  ...firstChoice,
  ...(tuningFor({ ...firstChoice, model: "fm", solver: "mcmc" }) as Tuning),
  ...tuningFor(firstChoice),
  // As with the package: identities and what the data says, without what is made from the ratings.
  fields: fieldNames.filter((name) => !isDerived(name)),
  split: "random",
  testPercent: 20,
  lastCount: 1,
  seed: 1,
};

/** Sweeps of the preset, those before the first that counts included. */
const sweeps = 512;
/** Of the 100 that there can be: with a half-star scale there are ten. */
const mostClasses = 20;

/** What predicts best of all that the page can train: everything known goes in, and every star has a probability. */
export function bestAccuracy(table: RatingTable): Partial<Settings> {
  const classes = new Set(table.ratings).size;
  const choice = {
    model: "fm",
    solver: "mcmc",
    task: classes > 1 && classes <= mostClasses ? "ordinal" : "regression",
  } as const;
  const burnIn = 20;
  return {
    ...choice,
    ...tuningFor({ ...firstChoice, ...choice }),
    burnIn,
    samples: sweeps - burnIn,
    fields: fieldNames,
  };
}

/** Epochs, or a sampler's sweeps, that a training with these settings takes. */
export function epochsOf(settings: Settings): number {
  return isSampled(settings) ? settings.burnIn + settings.samples : settings.epochs;
}

/** Whether a field of the form means something beside the others. */
export function applies(field: keyof Settings, settings: Settings): boolean {
  switch (field) {
    case "optimizer":
      return settings.model === "mf";
    case "loss":
      return settings.model === "mf" && settings.optimizer !== "als";
    case "solver":
    case "task":
    case "fields":
      return settings.model === "fm";
    case "factors":
    case "epochs":
    case "burnIn":
    case "samples":
    case "learningRate":
    case "regularization":
      return field in tuningFor(settings);
    case "testPercent":
      return settings.split === "random" || settings.split === "user" || settings.split === "time";
    case "lastCount":
      return settings.split === "leave-last-out";
    default:
      return true;
  }
}

export function modelOptions(settings: Settings): ModelOptions {
  const chosen = choose(settings);
  const { regularization, seed, fields } = settings;
  const defaults = withDefaults(chosen);
  const known = tuned.filter((name) => defaults[name] !== undefined);
  const options = {
    ...chosen,
    ...Object.fromEntries(known.map((name) => [name, settings[name]])),
    ...penalties(defaults["regularization"], regularization),
    seed,
  };
  if (settings.model !== "fm") return options as ModelOptions;
  return {
    ...options,
    identity: { user: fields.includes("user"), item: fields.includes("item") },
    fields: fields.filter((name) => !isIdentity(name) && !isDerived(name)),
    derived: fields.filter(isDerived),
  } as ModelOptions;
}

/** The penalties around the one that the form asks for; a sampler has none. */
function penalties(defaults: unknown, value: number): Partial<Record<"regularization", unknown>> {
  if (defaults === undefined) return {};
  if ("user" in (defaults as object)) {
    const { user, item, bias } = defaults as MfPenalties;
    return { regularization: inProportion({ user, item, bias }, user, value) };
  }
  const { linear, factors } = defaults as FmPenalties;
  return { regularization: inProportion({ linear, factors }, factors, value) };
}

/** The penalties with `value` in place of the `leading` one, and the others as many times as large. */
function inProportion<K extends string>(
  penalties: Record<K, number>,
  leading: number,
  value: number,
): Record<K, number> {
  const scaled = Object.entries<number>(penalties).map(([name, penalty]) => [
    name,
    leading === 0 ? value : penalty * (value / leading),
  ]);
  return Object.fromEntries(scaled) as Record<K, number>;
}

export function splitOptions(settings: Settings, table: RatingTable): SplitOptions {
  const { split, seed } = settings;
  const testFraction = settings.testPercent / 100;
  switch (split) {
    case "random":
    case "user":
      return { by: split, testFraction, seed };
    case "time":
      return { by: split, testFraction };
    case "leave-last-out":
      return { by: split, count: settings.lastCount };
    default:
      return { by: "rows", testRows: officialTestRows(split, table) };
  }
}

/** In words: "official split u1", "random ratings, 20 %". */
export function splitText({ split, testPercent, lastCount }: Settings): string {
  if (split === "leave-last-out") return `${splitNames[split]} ${lastCount}`;
  const share = split === "random" || split === "user" || split === "time";
  return share ? `${splitNames[split]}, ${testPercent} %` : splitNames[split];
}
