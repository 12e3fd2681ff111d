/** Options of factorization machines, by their solver. */
import {
  checkBoolean,
  checkFinite,
  checkGiven,
  checkNames,
  checkNoExtraKeys,
  valueOf,
} from "./checks.js";
import {
  choice,
  finite,
  integer,
  learningRate,
  type Option,
  type OptionsOf,
  perPart,
  seed,
  valueRange,
} from "./option.js";

const regularizationOfFields = (value: unknown, name: string) => {
  const penalties = Object.entries(checkGiven(value, name)).map(([field, given]) => {
    const where = `${name}.${field}`;
    const check = (one: unknown, part: string) => checkFinite(one, part, { min: 0, max: 1e6 });
    if (typeof given === "number") {
      const both = check(given, where);
      return [field, { linear: both, factors: both }] as const;
    }
    const parts = checkGiven(given, where);
    checkNoExtraKeys(parts, ["linear", "factors"], where);
    const linear = check(parts["linear"], `${where}.linear`);
    return [field, { linear, factors: check(parts["factors"], `${where}.factors`) }] as const;
  });
  return Object.fromEntries(penalties);
};

export interface FmRegularization {
  constant: number;
  linear: number;
  factors: number;
  features: number;
  fields: Record<string, { linear: number; factors: number }>;
}
export type FmRegularizationInput =
  | number
  | {
      constant?: number;
      linear?: number;
      factors?: number;
      features?: number;
      fields?: Record<string, number | { linear: number; factors: number }>;
    };

/**
 * L2 penalties: one number for weights and factors, or an object that sets some parts and leaves the default for the
 * others. `features` is the multiple of them that fields other than "user" and "item" take; `fields` sets the
 * penalties of single fields.
 */
const fmRegularization = (linear: number, factors: number, features = 5) => ({
  default: { constant: 0, linear, factors, features, fields: {} },
  input: linear as FmRegularizationInput,
  parse(value: unknown, name: string, fallback: FmRegularization): FmRegularization {
    const check = (one: unknown, part: string) => checkFinite(one, part, { min: 0, max: 1e6 });
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      const both = check(value, name);
      return { ...fallback, linear: both, factors: both };
    }
    const given = value as Record<string, unknown>;
    checkNoExtraKeys(given, ["constant", "linear", "factors", "features", "fields"], name);
    const part = (key: "constant" | "linear" | "factors" | "features") =>
      check(valueOf(given, key, fallback[key]), `${name}.${key}`);
    return {
      constant: part("constant"),
      linear: part("linear"),
      factors: part("factors"),
      features: part("features"),
      fields: regularizationOfFields(valueOf(given, "fields", fallback.fields), `${name}.fields`),
    };
  },
});

/** What every solver has: the columns of the model, and what it may predict. */
const fmColumns = {
  /** Which of the terms without factors are learned: `true`, `false`, or `{ constant, linear }`. @defaultValue true */
  terms: perPart({ constant: true, linear: true }, ["constant", "linear"], checkBoolean),
  /**
   * Whether every user and every item has a column of its own: `true`, `false`, or `{ user, item }`. Without them a model
   * knows users and items by their features alone. @defaultValue true
   */
  identity: perPart({ user: true, item: true }, ["user", "item"], checkBoolean),
  /** Which of the dataset's fields to use, by name. @defaultValue "all" */
  fields: {
    default: "all",
    parse: (value, name) => (value === "all" ? value : checkNames(value, name, undefined)),
  } as Option<"all" | readonly string[]>,
  /**
   * Fields made from the training interactions: `"user-items"`, the items a user has met; `"item-users"`, the users who have met
   * an item; `"day"`, the day of the interaction. @defaultValue []
   */
  derived: {
    default: [],
    parse: (value, name) => checkNames(value, name, ["user-items", "item-users", "day"]),
  } as Option<readonly ("user-items" | "item-users" | "day")[]>,
  /**
   * What each of the n entries of the sets "user-items" and "item-users" is: 1/sqrt(n) (`"sqrt"`) or 1/n (`"mean"`).
   * @defaultValue "sqrt"
   */
  setScale: choice("sqrt", ["sqrt", "mean"]),
  /** What timestamps count, for the field "day". `"auto"` tells by their size. @defaultValue "auto" */
  timestampUnit: choice("auto", ["auto", "seconds", "milliseconds"]),
  /** Lowest and highest possible rating, to which predictions are limited; `"observed"` takes the training data's. */
  valueRange,
  /** Same seed and data, same bits. @defaultValue 1 */
  seed,
};

