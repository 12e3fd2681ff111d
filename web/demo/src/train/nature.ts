/** What a model is trained to do, how its predictions are to be read, and by what figures it is measured. */
import type { Metric } from "featherfm/client";

export interface Nature {
  /** A rating, the probability that somebody likes a film, or a score that only ranks. */
  predicts: "rating" | "liking" | "score";
  /** Trained to rank: measured by its lists, and not by the error of its predictions. */
  ranks: boolean;
  /** Takes ratings as 1 and 0. */
  labels: boolean;
  /** Knows how sure it is of each prediction. */
  sure: boolean;
}

/** Of options as the package takes them and models carry them. */
export function natureOf(options: Readonly<Record<string, unknown>>): Nature {
  const { model, task, loss, solver } = options;
  const labels = model === "fm" && task === "classification";
  const ranks = ["hybrid", "implicit-als", "item-knn", "popularity"].includes(model as string);
  const likely = labels || (model === "hybrid" && loss === "logistic");
  return {
    predicts: likely ? "liking" : ranks ? "score" : "rating",
    ranks,
    labels,
    sure: model === "fm" && (solver === "mcmc" || solver === "vb"),
  };
}

/** A figure on held-out ratings: a column of the table. */
export interface Figure {
  metric: Metric;
  name: string;
  better: "low" | "high";
}

const precision: Figure = { metric: "precision@10", name: "P@10", better: "high" };
const recall: Figure = { metric: "recall@10", name: "R@10", better: "high" };
const ndcg: Figure = { metric: "ndcg@10", name: "NDCG@10", better: "high" };
const auc: Figure = { metric: "auc", name: "AUC", better: "high" };
const coverage: Figure = { metric: "coverage@10", name: "Coverage", better: "high" };

/** Of every model: what its lists are worth. */
export const rankingFigures: readonly Figure[] = [precision, recall, ndcg, auc, coverage];

const errorFigures: Readonly<Record<"ratings" | "labels", readonly [Figure, Figure]>> = {
  ratings: [
    { metric: "rmse", name: "RMSE", better: "low" },
    { metric: "mae", name: "MAE", better: "low" },
  ],
  labels: [
    { metric: "log-loss", name: "Log loss", better: "low" },
    { metric: "accuracy", name: "Right", better: "high" },
  ],
};

/** What its predictions are worth by themselves; nothing of one that only ranks. */
export const errorFiguresOf = ({ ranks, labels }: Nature): readonly Figure[] =>
  ranks ? [] : errorFigures[labels ? "labels" : "ratings"];

/** The columns of the table for a model. */
export function figuresOf(nature: Nature): readonly Figure[] {
  return nature.ranks ? rankingFigures : [...errorFiguresOf(nature), precision, ndcg];
}

/** The one figure that training is for. */
export function leadingFigure(nature: Nature): Figure {
  return errorFiguresOf(nature)[0] ?? ndcg;
}
