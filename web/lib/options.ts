/**
 * Training options: each one is written down once, here, with its documentation, range and default. The TypeScript
 * types are derived from these tables, the checks run over them, and what goes to C++ is their output. The C++ side
 * refuses the same ranges again; a test holds the two together.
 */
import { ArgumentError, show } from "./errors.js";
import type { Dataset, EpochReport, Progress } from "./types.js";

interface Option<T> {
  readonly default: T;
  /** The value to use, or an ArgumentError that names the option, what came and what is allowed. */
  parse(value: unknown, name: string, fallback: T): T;
}

interface Range {
  readonly min?: number;
  /** The value must be greater than this. */
  readonly above?: number;
  readonly max?: number;
  readonly below?: number;
}

function describe({ min, above, max, below }: Range): string {
  const low =
    min !== undefined ? `from ${min}` : above !== undefined ? `greater than ${above}` : "";
  const high = max !== undefined ? `to ${max}` : below !== undefined ? `below ${below}` : "";
  return [low, high].filter(Boolean).join(" ") || "that is finite";
}

function checkNumber(
  value: unknown,
  name: string,
  kind: "a number" | "a whole number",
  range: Range,
): number {
  const expected = `${name} must be ${kind} ${describe(range)}`;
  if (typeof value !== "number") {
    throw new ArgumentError("INVALID_ARGUMENT", `${expected}; got ${show(value)}`, name);
  }
  if (!Number.isFinite(value))
    throw new ArgumentError("NOT_FINITE", `${expected}; got ${value}`, name);
  if (kind === "a whole number" && !Number.isInteger(value)) {
    throw new ArgumentError("INVALID_ARGUMENT", `${expected}; got ${value}`, name);
  }
  const { min = -Infinity, above = -Infinity, max = Infinity, below = Infinity } = range;
  if (value < min || value <= above || value > max || value >= below) {
    throw new ArgumentError("OUT_OF_RANGE", `${expected}; got ${value}`, name);
  }
  return value;
}

export const checkInteger = (value: unknown, name: string, range: Range): number =>
  checkNumber(value, name, "a whole number", range);

export const checkFinite = (value: unknown, name: string, range: Range = {}): number =>
  checkNumber(value, name, "a number", range);

export function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value === "boolean") return value;
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `${name} must be true or false; got ${show(value)}`,
    name,
  );
}

export function checkChoice<const T extends string>(
  value: unknown,
  name: string,
  choices: readonly T[],
): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const list = choices.map((choice) => `"${choice}"`).join(", ");
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `${name} must be one of ${list}; got ${show(value)}`,
    name,
  );
}

/** An options object, which may be left out. */
export function checkObject(value: unknown, name: string): Record<string, unknown> {
  return value === undefined ? {} : checkGiven(value, name);
}

/** A plain object. A map, or a promise that was not awaited, would count as one without any entry: refused. */
export function checkGiven(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null) {
    const prototype: unknown = Object.getPrototypeOf(value);
    // Plain objects of another window or context have that one's Object.prototype.
    if (prototype === null || Object.getPrototypeOf(prototype) === null) {
      return value as Record<string, unknown>;
    }
  }
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `${name} must be an object; got ${show(value)}`,
    name,
  );
}

/** An entry of an options object, or its default where it is left out. `null` is not left out. */
export const valueOf = (
  options: Record<string, unknown>,
  name: string,
  fallback: unknown,
): unknown => (options[name] === undefined ? fallback : options[name]);

/** An entry whose name is the caller's own and may be that of a member of every object, such as "constructor". */
export const ownValue = (object: object, name: string): unknown =>
  Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;