const fmCommon = {
  ...fmColumns,
  /** `"regression"` on ratings, or `"classification"` of labels: ratings 0 and 1, or -1 and 1. Predictions are probabilities. */
  task: choice("regression", ["regression", "classification"]),
  /** Number of latent factors, 0 to 1024. 0 leaves linear regression. @defaultValue 16; 10 for the solver "als" */
  factors: integer(16, { min: 0, max: 1024 }),
  /**
   * How the penalty of a column grows: `regularization * s^frequencyScaling`, 0 to 1, with s the sum of its squares over the
   * training rows: their number, for a category. @defaultValue 0.5
   */
  frequencyScaling: finite(0.5, { min: 0, max: 1 }),
  /** Standard deviation of the initial factors. @defaultValue 0.05 */
  initialScale: finite(0.05, { min: 0, max: 10 }),
};

const fmAls = {
  ...fmCommon,
  /** Alternating least squares by coordinate descent: each parameter is solved exactly with the others held. */
  solver: choice("als", ["als"]),
  factors: integer(10, { min: 0, max: 1024 }),
  /** Number of sweeps over all parameters, 1 to 100,000. @defaultValue 30 */
  epochs: integer(30, { min: 1, max: 100_000 }),
  /**
   * L2 penalties: one number for weights and factors, or `{ constant, linear, factors, features, fields }`: `features` is the multiple
   * that fields other than "user" and "item" take (5), `fields` sets single ones: `{ genre: { linear: 1, factors: 2 } }`.
   * @defaultValue linear 1, factors 1.4; half of that for classification
   */
  regularization: fmRegularization(1, 1.4),
};

const fmSgd = {
  ...fmCommon,
  /** Plain steps, row by row; shortened where rows have many features. */
  solver: choice("sgd", ["sgd"]),
  /** Number of passes over the training rows, 1 to 100,000. @defaultValue 50 */
  epochs: integer(50, { min: 1, max: 100_000 }),
  ...learningRate(0.08, 0.93),
  /**
   * L2 penalties: one number for weights and factors, or `{ constant, linear, factors, features, fields }`: `features` is the multiple
   * that fields other than "user" and "item" take (5), `fields` sets single ones: `{ genre: { linear: 1, factors: 2 } }`.
   * @defaultValue linear 1, factors 1.4; half of that for classification
   */
  regularization: fmRegularization(1, 1.4),
};

const fmAdagrad = {
  ...fmCommon,
  /** Steps shrink by the root of the sum of squared gradients (Duchi, Hazan, Singer 2011). */
  solver: choice("adagrad", ["adagrad"]),
  /** Number of passes over the training rows, 1 to 100,000. @defaultValue 30 */
  epochs: integer(30, { min: 1, max: 100_000 }),
  ...learningRate(0.2, 0.95),
  /**
   * L2 penalties: one number for weights and factors, or `{ constant, linear, factors, features, fields }`: `features` is the multiple
   * that fields other than "user" and "item" take (5), `fields` sets single ones: `{ genre: { linear: 1, factors: 2 } }`.
   * @defaultValue linear 1, factors 1.4; half of that for classification
   */
  regularization: fmRegularization(1, 1.4),
};

