/** What the tests of the package share: data, errors, and plain JavaScript that computes what the engine should. */
import { expect } from "vitest";
import type { FeatherError, Id, Model } from "featherfm";

/** A generator of numbers in [0, 1) that needs no state of the machine (Park, Miller 1988). */
export function randomFrom(seed: number): () => number {
  let state = seed * 2 + 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

export interface Lists {
  users: string[];
  items: number[];
  ratings: number[];
  timestamps: number[];
}

/** Ratings 1 to 5 with tastes behind them: about six in ten of all pairs, in a random order. */
export function sample({ users = 40, items = 25, seed = 1 } = {}): Lists {
  const random = randomFrom(seed);
  const taste = (count: number) =>
    Array.from({ length: count }, () => [random(), random()] as const);
  const ofUsers = taste(users);
  const ofItems = taste(items);
  const rows: [number, number][] = [];
  for (let u = 0; u < users; u++)
    for (let i = 0; i < items; i++) if (random() < 0.6) rows.push([u, i]);
  rows.sort(([u, i], [v, j]) => ((u * 31 + i * 17) % 101) - ((v * 31 + j * 17) % 101));
  const rated = rows.map(([u, i]) => {
    const [a, b] = at(ofUsers, u);
    const [c, d] = at(ofItems, i);
    return Math.round(1 + 4 * (a * c + (1 - a) * (1 - c)) * (0.5 + 0.5 * (b + d > 1 ? 1 : 0.4)));
  });
  return {
    users: rows.map(([u]) => `u${u}`),
    items: rows.map(([, i]) => 100 + i),
    ratings: rated,
    timestamps: rows.map((_, k) => 1000 + ((k * 37) % rows.length)),
  };
}

/** An element that must be there. */
export function at<T>(list: ArrayLike<T>, index: number): T {
  if (index < 0 || index >= list.length) throw new Error(`no element ${index} of ${list.length}`);
  return list[index] as T;
}

export const ids = (list: readonly { item: Id }[]): Id[] => list.map(({ item }) => item);

/** What a call throws, or its promise rejects with. */
export async function thrown(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** The call must fail with an error of this class, code and argument. Returns it. */
export async function expectFailure<E extends FeatherError>(
  call: () => unknown,
  Class: new (...args: never[]) => E,
  code: string,
  argument?: string | RegExp,
): Promise<E> {
  const error = (await thrown(call)) as E;
  expect(error).toBeInstanceOf(Class);
  expect(error).toMatchObject({ name: Class.name, code });
  if (typeof argument === "string") expect(error.argument).toBe(argument);
  if (argument instanceof RegExp) expect(error.argument).toMatch(argument);
  expect(error.message.length).toBeGreaterThan(10);
  return error;
}

/** A fingerprint of bytes (FNV-1a, 32 bits). */
export function fingerprint(data: ArrayBufferView): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

export interface Tensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

export interface SafeTensors {
  metadata: Record<string, string>;
  tensors: Map<string, Tensor>;
}

/** Reads a safetensors file: eight bytes of length, a JSON header, the tensors. */
export function readSafetensors(file: Uint8Array): SafeTensors {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<
    string,
    Record<string, unknown>
  >;
  const { __metadata__: metadata, ...described } = header;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(described)) {
    const [from, to] = data_offsets as [number, number];
    const bytes = file.slice(8 + length + from, 8 + length + to);
    tensors.set(name, { dtype: dtype as string, shape: shape as number[], bytes });
  }
  return { metadata: (metadata ?? {}) as Record<string, string>, tensors };
}

export const float32 = (...values: number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);

/** Writes a safetensors file; `header` may add to the JSON or change it. */
export function writeSafetensors(
  tensors: Record<string, Tensor>,
  metadata?: Record<string, string>,
  change: (json: string) => string = (json) => json,
): Uint8Array {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let offset = 0;
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, (offset += bytes.length)] };
  }
  const json = new TextEncoder().encode(change(JSON.stringify(header)));
  const file = new Uint8Array(8 + json.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  let end = 8 + json.length;
  for (const { bytes } of Object.values(tensors)) {
    file.set(bytes, end);
    end += bytes.length;
  }
  return file;
}

/** Two users, three items, one factor, nothing else: what another program's model may look like. */
export const foreignTensors = (): Record<"user_factors" | "item_factors", Tensor> => ({
  user_factors: { dtype: "F32", shape: [2, 1], bytes: float32(1, -1) },
  item_factors: { dtype: "F32", shape: [3, 1], bytes: float32(2, 0.5, 3) },
});

/** A model's saved parameters, and predictions from them by the textbook formula in double precision. */
export class PlainModel {
  readonly users: Id[];
  readonly items: Id[];
  readonly factors: number;
  readonly userFactors: Float32Array[];
  readonly itemFactors: Float32Array[];
  readonly userBiases: Float32Array;
  readonly itemBiases: Float32Array;
  readonly globalBias: number;
  readonly range: readonly [number, number];
  readonly logistic: boolean;
  readonly foldIn: { regularization: number; bias: number; scaling: number; userBias: boolean };

