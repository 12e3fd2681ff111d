/**
 * Features: checking values as they come in, and turning them into the sparse rows that the core computes with. What a
 * field learned from the data (its categories, a mean, the edges of buckets) is its encoder, which goes with the model.
 */
import type { CoreFeature } from "./core.js";
import { ArgumentError, FileFormatError, show } from "./errors.js";
import { IdMap, isTypedArray } from "./ids.js";
import {
  checkChoice,
  checkFinite,
  checkGiven,
  checkInteger,
  checkNoExtraKeys,
  ownValue,
  valueOf,
} from "./options/checks.js";
import type { FeatureRecord, FieldOptions, FieldSide, Id, UnseenCategory } from "./types.js";

/** Names of the fields that a model makes itself. */
export const ownFields = ["user", "item", "user-items", "item-users", "day"] as const;

/** The values of one field, row by row. */
type Column =
  /** NaN where a value is missing. */
  | { readonly kind: "number"; readonly values: Float64Array }
  /** Row `r` has the categories `codes[offsets[r]] .. codes[offsets[r + 1] - 1]` of the dictionary. */
  | {
      readonly kind: "categories";
      readonly offsets: Uint32Array;
      readonly codes: Uint32Array;
      readonly dictionary: IdMap;
    };

type SetScale = "sqrt" | "mean" | "none";

type Encoding =
  | { readonly type: "category"; readonly categories: IdMap }
  | { readonly type: "set"; readonly scale: SetScale; readonly categories: IdMap }
  | { readonly type: "number"; readonly mean: number; readonly deviation: number }
  | { readonly type: "buckets"; readonly boundaries: readonly number[] };

const sides = ["user", "item", "context"] as const;
const isMissing = (value: unknown) => value === undefined || value === null;

/** What the names of places in messages are made of, put together only when needed. */
type Place = (row: number) => string;

function readNumbers(values: ArrayLike<unknown>, argument: string, place: Place): Column {
  const numbers = new Float64Array(values.length).fill(NaN);
  for (let r = 0; r < values.length; r++) {
    const value = values[r];
    if (isMissing(value)) continue;
    if (typeof value === "number" && Number.isFinite(value)) numbers[r] = value;
    else {
      throw new ArgumentError(
        typeof value === "number" ? "NOT_FINITE" : "INVALID_ARGUMENT",
        `${place(r)} must be a finite number, as the field's other values; got ${show(value)}`,
        argument,
      );
    }
  }
  return { kind: "number", values: numbers };
}

function readCategories(
  values: ArrayLike<unknown>,
  set: boolean,
  argument: string,
  place: Place,
): Column {
  const dictionary = new IdMap();
  const offsets = new Uint32Array(values.length + 1);
  const codes: number[] = [];
  const category = (value: unknown, row: number): number => {
    if (typeof value === "boolean") return dictionary.add(String(value));
    if (typeof value === "string" || (typeof value === "number" && Number.isFinite(value))) {
      return dictionary.add(value);
    }
    throw new ArgumentError(
      typeof value === "number" ? "NOT_FINITE" : "INVALID_ARGUMENT",
      `${place(row)} must be ${set ? "a list of categories" : "a category"} (strings or numbers); got ${show(value)}`,
      argument,
    );
  };
  for (let r = 0; r < values.length; r++) {
    const value = values[r];
    if (!isMissing(value)) {
      if (!set) codes.push(category(value, r));
      else {
        const list = Array.isArray(value) || isTypedArray(value) ? value : [value];
        // Each once, however often it was named.
        const named = new Set(Array.from(list as ArrayLike<unknown>, (one) => category(one, r)));
        for (const code of named) codes.push(code);
      }
    }
    offsets[r + 1] = codes.length;
  }
  return { kind: "categories", offsets, codes: Uint32Array.from(codes), dictionary };
}

/** What the values look like, from the first that is there. */
function typeOf(values: ArrayLike<unknown>): FieldOptions["type"] {
  for (let r = 0; r < values.length; r++) {
    const value = values[r];
    if (isMissing(value)) continue;
    if (typeof value === "number") return "number";
    return Array.isArray(value) || isTypedArray(value) ? "set" : "category";
  }
  return "category";
}

