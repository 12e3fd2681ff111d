/** Cross-validation: every interaction is held out once. */
import type { Core } from "../core.js";
import {
  checkChoice,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "../options/checks.js";
import { resolveModelOptions } from "../options.js";
import { CoreRowSet } from "../rows.js";
import { ArgumentError } from "../errors.js";
import type { Metric, SplitOptions } from "../types.js";
import {
  checkMeasuring,
  Course,
  type Data,
  deviation,
  mean,
  measure,
  measuringNames,
  refuseControls,
  type Work,
} from "./measure.js";
import type { CrossValidation } from "./types.js";

/** The split that holds out one of several parts. */
export const foldSplit = (
  by: "random" | "user",
  folds: number,
  fold: number,
  seed: number,
): SplitOptions => ({ by: "fold", folds, fold, within: by === "user" ? "user" : "all", seed });

/** Rows have no users. */
export function checkBy(by: unknown, name: string, data: Data): "random" | "user" {
  const checked = checkChoice(by, name, ["random", "user"]);
  if (checked === "random" || !(data instanceof CoreRowSet)) return checked;
  throw new ArgumentError("INVALID_ARGUMENT", `rows have no users: ${name} must be "random"`, name);
}

export const checkFolds = (folds: unknown, name: string): number =>
  checkInteger(folds, name, { min: 2, max: 1000 });

/** Arguments are checked at once, before the first slice. */
export function crossValidate(
  core: Core,
  data: Data,
  trainOptions: unknown,
  given: unknown,
): Work<CrossValidation> {
  const options = checkObject(trainOptions, "trainOptions");
  refuseControls(options, "crossValidate");
  resolveModelOptions(options);
  const controls = checkObject(given, "options");
  checkNoExtraKeys(controls, ["folds", "by", "metrics", ...measuringNames], "crossValidate");
  const folds = checkFolds(valueOf(controls, "folds", 5), "folds");
  const by = checkBy(valueOf(controls, "by", "random"), "by", data);
  const measuring = checkMeasuring(controls, valueOf(controls, "metrics", ["rmse", "mae"]));
  return run();

  function* run(): Work<CrossValidation> {
    const course = new Course(measuring.onProgress, new Array<number>(folds).fill(1));
    const results: CrossValidation["folds"] = [];
    for (let fold = 0; fold < folds; fold++) {
      const begun = performance.now();
      const split = foldSplit(by, folds, fold, measuring.seed);
      const metrics = yield* measure(core, data, split, options, measuring, course);
      results.push({ metrics, elapsedMs: performance.now() - begun });
      yield;
    }
    const over = (statistic: (values: number[]) => number) =>
      Object.fromEntries(
        (measuring.metrics.names as Metric[]).map((name) => [
          name,
          statistic(results.map(({ metrics }) => metrics[name] as number)),
        ]),
      ) as Record<Metric, number>;
    return { folds: results, mean: over(mean), deviation: over(deviation) };
  }
}
