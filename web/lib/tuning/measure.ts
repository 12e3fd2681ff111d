/** One training run of several, measured on what it was not trained on. */
import { checkSignal } from "../abort.js";
import type { Core } from "../core.js";
import type { CoreDataset } from "../dataset.js";
import { ArgumentError, DivergedError, show } from "../errors.js";
import { type CheckedMetrics, checkMetrics, checkProtocol, evaluate } from "../evaluation.js";
import { TrainedModel } from "../model.js";
import { controlNames } from "../options.js";
import { checkBoolean, checkInteger, valueOf } from "../options/checks.js";
import { CoreRowSet } from "../rows.js";
import { train } from "../training.js";
import type { EvaluateOptions, Metric, SplitOptions } from "../types.js";
import type { TuningProgress } from "./types.js";

/** Work in slices: yields after each. */
export type Work<T> = Generator<void, T, void>;

export type Data = CoreDataset | CoreRowSet;

export interface Measuring {
  metrics: CheckedMetrics;
  evaluation: Pick<EvaluateOptions, "relevantFrom" | "negatives">;
  filterSeen: boolean;
  seed: number;
  signal: AbortSignal | undefined;
  onProgress: ((progress: TuningProgress) => void) | undefined;
}

export const measuringNames = [
  "relevantFrom",
  "negatives",
  "filterSeen",
  "seed",
  "signal",
  "onProgress",
];

export function checkCallback(given: Record<string, unknown>, name: string): unknown {
  if (given[name] === undefined || typeof given[name] === "function") return given[name];
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `${name} must be a function; got ${show(given[name])}`,
    name,
  );
}

export function checkMeasuring(given: Record<string, unknown>, metrics: unknown): Measuring {
  const checked = checkMetrics(metrics);
  checkProtocol(given, checked);
  const { relevantFrom, negatives } = given as EvaluateOptions;
  return {
    metrics: checked,
    evaluation: {
      ...(relevantFrom !== undefined && { relevantFrom }),
      ...(negatives !== undefined && { negatives }),
    },
    filterSeen: checkBoolean(valueOf(given, "filterSeen", true), "filterSeen"),
    seed: checkInteger(valueOf(given, "seed", 1), "seed", { min: 0, max: Number.MAX_SAFE_INTEGER }),
    signal: checkSignal(given["signal"]),
    onProgress: checkCallback(given, "onProgress") as Measuring["onProgress"],
  };
}

/** Training is controlled from outside here: what belongs to a single run has no place. */
export function refuseControls(options: object, where: string): void {
  for (const name of controlNames) {
    if ((options as Record<string, unknown>)[name] === undefined) continue;
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name} belongs to a single training, and ${where} trains many times`,
      name,
    );
  }
}

/** Tells how far all the work is, from how far a run is; `parts` are the runs' shares of it. */
export class Course {
  readonly #onProgress: Measuring["onProgress"];
  readonly #parts: readonly number[];
  readonly #whole: number;
  readonly #begun = performance.now();
  #run = 0;
  #done = 0;

  constructor(onProgress: Measuring["onProgress"], parts: readonly number[]) {
    this.#onProgress = onProgress;
    this.#parts = parts;
    this.#whole = parts.reduce((sum, part) => sum + part, 0);
  }

  at(fractionOfRun: number): void {
    this.#onProgress?.({
      run: this.#run + 1,
      runs: this.#parts.length,
      fraction: Math.min(1, (this.#done + fractionOfRun * this.#part) / this.#whole),
      elapsedMs: performance.now() - this.#begun,
    });
  }

  endRun(): void {
    this.at(1);
    this.#done += this.#part;
    this.#run++;
  }

  get #part(): number {
    return this.#parts[this.#run] ?? 0;
  }
}

/**
 * Trains on one part of a split and measures on the other. Epochs that were trained are added to `tally` as they end. Nothing
 * of it is left behind, however it ends.
 */
export function* measure(
  core: Core,
  data: Data,
  split: SplitOptions,
  options: object,
  measuring: Measuring,
  course: Course,
  tally: { epochs: number } = { epochs: 0 },
): Work<Record<Metric, number>> {
  const { train: fitted, test } = data.split(split);
  const parts: { close(): void }[] = [fitted, test];
  try {
    let [learned, validation] = [fitted, undefined as Data | undefined];
    // The one solver that cannot do without: it gets a tenth of what it may learn from.
    if ((options as { solver?: unknown }).solver === "sgda") {
      const halves = fitted.split({ by: "random", testFraction: 0.1, seed: measuring.seed });
      [learned, validation] = [halves.train, halves.test];
      parts.push(learned, validation);
    }
    const model = yield* train(core, learned, {
      ...options,
      ...(validation !== undefined && { validation }),
      signal: measuring.signal,
      onEpoch: () => {
        tally.epochs++;
      },
      onProgress: ({ fraction }: { fraction: number }) => course.at(fraction),
    });
    parts.push(model);
    const { metrics, evaluation, filterSeen } = measuring;
    const barred = fitted instanceof CoreRowSet || !filterSeen ? undefined : fitted;
    const values = evaluate(model, test, {
      ...evaluation,
      metrics: metrics.names as Metric[],
      ...(barred !== undefined && { train: barred }),
    });
    course.endRun();
    return values;
  } catch (error) {
    if (error instanceof DivergedError && error.model instanceof TrainedModel) error.model.close();
    throw error;
  } finally {
    for (const part of parts) part.close();
  }
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Standard deviation with n - 1 in the denominator; 0 of a single value. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
