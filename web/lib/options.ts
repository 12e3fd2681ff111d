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

/** Residuals of the logistic loss live on [0, 1], not on the scale of the ratings: other steps, other penalties. */
const logisticDefaults: Record<string, Readonly<Record<string, unknown>>> = {
  sgd: { learningRate: 0.2, regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
  adagrad: { learningRate: 0.1, regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
  adam: { regularization: { user: 0.3, item: 0.3, bias: 0.025 } },
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

/** The option tables by what selects them; a test walks over them and holds them to the C++ side. */
export const optionTables = {
  "mf/sgd": mfSgd,
  "mf/adagrad": mfAdagrad,
  "mf/adam": mfAdam,
  "mf/als": mfAls,
  svd,
  popularity,
} as const;

type Input<O> = O extends { readonly input: infer I } ? I : O extends Option<infer T> ? T : never;
type OptionsOf<Table> = { [K in keyof Table]?: Input<Table[K]> };

/** What every training run takes besides the options of its model. */
export interface TrainControls<D = Dataset> {
  /** Held-out interactions whose error is measured after every epoch; only for the model "mf", which has epochs. */
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

export type ModelOptions =
  MfSgdOptions | MfAdagradOptions | MfAdamOptions | MfAlsOptions | SvdOptions | PopularityOptions;

export type TrainOptions<D = Dataset> = ModelOptions & TrainControls<D>;

/** What may change when training is continued; everything else stays as the model was trained. */
export type FitPartialOptions<D = Dataset> = {
  epochs?: number;
  learningRate?: number;
  seed?: number;
} & TrainControls<D>;

export const controlNames = ["validation", "patience", "onEpoch", "onProgress", "signal"] as const;

/** Model options with every default filled in and every value checked. */
export type ResolvedOptions = { readonly model: "mf" | "svd" | "popularity" } & Readonly<
  Record<string, unknown>
>;

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
  const model = checkChoice(given["model"], "model", ["mf", "svd", "popularity"]);
  const optimizer =
    model === "mf"
      ? checkChoice(valueOf(given, "optimizer", "sgd"), "optimizer", [
          "sgd",
          "adagrad",
          "adam",
          "als",
        ])
      : undefined;
  const where =
    optimizer === undefined ? model : (`${model}/${optimizer}` as keyof typeof optionTables);
  const table: Readonly<Record<string, Option<unknown>>> =
    optionTables[where as keyof typeof optionTables];
  checkNoExtraKeys(given, ["model", ...Object.keys(table), ...controlNames], where);
  const defaults = given["loss"] === "logistic" ? (logisticDefaults[String(optimizer)] ?? {}) : {};
  const resolved: Record<string, unknown> & { model: "mf" | "svd" | "popularity" } = { model };
  for (const [name, option] of Object.entries(table)) {
    const fallback = defaults[name] ?? option.default;
    resolved[name] =
      given[name] === undefined ? fallback : option.parse(given[name], name, fallback);
  }
  if (optimizer !== undefined) resolved["optimizer"] = optimizer;
  return resolved;
}