const fmAdam = {
  ...fmCommon,
  /** Steps from running moments of the gradient of small batches (Kingma, Ba 2015). */
  solver: choice("adam", ["adam"]),
  /** Number of passes over the training rows, 1 to 100,000. @defaultValue 20 */
  epochs: integer(20, { min: 1, max: 100_000 }),
  ...learningRate(0.015, 0.85),
  /** Rows per step, 1 to 1,000,000. @defaultValue 512 */
  batchSize: integer(512, { min: 1, max: 1_000_000 }),
  /**
   * L2 penalties: one number for weights and factors, or `{ constant, linear, factors, features, fields }`: `features` is the multiple
   * that fields other than "user" and "item" take (5), `fields` sets single ones: `{ genre: { linear: 1, factors: 2 } }`.
   * @defaultValue linear 1, factors 1.4; half of that for classification
   */
  regularization: fmRegularization(1, 1.4),
  /** Memory of the mean of the gradient, 0 to below 1. @defaultValue 0.9 */
  beta1: finite(0.9, { min: 0, below: 1 }),
  /** Memory of the mean of its square, 0 to below 1. @defaultValue 0.999 */
  beta2: finite(0.999, { min: 0, below: 1 }),
};

const fmFtrl = {
  ...fmCommon,
  /**
   * The linear part by FTRL-proximal (McMahan et al. 2013), which keeps weights that carry nothing at exactly 0; factors by
   * AdaGrad.
   */
  solver: choice("ftrl", ["ftrl"]),
  /** Number of passes over the training rows, 1 to 100,000. @defaultValue 30 */
  epochs: integer(30, { min: 1, max: 100_000 }),
  ...learningRate(0.15, 0.95),
  /** Penalty on the size of linear weights, 0 to 1e6: the larger, the more of them are 0. @defaultValue 0.1 */
  l1: finite(0.1, { min: 0, max: 1e6 }),
  /** Damps the first steps of rare columns, 0 to 1e6. @defaultValue 1 */
  ftrlBeta: finite(1, { min: 0, max: 1e6 }),
  /**
   * L2 penalties: one number for weights and factors, or `{ constant, linear, factors, features, fields }`: `features` is the multiple
   * that fields other than "user" and "item" take (5), `fields` sets single ones: `{ genre: { linear: 1, factors: 2 } }`.
   * @defaultValue linear 1, factors 1.4; half of that for classification
   */
  regularization: fmRegularization(1, 1.4),
};

const fmSgda = {
  ...fmCommon,
  /**
   * Plain steps with penalties that follow the validation data (Rendle 2012); needs `validation`. The penalties given are where
   * they start, per row; `summary.learnedRegularization` says where they arrived.
   */
  solver: choice("sgda", ["sgda"]),
  /** Number of passes over the training rows, 1 to 100,000. @defaultValue 40 */
  epochs: integer(40, { min: 1, max: 100_000 }),
  ...learningRate(0.08, 0.92),
  /**
   * L2 penalties: one number for weights and factors, or `{ constant, linear, factors, features, fields }`: `features` is the multiple
   * that fields other than "user" and "item" take (1), `fields` sets single ones: `{ genre: { linear: 1, factors: 2 } }`.
   * @defaultValue linear 0.05, factors 0.12, per row
   */
  regularization: fmRegularization(0.05, 0.12, 1),
};

const fmBayesian = {
  ...fmColumns,
  /**
   * `"regression"`, `"classification"` (probit; labels 0 and 1, or -1 and 1), or `"ordinal"`: ratings as ordered classes with learned
   * cutpoints, which gives a probability for every rating. @defaultValue "regression"
   */
  task: choice("regression", ["regression", "classification", "ordinal"]),
  /** Number of latent factors, of each sample where there are samples, 0 to 256. @defaultValue 10 */
  factors: integer(10, { min: 0, max: 256 }),
  /** Standard deviation of the initial factors. @defaultValue 0.1 */
  initialScale: finite(0.1, { min: 0, max: 10 }),
};

