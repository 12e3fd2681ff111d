/** Options of matrix factorization, by its optimizer. */
import { checkBoolean, checkFinite } from "./checks.js";
import { choice, finite, integer, type OptionsOf, perPart, seed, valueRange } from "./option.js";

const regularization = (user: number, item: number, bias: number) =>
  perPart({ user, item, bias }, ["user", "item", "bias"], (value, name) =>
    checkFinite(value, name, { min: 0, max: 1e6 }),
  );

const mfCommon = {
  /** Number of latent factors, 0 to 1024. 0 trains the biases alone. */
  factors: integer(32, { min: 0, max: 1024 }),
  /** Which constant parts are learned: `true`, `false`, or `{ global, user, item }`. @defaultValue true */
  biases: perPart(
    { global: true, user: true, item: true },
    ["global", "user", "item"],
    checkBoolean,
  ),
  /**
   * How the penalty of a row with n ratings grows: `regularization * n^frequencyScaling`, 0 to 1. With 1 every rating
   * pulls its user and item back a little, with 0 a row is penalised once however many ratings it has. The middle did best
   * on MovieLens for every optimizer.
   * @defaultValue 0.5
   */
  frequencyScaling: finite(0.5, { min: 0, max: 1 }),
  /**
   * Lowest and highest possible rating. Predictions are limited to it, and with the loss "logistic" it is what 0 and 1
   * stand for. `"observed"` takes the range of the training data. @defaultValue "observed"
   */
  valueRange,
  /** Standard deviation of the initial factors. @defaultValue 0.1 */
  initialScale: finite(0.1, { min: 0, max: 10 }),
  /** Same seed and data, same bits: in every browser, in Node, in the native build. @defaultValue 1 */
  seed,
};

const mfGradient = {
  ...mfCommon,
  /**
   * `"squared"` error of the rating, or `"logistic"`: cross-entropy of a sigmoid, with `valueRange` mapped onto [0, 1].
   * @defaultValue "squared"
   */
  loss: choice("squared", ["squared", "logistic"]),
};

const mfSgd = {
  ...mfGradient,
  optimizer: choice("sgd", ["sgd"]),
  /** Number of passes over the training data, 1 to 100,000. @defaultValue 30 */
  epochs: integer(30, { min: 1, max: 100_000 }),
  /** Step size, above 0 to 1e9. @defaultValue 0.05; 0.2 for the logistic loss */
  learningRate: finite(0.05, { above: 0, max: 1e9 }),
  /** The rate is multiplied by this after every epoch, above 0 to 1. @defaultValue 0.93 */
  learningRateDecay: finite(0.93, { above: 0, max: 1 }),
  /**
   * L2 penalty: one number for everything, or `{ user, item, bias }`. Not negative.
   * @defaultValue 1.2 for users and items, 0.1 for biases; a quarter of that for the logistic loss
   */
  regularization: regularization(1.2, 1.2, 0.1),
};

const mfAdagrad = {
  ...mfGradient,
  /** Steps shrink by the root of the sum of squared gradients (Duchi, Hazan, Singer 2011). */
  optimizer: choice("adagrad", ["adagrad"]),
  /** Number of passes over the training data, 1 to 100,000. @defaultValue 20 */
  epochs: integer(20, { min: 1, max: 100_000 }),
  /** Step size, above 0 to 1e9. @defaultValue 0.05; 0.1 for the logistic loss */
  learningRate: finite(0.05, { above: 0, max: 1e9 }),
  /** The rate is multiplied by this after every epoch, above 0 to 1. @defaultValue 1 */
  learningRateDecay: finite(1, { above: 0, max: 1 }),
  /**
   * L2 penalty: one number for everything, or `{ user, item, bias }`. Not negative.
   * @defaultValue 1 for users and items, 0.08 for biases; 0.3 and 0.025 for the logistic loss
   */
  regularization: regularization(1, 1, 0.08),
};

const mfAdam = {
  ...mfGradient,
  /** Steps from running moments of the gradient (Kingma, Ba 2015), kept per row and moved only when the row is met. */
  optimizer: choice("adam", ["adam"]),
  /** Number of passes over the training data, 1 to 100,000. @defaultValue 20 */
  epochs: integer(20, { min: 1, max: 100_000 }),
  /** Step size, above 0 to 1e9. @defaultValue 0.005 */
  learningRate: finite(0.005, { above: 0, max: 1e9 }),
  /** The rate is multiplied by this after every epoch, above 0 to 1. @defaultValue 1 */
  learningRateDecay: finite(1, { above: 0, max: 1 }),
  /**
   * L2 penalty: one number for everything, or `{ user, item, bias }`. Not negative.
   * @defaultValue 1 for users and items, 0.08 for biases; 0.3 and 0.025 for the logistic loss
   */
  regularization: regularization(1, 1, 0.08),
  /** Memory of the mean of the gradient, 0 to below 1. @defaultValue 0.9 */
  beta1: finite(0.9, { min: 0, below: 1 }),
  /** Memory of the mean of its square, 0 to below 1. @defaultValue 0.999 */
  beta2: finite(0.999, { min: 0, below: 1 }),
};

const mfAls = {
  ...mfCommon,
  /** Alternating least squares: each row is solved exactly with the other side held (Zhou et al. 2008). */
  optimizer: choice("als", ["als"]),
  /** Number of sweeps over users and items, 1 to 100,000. @defaultValue 15 */
  epochs: integer(15, { min: 1, max: 100_000 }),
  /** L2 penalty: one number for everything, or `{ user, item, bias }`. Not negative. @defaultValue 1.2 */
  regularization: regularization(1.2, 1.2, 1.2),
};

/** Residuals of the logistic loss live on [0, 1], not on the scale of the ratings: other steps, other penalties. */
export const mfLogisticDefaults = {
  "mf/sgd": { learningRate: 0.2, regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
  "mf/adagrad": { learningRate: 0.1, regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
  "mf/adam": { regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
};

export const mfTables = {
  "mf/sgd": mfSgd,
  "mf/adagrad": mfAdagrad,
  "mf/adam": mfAdam,
  "mf/als": mfAls,
} as const;

/** Matrix factorization by stochastic gradient descent (the default). */
export type MfSgdOptions = {
  model: "mf";
  optimizer?: "sgd";
  // The optimizer may be left out, so nothing else tells the compiler that these belong to another.
  beta1?: never;
  beta2?: never;
} & OptionsOf<typeof mfSgd>;
/** Matrix factorization with AdaGrad. */
export type MfAdagradOptions = { model: "mf"; optimizer: "adagrad" } & OptionsOf<typeof mfAdagrad>;
/** Matrix factorization with Adam. */
export type MfAdamOptions = { model: "mf"; optimizer: "adam" } & OptionsOf<typeof mfAdam>;
/** Matrix factorization by alternating least squares. */
export type MfAlsOptions = { model: "mf"; optimizer: "als" } & OptionsOf<typeof mfAls>;

/** Matrix factorization, by its optimizer. */
export type MfOptions = MfSgdOptions | MfAdagradOptions | MfAdamOptions | MfAlsOptions;