/** Refuses names that mean nothing here: a typing mistake must not silently train with a default. */
export function checkNoExtraKeys(given: object, allowed: readonly string[], where: string): void {
  for (const key of Object.keys(given)) {
    if (allowed.includes(key)) continue;
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${where} has no option "${key}"; it has ${allowed.join(", ")}`,
      key,
    );
  }
}

const integer = (fallback: number, range: Range): Option<number> => ({
  default: fallback,
  parse: (value, name) => checkInteger(value, name, range),
});

const finite = (fallback: number, range: Range): Option<number> => ({
  default: fallback,
  parse: (value, name) => checkFinite(value, name, range),
});

const choice = <const T extends string>(
  fallback: NoInfer<T>,
  choices: readonly T[],
): Option<T> => ({
  default: fallback,
  parse: (value, name) => checkChoice(value, name, choices),
});

/** One value for every part, or an object that sets some parts and leaves the default for the others. */
function perPart<K extends string, V extends number | boolean>(
  fallback: Record<K, V>,
  all: readonly K[],
  check: (value: unknown, name: string) => V,
): Option<Record<K, V>> & { readonly input: V | Partial<Record<K, V>> } {
  return {
    default: fallback,
    input: fallback,
    parse(value, name, fallback) {
      if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        const given = value as Record<string, unknown>;
        checkNoExtraKeys(given, Object.keys(fallback), name);
        const result = { ...fallback };
        for (const part of Object.keys(fallback) as K[]) {
          if (given[part] !== undefined) result[part] = check(given[part], `${name}.${part}`);
        }
        return result;
      }
      const single = check(value, name);
      const result = { ...fallback };
      for (const part of all) result[part] = single;
      return result;
    },
  };
}

const regularization = (user: number, item: number, bias: number) =>
  perPart({ user, item, bias }, ["user", "item", "bias"], (value, name) =>
    checkFinite(value, name, { min: 0, max: 1e6 }),
  );

const valueRange: Option<readonly [number, number] | "observed"> = {
  default: "observed",
  parse(value, name) {
    if (value === "observed") return value;
    if (!Array.isArray(value) || value.length !== 2) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `${name} must be [lowest, highest] or "observed"; got ${show(value)}`,
        name,
      );
    }
    const low = checkFinite(value[0], `${name}[0]`);
    const high = checkFinite(value[1], `${name}[1]`, { above: low });
    return [low, high];
  },
};

const seed = integer(1, { min: 0, max: Number.MAX_SAFE_INTEGER });

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

/**
 * Residuals of the logistic loss live on [0, 1], not on the scale of the ratings: other steps, other penalties. For the loss
 * "logistic" of the model "mf" and the task "classification" of "fm".
 */
const labelDefaults: Record<string, Readonly<Record<string, unknown>>> = {
  "mf/sgd": { learningRate: 0.2, regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
  "mf/adagrad": { learningRate: 0.1, regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
  "mf/adam": { regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
  "fm/als": halvedPenalties(),
  "fm/sgd": { learningRate: 0.2, ...halvedPenalties() },
  "fm/adagrad": halvedPenalties(),
  "fm/adam": halvedPenalties(),
  "fm/ftrl": halvedPenalties(),
};

function halvedPenalties() {
  return { regularization: { constant: 0, linear: 0.5, factors: 0.7, features: 5, fields: {} } };
}

const mfAls = {
  ...mfCommon,
  /** Alternating least squares: each row is solved exactly with the other side held (Zhou et al. 2008). */
  optimizer: choice("als", ["als"]),
  /** Number of sweeps over users and items, 1 to 100,000. @defaultValue 15 */
  epochs: integer(15, { min: 1, max: 100_000 }),
  /** L2 penalty: one number for everything, or `{ user, item, bias }`. Not negative. @defaultValue 1.2 */
  regularization: regularization(1.2, 1.2, 1.2),
};

const svd = {
  /** Number of singular vectors kept, 1 to 1024; never more than the smaller side of the matrix. @defaultValue 16 */
  factors: integer(16, { min: 1, max: 1024 }),
  /** What stands where there is no rating: a number, or a mean. @defaultValue "item-mean" */
  fill: {
    default: "item-mean",
    parse: (value, name) =>
      typeof value === "number"
        ? checkFinite(value, name)
        : checkChoice(value, name, ["global-mean", "user-mean", "item-mean"]),
  } as Option<number | "global-mean" | "user-mean" | "item-mean">,
  /** Extra random directions (Halko, Martinsson, Tropp 2011), 0 to 1024. @defaultValue 10 */
  oversampling: integer(10, { min: 0, max: 1024 }),
  /** Passes that sharpen the subspace; each reads the ratings twice. 0 to 100. @defaultValue 4 */
  powerIterations: integer(4, { min: 0, max: 100 }),
  valueRange,
  seed,
};

const popularity = {};

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

interface FmRegularization {
  constant: number;
  linear: number;
  factors: number;
  features: number;
  fields: Record<string, { linear: number; factors: number }>;
}
type FmRegularizationInput =
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

/** A list without repetitions. */
function checkNames<const T extends string>(
  value: unknown,
  name: string,
  choices: readonly T[] | undefined,
): T[] {
  if (!Array.isArray(value)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name} must be a list of names; got ${show(value)}`,
      name,
    );
  }
  return Array.from(value as unknown[], (entry, k) => {
    if (choices !== undefined) return checkChoice(entry, `${name}[${k}]`, choices);
    if (typeof entry === "string") return entry as T;
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name}[${k}] must be a name; got ${show(entry)}`,
      name,
    );
  }).filter((entry, k, all) => all.indexOf(entry) === k);
}

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

const learningRate = (rate: number, decay: number) => ({
  /** Step size, above 0 to 1e9. */
  learningRate: finite(rate, { above: 0, max: 1e9 }),
  /** The rate is multiplied by this after every epoch, above 0 to 1. */
  learningRateDecay: finite(decay, { above: 0, max: 1 }),
});

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

const fmMcmc = {
  ...fmColumns,
  /**
   * Gibbs sampling (Freudenthaler, Schmidt-Thieme, Rendle 2011): the most accurate, and nothing to regularize. Predictions are
   * averages over many samples and know how sure they are.
   */
  solver: choice("mcmc", ["mcmc"]),
  /**
   * `"regression"`, `"classification"` (probit; labels 0 and 1, or -1 and 1), or `"ordinal"`: ratings as ordered classes with learned
   * cutpoints, which gives a probability for every rating. @defaultValue "regression"
   */
  task: choice("regression", ["regression", "classification", "ordinal"]),
  /** Number of latent factors of each sample, 0 to 256. @defaultValue 10 */
  factors: integer(10, { min: 0, max: 256 }),
  /** Sweeps before the first sample counts, 0 to 100,000. @defaultValue 20 */
  burnIn: integer(20, { min: 0, max: 100_000 }),
  /** Sweeps that count, 1 to 100,000. @defaultValue 200 */
  samples: integer(200, { min: 1, max: 100_000 }),
  /** Samples that the model keeps, evenly spread: each takes `columns * (factors + 1)` numbers. 1 to 1,000. @defaultValue 50 */
  keep: integer(50, { min: 1, max: 1000 }),
  /** Standard deviation of the initial factors. @defaultValue 0.1 */
  initialScale: finite(0.1, { min: 0, max: 10 }),
};

/** The option tables by what selects them; a test walks over them and holds them to the C++ side. */
export const optionTables = {
  "mf/sgd": mfSgd,
  "mf/adagrad": mfAdagrad,
  "mf/adam": mfAdam,
  "mf/als": mfAls,
  svd,
  popularity,
  "fm/als": fmAls,
  "fm/sgd": fmSgd,
  "fm/adagrad": fmAdagrad,
  "fm/adam": fmAdam,
  "fm/ftrl": fmFtrl,
  "fm/sgda": fmSgda,
  "fm/mcmc": fmMcmc,
} as const;

type Input<O> = O extends { readonly input: infer I } ? I : O extends Option<infer T> ? T : never;
type OptionsOf<Table> = { [K in keyof Table]?: Input<Table[K]> };

/** What every training run takes besides the options of its model. */
export interface TrainControls<D = Dataset> {
  /** Held-out interactions whose error is measured after every epoch; for the models "mf" and "fm", which have epochs. */
  validation?: D;
  /**
   * Stop after this many epochs without a better validation loss, and return the best epoch's parameters. Needs
   * `validation`. Never stops early when left out (the best epoch's parameters are returned all the same).
   */
  patience?: number;
  /** Called after every epoch. An exception thrown here ends training and comes out of the call. */
  onEpoch?: (report: EpochReport) => void;
  /** Called every few milliseconds of training. */
  onProgress?: (progress: Progress) => void;
  /** Ends training within 100 ms; the call rejects with the signal's reason. */
  signal?: AbortSignal;
}

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
/** Truncated singular value decomposition of the filled rating matrix. */
export type SvdOptions = { model: "svd" } & OptionsOf<typeof svd>;
/** The baseline that recommends what most users met. */
export type PopularityOptions = { model: "popularity" } & OptionsOf<typeof popularity>;

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

/** Factorization machines, by their solver. */
export type FmOptions =
  | FmAlsOptions
  | FmSgdOptions
  | FmAdagradOptions
  | FmAdamOptions
  | FmFtrlOptions
  | FmSgdaOptions
  | FmMcmcOptions;

export type ModelOptions =
  | MfSgdOptions
  | MfAdagradOptions
  | MfAdamOptions
  | MfAlsOptions
  | SvdOptions
  | PopularityOptions
  | FmOptions;

export type TrainOptions<D = Dataset> = ModelOptions & TrainControls<D>;

/** What may change when training is continued; everything else stays as the model was trained. */
export type FitPartialOptions<D = Dataset> = {
  epochs?: number;
  learningRate?: number;
  seed?: number;
  /** For models that were sampled: how many further sweeps count, and how many samples the model keeps of all. */
  samples?: number;
  keep?: number;
} & TrainControls<D>;

export const controlNames = ["validation", "patience", "onEpoch", "onProgress", "signal"] as const;

/** Model options with every default filled in and every value checked. */
export type ResolvedOptions = { readonly model: ModelOptions["model"] } & Readonly<
  Record<string, unknown>
>;

/** What tells the algorithms of a family apart. */
const selectors = {
  mf: { name: "optimizer", choices: ["sgd", "adagrad", "adam", "als"] },
  fm: { name: "solver", choices: ["als", "sgd", "adagrad", "adam", "ftrl", "sgda", "mcmc"] },
} as const;

/**
 * The options with every default filled in, for forms and the like: defaults depend on `model`, `optimizer` and `loss`.
 * Checks every value on the way and throws what `train` would.
 */
export function withDefaults(options: ModelOptions): ResolvedOptions {
  return resolveModelOptions(options);
}

/** Checks `options` against the table its `model` and `optimizer` select; controls are left to the caller. */
export function resolveModelOptions(options: unknown): ResolvedOptions {
  const given = checkObject(options, "options");
  const model = checkChoice(given["model"], "model", ["mf", "svd", "popularity", "fm"]);
  const selector = model === "mf" || model === "fm" ? selectors[model] : undefined;
  const selected =
    selector &&
    checkChoice(
      valueOf(given, selector.name, selector.choices[0]),
      selector.name,
      selector.choices as readonly string[],
    );
  const where = selected === undefined ? model : `${model}/${selected}`;
  const table: Readonly<Record<string, Option<unknown>>> =
    optionTables[where as keyof typeof optionTables];
  checkNoExtraKeys(given, ["model", ...Object.keys(table), ...controlNames], where);
  const defaults =
    given["loss"] === "logistic" || given["task"] === "classification"
      ? (labelDefaults[where] ?? {})
      : {};
  const resolved: Record<string, unknown> & { model: ModelOptions["model"] } = { model };
  for (const [name, option] of Object.entries(table)) {
    const fallback = defaults[name] ?? option.default;
    resolved[name] =
      given[name] === undefined ? fallback : option.parse(given[name], name, fallback);
  }
  if (selector !== undefined) resolved[selector.name] = selected;
  return resolved;
}