const fmMcmc = {
  ...fmBayesian,
  /**
   * Gibbs sampling (Freudenthaler, Schmidt-Thieme, Rendle 2011): the most accurate, and nothing to regularize. Predictions are
   * averages over many samples and know how sure they are.
   */
  solver: choice("mcmc", ["mcmc"]),
  /** Sweeps of each chain before its samples count, 0 to 100,000. @defaultValue 20 */
  burnIn: integer(20, { min: 0, max: 100_000 }),
  /** Sweeps that count, of all chains; 1 to 100,000. @defaultValue 200 */
  samples: integer(200, { min: 1, max: 100_000 }),
  /**
   * Chains that share the samples, one after the other from other initial factors; 1 to 100, and no more than samples. One chain hardly
   * leaves the mode of the posterior it came to first: a few of about 100 samples each predict better than one as long as all of them.
   * @defaultValue 1
   */
  chains: integer(1, { min: 1, max: 100 }),
  /** Samples that the model keeps, evenly spread: each takes `columns * (factors + 1)` numbers. 1 to 1,000. @defaultValue 50 */
  keep: integer(50, { min: 1, max: 1000 }),
};

const fmVb = {
  ...fmBayesian,
  /**
   * Variational inference (Bishop 2006, chapter 10): the priors of `"mcmc"` and nothing to regularize either, with a mean and a variance
   * for every parameter in place of samples. Nearly as accurate, much faster, and it knows how sure it is.
   */
  solver: choice("vb", ["vb"]),
  /** Number of sweeps over all parameters, 1 to 100,000. @defaultValue 20 */
  epochs: integer(20, { min: 1, max: 100_000 }),
};

const halvedPenalties = {
  regularization: { constant: 0, linear: 0.5, factors: 0.7, features: 5, fields: {} },
};

/** Residuals of labels live on [0, 1], not on the scale of the ratings: other steps, other penalties. */
export const fmClassificationDefaults = {
  "fm/als": halvedPenalties,
  "fm/sgd": { learningRate: 0.2, ...halvedPenalties },
  "fm/adagrad": halvedPenalties,
  "fm/adam": halvedPenalties,
  "fm/ftrl": halvedPenalties,
};

export const fmTables = {
  "fm/als": fmAls,
  "fm/sgd": fmSgd,
  "fm/adagrad": fmAdagrad,
  "fm/adam": fmAdam,
  "fm/ftrl": fmFtrl,
  "fm/sgda": fmSgda,
  "fm/mcmc": fmMcmc,
  "fm/vb": fmVb,
} as const;

/** Factorization machine by alternating least squares (the default). */
export type FmAlsOptions = {
  model: "fm";
  solver?: "als";
  // The solver may be left out, so nothing else tells the compiler that these belong to another.
  learningRate?: never;
  learningRateDecay?: never;
  batchSize?: never;
  beta1?: never;
  beta2?: never;
  l1?: never;
  ftrlBeta?: never;
} & OptionsOf<typeof fmAls>;
/** Factorization machine by stochastic gradient descent. */
export type FmSgdOptions = { model: "fm"; solver: "sgd" } & OptionsOf<typeof fmSgd>;
/** Factorization machine with AdaGrad. */
export type FmAdagradOptions = { model: "fm"; solver: "adagrad" } & OptionsOf<typeof fmAdagrad>;
/** Factorization machine with Adam, in mini-batches. */
export type FmAdamOptions = { model: "fm"; solver: "adam" } & OptionsOf<typeof fmAdam>;
/** Factorization machine with a sparse linear part. */
export type FmFtrlOptions = { model: "fm"; solver: "ftrl" } & OptionsOf<typeof fmFtrl>;
/** Factorization machine with penalties that follow the validation data. */
export type FmSgdaOptions = { model: "fm"; solver: "sgda" } & OptionsOf<typeof fmSgda>;

/** Bayesian factorization machine by Gibbs sampling. */
export type FmMcmcOptions = { model: "fm"; solver: "mcmc" } & OptionsOf<typeof fmMcmc>;
/** Bayesian factorization machine by variational inference. */
export type FmVbOptions = { model: "fm"; solver: "vb" } & OptionsOf<typeof fmVb>;

/** Factorization machines, by their solver. */
export type FmOptions =
  | FmAlsOptions
  | FmSgdOptions
  | FmAdagradOptions
  | FmAdamOptions
  | FmFtrlOptions
  | FmSgdaOptions
  | FmMcmcOptions
  | FmVbOptions;
