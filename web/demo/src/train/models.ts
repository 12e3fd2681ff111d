/** The models that the form offers: what tells their algorithms apart, and how that reads as options of the package. */
import { type ModelOptions, withDefaults } from "featherfm/client";
import { fieldNames, isDerived, isIdentity, type FieldName } from "./fields.js";

/** What decides which options there are, and their defaults. Each is one choice of the form. */
export interface Choice {
  model: "mf" | "fm" | "hybrid" | "implicit-als" | "item-knn" | "biases" | "popularity";
  /** Of matrix factorization, as its loss. */
  optimizer: "sgd" | "adagrad" | "adam" | "als";
  loss: "squared" | "logistic";
  /** Of factorization machines. */
  solver: "als" | "sgd" | "adagrad" | "adam" | "ftrl" | "sgda" | "mcmc" | "vb";
  /** A rating, the probability that it is one of four stars or more, or (of a Bayesian machine) that of every rating. */
  task: "regression" | "classification" | "ordinal";
  /** Of hybrid models, as their steps. */
  rankingLoss: "warp" | "bpr" | "warp-kos" | "logistic";
  steps: "adagrad" | "adadelta";
  implicitSolver: "cg" | "cholesky" | "subspace";
  /** Of item neighbours. */
  similarity: "cosine" | "tf-idf" | "bm25";
  /** What models of likes take for one: four stars or more, or every rating. */
  likes: "high" | "any";
}

export interface Tuning {
  factors: number;
  /** Passes over the ratings, or sweeps over the parameters. */
  epochs: number;
  /** Sweeps of a sampler before those that count. */
  burnIn: number;
  /** Sweeps that count. */
  samples: number;
  learningRate: number;
  /** Items drawn at most for one that ranks too high. */
  maxSampled: number;
  /** How sure it is that what somebody did not rate is not liked. */
  unobservedWeight: number;
  neighbours: number;
  shrink: number;
  /** The penalty on factors; the others keep the proportions they have in the package's defaults. */
  regularization: number;
}

export const modelNames: Readonly<Record<Choice["model"], string>> = {
  mf: "Matrix factorization",
  fm: "Factorization machine",
  hybrid: "Hybrid ranking",
  "implicit-als": "Implicit ALS",
  "item-knn": "Item neighbours",
  popularity: "Popularity",
  biases: "Averages",
};

export const firstChoice: Choice = {
  model: "mf",
  optimizer: "sgd",
  loss: "squared",
  solver: "als",
  task: "regression",
  rankingLoss: "warp",
  steps: "adagrad",
  implicitSolver: "cg",
  similarity: "tf-idf",
  likes: "high",
};

export const choiceNames = Object.keys(firstChoice) as (keyof Choice)[];

/** Sampled: trained by sweeps that are averaged. */
export const isSampled = ({ model, solver }: Choice): boolean =>
  model === "fm" && solver === "mcmc";

/** With a distribution over its parameters, and so able to say how sure it is. */
export const isBayesian = (choice: Choice): boolean =>
  isSampled(choice) || (choice.model === "fm" && choice.solver === "vb");

/** Learns from fields of people and films. */
export const hasFields = ({ model }: Choice): boolean => model === "fm" || model === "hybrid";

/** What is made from the ratings is for factorization machines alone. */
export const takesField = (name: FieldName, { model }: Pick<Choice, "model">): boolean =>
  model === "fm" || (model === "hybrid" && !isDerived(name));

/** What a kind of model begins with, besides its numbers: what did best on MovieLens 100K. */
export function defaultsOf(model: Choice["model"]): {
  likes: Choice["likes"];
  fields: readonly FieldName[];
} {
  return {
    likes: model === "implicit-als" ? "any" : "high",
    // Fields help hybrid models with newcomers, and cost accuracy with those who have rated.
    fields: fieldNames.filter((name) => (model === "hybrid" ? isIdentity(name) : !isDerived(name))),
  };
}

/** Which choices mean something beside the others. */
export function appliesChoice(name: keyof Choice, choice: Choice): boolean {
  const { model } = choice;
  switch (name) {
    case "model":
      return true;
    case "optimizer":
      return model === "mf";
    case "loss":
      // Alternating least squares solves for the squared error.
      return model === "mf" && choice.optimizer !== "als";
    case "solver":
    case "task":
      return model === "fm";
    case "rankingLoss":
    case "steps":
      return model === "hybrid";
    case "implicitSolver":
      return model === "implicit-als";
    case "similarity":
      return model === "item-knn";
    case "likes":
      return model === "hybrid" || model === "implicit-als";
  }
}

