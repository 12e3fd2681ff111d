/** What an option is, the kinds there are, and those that several models share. */
import { ArgumentError, show } from "../errors.js";
import { checkChoice, checkFinite, checkInteger, checkNoExtraKeys, type Range } from "./checks.js";

export interface Option<T> {
  readonly default: T;
  /** The value to use, or an ArgumentError that names the option, what came and what is allowed. */
  parse(value: unknown, name: string, fallback: T): T;
}

export const integer = (fallback: number, range: Range): Option<number> => ({
  default: fallback,
  parse: (value, name) => checkInteger(value, name, range),
});

export const finite = (fallback: number, range: Range): Option<number> => ({
  default: fallback,
  parse: (value, name) => checkFinite(value, name, range),
});

export const choice = <const T extends string>(
  fallback: NoInfer<T>,
  choices: readonly T[],
): Option<T> => ({
  default: fallback,
  parse: (value, name) => checkChoice(value, name, choices),
});

/** One value for every part, or an object that sets some parts and leaves the default for the others. */
export function perPart<K extends string, V extends number | boolean>(
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

export const valueRange: Option<readonly [number, number] | "observed"> = {
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

export const seed = integer(1, { min: 0, max: Number.MAX_SAFE_INTEGER });

/** The lowest value that counts as liked; where it is left out, the model says what is. */
export const positiveFrom: Option<number | undefined> = {
  default: undefined,
  parse: (value, name) => (value === undefined ? value : checkFinite(value, name)),
};

/** Step size and its decay. */
export const learningRate = (rate: number, decay: number) => ({
  /** Step size, above 0 to 1e9. */
  learningRate: finite(rate, { above: 0, max: 1e9 }),
  /** The rate is multiplied by this after every epoch, above 0 to 1. */
  learningRateDecay: finite(decay, { above: 0, max: 1 }),
});

type Input<O> = O extends { readonly input: infer I } ? I : O extends Option<infer T> ? T : never;
export type OptionsOf<Table> = { [K in keyof Table]?: Input<Table[K]> };
