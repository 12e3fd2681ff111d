/** What is wrong wherever it is given, and how a call must refuse it. */
import { ArgumentError } from "featherfm";
import { expect } from "vitest";
import { thrown } from "./support.js";

/** The engine as JavaScript without types sees it. */
export type Loose = Record<string, (...args: unknown[]) => unknown>;

export const detached = new ArrayBuffer(8);
structuredClone(detached, { transfer: [detached] });
/** A list with nothing at its second place: not even undefined. */
export const withHole = (first: unknown, third: unknown) =>
  Object.assign(new Array<unknown>(3), [first], { 2: third });
export const holes = withHole(1, 3) as number[];

/** What is no list of numbers or ids. */
export const noLists: [string, unknown][] = [
  ["null", null],
  ["a number", 5],
  ["a string", "abc"],
  ["a boolean", true],
  ["an object", { length: 3 }],
  ["a Set", new Set([1])],
  ["a function", () => [1]],
  ["a DataView", new DataView(new ArrayBuffer(8))],
  ["an ArrayBuffer", new ArrayBuffer(8)],
  ["a BigInt64Array", BigInt64Array.of(1n)],
  ["a BigUint64Array", BigUint64Array.of(1n)],
  ["a symbol", Symbol("no")],
];
/** What is no id. */
export const noIds: [string, unknown][] = [
  ["null", null],
  ["undefined", undefined],
  ["NaN", NaN],
  ["infinity", Infinity],
  ["a boolean", true],
  ["a bigint", 1n],
  ["an object", {}],
  ["a list", [1]],
  ["a symbol", Symbol("no")],
  ["a String object", Object("abc")],
];
/** What are no options. */
export const noOptions: [string, unknown][] = [
  ["null", null],
  ["a number", 5],
  ["a string", "abc"],
  ["a list", [1]],
  ["a typed array", Uint8Array.of(1)],
  ["a function", () => 5],
  ["a Map", new Map([["n", 3]])],
  ["a promise", Promise.resolve({})],
  ["a date", new Date(0)],
];
/** What is no count from 1. */
export const noCounts: [string, unknown][] = [
  ["0", 0],
  ["-1", -1],
  ["1.5", 1.5],
  ["2^32", 2 ** 32],
  ["1e300", 1e300],
  ["NaN", NaN],
  ["infinity", Infinity],
  ["a string", "5"],
  ["null", null],
  ["a bigint", 5n],
];

/** The name of the argument, or one entry of it. */
const entryOf = (name: string) => new RegExp(`^${name}(\\[.+\\])?(\\.[\\w.]+)?$`);

/** Every call of these must be refused with an ArgumentError that names the argument. */
export async function expectRefused(call: () => unknown, argument: string): Promise<void> {
  const error = (await thrown(call)) as ArgumentError;
  expect(error).toBeInstanceOf(ArgumentError);
  expect(error.code).toMatch(
    /^(INVALID_ARGUMENT|OUT_OF_RANGE|SIZE_MISMATCH|NOT_FINITE|EMPTY|DUPLICATE)$/,
  );
  expect(error.argument).toMatch(entryOf(argument));
}
