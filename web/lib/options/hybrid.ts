/** Options of hybrid models, by their loss and optimizer. */
import { ArgumentError } from "../errors.js";
import { checkBoolean, checkFinite, checkNames } from "./checks.js";
import {
  choice,
  finite,
  integer,
  type Option,
  type OptionsOf,
  perPart,
  positiveFrom,
  seed,
} from "./option.js";

const common = {
  /** Number of latent factors, 1 to 1024. @defaultValue 32 */
  factors: integer(32, { min: 1, max: 1024 }),
  /** Number of passes over the interactions, 1 to 100,000. @defaultValue 20 */
  epochs: integer(20, { min: 1, max: 100_000 }),
  /**
   * L2 penalty: every step shrinks all parameters of a side by the step's rate times this. One number, or `{ user, item }`, 0 to 1.
   * @defaultValue 0
   */
  regularization: perPart({ user: 0, item: 0 }, ["user", "item"], (value, name) =>
    checkFinite(value, name, { min: 0, max: 1 }),
  ),
  /**
   * Interactions with a value from here on are likes, the others dislikes. Left out, values above 0 are likes: give 4 for
   * ratings of 1 to 5 of which 4 and 5 count.
   */
  positiveFrom,
  /**
   * Whether every user and every item has an embedding of its own besides those of its features: `true`, `false`, or
   * `{ user, item }`. Without, a model generalises to newcomers better and knows regulars worse. @defaultValue true
   */
  identity: perPart({ user: true, item: true }, ["user", "item"], checkBoolean),
  /** Which of the dataset's fields of users and items to use, by name; context is for the model "fm". @defaultValue "all" */
  fields: {
    default: "all",
    parse: (value, name) => (value === "all" ? value : checkNames(value, name, undefined)),
  } as Option<"all" | readonly string[]>,
  /** Whether the values of a user's or item's features are scaled to sum to 1. @defaultValue true */
  normalize: {
    default: true,
    parse: checkBoolean,
  } as Option<boolean>,
  /** Same seed and data, same bits. @defaultValue 1 */
  seed,
};

const sampled = {
  /** How many items are drawn at most for one that ranks too high, 1 to 1,000,000. @defaultValue 10 */
  maxSampled: integer(10, { min: 1, max: 1_000_000 }),
};

const warp = {
  ...common,
  /** Pushes items down that rank above a liked one, the harder the more there seem to be: best at the top of the list. */
  loss: choice("warp", ["warp"]),
  ...sampled,
};

const bpr = {
  ...common,
  /** Liked items above others, pair by pair. */
  loss: choice("bpr", ["bpr"]),
};

const warpKos = {
  ...common,
  /** As "warp", for the k-th best of n of the user's likes. */
  loss: choice("warp-kos", ["warp-kos"]),
  ...sampled,
  /** Which of the n likes is pushed up: 1 is the best scored. 1 to n. @defaultValue 5 */
  k: integer(5, { min: 1, max: 1000 }),
  /** How many likes of a user are drawn for a step, 1 to 1,000. @defaultValue 10 */
  n: integer(10, { min: 1, max: 1000 }),
};

const logistic = {
  ...common,
  /** Likes against dislikes; predictions are probabilities. For data that has both. */
  loss: choice("logistic", ["logistic"]),
};

const adagrad = {
  /** Steps shrink by the root of the sum of squared gradients (Duchi, Hazan, Singer 2011). */
  optimizer: choice("adagrad", ["adagrad"]),
  /** Step size, above 0 to 1e9. @defaultValue 0.05 */
  learningRate: finite(0.05, { above: 0, max: 1e9 }),
};

const adadelta = {
  /** Steps whose size finds itself (Zeiler 2012). */
  optimizer: choice("adadelta", ["adadelta"]),
  /** Memory of the mean squares of gradients and steps, 0 to below 1. @defaultValue 0.95 */
  rho: finite(0.95, { min: 0, below: 1 }),
  /** Keeps the first steps from being 0, above 0 to 1. @defaultValue 1e-6 */
  epsilon: finite(1e-6, { above: 0, max: 1 }),
};

const tables = {
  "hybrid/warp/adagrad": { ...warp, ...adagrad },
  "hybrid/warp/adadelta": { ...warp, ...adadelta },
  "hybrid/bpr/adagrad": { ...bpr, ...adagrad },
  "hybrid/bpr/adadelta": { ...bpr, ...adadelta },
  "hybrid/warp-kos/adagrad": { ...warpKos, ...adagrad },
  "hybrid/warp-kos/adadelta": { ...warpKos, ...adadelta },
  "hybrid/logistic/adagrad": { ...logistic, ...adagrad },
  "hybrid/logistic/adadelta": { ...logistic, ...adadelta },
};

export const hybridTables = tables as Readonly<typeof tables>;

/** What no single option can be checked for. */
export function checkHybrid({ k, n }: Readonly<Record<string, unknown>>): void {
  if (k === undefined || (k as number) <= (n as number)) return;
  throw new ArgumentError(
    "OUT_OF_RANGE",
    `k must be at most n (${String(n)}); got ${k as number}`,
    "k",
  );
}

type Steps =
  | (OptionsOf<typeof adagrad> & { rho?: never; epsilon?: never })
  | ({ optimizer: "adadelta"; learningRate?: never } & OptionsOf<typeof adadelta>);

/** Hybrid model with the loss WARP (the default). */
export type HybridWarpOptions = { model: "hybrid"; loss?: "warp"; k?: never; n?: never } & Omit<
  OptionsOf<typeof warp>,
  "loss"
> &
  Steps;
/** Hybrid model with the loss BPR. */
export type HybridBprOptions = { model: "hybrid"; loss: "bpr" } & OptionsOf<typeof bpr> & Steps;
/** Hybrid model with the loss k-OS WARP. */
export type HybridWarpKosOptions = { model: "hybrid"; loss: "warp-kos" } & OptionsOf<
  typeof warpKos
> &
  Steps;
/** Hybrid model with the logistic loss. */
export type HybridLogisticOptions = { model: "hybrid"; loss: "logistic" } & OptionsOf<
  typeof logistic
> &
  Steps;

/** Hybrid models of users and items known by features, trained to rank. */
export type HybridOptions =
  HybridWarpOptions | HybridBprOptions | HybridWarpKosOptions | HybridLogisticOptions;
