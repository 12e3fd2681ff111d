/** One training run: split, fit, and measure the result beside two baselines on the same split. */
import type { FeatherClient, Metric, RemoteDataset, RemoteModel } from "featherfm/client";
import type { EpochReport, FieldStrength, Progress, Split } from "featherfm";
import { datasetInput } from "../data/dataset.js";
import type { RatingTable } from "../data/table.js";
import { liked, type Scale } from "../scale.js";
import { modelOptions, splitOptions, type Settings } from "./settings.js";

/** What the figures are: errors of ratings, or of probabilities that somebody likes a film. */
export type Prediction = "rating" | "liking";

export interface Figures {
  /** The error that training makes small, on the held-out ratings: RMSE, or for probabilities the log loss. */
  error?: number;
  /** Mean absolute error, or for probabilities the share on the right side of one half. */
  second?: number;
  precision?: number;
  ndcg?: number;
}

export type Contestant = "model" | "biases" | "popularity";
export type Scores = Partial<Record<Contestant, Figures>>;

/** A model in use, however it came about. */
export interface Trained {
  model: RemoteModel;
  predicts: Prediction;
  /** Knows how sure it is of each prediction. */
  sure: boolean;
  /** The fields of a factorization machine; empty for other models. */
  fields: readonly FieldStrength[];
  /** The ratings the model has not seen, as 1 and 0 where it predicts liking; null for a model from a file. */
  test: RemoteDataset | null;
  trainCount: number;
  testCount: number;
  origin: { by: "training"; settings: Settings } | { by: "file"; name: string };
}

export interface Observer {
  onEpoch?: (report: EpochReport) => void;
  onProgress?: (progress: Progress) => void;
  signal: AbortSignal;
}

/** What is trained on, and how it is to be read. */
export interface Source {
  dataset: RemoteDataset;
  table: RatingTable;
  scale: Scale;
}

export const predictionOf = (settings: Settings): Prediction =>
  settings.model === "fm" && settings.task === "classification" ? "liking" : "rating";

/** The two halves, with the ratings as 1 and 0 where liking is to be predicted. The same settings give the same halves. */
export async function cut(
  client: FeatherClient,
  { dataset, table, scale }: Source,
  settings: Settings,
): Promise<Split<RemoteDataset>> {
  const how = splitOptions(settings, table);
  if (predictionOf(settings) === "rating") return client.split(dataset, how);
  const labels = table.ratings.map((rating) => (liked(rating, scale) ? 1 : 0));
  const labelled = await client.dataset(datasetInput(table, labels));
  try {
    return await client.split(labelled, how);
  } finally {
    labelled.close();
  }
}

/** The fitted model and the half it was fitted on, which the caller closes when the figures are in. */
export async function fit(
  client: FeatherClient,
  source: Source,
  settings: Settings,
  observer: Observer,
): Promise<{ trained: Trained; train: RemoteDataset }> {
  const { train, test } = await cut(client, source, settings);
  try {
    observer.signal.throwIfAborted();
    const model = await fitHalf(client, { train, test }, settings, observer);
    const counts = { trainCount: train.interactionCount, testCount: test.interactionCount };
    const trained = await inUse(model, { test, ...counts, origin: { by: "training", settings } });
    return { trained, train };
  } catch (error) {
    train.close();
    test.close();
    throw error;
  }
}

/** A model with what is asked of it again and again. */
export async function inUse(
  model: RemoteModel,
  rest: Pick<Trained, "test" | "trainCount" | "testCount" | "origin">,
): Promise<Trained> {
  const predicts = model.options["task"] === "classification" ? "liking" : "rating";
  const sure = model.options["solver"] === "mcmc";
  return { model, predicts, sure, fields: await model.fields(), ...rest };
}

export function fitHalf(
  client: FeatherClient,
  { train, test }: Split<RemoteDataset>,
  settings: Settings,
  observer: Observer,
): Promise<RemoteModel> {
  const validation = test.interactionCount > 0 ? { validation: test } : {};
  return client.train(train, { ...modelOptions(settings), ...validation, ...observer });
}

const errorMetrics = {
  rating: ["rmse", "mae"],
  liking: ["log-loss", "accuracy"],
} as const satisfies Record<Prediction, readonly [Metric, Metric]>;

/** The error that training makes small, on held-out ratings. */
export async function errorOn(
  client: FeatherClient,
  model: RemoteModel,
  test: RemoteDataset,
  predicts: Prediction,
): Promise<number> {
  const metric = errorMetrics[predicts][0];
  return (await client.evaluate(model, test, { metrics: [metric] }))[metric];
}

/** Reports the figures of the model first, then those of the baselines as they are ready. */
export async function measure(
  client: FeatherClient,
  { model, predicts, test, origin }: Trained,
  train: RemoteDataset,
  relevantFrom: number,
  report: (contestant: Contestant, figures: Figures) => void,
): Promise<void> {
  if (test === null || test.interactionCount === 0) return;
  const options = { train, relevantFrom: predicts === "liking" ? 1 : relevantFrom };
  const [first, second] = errorMetrics[predicts];
  const rated = async (contestant: RemoteModel): Promise<Figures> => {
    const figures = await client.evaluate(contestant, test, {
      metrics: [first, second, "precision@10", "ndcg@10"],
      ...options,
    });
    return {
      error: figures[first],
      second: figures[second],
      precision: figures["precision@10"],
      ndcg: figures["ndcg@10"],
    };
  };
  report("model", await rated(model));

  const seed = origin.by === "training" ? origin.settings.seed : 1;
  const loss = predicts === "liking" ? "logistic" : "squared";
  const biases = await client.train(train, { model: "mf", factors: 0, loss, seed });
  report("biases", await rated(biases));
  biases.close();

  // Popularity counts ratings and predicts none: it has a ranking but no error.
  const popularity = await client.train(train, { model: "popularity" });
  const ranking = await client.evaluate(popularity, test, {
    metrics: ["precision@10", "ndcg@10"],
    ...options,
  });
  report("popularity", { precision: ranking["precision@10"], ndcg: ranking["ndcg@10"] });
  popularity.close();
}
