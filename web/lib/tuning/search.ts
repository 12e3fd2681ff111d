/** Search over options: random, and successive halving. */
import { throwIfAborted } from "../abort.js";
import type { Core } from "../core.js";
import { ArgumentError, DivergedError } from "../errors.js";
import { type ModelOptions, resolveModelOptions } from "../options.js";
import {
  checkChoice,
  checkFinite,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "../options/checks.js";
import type { Metric, SplitOptions } from "../types.js";
import { checkBy, checkFolds, foldSplit } from "./cross-validate.js";
import {
  checkCallback,
  checkMeasuring,
  Course,
  type Data,
  deviation,
  mean,
  measure,
  type Measuring,
  measuringNames,
  type Work,
} from "./measure.js";
import { draw, readSpace } from "./space.js";
import type { SearchOptions, SearchResult, Trial } from "./types.js";

const lowerIsBetter = /^(rmse|mae|mae-rounded|log-loss|gini@\d+)$/;

const names = ["trials", "by", "reduction", "metric", "validation", "onTrial", ...measuringNames];

/** The splits that every trial is measured on. */
function checkValidation(given: unknown, data: Data, seed: number): SplitOptions[] {
  const validation = checkObject(given, "validation");
  checkNoExtraKeys(validation, ["fraction", "folds", "by"], "validation");
  const by = checkBy(valueOf(validation, "by", "random"), "validation.by", data);
  if (validation["folds"] !== undefined) {
    if (validation["fraction"] !== undefined) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        "validation is a fraction or folds, not both",
        "validation",
      );
    }
    const folds = checkFolds(validation["folds"], "validation.folds");
    return Array.from({ length: folds }, (_, fold) => foldSplit(by, folds, fold, seed));
  }
  const fraction = valueOf(validation, "fraction", 0.2);
  return [
    {
      by,
      testFraction: checkFinite(fraction, "validation.fraction", { above: 0, below: 1 }),
      seed,
    },
  ];
}

/** What more of is what more training means. */
function resourceOf(options: ModelOptions): "epochs" | "samples" {
  const resolved = resolveModelOptions(options);
  if (typeof resolved["epochs"] === "number") return "epochs";
  if (typeof resolved["samples"] === "number") return "samples";
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `halving trains the survivors for more epochs, and the model "${resolved.model}" has none; search by "random"`,
    "by",
  );
}

/** Numbers of trials that go on: all, one in `reduction` of them, and so on to one. */
function rungSizes(trials: number, reduction: number, most: number): number[] {
  const sizes = [trials];
  // Fewer rungs than would leave less than one epoch for the first.
  for (let full = most; full >= reduction && (sizes.at(-1) as number) > 1; full /= reduction) {
    sizes.push(Math.max(1, Math.floor((sizes.at(-1) as number) / reduction)));
  }
  return sizes;
}

/** Training options of a rung: the full number of epochs divided by `share`. */
interface Rung {
  size: number;
  optionsOf: (options: ModelOptions) => ModelOptions;
  /** Epochs, for the share of the whole work that a run is. */
  weightOf: (options: ModelOptions) => number;
}

function planRungs(trials: readonly ModelOptions[], by: string, reduction: number): Rung[] {
  if (by === "random") {
    return [{ size: trials.length, optionsOf: (options) => options, weightOf: () => 1 }];
  }
  const full = (options: ModelOptions): number =>
    resolveModelOptions(options)[resourceOf(options)] as number;
  const sizes = rungSizes(trials.length, reduction, Math.max(...trials.map(full)));
  return sizes.map((size, rung) => {
    const share = reduction ** (sizes.length - 1 - rung);
    const amount = (options: ModelOptions) => Math.max(1, Math.round(full(options) / share));
    const optionsOf = (options: ModelOptions) => ({
      ...options,
      [resourceOf(options)]: amount(options),
    });
    return { size, optionsOf, weightOf: amount };
  });
}

/** How a trial stands among the others: further rungs first, then the better value; failed ones last. */
function ranked(trials: readonly Trial[], metric: string): Trial[] {
  const sign = lowerIsBetter.test(metric) ? 1 : -1;
  const failed = ({ value }: Trial) => (value === null ? 1 : 0);
  return [...trials].sort(
    (a, b) =>
      failed(a) - failed(b) ||
      b.rung - a.rung ||
      sign * ((a.value ?? 0) - (b.value ?? 0)) ||
      a.trial - b.trial,
  );
}

