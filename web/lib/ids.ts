/** The maps between the caller's ids and the dense indices that the core counts with. */
import { ArgumentError, show, UnknownIdError } from "./errors.js";
import type { Id, IdArray } from "./types.js";

/** Index of an id that the target map does not have. The core drops such entries. */
export const dropped = 0xffffffff;

/** A typed array whose elements are numbers. */
export function isTypedArray(value: unknown): value is ArrayLike<number> {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof DataView) &&
    !(value instanceof BigInt64Array) &&
    !(value instanceof BigUint64Array)
  );
}

/** A buffer that was transferred away: nothing but its refusal of a view tells, before ES2024. */
export function isDetached(buffer: ArrayBuffer): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** A list of ids, elements not yet checked. */
export function checkIdList(list: unknown, name: string): ArrayLike<unknown> {
  if (Array.isArray(list) || isTypedArray(list)) return list;
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `${name} must be an array of strings and numbers, or a typed array of numbers; got ${show(list)}`,
    name,
  );
}

export function checkId(value: unknown, name: string): Id {
  if (typeof value === "string") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new ArgumentError(
      "NOT_FINITE",
      `${name} must be a string or a finite number; got ${value}`,
      name,
    );
  }
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `${name} must be a string or a finite number; got ${show(value)}`,
    name,
  );
}

/** Ids in order of first appearance. `1` and `"1"` differ. */
export class IdMap {
  readonly #indices = new Map<Id, number>();
  readonly ids: Id[] = [];

  static of(ids: Iterable<Id>): IdMap {
    const map = new IdMap();
    for (const id of ids) map.add(id);
    return map;
  }

  get size(): number {
    return this.ids.length;
  }

  /** The index of an id, which is added if it is not here yet. */
  add(id: Id): number {
    let index = this.#indices.get(id);
    if (index === undefined) {
      index = this.ids.length;
      this.#indices.set(id, index);
      this.ids.push(id);
    }
    return index;
  }

  /** Adds every id of a list that is not here yet and gives the index of each. */
  addAll(list: IdArray, name: string): Uint32Array {
    const given = checkIdList(list, name);
    const indices = new Uint32Array(given.length);
    for (let k = 0; k < given.length; k++) {
      const value = given[k];
      // The name of the place is only put together when it is needed.
      if (typeof value !== "string" && !Number.isFinite(value)) checkId(value, `${name}[${k}]`);
      indices[k] = this.add(value as Id);
    }
    return indices;
  }

  find(id: Id): number | undefined {
    return this.#indices.get(id);
  }

  has(id: Id): boolean {
    return this.#indices.has(id);
  }

  at(index: number): Id {
    return this.ids[index] as Id;
  }

  /** The index of one id, or an error that names it. `kind` is "user" or "item". */
  indexOf(id: unknown, kind: string, where: string, hint = ""): number {
    const checked = checkId(id, kind);
    const index = this.#indices.get(checked);
    if (index !== undefined) return index;
    const twin = typeof checked === "string" ? Number(checked) : String(checked);
    const twinHint =
      this.#indices.has(twin) && checked !== ""
        ? ` (there is ${show(twin)}: ids keep their type)`
        : "";
    throw new UnknownIdError(
      "UNKNOWN_ID",
      `${where} does not know the ${kind} ${show(checked)}${twinHint}${hint}`,
      kind,
    );
  }

  /** The indices of a list of ids, each of which must be known. */
  indicesOf(list: IdArray, name: string, kind: string, where: string): Uint32Array {
    const given = checkIdList(list, name);
    return Uint32Array.from({ length: given.length }, (_, k) =>
      this.indexOf(checkId(given[k], `${name}[${k}]`), kind, where),
    );
  }

  /** The indices of those ids of a list that are known; the others are passed over. */
  knownIndices(list: IdArray, name: string): Uint32Array {
    const given = checkIdList(list, name);
    const indices: number[] = [];
    for (let k = 0; k < given.length; k++) {
      const index = this.#indices.get(checkId(given[k], `${name}[${k}]`));
      if (index !== undefined) indices.push(index);
    }
    return Uint32Array.from(indices);
  }

  /** A copy with further ids behind those that are here. */
  extendedBy(other: IdMap): IdMap {
    const result = IdMap.of(this.ids);
    for (const id of other.ids) result.add(id);
    return result;
  }

  /** For each own index, the index of the same id in `target`. */
  translationTo(target: IdMap): Uint32Array {
    return Uint32Array.from(this.ids, (id) => target.#indices.get(id) ?? dropped);
  }
}
