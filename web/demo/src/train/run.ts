/** One training run: split, fit, and measure the result beside three baselines on the same split. */
import type { FeatherClient, Metric, RemoteDataset, RemoteModel } from "featherfm/client";
import type { EpochReport, FieldStrength, ModelOptions, Progress, Split } from "featherfm";
import { datasetInput } from "../data/dataset.js";
import type { RatingTable } from "../data/table.js";
import { liked, relevantFrom, type Scale } from "../scale.js";
import { modelName, modelNames } from "./models.js";
import { errorFiguresOf, type Nature, natureOf, rankingFigures } from "./nature.js";
import { modelOptions, splitOptions, type Settings } from "./settings.js";

/** What was measured of one model; what it does not predict is missing. */
export type Figures = Partial<Record<Metric, number>>;

export type Contestant = "model" | Baseline;
export type Baseline = "biases" | "item-knn" | "popularity";
export type Scores = Partial<Record<Contestant, Figures>>;

/** A model that makes lists. */
export interface Contender extends Nature {
  model: RemoteModel;
  /** In a few words. */
  name: string;
  /** The ratings the model has not seen, as 1 and 0 where it learns labels; null for a model from a file. */
  test: RemoteDataset | null;
}

/** A model in use, however it came about. */
export interface Trained extends Contender {
  /** The fields of a factorization machine or hybrid model; empty for other models. */
  fields: readonly FieldStrength[];
  trainCount: number;
  testCount: number;
  origin: { by: "training"; settings: Settings } | { by: "file"; name: string };
  /** Trained on the same ratings to compare with; they come one after the other. */
  baselines: Partial<Record<Baseline, Contender>>;
}

export interface Observer {
  onEpoch?: (report: EpochReport) => void;
  onProgress?: (progress: Progress) => void;
  signal: AbortSignal;
  onAbort?: "keep";
}

/** What is trained on, and how it is to be read. */
export interface Source {
  dataset: RemoteDataset;
  table: RatingTable;
  scale: Scale;
}

/** Of a model that is not trained yet. */
export const natureWith = (settings: Settings, { scale }: Pick<Source, "scale">): Nature =>
  natureOf(modelOptions(settings, scale));

/** The two halves, with the ratings as 1 and 0 where labels are to be learned. The same settings give the same halves. */
export async function cut(
  client: FeatherClient,
  source: Source,
  settings: Settings,
): Promise<Split<RemoteDataset>> {
  const { dataset, table, scale } = source;
  const how = splitOptions(settings, table);
  if (!natureWith(settings, source).labels) return client.split(dataset, how);
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
    const model = await fitHalf(client, { train, test }, settings, source, observer);
    const counts = { trainCount: train.interactionCount, testCount: test.interactionCount };
    const name = modelName(settings);
    const origin = { by: "training", settings } as const;
    const trained = await inUse(model, { name, test, ...counts, origin });
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
  rest: Pick<Trained, "name" | "test" | "trainCount" | "testCount" | "origin">,
): Promise<Trained> {
  const nature = natureOf({ ...model.options, model: model.family });
  return { model, ...nature, fields: await model.fields(), baselines: {}, ...rest };
}

export function fitHalf(
  client: FeatherClient,
  { train, test }: Split<RemoteDataset>,
  settings: Settings,
  { scale }: Pick<Source, "scale">,
  observer: Observer,
): Promise<RemoteModel> {
  // Counting knows no epochs that could be measured.
  const counts = settings.model === "popularity" || settings.model === "item-knn";
  const validation = test.interactionCount > 0 && !counts ? { validation: test } : {};
  return client.train(train, { ...modelOptions(settings, scale), ...validation, ...observer });
}

/** How the lists of a model are looked at: without what was rated in training, and with which ratings as favourites. */
interface Measuring {
  train: RemoteDataset;
  scale: Scale;
}

/** Of the ratings that the contender has not seen. */
export async function figuresOn(
  client: FeatherClient,
  { model, labels, test }: Contender,
  metrics: readonly Metric[],
  { train, scale }: Measuring,
): Promise<Figures> {
  if (test === null) return {};
  const options = { train, relevantFrom: labels ? 1 : relevantFrom(scale) };
  return client.evaluate(model, test, { metrics, ...options });
}

/** Reports the figures of the model first, then the baselines with theirs as they are ready. */
export async function measure(
  client: FeatherClient,
  trained: Trained,
  how: Measuring,
  report: (contestant: Contestant, figures: Figures) => void,
): Promise<void> {
  const { test, labels } = trained;
  if (test === null || test.interactionCount === 0) return;
  const measured = (contender: Contender) => {
    const figures = [...errorFiguresOf(contender), ...rankingFigures];
    return figuresOn(
      client,
      contender,
      figures.map(({ metric }) => metric),
      how,
    );
  };
  report("model", await measured(trained));

  const baselines: Record<Baseline, ModelOptions> = {
    biases: labels ? { model: "mf", factors: 0, loss: "logistic" } : { model: "biases" },
    "item-knn": { model: "item-knn" },
    popularity: { model: "popularity" },
  };
  for (const [name, options] of Object.entries(baselines) as [Baseline, ModelOptions][]) {
    const model = await client.train(how.train, options);
    const nature = natureOf({ ...options });
    const predicts = labels && name === "biases" ? "liking" : nature.predicts;
    const contender = { model, ...nature, labels, predicts, name: modelNames[name], test };
    trained.baselines[name] = contender;
    report(name, await measured(contender));
  }
}

/** Frees all that a model holds. */
export function release(contender: Contender & Partial<Pick<Trained, "baselines">>): void {
  contender.model.close();
  contender.test?.close();
  for (const baseline of Object.values(contender.baselines ?? {})) baseline.model.close();
}
