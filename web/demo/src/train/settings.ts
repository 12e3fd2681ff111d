/** What the training form can ask for: a model with its numbers, what it learns from, and which ratings are held out. */
import type { ModelOptions, SplitOptions } from "featherfm/client";
import { officialTestRows, type OfficialSplit } from "../data/official-splits.js";
import type { RatingTable } from "../data/table.js";
import { relevantFrom, type Scale } from "../scale.js";
import { fieldNames, type FieldName } from "./fields.js";
import {
  appliesChoice,
  type Choice,
  choiceNames,
  defaultsOf,
  firstChoice,
  hasFields,
  isSampled,
  optionsFor,
  type Tuning,
  tuningFor,
} from "./models.js";

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

export interface Settings extends Choice, Tuning {
  /** What a factorization machine or hybrid model learns from. */
  fields: readonly FieldName[];
  split: SplitChoice;
  /** Share of the ratings held out, in percent. */
  testPercent: number;
  /** How many of each user's latest ratings are held out. */
  lastCount: number;
  seed: number;
}

/** A number for every field of the form, those that the first model does not have included. */
const firstTuning = (["item-knn", "implicit-als", "hybrid", "fm", "mf"] as const).reduce(
  (tuning, model) => ({ ...tuning, ...tuningFor({ ...firstChoice, model, solver: "mcmc" }) }),
  {} as Tuning,
);

export const defaultSettings: Settings = {
  ...firstChoice,
  ...firstTuning,
  ...defaultsOf(firstChoice.model),
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
  if (isSampled(settings)) return settings.burnIn + settings.samples;
  return applies("epochs", settings) ? settings.epochs : 1;
}

const isChoice = (field: keyof Settings): field is keyof Choice =>
  (choiceNames as readonly string[]).includes(field);

/** Whether a field of the form means something beside the others. */
export function applies(field: keyof Settings, settings: Settings): boolean {
  if (isChoice(field)) return appliesChoice(field, settings);
  switch (field) {
    case "fields":
      return hasFields(settings);
    case "split":
      return true;
    case "testPercent":
      return settings.split === "random" || settings.split === "user" || settings.split === "time";
    case "lastCount":
      return settings.split === "leave-last-out";
    case "seed":
      // Of the split, where the model draws no numbers.
      return true;
    default:
      return field in tuningFor(settings);
  }
}

export function modelOptions(settings: Settings, scale: Scale): ModelOptions {
  return optionsFor(settings, settings, settings.fields, settings.seed, relevantFrom(scale));
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

/** Whether two trainings held the same ratings out, so that their figures can be compared. */
export function sameSplit(a: Settings, b: Settings): boolean {
  const key = (settings: Settings) =>
    [
      settings.split,
      applies("testPercent", settings) && settings.testPercent,
      applies("lastCount", settings) && settings.lastCount,
      (settings.split === "random" || settings.split === "user") && settings.seed,
    ].join();
  return key(a) === key(b);
}
