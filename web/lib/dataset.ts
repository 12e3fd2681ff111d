/** Datasets: checking what comes in, holding it in the core, and splitting it. */
import type { Core, CoreFeature, CoreInteractions } from "./core.js";
import { checkOwned, Owned } from "./core.js";
import { ArgumentError, show } from "./errors.js";
import { type Encoder, type Field, makeField } from "./features.js";
import { IdMap, isTypedArray } from "./ids.js";
import {
  checkChoice,
  checkFinite,
  checkGiven,
  checkInteger,
  checkNoExtraKeys,
  checkObject,
  ownValue,
  valueOf,
} from "./options/checks.js";
import type {
  Dataset,
  DatasetInput,
  FieldInfo,
  FieldSide,
  Id,
  NumberArray,
  Rating,
  Split,
  SplitOptions,
  UnseenCategory,
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

const inputNames = [
  "users",
  "items",
  "ratings",
  "weights",
  "timestamps",
  "duplicates",
  "userFeatures",
  "itemFeatures",
  "context",
  "fields",
] as const;

/** What a dataset knows besides who met what. Both halves of a split share it. */
interface Knowledge {
  readonly fields: readonly Field[];
  /** Timestamps count milliseconds, by their size: in seconds they would lie beyond the year 5000. */
  readonly inMilliseconds: boolean;
}

/** The records of a table by id, each checked to be an object. */
function readTable(
  table: unknown,
  argument: "userFeatures" | "itemFeatures",
  ids: IdMap,
): { names: string[]; records: Map<Id, Record<string, unknown>> } {
  const records = new Map<Id, Record<string, unknown>>();
  const names = new Set<string>();
  const take = (id: Id, value: unknown) => {
    const record = checkGiven(value, `${argument}[${show(id)}]`);
    for (const name of Object.keys(record)) names.add(name);
    records.set(id, record);
    ids.add(id);
  };
  if (table instanceof Map) {
    for (const [id, value] of table as Map<unknown, unknown>) {
      if (typeof id !== "string" && !Number.isFinite(id)) {
        throw new ArgumentError(
          "INVALID_ARGUMENT",
          `the keys of ${argument} must be strings and finite numbers; got ${show(id)}`,
          argument,
        );
      }
      take(id as Id, value);
    }
  } else {
    for (const [key, value] of Object.entries(checkGiven(table, argument))) {
      // Keys of an object are strings; an id that is a number is meant where there is one.
      take(!ids.has(key) && ids.has(Number(key)) && key.trim() !== "" ? Number(key) : key, value);
    }
  }
  return { names: [...names], records };
}

function readFields(input: DatasetInput, users: IdMap, items: IdMap, count: number): Field[] {
  const options =
    input.fields === undefined ? {} : (checkGiven(input.fields, "fields") as FieldsOptions);
  const fields: Field[] = [];
  const add = (
    name: string,
    side: FieldSide,
    values: ArrayLike<unknown>,
    argument: string,
    place: (row: number) => string,
  ) => {
    if (fields.some(({ encoder }) => encoder.name === name)) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `there are two fields called "${name}"; fields of users, items and context need different names`,
        argument,
      );
    }
    fields.push(makeField(name, side, values, ownValue(options, name), argument, place));
  };
  for (const [side, argument, ids] of [
    ["user", "userFeatures", users],
    ["item", "itemFeatures", items],
  ] as const) {
    if (input[argument] === undefined) continue;
    const { names, records } = readTable(input[argument], argument, ids);
    for (const name of names) {
      const values = ids.ids.map((id) => ownValue(records.get(id) ?? {}, name));
      add(name, side, values, argument, (row) => `${argument}[${show(ids.at(row))}].${name}`);
    }
  }
  const context = input.context === undefined ? {} : checkGiven(input.context, "context");
  for (const [name, list] of Object.entries(context)) {
    if (!Array.isArray(list) && !isTypedArray(list)) {
      throw new ArgumentError(
        "INVALID_ARGUMENT",
        `context.${name} must be a list parallel to users; got ${show(list)}`,
        "context",
      );
    }
    if (list.length !== count) {
      throw new ArgumentError(
        "SIZE_MISMATCH",
        `context.${name} must have as many entries as users (${count}); got ${list.length}`,
        "context",
      );
    }
    add(name, "context", list, "context", (row) => `context.${name}[${row}]`);
  }
  checkNoExtraKeys(
    options,
    fields.map(({ encoder }) => encoder.name),
    "fields",
  );
  return fields;
}

type FieldsOptions = NonNullable<DatasetInput["fields"]>;

export class CoreDataset implements Dataset {
  readonly owned: Owned<CoreInteractions>;
  readonly users: IdMap;
  readonly items: IdMap;
  readonly interactionCount: number;
  readonly ratingRange: readonly [number, number];
  readonly hasTimestamps: boolean;
  readonly hasWeights: boolean;
  readonly fields: readonly FieldInfo[];
  readonly knowledge: Knowledge;