/** Arguments are checked at once, before the first slice. */
export function search(
  core: Core,
  data: Data,
  options: unknown,
  given: unknown,
): Work<SearchResult> {
  const space = readSpace(options);
  const controls = checkObject(given, "options");
  checkNoExtraKeys(controls, names, "search");
  const count = checkInteger(valueOf(controls, "trials", 20), "trials", { min: 1, max: 10_000 });
  const by = checkChoice(valueOf(controls, "by", "random"), "by", ["random", "halving"]);
  const reduction = checkInteger(valueOf(controls, "reduction", 3), "reduction", {
    min: 2,
    max: 10,
  });
  const metric = valueOf(controls, "metric", "rmse") as Metric;
  const measuring = checkOneMetric(controls, metric);
  const splits = checkValidation(controls["validation"], data, measuring.seed);
  const onTrial = checkCallback(controls, "onTrial") as SearchOptions["onTrial"];
  const drawn = draw(core, space, count, measuring.seed);
  if (by === "halving") {
    const ranges = space.dimensions.map(({ name }) => name);
    const searched = drawn.map(resourceOf).find((resource) => ranges.includes(resource));
    if (searched !== undefined) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `halving decides itself how many ${searched} a trial gets; give the full number`,
        searched,
      );
    }
  }
  const rungs = planRungs(drawn, by, reduction);
  return run();

  function* run(): Work<SearchResult> {
    const trials = drawn.map((options, k): Trial => ({
      trial: k + 1,
      options,
      value: null,
      deviation: 0,
      epochs: 0,
      rung: 0,
      status: "done",
      elapsedMs: 0,
    }));
    // Who goes on is not known beforehand; the first ones stand for them.
    const course = new Course(
      measuring.onProgress,
      rungs.flatMap(({ size, weightOf }) =>
        drawn.slice(0, size).flatMap((options) => splits.map(() => weightOf(options))),
      ),
    );
    let going = trials;
    for (const [rung, { size, optionsOf }] of rungs.entries()) {
      if (rung > 0) {
        const able = ranked(going, metric).filter(({ status }) => status !== "failed");
        for (const trial of able.slice(size)) trial.status = "stopped";
        going = able.slice(0, size);
      }
      for (const trial of going) {
        trial.rung = rung;
        yield* tryOut(trial, optionsOf(trial.options), course);
        onTrial?.({ ...trial });
        throwIfAborted(measuring.signal);
      }
    }
    const table = ranked(trials, metric);
    const best = table[0];
    if (best === undefined || best.value === null) {
      throw new DivergedError(
        "DIVERGED",
        `every trial failed, the first by: ${trials[0]?.error?.message ?? "no value"}; narrow the ranges`,
      );
    }
    return { best: { options: best.options, value: best.value }, trials: table };
  }

  /** Trains and measures a trial on every split and writes down what came of it. */
  function* tryOut(trial: Trial, options: ModelOptions, course: Course): Work<void> {
    const begun = performance.now();
    try {
      const values: number[] = [];
      for (const split of splits) {
        const measured = yield* measure(core, data, split, options, measuring, course, trial);
        values.push(measured[metric] as number);
        yield;
      }
      trial.value = mean(values);
      trial.deviation = deviation(values);
      if (!Number.isFinite(trial.value)) {
        throw new DivergedError("DIVERGED", `the metric came out as ${trial.value}`);
      }
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      const { code, message } = error;
      Object.assign(trial, { value: null, deviation: 0, status: "failed" });
      trial.error = { code, message };
      course.endRun();
    }
    trial.elapsedMs += performance.now() - begun;
  }
}

function checkOneMetric(controls: Record<string, unknown>, metric: unknown): Measuring {
  try {
    return checkMeasuring(controls, [metric]);
  } catch (error) {
    // There it is one of several.
    if (!(error instanceof ArgumentError) || error.argument !== "metrics") throw error;
    throw new ArgumentError(
      error.code,
      error.message.replace(/^metrics must be a list of/, "metric must be one of"),
      "metric",
    );
  }
}
