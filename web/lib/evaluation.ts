/** Metrics by name. The numbers come from the core, over all users in one call. */
import type { CoreProtocol } from "./core.js";
import { type CoreDataset, checkDataset } from "./dataset.js";
import { ArgumentError, show } from "./errors.js";
import { takesFeatures, type TrainedModel } from "./model.js";
import {
  checkFinite,
  checkGiven,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "./options/checks.js";
import { CoreRowSet } from "./rows.js";
import type { EvaluateOptions, Metric } from "./types.js";

const ratingMetrics = ["rmse", "mae", "mae-rounded", "accuracy", "log-loss"];
const rankingMetric =
  /^(precision|recall|ndcg|map|mrr|hit-rate|coverage|novelty|diversity|gini)@([1-9]\d{0,9})$/;
/** Metrics of the lists that users would be shown. */
const listMetric = /^(coverage|novelty|diversity|gini)@/;

export interface CheckedMetrics {
  names: string[];
  /** The cut-offs that the metrics name, each once. */
  ks: number[];
  /** Whether items must be ranked. */
  ranking: boolean;
}

export function checkMetrics(metrics: unknown): CheckedMetrics {
  const fail = (got: unknown): never => {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `metrics must be a list of "rmse", "mae", "mae-rounded", "accuracy", "log-loss", "auc", "mrr", and "precision@k", "recall@k", ` +
        `"ndcg@k", "map@k", "mrr@k", "hit-rate@k", "coverage@k", "novelty@k", "diversity@k", "gini@k" with k from 1; got ${show(got)}`,
      "metrics",
    );
  };
  if (!Array.isArray(metrics)) return fail(metrics);
  const ks = new Set<number>();
  let ranking = false;
  for (const metric of metrics as unknown[]) {
    if (typeof metric !== "string") return fail(metric);
    if (ratingMetrics.includes(metric)) continue;
    ranking = true;
    if (metric === "auc" || metric === "mrr") continue;
    const match = rankingMetric.exec(metric);
    if (match === null) return fail(metric);
    if (Number(match[2]) > 0xfffffffe) return fail(metric);
    ks.add(Number(match[2]));
  }
  return { names: metrics as string[], ks: [...ks], ranking };
}

/** How rankings are to be measured. */
export function checkProtocol(
  given: Record<string, unknown>,
  { names }: CheckedMetrics,
): Pick<CoreProtocol, "relevantFrom" | "negatives"> {
  const relevantFrom =
    given["relevantFrom"] === undefined
      ? -Infinity
      : checkFinite(given["relevantFrom"], "relevantFrom");
  if (given["negatives"] === undefined) return { relevantFrom, negatives: null };
  const negatives = checkGiven(given["negatives"], "negatives");
  checkNoExtraKeys(negatives, ["count", "seed"], "negatives");
  const ofLists = names.find((name) => listMetric.test(name));
  if (ofLists !== undefined) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `"${ofLists}" is about the lists of items shown, and against sampled negatives there are none`,
      "metrics",
    );
  }
  const most = { min: 0, max: Number.MAX_SAFE_INTEGER };
  return {
    relevantFrom,
    negatives: {
      count: checkInteger(negatives["count"], "negatives.count", { min: 1, max: 0xfffffffe }),
      seed: checkInteger(valueOf(negatives, "seed", 1), "negatives.seed", most),
    },
  };
}

/** Scores of popularity and of losses that compare items only order them. */
const predictsRatings = (model: TrainedModel): boolean =>
  !["popularity", "implicit-als", "item-knn"].includes(model.family) &&
  (model.family !== "hybrid" || model.logistic);

export function evaluate<M extends Metric>(
  model: TrainedModel,
  test: CoreDataset | CoreRowSet,
  options: EvaluateOptions<M> | undefined,
): Record<M, number> {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["metrics", "train", "relevantFrom", "negatives"], "evaluate");
  const metrics = checkMetrics(valueOf(given, "metrics", ["rmse", "mae"]));
  const { names, ks, ranking } = metrics;
  if (!model.probabilities && names.includes("log-loss")) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      '"log-loss" measures probabilities, and this model predicts ratings',
      "metrics",
    );
  }
  if (test instanceof CoreRowSet) return evaluateRows(model, test, given, names, ranking);
  if (test.interactionCount === 0) {
    throw new ArgumentError("EMPTY", "there is no interaction to evaluate on", "test");
  }
  const core = model.owned.core;
  const train =
    given["train"] === undefined ? undefined : checkDataset(given["train"], "train", core);
  const protocol = checkProtocol(given, metrics);
  const needsRatings = names.some((name) => ratingMetrics.includes(name));
  if (needsRatings && !predictsRatings(model)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `this "${model.family}" model predicts no ratings; ask for ranking metrics`,
      "metrics",
    );
  }

  const ofVectors = names.find((name) => name.startsWith("diversity@"));
  if (ofVectors !== undefined && model.factors === 0) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `"${ofVectors}" compares the vectors of items, and this "${model.family}" model has none`,
      "metrics",
    );
  }

  const values: Record<string, number> = {};
  // Ids the model does not know get indices behind its own: the core takes those for average users and items.
  const same = test.users === model.users && test.items === model.items;
  const maps = same
    ? ([test.users, test.items] as const)
    : ([model.users.extendedBy(test.users), model.items.extendedBy(test.items)] as const);
  const counted = test.countedBy(...maps);
  try {
    if (needsRatings) {
      Object.assign(
        values,
        model.owned.run((core) =>
          core.evaluateRatings(
            counted.handle,
            takesFeatures(model.family)
              ? test.featuresFor(model.encoders, ...maps, "test", model.reporter())
              : null,
            test.unitsPerDay(model.options["timestampUnit"]),
          ),
        ),
      );
    }
    if (ranking) {
      const known = train?.countedBy(model.users, model.items);
      try {
        Object.assign(
          values,
          model.owned.run((core) =>
            core.evaluateRanking(counted.handle, known?.handle ?? null, {
              ...protocol,
              ks: Uint32Array.from(ks),
              lists: names.some((name) => listMetric.test(name)),
              novelty: names.some((name) => name.startsWith("novelty@")),
            }),
          ),
        );
      } finally {
        known?.release();
      }
    }
  } finally {
    counted.release();
  }
  return Object.fromEntries(names.map((name) => [name, values[name]])) as Record<M, number>;
}

function evaluateRows<M extends Metric>(
  model: TrainedModel,
  test: CoreRowSet,
  given: Record<string, unknown>,
  names: readonly string[],
  ranking: boolean,
): Record<M, number> {
  for (const name of ["train", "relevantFrom", "negatives"]) {
    if (given[name] === undefined) continue;
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name} is for ranking metrics, which need users and items`,
      name,
    );
  }
  if (ranking) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      "ranking metrics need users and items; for rows ask for " +
        ratingMetrics.map((name) => `"${name}"`).join(", "),
      "metrics",
    );
  }
  test.requireTargets("test");
  if (test.rowCount === 0)
    throw new ArgumentError("EMPTY", "there is no row to evaluate on", "test");
  const { handle } = test.owned;
  const values = model.owned.run((core) => core.evaluateRows(handle));
  return Object.fromEntries(names.map((name) => [name, values[name]])) as Record<M, number>;
}
