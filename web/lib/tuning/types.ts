/** What choosing options takes and gives. */
import type { FeatherError } from "../errors.js";
import type { ModelOptions } from "../options.js";
import type { EvaluateOptions, Metric } from "../types.js";

/** How far a cross-validation or a search is. */
export interface TuningProgress {
  /** The training run under way, from 1, of `runs` that are planned. */
  run: number;
  runs: number;
  /** Share of the whole done, 0 to 1. */
  fraction: number;
  /** Milliseconds since it began. */
  elapsedMs: number;
}

/** How models are measured on what was held out of their training. */
interface Measuring extends Pick<EvaluateOptions, "relevantFrom" | "negatives"> {
  /** Leave the training items of each user out of rankings, as `recommend` does. @defaultValue true */
  filterSeen?: boolean;
  /** Same seed and data, same parts and draws. @defaultValue 1 */
  seed?: number;
  /** Ends the work within 100 ms; the call rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called every few milliseconds of training. */
  onProgress?: (progress: TuningProgress) => void;
}

export interface CrossValidateOptions<M extends Metric = Metric> extends Measuring {
  /** Number of parts; each is held out once. 2 to 1,000. @defaultValue 5 */
  folds?: number;
  /** Parts of all interactions, or of each user's (`"user"`). Rows have no users. @defaultValue "random" */
  by?: "random" | "user";
  /** @defaultValue ["rmse", "mae"] */
  metrics?: readonly M[];
}

export interface CrossValidation<M extends Metric = Metric> {
  /** What each held-out part gave, in their order. */
  folds: { metrics: Record<M, number>; elapsedMs: number }[];
  /** Over the folds. */
  mean: Record<M, number>;
  /** Standard deviation over the folds, with folds - 1 in the denominator. */
  deviation: Record<M, number>;
}

/** Numbers between two ends, both included. */
export interface NumberRange {
  min: number;
  max: number;
  /** Uniform in the number, or in its logarithm. @defaultValue "linear" */
  scale?: "linear" | "log";
  /** Whole numbers only. @defaultValue false */
  integer?: boolean;
}

/** Any of some values. */
export interface Choices<T> {
  choices: readonly T[];
}

type Numbers<T> = Extract<T, number> extends never ? never : NumberRange;
/** An object of numbers, such as `{ user, item }` penalties, may have ranges inside. */
type Inside<T> = T extends readonly unknown[]
  ? never
  : T extends object
    ? { [K in keyof T]: T[K] | Numbers<T[K]> | Choices<NonNullable<T[K]>> }
    : never;
type Searched<T> = T | Numbers<T> | Choices<NonNullable<T>> | Inside<NonNullable<T>>;
type SpaceOf<O> = O extends unknown
  ? {
      [K in keyof O]: K extends "model"
        ? O[K]
        : K extends "optimizer" | "solver" | "loss"
          ? O[K] | Choices<string>
          : Searched<O[K]>;
    }
  : never;

/** The options of a model, ranges or choices in the place of any of them but `model`. */
export type SearchSpace = SpaceOf<ModelOptions>;

export interface SearchOptions extends Measuring {
  /** How many sets of options are drawn, 1 to 10,000; fewer where there are no more. @defaultValue 20 */
  trials?: number;
  /**
   * `"random"` trains every trial in full (Bergstra, Bengio 2012). `"halving"` trains all of them for a few epochs, or samples, drops
   * all but the best, and trains those anew for more, up to the full number (successive halving: Jamieson, Talwalkar 2016).
   * @defaultValue "random"
   */
  by?: "random" | "halving";
  /** Of "halving": of how many trials one goes on, and how many times as many epochs it gets then. 2 to 10. @defaultValue 3 */
  reduction?: number;
  /** What is to be best: errors and "gini" the least, all others the most. @defaultValue "rmse" */
  metric?: Metric;
  /**
   * What trials are measured on: a share that is held out, `{ fraction }`, or the mean over `{ folds }`; parts of all interactions or
   * of each user's. @defaultValue { fraction: 0.2, by: "random" }
   */
  validation?:
    { fraction?: number; by?: "random" | "user" } | { folds: number; by?: "random" | "user" };
  /** Called whenever a trial was measured. An exception thrown here ends the search and comes out of the call. */
  onTrial?: (trial: Trial) => void;
}

/** One set of options and what came of it. */
export interface Trial {
  /** Number in the order of the draws, from 1. */
  trial: number;
  /** To be handed to `train`: those given, with what was drawn. */
  options: ModelOptions;
  /** The metric at last; null for a trial that failed. */
  value: number | null;
  /** Its standard deviation over the folds; 0 without folds. */
  deviation: number;
  /** Epochs (sweeps, samples) that were trained for it in all. */
  epochs: number;
  /** Of "halving": how often it was among those that went on. */
  rung: number;
  /** `"stopped"`: others went on in its place. `"failed"`: training diverged, or the metric is no number. */
  status: "done" | "stopped" | "failed";
  error?: Pick<FeatherError, "code" | "message">;
  elapsedMs: number;
}

export interface SearchResult {
  best: { options: ModelOptions; value: number };
  /** Best first: those trained in full, then those that were stopped, then those that failed. */
  trials: Trial[];
}
