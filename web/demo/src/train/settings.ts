/** What the training form can ask for, and how that reads as options of the package. */
import { type ModelOptions, type SplitOptions, withDefaults } from "featherfm/client";
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

/** The package's own defaults, which were tuned on MovieLens 100K; a field the optimizer does not have is undefined. */
export function tuningFor({
  optimizer,
  loss,
}: Pick<Settings, "optimizer" | "loss">): Partial<Tuning> {
  const options = optimizer === "als" ? { optimizer } : { optimizer, loss };
  const { epochs, learningRate, regularization } = withDefaults({ model: "mf", ...options });
  return {
    epochs: epochs as number,
    ...(learningRate !== undefined && { learningRate: learningRate as number }),
    regularization: (regularization as { user: number }).user,
  };
}

export const defaultSettings: Settings = {
  optimizer: "sgd",
  loss: "squared",
  factors: 32,
  epochs: 30,
  learningRate: 0.05,
  regularization: 1.2,
  ...tuningFor({ optimizer: "sgd", loss: "squared" }),
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
