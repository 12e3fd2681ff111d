/** Options of hybrid models, by their loss and their optimizer. */
import { checkFinite } from "./checks.js";
import {
  choice,
  fields,
  finite,
  flag,
  identity,
  integer,
  type Option,
  type OptionsOf,
  perPart,
  seed,
} from "./option.js";

const common = {
  /** Number of latent factors, 0 to 1024. 0 trains the biases alone. @defaultValue 32 */
  factors: integer(32, { min: 0, max: 1024 }),
  /** Number of passes over the training data, 1 to 100,000. @defaultValue 30 */
  epochs: integer(30, { min: 1, max: 100_000 }),
  /**
   * L2 penalty: one number, or `{ user, item }`, 0 to 1e6. It pulls every parameter of a side back at every step, not only what the
   * step touches: 1e-5 to 1e-3 is much. @defaultValue 0
   */
  regularization: perPart({ user: 0, item: 0 }, ["user", "item"], (value, name) =>
    checkFinite(value, name, { min: 0, max: 1e6 }),
  ),
  /**
   * Whether every user and every item has a column of its own besides its features: `true`, `false`, or `{ user, item }`. Without
   * them a model knows users and items by their features alone. @defaultValue true
   */
  identity,
  /** Which of the dataset's fields of users and items to use, by name; `"all"` leaves out those of the context. @defaultValue "all" */
  fields,
  /** Whether the features of a user or an item are divided by the sum of their absolute values. @defaultValue true */
  normalize: flag(true),
  /**
   * Interactions with ratings from this value on are positives, the others dislikes. Left out, ratings above 0 are
   * positives: right for data without ratings, and for labels of 1 and -1.
   */
  positiveFrom: {
    default: undefined,
    parse: (value, name) => (value === undefined ? value : checkFinite(value, name)),
  } as Option<number | undefined>,
  /** Same seed and data, same bits: in every browser, in Node, in the native build. @defaultValue 1 */
  seed,
};

/** How many items are drawn at the most in search of one that is ranked too high. */
const sampling = {
  /** Items drawn in search of one that is ranked too high, 1 to 1,000,000. @defaultValue 10 */
  maxSampled: integer(10, { min: 1, max: 1_000_000 }),
};

const warp = {
  /** Draws items until one is ranked too high, and learns the more from it the sooner it is found. */
  loss: choice("warp", ["warp"]),
  ...sampling,
};
const bpr = {
  /** Each positive against one item drawn by popularity (Rendle et al. 2009). */
  loss: choice("bpr", ["bpr"]),
};
const warpKos = {
  /** As `"warp"`, for the k-th best of n of the user's positives (Weston, Yee, Weiss 2013). */
  loss: choice("warp-kos", ["warp-kos"]),
  ...sampling,
  /** Which of the n positives is learned from, the best first; the last of them where there are fewer. 1 to 1,000. @defaultValue 5 */
  k: integer(5, { min: 1, max: 1000 }),
  /** How many of the user's positives are drawn, 1 to 1,000. @defaultValue 10 */
  n: integer(10, { min: 1, max: 1000 }),
};
const logistic = {
  /** Each interaction by itself, liked or disliked: predictions are probabilities. */
  loss: choice("logistic", ["logistic"]),
};

const adagrad = {
  /** Steps shrink by the root of the sum of squared gradients (Duchi, Hazan, Singer 2011). */
  optimizer: choice("adagrad", ["adagrad"]),
  /** Step size, above 0 to 1e9. @defaultValue 0.05 */
  learningRate: finite(0.05, { above: 0, max: 1e9 }),
};
const adadelta = {
  /** Steps follow running means of squared gradients and steps (Zeiler 2012). */
  optimizer: choice("adadelta", ["adadelta"]),
  /** Memory of the means, 0 to below 1. @defaultValue 0.95 */
  rho: finite(0.95, { min: 0, below: 1 }),
  /** Keeps the first steps from being 0; above 0 to 1. @defaultValue 1e-6 */
  epsilon: finite(1e-6, { above: 0, max: 1 }),
};

export const hybridTables = {
  "hybrid/warp/adagrad": { ...common, ...warp, ...adagrad },
  "hybrid/warp/adadelta": { ...common, ...warp, ...adadelta },
  "hybrid/bpr/adagrad": { ...common, ...bpr, ...adagrad },
  "hybrid/bpr/adadelta": { ...common, ...bpr, ...adadelta },
  "hybrid/warp-kos/adagrad": { ...common, ...warpKos, ...adagrad },
  "hybrid/warp-kos/adadelta": { ...common, ...warpKos, ...adadelta },
  "hybrid/logistic/adagrad": { ...common, ...logistic, ...adagrad },
  "hybrid/logistic/adadelta": { ...common, ...logistic, ...adadelta },
} as const;

type ByLoss =
  // The loss may be left out, so nothing else tells the compiler that these belong to another.
  | ({ loss?: "warp"; k?: never; n?: never } & OptionsOf<typeof warp>)
  | ({ loss: "bpr"; maxSampled?: never; k?: never; n?: never } & OptionsOf<typeof bpr>)
  | ({ loss: "warp-kos" } & OptionsOf<typeof warpKos>)
  | ({ loss: "logistic"; maxSampled?: never; k?: never; n?: never } & OptionsOf<typeof logistic>);
type ByOptimizer =
  | ({ optimizer?: "adagrad"; rho?: never; epsilon?: never } & OptionsOf<typeof adagrad>)
  | ({ optimizer: "adadelta"; learningRate?: never } & OptionsOf<typeof adadelta>);

/** Hybrid model of users and items by their features (Kula 2015), by its loss and its optimizer. */
export type HybridOptions = { model: "hybrid" } & OptionsOf<typeof common> & ByLoss & ByOptimizer;
