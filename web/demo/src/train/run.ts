/** One training run: split, fit, and measure the result beside two baselines on the same split. */
import type { FeatherClient, RemoteDataset, RemoteModel } from "featherfm/client";
import type { EpochReport, Progress } from "featherfm";
import type { RatingTable } from "../data/table.js";
import { modelOptions, splitOptions, type Settings } from "./settings.js";

export interface Figures {
  rmse?: number;
  mae?: number;
  precision?: number;
  ndcg?: number;
}

export type Contestant = "model" | "biases" | "popularity";
export type Scores = Partial<Record<Contestant, Figures>>;

/** A model in use, however it came about. */
export interface Trained {
  model: RemoteModel;
  /** The ratings the model has not seen; null for a model from a file. */
  test: RemoteDataset | null;
  trainCount: number;
  testCount: number;
  origin: { by: "training"; settings: Settings } | { by: "file"; name: string };
}

export interface Observer {
  onEpoch: (report: EpochReport) => void;
  onProgress: (progress: Progress) => void;
  signal: AbortSignal;
}

/** The fitted model and the half it was fitted on, which the caller closes when the figures are in. */
export async function fit(
  client: FeatherClient,
  dataset: RemoteDataset,
  table: RatingTable,
  settings: Settings,
  observer: Observer,
): Promise<{ trained: Trained; train: RemoteDataset }> {
  const { train, test } = await client.split(dataset, splitOptions(settings, table));
  try {
    observer.signal.throwIfAborted();
    const validation = test.interactionCount > 0 ? { validation: test } : {};
    const model = await client.train(train, {
      ...modelOptions(settings),
      ...validation,
      ...observer,
    });
    const counts = { trainCount: train.interactionCount, testCount: test.interactionCount };
    return { trained: { model, test, ...counts, origin: { by: "training", settings } }, train };
  } catch (error) {
    train.close();
    test.close();
    throw error;
  }
}

/** Reports the figures of the model first, then those of the baselines as they are ready. */
export async function measure(
  client: FeatherClient,
  { model, test, origin }: Trained,
  train: RemoteDataset,
  relevantFrom: number,
  report: (contestant: Contestant, figures: Figures) => void,
): Promise<void> {
  if (test === null || test.interactionCount === 0) return;
  const options = { train, relevantFrom };
  const rated = async (contestant: RemoteModel): Promise<Figures> => {
    const figures = await client.evaluate(contestant, test, {
      metrics: ["rmse", "mae", "precision@10", "ndcg@10"],
      ...options,
    });
    return {
      rmse: figures.rmse,
      mae: figures.mae,
      precision: figures["precision@10"],
      ndcg: figures["ndcg@10"],
    };
  };
  report("model", await rated(model));

  const seed = origin.by === "training" ? origin.settings.seed : 1;
  const biases = await client.train(train, { model: "mf", factors: 0, seed });
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
