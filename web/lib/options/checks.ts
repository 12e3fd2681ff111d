/** Checks of single values: each returns the value, or throws an ArgumentError that names it, what came and what is allowed. */
import { ArgumentError, show } from "../errors.js";

export interface Range {
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

/** A list without repetitions. */
export function checkNames<const T extends string>(
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
