/** Datasets: checking what comes in, holding it in the core, and splitting it. */
import type { Core, CoreInteractions } from "./core.js";
import { Owned } from "./core.js";
import { ArgumentError, show } from "./errors.js";
import { IdMap, isTypedArray } from "./ids.js";
import {
  checkChoice,
  checkFinite,
  checkGiven,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  valueOf,
} from "./options.js";
import type {
  Dataset,
  DatasetInput,
  Id,
  NumberArray,
  Rating,
  Split,
  SplitOptions,
} from "./types.js";

/** A list of numbers; the core checks that they are finite. Copied into `Target`. */
export function toNumbers<T extends Float32Array | Float64Array | Uint32Array>(
  list: unknown,
  name: string,
  Target: { new (values: ArrayLike<number>): T },
): T {
  if (Array.isArray(list)) {
    for (let k = 0; k < list.length; k++) {
      if (typeof list[k] === "number") continue;
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `${name}[${k}] must be a number; got ${show(list[k])}`,
        name,
      );
    }
    return new Target(list as number[]);
  }
  if (isTypedArray(list)) return new Target(list);
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `${name} must be an array or a typed array of numbers; got ${show(list)}`,
    name,
  );
}

/** Whole numbers from 0 below 2^32: conversion to Uint32Array alone would make something of -1 and 4.7 too. */
export function toWholeNumbers(list: NumberArray, name: string): Uint32Array {
  const numbers = toNumbers(list, name, Float64Array);
  for (let k = 0; k < numbers.length; k++) {
    checkInteger(numbers[k], `${name}[${k}]`, { min: 0, max: 0xfffffffe });
  }
  return Uint32Array.from(numbers);
}

const inputNames = ["users", "items", "ratings", "weights", "timestamps", "duplicates"] as const;

export class CoreDataset implements Dataset {
  readonly owned: Owned<CoreInteractions>;
  readonly users: IdMap;
  readonly items: IdMap;
  readonly interactionCount: number;
  readonly ratingRange: readonly [number, number];
  readonly hasTimestamps: boolean;
  readonly hasWeights: boolean;

  constructor(core: Core, handle: CoreInteractions, users: IdMap, items: IdMap) {
    this.owned = new Owned(core, handle, "dataset");
    this.users = users;
    this.items = items;
    this.interactionCount = handle.size;
    this.ratingRange = Object.freeze([handle.low, handle.high] as const);
    this.hasTimestamps = handle.hasTimestamps;
    this.hasWeights = handle.hasWeights;
  }

  static from(core: Core, input: DatasetInput): CoreDataset {
    if (Array.isArray(input)) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `input must hold parallel lists, { users: [...], items: [...], ratings: [...] }; got ${show(input)}`,
        "input",
      );
    }
    const given = checkGiven(input, "input");
    checkNoExtraKeys(given, inputNames, "a dataset");
    const duplicates = checkChoice(valueOf(given, "duplicates", "last"), "duplicates", [
      "last",
      "sum",
      "error",
    ]);
    const userMap = new IdMap();
    const itemMap = new IdMap();
    const users = userMap.addAll(input.users, "users");
    const items = itemMap.addAll(input.items, "items");
    const floats = (name: "ratings" | "weights") =>
      input[name] === undefined
        ? null
        : sameLength(toNumbers(input[name], name, Float32Array), name);
    const sameLength = <T extends { length: number }>(list: T, name: string): T => {
      if (list.length === users.length) return list;
      throw new ArgumentError(
        "SIZE_MISMATCH",
        `${name} must have as many entries as users (${users.length}); got ${list.length}`,
        name,
      );
    };
    sameLength(items, "items");
    const ratings = floats("ratings");
    const weights = floats("weights");
    const timestamps =
      input.timestamps === undefined
        ? null
        : sameLength(toNumbers(input.timestamps, "timestamps", Float64Array), "timestamps");
    const handle = core.run((module) =>
      module.makeInteractions(
        { users: userMap.size, items: itemMap.size, duplicates },
        users,
        items,
        ratings,
        weights,
        timestamps,
      ),
    );
    return new CoreDataset(core, handle, userMap, itemMap);
  }

  get userCount(): number {
    return this.users.size;
  }

  get itemCount(): number {
    return this.items.size;
  }

  userIds(): Id[] {
    this.owned.requireOpen();
    return [...this.users.ids];
  }

  itemIds(): Id[] {
    this.owned.requireOpen();
    return [...this.items.ids];
  }

  ratingsOf(user: Id): Rating[] {
    this.owned.requireOpen();
    const index = this.users.indexOf(user, "user", "the dataset");
    const { items, values, weights, timestamps } = this.owned.run((data) => data.ratingsOf(index));
    return Array.from(items, (item, k) => ({
      item: this.items.at(item),
      rating: values[k] as number,
      ...(weights && { weight: weights[k] as number }),
      ...(timestamps && { timestamp: timestamps[k] as number }),
    }));
  }

  itemCounts(): Uint32Array {
    return this.owned.run((data) => data.itemCounts());
  }

  split(options: SplitOptions): Split<CoreDataset> {
    const resolved = resolveSplit(options);
    const parts = this.owned.run((data) => data.split(resolved));
    const wrap = (handle: CoreInteractions) =>
      new CoreDataset(this.owned.core, handle, this.users, this.items);
    return { train: wrap(parts.train), test: wrap(parts.test) };
  }

  /**
   * The same interactions counted by other maps; where those are its own maps, without a copy. Ids the other maps do not
   * have are dropped. `release` frees the copy.
   */
  countedBy(users: IdMap, items: IdMap): { handle: CoreInteractions; release: () => void } {
    if (users === this.users && items === this.items) {
      return { handle: this.owned.handle, release: () => undefined };
    }
    const copy = this.owned.run((data) =>
      data.remapped(
        users.size,
        items.size,
        this.users.translationTo(users),
        this.items.translationTo(items),
      ),
    );
    const release = () => {
      if (!this.owned.core.closed) copy.delete();
    };
    return { handle: copy, release };
  }

  close(): void {
    this.owned.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const splitOptionNames = {
  random: ["testFraction", "seed"],
  user: ["testFraction", "seed"],
  "leave-last-out": ["count"],
  time: ["testFraction"],
  rows: ["testRows"],
} as const;

function resolveSplit(options: SplitOptions): object {
  const given = checkObject(options, "options");
  const by = checkChoice(given["by"], "by", ["random", "user", "leave-last-out", "time", "rows"]);
  checkNoExtraKeys(given, ["by", ...splitOptionNames[by]], `the split by "${by}"`);
  return {
    by,
    testFraction: checkFinite(valueOf(given, "testFraction", 0.2), "testFraction", {
      min: 0,
      max: 1,
    }),
    seed: checkInteger(valueOf(given, "seed", 1), "seed", { min: 0, max: Number.MAX_SAFE_INTEGER }),
    count: checkInteger(valueOf(given, "count", 1), "count", { min: 1, max: 0xfffffffe }),
    testRows: by === "rows" ? toWholeNumbers(given["testRows"] as NumberArray, "testRows") : null,
  };
}

/** A dataset of this engine, or an error that names the argument. */
export function checkDataset(value: unknown, name: string, core: Core): CoreDataset {
  if (!(value instanceof CoreDataset)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${name} must be a dataset made by this engine; got ${show(value)}`,
      name,
    );
  }
  if (value.owned.core !== core) {
    throw new ArgumentError("INVALID_ARGUMENT", `${name} belongs to another engine`, name);
  }
  value.owned.requireOpen();
  return value;
}