function choose(choice: Choice): ModelOptions {
  const { model, optimizer, loss, solver, task, rankingLoss, steps, similarity } = choice;
  switch (model) {
    case "mf":
      return optimizer === "als" ? { model, optimizer } : { model, optimizer, loss };
    case "fm":
      if (solver === "mcmc" || solver === "vb") return { model, solver, task };
      return { model, solver, task: task === "ordinal" ? "regression" : task };
    case "hybrid":
      return { model, loss: rankingLoss, optimizer: steps };
    case "implicit-als":
      return { model, solver: choice.implicitSolver };
    case "item-knn":
      return { model, similarity };
    case "popularity":
    case "biases":
      return { model };
  }
}

/** Numbers of the form that go to the package under their own names, where the algorithm has them. */
const ownNames = [
  "factors",
  "epochs",
  "burnIn",
  "samples",
  "learningRate",
  "maxSampled",
  "unobservedWeight",
  "neighbours",
  "shrink",
] as const satisfies (keyof Tuning)[];

/** The package's own defaults, which were tuned on MovieLens 100K; what the algorithm does not have is left out. */
export function tuningFor(choice: Choice): Partial<Tuning> {
  const defaults = withDefaults(choose(choice));
  const known = ownNames.filter((name) => defaults[name] !== undefined);
  const penalty = leading(defaults["regularization"]);
  return {
    ...Object.fromEntries(known.map((name) => [name, defaults[name] as number])),
    ...(penalty !== undefined && { regularization: penalty }),
  };
}

/** `likedFrom`: the rating from which on somebody likes a film. */
export function optionsFor(
  choice: Choice,
  tuning: Tuning,
  fields: readonly FieldName[],
  seed: number,
  likedFrom: number,
): ModelOptions {
  const chosen = choose(choice);
  const defaults = withDefaults(chosen);
  const known = ownNames.filter((name) => defaults[name] !== undefined);
  return {
    ...chosen,
    ...Object.fromEntries(known.map((name) => [name, tuning[name]])),
    ...("regularization" in defaults && {
      regularization: inProportion(defaults["regularization"], tuning.regularization),
    }),
    ...("seed" in defaults && { seed }),
    ...(appliesChoice("likes", choice) && choice.likes === "high" && { positiveFrom: likedFrom }),
    ...(hasFields(choice) && {
      identity: { user: fields.includes("user"), item: fields.includes("item") },
      fields: fields.filter((name) => !isIdentity(name) && !isDerived(name)),
    }),
    ...(choice.model === "fm" && { derived: fields.filter(isDerived) }),
  } as ModelOptions;
}

/** Penalties by what they are on, the one that the form shows first. */
const parts = ["user", "factors", "item", "bias", "linear"] as const;
type Penalties = Partial<Record<(typeof parts)[number], number>>;

function leading(penalties: unknown): number | undefined {
  if (typeof penalties !== "object") return penalties as number | undefined;
  const { user, factors } = penalties as Penalties;
  return user ?? factors;
}

/** The penalties with `value` in place of the leading one, and the others as many times as large. */
function inProportion(penalties: unknown, value: number): number | Penalties {
  const first = leading(penalties);
  if (typeof penalties !== "object") return value;
  const scaled = parts.flatMap((part) => {
    const penalty = (penalties as Penalties)[part];
    return penalty === undefined ? [] : [[part, first ? penalty * (value / first) : value]];
  });
  return Object.fromEntries(scaled) as Penalties;
}

/** In a few words: "Hybrid ranking, WARP". */
export function modelName(choice: Choice): string {
  const { model } = choice;
  const detail: Partial<Record<Choice["model"], string>> = {
    mf: choice.optimizer,
    fm: choice.solver,
    hybrid: choice.rankingLoss,
    "item-knn": choice.similarity,
  };
  const shown = detail[model];
  return shown === undefined
    ? modelNames[model]
    : `${modelNames[model]}, ${spelled[shown] ?? shown}`;
}

/** Names of algorithms as they are written. */
export const spelled: Readonly<Record<string, string>> = {
  sgd: "SGD",
  adagrad: "AdaGrad",
  adam: "Adam",
  als: "ALS",
  ftrl: "FTRL",
  sgda: "SGDA",
  mcmc: "MCMC",
  vb: "VB",
  warp: "WARP",
  bpr: "BPR",
  "warp-kos": "k-OS WARP",
  adadelta: "AdaDelta",
  cg: "CG",
  cholesky: "Cholesky",
  subspace: "subspace",
  "tf-idf": "TF-IDF",
  bm25: "BM25",
};
