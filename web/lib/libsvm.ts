/**
 * libsvm text: `target index:value index:value ...`, a row a line, indices ascending; `#` begins a comment. Read piece by
 * piece, so that a file need not fit into one string.
 */
import { ArgumentError, show } from "./errors.js";
import { isDetached } from "./bytes.js";
import {
  checkGiven,
  checkChoice,
  checkInteger,
  checkNoExtraKeys,
  valueOf,
} from "./options/checks.js";
import type { LibsvmOptions, TextSource } from "./types.js";

export interface ParsedRows {
  offsets: Uint32Array;
  indices: Uint32Array;
  values: Float32Array;
  targets: Float32Array;
  columns: number;
}

/** A list of numbers that grows without a JavaScript number for each. */
class Numbers<T extends Float32Array | Uint32Array> {
  readonly #make: (size: number) => T;
  #values: T;
  length = 0;

  constructor(make: (size: number) => T) {
    this.#make = make;
    this.#values = make(1024);
  }

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = this.#make(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  taken(): T {
    return this.#values.slice(0, this.length) as T;
  }
}

const floats = () => new Numbers((size) => new Float32Array(size));
const integers = () => new Numbers((size) => new Uint32Array(size));

/** A number as C writes it. `Number` alone would also take "", "0x1" and "Infinity". */
const numberPattern = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const indexPattern = /^\d{1,10}$/;

class Parser {
  readonly #targets = floats();
  readonly #values = floats();
  readonly #indices = integers();
  readonly #offsets = integers();
  #line = 0;
  #rest = "";
  #smallest = Infinity;
  #largest = -1;

  constructor() {
    this.#offsets.push(0);
  }

  add(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#row(line);
  }

  finish(options: Required<Pick<LibsvmOptions, "firstIndex">> & LibsvmOptions): ParsedRows {
    if (this.#rest !== "") this.#row(this.#rest);
    const first =
      options.firstIndex === "auto" ? (this.#smallest === 0 ? 0 : 1) : options.firstIndex;
    if (this.#smallest < first) {
      throw new ArgumentError(
        "OUT_OF_RANGE",
        "source: index 0 occurs, although firstIndex is 1",
        "firstIndex",
      );
    }
    const found = Math.max(0, this.#largest + 1 - first);
    const columns = options.columns ?? found;
    if (columns < found) {
      throw new ArgumentError(
        "OUT_OF_RANGE",
        `columns is ${columns}, and the text has index ${this.#largest} (the first is ${first})`,
        "columns",
      );
    }
    const indices = this.#indices.taken();
    if (first > 0)
      for (let k = 0; k < indices.length; k++) indices[k] = (indices[k] as number) - first;
    return {
      offsets: this.#offsets.taken(),
      indices,
      values: this.#values.taken(),
      targets: this.#targets.taken(),
      columns,
    };
  }

  #row(text: string): void {
    this.#line++;
    const comment = text.indexOf("#");
    const line = (comment < 0 ? text : text.slice(0, comment)).trim();
    if (line === "") return;
    const [target, ...entries] = line.split(/\s+/);
    this.#targets.push(this.#number(target as string, "the target"));
    let last = -1;
    for (const entry of entries) {
      const colon = entry.indexOf(":");
      const name = entry.slice(0, Math.max(0, colon));
      if (!indexPattern.test(name) || Number(name) > 0xfffffffe) {
        this.#fail(
          "INVALID_ARGUMENT",
          `${show(entry)} must be index:value, the index a whole number`,
        );
      }
      const index = Number(name);
      if (index <= last) {
        const what = index === last ? "occurs twice" : `stands behind ${last}`;
        this.#fail(
          index === last ? "DUPLICATE" : "INVALID_ARGUMENT",
          `index ${index} ${what}; indices must ascend`,
        );
      }
      last = index;
      this.#indices.push(index);
      this.#values.push(this.#number(entry.slice(colon + 1), `the value of index ${index}`));
      this.#smallest = Math.min(this.#smallest, index);
      this.#largest = Math.max(this.#largest, index);
    }
    this.#offsets.push(this.#indices.length);
  }

