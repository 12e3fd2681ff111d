/** Options of matrix factorization of implicit feedback, by its solver. */
import { checkChoice, checkFinite } from "./checks.js";
import {
  choice,
  finite,
  integer,
  type Option,
  type OptionsOf,
  positiveFrom,
  seed,
} from "./option.js";

const implicitCommon = {
  /** Number of latent factors, 1 to 1024. @defaultValue 64 */
  factors: integer(64, { min: 1, max: 1024 }),
  /** Number of sweeps over users and items, 1 to 100,000. @defaultValue 10 */
  epochs: integer(10, { min: 1, max: 100_000 }),
  /**
   * How much surer the model is of what was met than of what was not: an interaction has a confidence of
   * `unobservedWeight + alpha * |rating| * weight`, above 0 to 1e6. Ratings below 0 are dislikes, ratings of 0 say nothing. With
   * `unobservedWeight: 1` this is the 1 + alpha r of Hu, Koren and Volinsky (2008). `"balanced"` makes `alpha * |rating| * weight`
   * 1 in the mean of the training data. @defaultValue "balanced"
   */
  alpha: {
    default: "balanced",
    parse: (value, name) =>
      typeof value === "number"
        ? checkFinite(value, name, { above: 1e-30, max: 1e6 })
        : checkChoice(value, name, ["balanced"]),
  } as Option<number | "balanced">,
  /** Confidence that what a user never met is not liked, 0 to 1e6. @defaultValue 0.2 */
  unobservedWeight: finite(0.2, { min: 0, max: 1e6 }),
  /**
   * Ratings from this value on are likes and those below it dislikes, all of confidence `unobservedWeight + alpha * weight`. Left
   * out, confidence grows with the rating.
   */
  positiveFrom,
  /** L2 penalty, 0 to 1e6; see `frequencyScaling`. @defaultValue 0.04 */
  regularization: finite(0.04, { min: 0, max: 1e6 }),
  /**
   * How the penalty of a row with n interactions grows: a user's is `regularization * (n + unobservedWeight * items)^frequencyScaling`,
   * an item's likewise with the number of users (Rendle et al. 2022). 0 to 1. @defaultValue 0.9
   */
  frequencyScaling: finite(0.9, { min: 0, max: 1 }),
  /** Same seed and data, same bits. @defaultValue 1 */
  seed,
};

const implicitConjugateGradient = {
  ...implicitCommon,
  /** A few conjugate gradient steps for each row from where it stands: as good as the exact solution, in a quarter of the time. */
  solver: choice("cg", ["cg"]),
  /** Steps for each row, 1 to 1,000. @defaultValue 3 */
  cgSteps: integer(3, { min: 1, max: 1000 }),
};

const implicitCholesky = {
  ...implicitCommon,
  /** Each row is solved exactly. */
  solver: choice("cholesky", ["cholesky"]),
};

const implicitSubspace = {
  ...implicitCommon,
  /** Some columns of a row at a time are solved exactly (iALS++, Rendle et al. 2021): for many factors. */
  solver: choice("subspace", ["subspace"]),
  /** Columns at a time, 1 to 1024; rounded up to a multiple of 4. @defaultValue 32 */
  blockSize: integer(32, { min: 1, max: 1024 }),
};

export const implicitTables = {
  "implicit-als/cg": implicitConjugateGradient,
  "implicit-als/cholesky": implicitCholesky,
  "implicit-als/subspace": implicitSubspace,
} as const;

/** Implicit feedback by conjugate gradient (the default). */
export type ImplicitCgOptions = {
  model: "implicit-als";
  solver?: "cg";
  // The solver may be left out, so nothing else tells the compiler that this belongs to another.
  blockSize?: never;
} & OptionsOf<typeof implicitConjugateGradient>;
/** Implicit feedback by exact solutions. */
export type ImplicitCholeskyOptions = {
  model: "implicit-als";
  solver: "cholesky";
} & OptionsOf<typeof implicitCholesky>;
/** Implicit feedback by blocks of columns. */
export type ImplicitSubspaceOptions = {
  model: "implicit-als";
  solver: "subspace";
} & OptionsOf<typeof implicitSubspace>;

/** Matrix factorization of implicit feedback, by its solver. */
export type ImplicitAlsOptions =
  ImplicitCgOptions | ImplicitCholeskyOptions | ImplicitSubspaceOptions;