  constructor(
    core: Core,
    handle: CoreInteractions,
    users: IdMap,
    items: IdMap,
    knowledge: Knowledge,
  ) {
    this.owned = new Owned(core, handle, "dataset");
    this.users = users;
    this.items = items;
    this.interactionCount = handle.size;
    this.ratingRange = Object.freeze([handle.low, handle.high] as const);
    this.hasTimestamps = handle.hasTimestamps;
    this.hasWeights = handle.hasWeights;
    this.knowledge = knowledge;
    this.fields = Object.freeze(
      knowledge.fields.map(({ encoder: { name, side, columns, encoding } }) =>
        Object.freeze({ name, side, columns, type: encoding.type }),
      ),
    );
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
    // Users and items that only features name come behind the others.
    const fields = readFields(input, userMap, itemMap, users.length);
    const hasContext = fields.some(({ encoder }) => encoder.side === "context");
    const handle = core.run((module) =>
      module.makeInteractions(
        { users: userMap.size, items: itemMap.size, duplicates, hasContext },
        users,
        items,
        ratings,
        weights,
        timestamps,
      ),
    );
    const inMilliseconds = timestamps?.some((time) => Math.abs(time) > 1e11) ?? false;
    return new CoreDataset(core, handle, userMap, itemMap, { fields, inMilliseconds });
  }

  /** Units of the timestamps in a day; `timestampUnit` as in the options of factorization machines. */
  unitsPerDay(timestampUnit: unknown): number {
    const milliseconds =
      timestampUnit === "milliseconds" ||
      (timestampUnit !== "seconds" && this.knowledge.inMilliseconds);
    return milliseconds ? 86_400_000 : 86_400;
  }

  /**
   * The features in the columns of these encoders, users and items counted by these maps. `argument` is what the caller
   * calls this dataset.
   */
  featuresFor(
    encoders: readonly Encoder[],
    users: IdMap,
    items: IdMap,
    argument: string,
    onUnseen?: (category: UnseenCategory) => void,
  ): CoreFeature[] {
    const rowsOf = (own: IdMap, others: IdMap) =>
      own === others ? undefined : Int32Array.from(others.ids, (id) => own.find(id) ?? -1);
    const rows = {
      user: rowsOf(this.users, users),
      item: rowsOf(this.items, items),
      context: undefined,
    };
    return encoders.map((encoder) => {
      const { name, side, columns } = encoder;
      const own = this.knowledge.fields.find(
        (field) => field.encoder.name === name && field.encoder.side === side,
      );
      if (own !== undefined) {
        if (!encoder.fits(own.column)) throw otherKind(own, encoder, argument);
        return encoder.encode(own.column, rows[side], onUnseen);
      }
      // Nothing is known here of this field.
      return {
        name,
        side,
        columns,
        offsets: Uint32Array.of(0),
        indices: new Uint32Array(),
        values: new Float32Array(),
      };
    });
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
      new CoreDataset(this.owned.core, handle, this.users, this.items, this.knowledge);
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

/** Numbers where the model knows categories, or the other way round, would silently count as unknown. */
function otherKind(
  { column }: Field,
  { name, encoding }: Encoder,
  argument: string,
): ArgumentError {
  const type = encoding.type === "buckets" ? "number" : encoding.type;
  const got = column.kind === "number" ? "numbers" : "categories";
  return new ArgumentError(
    "INVALID_ARGUMENT",
    `${argument} has ${got} in the field ${show(name)}, and the model learned it as a ${type}; ` +
      `make the dataset with fields: { ${show(name)}: { type: "${type}" } }`,
    argument,
  );
}

const splitOptionNames = {
  random: ["testFraction", "seed"],
  user: ["testFraction", "seed"],
  fold: ["folds", "fold", "within", "seed"],
  "leave-last-out": ["count"],
  time: ["testFraction"],
  rows: ["testRows"],
} as const;

export function resolveSplit(options: SplitOptions): object {
  const given = checkObject(options, "options");
  const by = checkChoice(given["by"], "by", [
    "random",
    "user",
    "fold",
    "leave-last-out",
    "time",
    "rows",
  ]);
  checkNoExtraKeys(given, ["by", ...splitOptionNames[by]], `the split by "${by}"`);
  const folds = checkInteger(valueOf(given, "folds", 5), "folds", { min: 2, max: 1000 });
  return {
    by,
    folds,
    fold: checkInteger(valueOf(given, "fold", 0), "fold", { min: 0, max: folds - 1 }),
    within: checkChoice(valueOf(given, "within", "all"), "within", ["all", "user"]),
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
  return checkOwned(value, CoreDataset, "a dataset made by this engine", name, core);
}