  #number(text: string, what: string): number {
    const isNumber = numberPattern.test(text);
    // Values are kept in 32 bits.
    if (isNumber && Number.isFinite(Math.fround(Number(text)))) return Number(text);
    if (isNumber || /^[+-]?(nan|inf(inity)?)$/i.test(text)) {
      this.#fail("NOT_FINITE", `${what} must be finite in 32 bits; got ${show(text)}`);
    }
    return this.#fail("INVALID_ARGUMENT", `${what} must be a number; got ${show(text)}`);
  }

  #fail(code: "INVALID_ARGUMENT" | "NOT_FINITE" | "DUPLICATE", why: string): never {
    throw new ArgumentError(code, `source, line ${this.#line}: ${why}`, "source");
  }
}

function isAsyncIterable(source: unknown): source is AsyncIterable<unknown> {
  return typeof source === "object" && source !== null && Symbol.asyncIterator in source;
}

/** The pieces of a source; streams of browsers that cannot be iterated over are read by their reader. */
export async function* pieces(source: TextSource): AsyncGenerator {
  if (typeof source === "string" || source instanceof Uint8Array) yield source;
  else if (source instanceof ArrayBuffer) yield new Uint8Array(source);
  else if (source instanceof Blob) yield* pieces(source.stream());
  else if (isAsyncIterable(source)) yield* source;
  else {
    const reader = (source as ReadableStream<Uint8Array>).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } finally {
      reader.releaseLock();
    }
  }
}

export const wrongPiece = (piece: unknown): ArgumentError =>
  new ArgumentError(
    "INVALID_ARGUMENT",
    `source must give pieces of text or bytes; got ${show(piece)}`,
    "source",
  );

/** Throws unless `source` is a TextSource. */
export function checkTextSource(source: unknown): asserts source is TextSource {
  const known =
    typeof source === "string" ||
    source instanceof Uint8Array ||
    (source instanceof ArrayBuffer && !isDetached(source)) ||
    source instanceof Blob ||
    (typeof ReadableStream !== "undefined" && source instanceof ReadableStream) ||
    isAsyncIterable(source);
  const locked = known && "locked" in Object(source) && (source as ReadableStream).locked;
  if (known && !locked) return;
  const why = locked
    ? "source is a stream that is read by somebody else already"
    : `source must be text, bytes, a Blob, or a stream of them; got ${show(source)}`;
  throw new ArgumentError("INVALID_ARGUMENT", why, "source");
}

export function checkLibsvmOptions(options: unknown): {
  columns?: number;
  firstIndex: 0 | 1 | "auto";
} {
  const given = options === undefined ? {} : checkGiven(options, "options");
  checkNoExtraKeys(given, ["columns", "firstIndex"], "readLibsvm");
  const firstIndex = valueOf(given, "firstIndex", "auto");
  if (firstIndex !== 0 && firstIndex !== 1) checkChoice(firstIndex, "firstIndex", ["auto"]);
  return {
    firstIndex: firstIndex as 0 | 1 | "auto",
    ...(given["columns"] !== undefined && {
      columns: checkInteger(given["columns"], "columns", { min: 0, max: 0xfffffffe }),
    }),
  };
}

/** Reads libsvm text. Errors name the line. */
export async function parseLibsvm(source: unknown, options: unknown): Promise<ParsedRows> {
  checkTextSource(source);
  const checked = checkLibsvmOptions(options);
  const parser = new Parser();
  const decoder = new TextDecoder();
  for await (const piece of pieces(source)) {
    if (typeof piece === "string") parser.add(piece);
    else if (piece instanceof Uint8Array) parser.add(decoder.decode(piece, { stream: true }));
    else throw wrongPiece(piece);
  }
  parser.add(decoder.decode());
  return parser.finish(checked);
}

/** The shortest digits that give the same 32-bit number back. */
function digits(value: number): string {
  if (Object.is(value, -0)) return "-0";
  for (let precision = 6; precision < 9; precision++) {
    const text = Number(value.toPrecision(precision));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}

/** Rows as libsvm text. */
export function writeLibsvm(
  rows: {
    offsets: Uint32Array;
    indices: Uint32Array;
    values: Float32Array;
    targets: Float32Array;
  },
  firstIndex: number,
): string {
  const lines: string[] = [];
  for (let r = 0; r + 1 < rows.offsets.length; r++) {
    const entries: [number, number][] = [];
    for (let k = rows.offsets[r] as number; k < (rows.offsets[r + 1] as number); k++) {
      entries.push([rows.indices[k] as number, rows.values[k] as number]);
    }
    entries.sort(([a], [b]) => a - b);
    const text = entries.map(([index, value]) => ` ${index + firstIndex}:${digits(value)}`);
    lines.push(`${digits(rows.targets[r] as number)}${text.join("")}\n`);
  }
  return lines.join("");
}