  constructor(model: Pick<Model, "save" | "userIds" | "itemIds">) {
    const { metadata, tensors } = readSafetensors(model.save());
    const floats = (name: string) => {
      const tensor = tensors.get(name);
      if (tensor?.dtype !== "F32") throw new Error(`no floats named ${name}`);
      return new Float32Array(tensor.bytes.buffer);
    };
    const rows = (name: string) => {
      const [count, width] = (tensors.get(name) as Tensor).shape as [number, number];
      const all = floats(name);
      return Array.from({ length: count }, (_, r) => all.subarray(r * width, (r + 1) * width));
    };
    this.users = model.userIds();
    this.items = model.itemIds();
    this.userFactors = rows("user_factors");
    this.itemFactors = rows("item_factors");
    this.factors = at((tensors.get("user_factors") as Tensor).shape, 1);
    this.userBiases = floats("user_biases");
    this.itemBiases = floats("item_biases");
    this.globalBias = at(floats("global_bias"), 0);
    this.range = [at(floats("value_range"), 0), at(floats("value_range"), 1)];
    this.logistic = metadata["link"] === "logistic";
    const rule = floats("fold_in");
    this.foldIn = {
      regularization: at(rule, 0),
      bias: at(rule, 1),
      scaling: at(rule, 2),
      userBias: metadata["user_bias"] === "true",
    };
  }

  /** Score before link and limits; an id the model does not know counts as average. */
  score(user: Id, item: Id): number {
    const u = this.users.indexOf(user);
    const i = this.items.indexOf(item);
    let score = this.globalBias;
    if (u >= 0) score += at(this.userBiases, u);
    if (i >= 0) score += at(this.itemBiases, i);
    if (u >= 0 && i >= 0) score += dot(at(this.userFactors, u), at(this.itemFactors, i));
    return score;
  }

  value(score: number, clip = true): number {
    const [low, high] = this.range;
    if (this.logistic) return low + (high - low) / (1 + Math.exp(-score));
    return clip ? Math.min(Math.max(score, low), high) : score;
  }

  /** All items by score, best first. */
  ranking(score: (item: Id) => number): { item: Id; score: number }[] {
    return this.items
      .map((item) => ({ item, score: score(item) }))
      .sort((a, b) => b.score - a.score);
  }

  /** The ridge regression of fold-in: [vector, bias] of a new user, by Gaussian elimination. */
  foldInUser(
    ratings: readonly { item: Id; rating: number; weight?: number }[],
    regularization?: number,
  ): { vector: number[]; bias: number; score: (item: Id) => number } {
    const width = this.factors + (this.foldIn.userBias ? 1 : 0);
    const scale = ratings.length === 0 ? 1 : ratings.length ** this.foldIn.scaling;
    const row = (item: Id) => {
      const factors = [...at(this.itemFactors, this.items.indexOf(item))];
      return this.foldIn.userBias ? [...factors, 1] : factors;
    };
    const base = (item: Id) => this.globalBias + at(this.itemBiases, this.items.indexOf(item));
    const matrix = Array.from({ length: width }, (_, j) => {
      const own = j < this.factors ? this.foldIn.regularization : this.foldIn.bias;
      return Array.from({ length: width }, (_, k) =>
        j === k ? (regularization ?? own) * scale : 0,
      );
    });
    const right = new Array<number>(width).fill(0);
    for (const { item, rating, weight = 1 } of ratings) {
      const z = row(item);
      z.forEach((zj, j) => {
        right[j] = at(right, j) + weight * zj * (rating - base(item));
        z.forEach((zk, k) => (at(matrix, j)[k] = at(at(matrix, j), k) + weight * zj * zk));
      });
    }
    const x = solve(matrix, right);
    return {
      vector: x.slice(0, this.factors),
      bias: this.foldIn.userBias ? at(x, this.factors) : 0,
      score: (item) => base(item) + dot(row(item), x),
    };
  }
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += at(a, k) * at(b, k);
  return sum;
}

export const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

/** Solves matrix x = right by Gaussian elimination with pivoting. */
export function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, j) => [...row, at(right, j)]);
  const size = rows.length;
  for (let c = 0; c < size; c++) {
    let pivot = c;
    for (let r = c; r < size; r++) {
      if (Math.abs(at(at(rows, r), c)) > Math.abs(at(at(rows, pivot), c))) pivot = r;
    }
    [rows[c], rows[pivot]] = [at(rows, pivot), at(rows, c)];
    const top = at(rows, c);
    for (let r = 0; r < size; r++) {
      if (r === c) continue;
      const row = at(rows, r);
      const factor = at(row, c) / at(top, c);
      for (let k = c; k <= size; k++) row[k] = at(row, k) - factor * at(top, k);
    }
  }
  return rows.map((row, j) => at(row, size) / at(row, j));
}