function checkFieldOptions(options: unknown, name: string, type: FieldOptions["type"]) {
  const where = `fields.${name}`;
  const given = options === undefined ? {} : checkGiven(options, where);
  const chosen = checkChoice(valueOf(given, "type", type), `${where}.type`, [
    "category",
    "set",
    "number",
  ]);
  const names = { category: [], set: ["scale"], number: ["scale", "buckets"] }[chosen];
  checkNoExtraKeys(given, ["type", ...names], where);
  if (given["scale"] !== undefined && given["buckets"] !== undefined) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${where} takes a scale or buckets, not both`,
      `${where}.scale`,
    );
  }
  return { given, type: chosen, where };
}

/** Up to `count` buckets with about as many values in each: the edges between them. */
function quantiles(values: readonly number[], count: number): number[] {
  const sorted = Float64Array.from(values).sort();
  const edges = Array.from(
    { length: count - 1 },
    (_, k) => sorted[Math.floor(((k + 1) * sorted.length) / count)] as number,
  );
  return [...new Set(edges)].filter((edge) => edge > (sorted[0] as number));
}

/** The number of edges that are not above the value. */
function bucketOf(value: number, edges: readonly number[]): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function checkBoundaries(buckets: readonly unknown[], where: string): number[] {
  let last = -Infinity;
  // Array.from, unlike map, does not pass over holes.
  return Array.from(
    buckets,
    (value, k) => (last = checkFinite(value, `${where}[${k}]`, { above: last })),
  );
}

function learn(column: Column, checked: ReturnType<typeof checkFieldOptions>): Encoding {
  const { given, type, where } = checked;
  if (column.kind === "categories") {
    const categories = column.dictionary;
    if (type === "category") return { type, categories };
    const scale = checkChoice(valueOf(given, "scale", "sqrt"), `${where}.scale`, [
      "sqrt",
      "mean",
      "none",
    ]);
    return { type: "set", scale, categories };
  }
  const present = [...column.values].filter((value) => !Number.isNaN(value));
  const buckets = given["buckets"];
  if (Array.isArray(buckets)) {
    return { type: "buckets", boundaries: checkBoundaries(buckets, `${where}.buckets`) };
  }
  if (buckets !== undefined) {
    const count = checkInteger(buckets, `${where}.buckets`, { min: 2, max: 10_000 });
    return { type: "buckets", boundaries: present.length > 0 ? quantiles(present, count) : [] };
  }
  const scale = checkChoice(valueOf(given, "scale", "standard"), `${where}.scale`, [
    "standard",
    "none",
  ]);
  if (scale === "none") return { type: "number", mean: 0, deviation: 1 };
  const count = Math.max(1, present.length);
  const mean = present.reduce((sum, value) => sum + value / count, 0);
  const variance = present.reduce((sum, value) => sum + (value - mean) ** 2 / count, 0);
  const deviation = Math.sqrt(variance);
  return { type: "number", mean, deviation: deviation > 0 && deviation < Infinity ? deviation : 1 };
}

/** How one field's values become columns. Immutable. */
export class Encoder {
  readonly name: string;
  readonly side: FieldSide;
  readonly encoding: Encoding;

  constructor(name: string, side: FieldSide, encoding: Encoding) {
    this.name = name;
    this.side = side;
    this.encoding = encoding;
  }

  get columns(): number {
    const { encoding } = this;
    if (encoding.type === "number") return 1;
    if (encoding.type === "buckets") return encoding.boundaries.length + 1;
    return encoding.categories.size;
  }

  /** The rows at these indices (all, when left out) as the core takes them; an index of -1 is an empty row. */
  encode(
    column: Column,
    rows?: ArrayLike<number>,
    onUnseen?: (category: UnseenCategory) => void,
  ): CoreFeature {
    const count =
      rows?.length ?? (column.kind === "number" ? column.values.length : column.offsets.length - 1);
    const offsets = new Uint32Array(count + 1);
    const indices: number[] = [];
    const values: number[] = [];
    const row = this.#rowEncoder(column, indices, values, onUnseen);
    for (let r = 0; r < count; r++) {
      const index = rows === undefined ? r : (rows[r] as number);
      if (index >= 0) row(index);
      offsets[r + 1] = indices.length;
    }
    const { name, side, columns } = this;
    return {
      name,
      side,
      columns,
      offsets,
      indices: Uint32Array.from(indices),
      values: Float32Array.from(values),
    };
  }

  #rowEncoder(
    column: Column,
    indices: number[],
    values: number[],
    onUnseen?: (category: UnseenCategory) => void,
  ): (row: number) => void {
    const { encoding } = this;
    if (column.kind === "number") {
      return (row) => {
        const value = column.values[row] as number;
        if (Number.isNaN(value)) return;
        if (encoding.type === "number") {
          indices.push(0);
          values.push(scaled(value, encoding));
        } else if (encoding.type === "buckets") {
          indices.push(bucketOf(value, encoding.boundaries));
          values.push(1);
        }
      };
    }
    if (encoding.type === "number" || encoding.type === "buckets") return () => undefined;
    // Codes of the column's dictionary as columns of this encoder.
    const { dictionary } = column;
    const known = dictionary.ids.map((id) => encoding.categories.find(id));
    const scale = encoding.type === "set" ? encoding.scale : "none";
    return (row) => {
      const begin = column.offsets[row] as number;
      const end = column.offsets[row + 1] as number;
      const size = end - begin;
      const value = scale === "sqrt" ? 1 / Math.sqrt(size) : scale === "mean" ? 1 / size : 1;
      for (let k = begin; k < end; k++) {
        const code = column.codes[k] as number;
        const place = known[code];
        if (place === undefined) {
          onUnseen?.({ field: this.name, category: dictionary.at(code) });
          continue;
        }
        indices.push(place);
        values.push(value);
      }
    };
  }

  /** What a column stands for: a category, or a bucket of numbers as text; undefined for a number itself. */
  categoryAt(column: number): Id | undefined {
    const { encoding } = this;
    if (encoding.type === "number") return undefined;
    if (encoding.type !== "buckets") return encoding.categories.at(column);
    const [from, to] = [column - 1, column].map((k) => {
      const boundary = encoding.boundaries[k];
      return boundary === undefined ? undefined : Number(boundary.toPrecision(4));
    });
    if (from === undefined) return to === undefined ? "any" : `below ${to}`;
    return to === undefined ? `from ${from}` : `${from} to ${to}`;
  }

  /** Whether the values are of the kind that was learned from: numbers, or categories. */
  fits(column: Column): boolean {
    const numeric = !("categories" in this.encoding);
    if (column.kind === "number") return numeric || column.values.every(Number.isNaN);
    return !numeric || column.codes.length === 0;
  }

  /** The same with the categories of further data behind its own. */
  extendedBy(other: Encoder): Encoder {
    const { encoding } = this;
    if (!("categories" in encoding) || !("categories" in other.encoding)) return this;
    const categories = encoding.categories.extendedBy(other.encoding.categories);
    return new Encoder(this.name, this.side, { ...encoding, categories });
  }

  toJSON(): object {
    const { name, side, encoding } = this;
    if (!("categories" in encoding)) return { name, side, ...encoding };
    return { name, side, ...encoding, categories: encoding.categories.ids };
  }

  /** What toJSON gave, from a file that may say anything. */
  static fromJSON(value: unknown): Encoder {
    try {
      const given = checkGiven(value, "features");
      const name = given["name"];
      checkFieldName(name, "name");
      const side = checkChoice(given["side"], "side", sides);
      return new Encoder(name, side, encodingFrom(given));
    } catch {
      throw new FileFormatError(
        "MALFORMED_FILE",
        "not a valid model file: its features are not described as they should be",
        "bytes",
      );
    }
  }
}

function encodingFrom(given: Record<string, unknown>): Encoding {
  const type = checkChoice(given["type"], "type", ["category", "set", "number", "buckets"]);
  if (type === "number") {
    const mean = checkFinite(given["mean"], "mean");
    return { type, mean, deviation: checkFinite(given["deviation"], "deviation", { above: 0 }) };
  }
  if (type === "buckets") {
    if (!Array.isArray(given["boundaries"])) throw new TypeError("no boundaries");
    return { type, boundaries: checkBoundaries(given["boundaries"], "boundaries") };
  }
  const list = given["categories"];
  if (!Array.isArray(list)) throw new TypeError("no categories");
  const categories = new IdMap();
  categories.addAll(list as Id[], "categories");
  if (categories.size !== list.length) throw new TypeError("a category twice");
  if (type === "category") return { type, categories };
  return {
    type,
    scale: checkChoice(given["scale"], "scale", ["sqrt", "mean", "none"]),
    categories,
  };
}

/** Refuses names that a field of the caller's cannot have. */
export function checkFieldName(name: unknown, argument: string): asserts name is string {
  // Text with half a surrogate pair does not come back from the core as it was.
  if (typeof name !== "string" || name === "" || /\p{Surrogate}/u.test(name)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `a field needs a name of well-formed text; got ${show(name)}`,
      argument,
    );
  }
  if ((ownFields as readonly string[]).includes(name)) {
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `"${name}" is the name of a field that models make themselves; give yours another name`,
      argument,
    );
  }
}

/** One field of a dataset: its values, and the encoder that was learned from them. */
export interface Field {
  readonly encoder: Encoder;
  readonly column: Column;
}

/** The field of these values. `place` names the place of a row in messages, `argument` the caller's argument. */
export function makeField(
  name: string,
  side: FieldSide,
  values: ArrayLike<unknown>,
  options: unknown,
  argument: string,
  place: Place,
): Field {
  checkFieldName(name, argument);
  const checked = checkFieldOptions(options, name, typeOf(values));
  const column =
    checked.type === "number"
      ? readNumbers(values, argument, place)
      : readCategories(values, checked.type === "set", argument, place);
  const encoding = learn(column, checked);
  checkScaled(column, encoding, argument, place);
  return { column, encoder: new Encoder(name, side, encoding) };
}

/** Refuses numbers that are too large, once scaled, for the 32 bits that the core computes with. */
function checkScaled(column: Column, encoding: Encoding, argument: string, place: Place): void {
  if (column.kind !== "number" || encoding.type !== "number") return;
  const row = column.values.findIndex(
    (value) => !Number.isNaN(value) && !Number.isFinite(Math.fround(scaled(value, encoding))),
  );
  if (row < 0) return;
  throw new ArgumentError(
    "NOT_FINITE",
    `${place(row)} must be finite in 32 bits; got ${column.values[row]}`,
    argument,
  );
}

const scaled = (value: number, { mean, deviation }: { mean: number; deviation: number }): number =>
  (value - mean) / deviation;

/** Refuses values of fields that the model was not trained with. */
function checkFieldNames(given: object, own: readonly Encoder[], argument: string): void {
  for (const name of Object.keys(given)) {
    if (own.some((encoder) => encoder.name === name)) continue;
    const known = own.map((encoder) => `"${encoder.name}"`).join(", ");
    throw new ArgumentError(
      "INVALID_ARGUMENT",
      `${argument}: the model was trained without a field "${name}" here; it has ${known || "none"}`,
      name,
    );
  }
}

/** One record of values in the columns of these encoders. Missing and unseen values contribute nothing. */
export function encodeRecord(
  record: unknown,
  side: FieldSide,
  encoders: readonly Encoder[],
  argument: string,
  onUnseen: (category: UnseenCategory) => void,
): CoreFeature[] {
  const given: FeatureRecord = checkGiven(record, argument) as FeatureRecord;
  const own = encoders.filter((encoder) => encoder.side === side);
  checkFieldNames(given, own, argument);
  return own.flatMap((encoder) => {
    const value = ownValue(given, encoder.name);
    if (isMissing(value)) return [];
    const place = () => `${argument}.${encoder.name}`;
    const column = readAs(encoder, [value], place(), place);
    return [encoder.encode(column, undefined, onUnseen)];
  });
}

/** Parallel lists of values of the context in the columns of these encoders, one row for each of `count` entries. */
export function encodeContexts(
  context: unknown,
  count: number,
  encoders: readonly Encoder[],
  onUnseen: (category: UnseenCategory) => void,
): CoreFeature[] {
  const given = checkGiven(context, "context");
  // A value for all, or a list with one for each.
  const lists = Object.entries(given).filter(
    ([name, value]) => isTypedArray(value) || (Array.isArray(value) && !isSet(name)),
  );
  function isSet(name: string): boolean {
    const encoder = encoders.find((one) => one.name === name);
    const value = given[name] as unknown[];
    return encoder?.encoding.type === "set" && !value.some((one) => Array.isArray(one));
  }
  if (lists.length === 0) return encodeRecord(given, "context", encoders, "context", onUnseen);
  const own = encoders.filter((encoder) => encoder.side === "context");
  checkFieldNames(given, own, "context");
  return own.flatMap((encoder) => {
    const value = ownValue(given, encoder.name);
    if (isMissing(value)) return [];
    const values = lists.some(([name]) => name === encoder.name)
      ? (value as ArrayLike<unknown>)
      : Array.from({ length: count }, () => value);
    if (values.length !== count) {
      throw new ArgumentError(
        "SIZE_MISMATCH",
        `context.${encoder.name} must have as many entries as there are predictions (${count}); got ${values.length}`,
        "context",
      );
    }
    const column = readAs(encoder, values, "context", (k) => `context.${encoder.name}[${k}]`);
    return [encoder.encode(column, undefined, onUnseen)];
  });
}

function readAs(
  { encoding }: Encoder,
  values: ArrayLike<unknown>,
  argument: string,
  place: Place,
): Column {
  if ("categories" in encoding) {
    return readCategories(values, encoding.type === "set", argument, place);
  }
  const column = readNumbers(values, argument, place);
  checkScaled(column, encoding, argument, place);
  return column;
}
