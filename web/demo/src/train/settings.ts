/** What the training form can ask for, and how that reads as options of the package. */
import type { ModelOptions, SplitOptions } from "featherfm";
import { officialTestRows, type OfficialSplit } from "../data/official-splits.js";
import type { RatingTable } from "../data/table.js";

export type Optimizer = "sgd" | "adagrad" | "adam" | "als";
export type SplitChoice = "random" | "user" | "leave-last-out" | "time" | OfficialSplit;

export interface Settings {
  optimizer: Optimizer;
  loss: "squared" | "logistic";
  factors: number;
  epochs: number;
  learningRate: number;
  regularization: number;
  split: SplitChoice;
  /** Share of the ratings held out, in percent. */
  testPercent: number;
  /** How many of each user's latest ratings are held out. */
  lastCount: number;
  seed: number;
}

type Tuning = Pick<Settings, "epochs" | "learningRate" | "regularization">;

/** The package's own defaults, which were tuned on MovieLens 100K. */
const tunings = {
  sgd: {
    squared: { epochs: 20, learningRate: 0.05, regularization: 1.2 },
    logistic: { epochs: 20, learningRate: 0.2, regularization: 0.3 },
  },
  adagrad: {
    squared: { epochs: 20, learningRate: 0.05, regularization: 1 },
    logistic: { epochs: 20, learningRate: 0.1, regularization: 0.3 },
  },
  adam: {
    squared: { epochs: 20, learningRate: 0.005, regularization: 1 },
    logistic: { epochs: 20, learningRate: 0.005, regularization: 0.3 },
  },
} satisfies Record<Exclude<Optimizer, "als">, Record<Settings["loss"], Tuning>>;

export function tuningFor({
  optimizer,
  loss,
}: Pick<Settings, "optimizer" | "loss">): Partial<Tuning> {
  return optimizer === "als" ? { epochs: 15, regularization: 1.2 } : tunings[optimizer][loss];
}

export const defaultSettings: Settings = {
  optimizer: "sgd",
  loss: "squared",
  factors: 32,
  ...tunings.sgd.squared,
  split: "random",
  testPercent: 20,
  lastCount: 1,
  seed: 1,
};

/** Alternating least squares solves for the squared error and takes no steps: it has neither a loss nor a rate. */
export function applies(field: keyof Settings, settings: Settings): boolean {
  switch (field) {
    case "loss":
    case "learningRate":
      return settings.optimizer !== "als";
    case "testPercent":
      return settings.split === "random" || settings.split === "user" || settings.split === "time";
    case "lastCount":
      return settings.split === "leave-last-out";
    default:
      return true;
  }
}

export function modelOptions(settings: Settings): ModelOptions {
  const { optimizer, loss, factors, epochs, learningRate, seed } = settings;
  const common = { model: "mf", factors, epochs, seed } as const;
  if (optimizer === "als") return { ...common, optimizer, regularization: settings.regularization };
  // Biases are learned from many ratings each and bear a twelfth of the penalty, as in the package's defaults.
  const { regularization: factor } = settings;
  const regularization = { user: factor, item: factor, bias: factor / 12 };
  return { ...common, optimizer, loss, learningRate, regularization };
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
