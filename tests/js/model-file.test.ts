import { FileFormatError, load, type Model, type ModelOptions } from "featherfm";
import { describe, expect, test } from "vitest";
import {
  at,
  expectFailure,
  fingerprint,
  float32,
  foreignTensors,
  ids,
  PlainModel,
  readSafetensors,
  sample,
  writeSafetensors,
  type Tensor,
} from "./support.js";

const ff = await load();
const lists = sample();
const data = ff.dataset(lists);
const small = { epochs: 4, factors: 5 } as const;
const model = ff.train(data, { model: "mf", ...small });
const text = (value: string): Tensor => {
  const bytes = new TextEncoder().encode(value);
  return { dtype: "U8", shape: [bytes.length], bytes };
};

describe.each<[string, ModelOptions]>([
  ["sgd", { model: "mf", ...small }],
  ["logistic", { model: "mf", loss: "logistic", ...small }],
  ["als", { model: "mf", optimizer: "als", ...small }],
  ["biases alone", { model: "mf", factors: 0, epochs: 4 }],
  ["svd", { model: "svd", factors: 5 }],
  ["svd filled by users", { model: "svd", factors: 5, fill: "user-mean" }],
  ["popularity", { model: "popularity" }],
  ["biases", { model: "biases" }],
  ["implicit ALS", { model: "implicit-als", factors: 5, positiveFrom: 3 }],
  ["item neighbours", { model: "item-knn", neighbours: 4 }],
])("a saved model of %s", (_, options) => {
  const saved = ff.train(data, options);
  const bytes = saved.save();
  const loaded = ff.loadModel(bytes);

  test("comes back bit for bit", () => {
    expect(loaded.save()).toEqual(bytes);
    expect(loaded.predict(lists.users, lists.items)).toEqual(
      saved.predict(lists.users, lists.items),
    );
    expect(loaded.recommendAll()).toEqual(saved.recommendAll());
    expect(loaded.similarItems(105)).toEqual(saved.similarItems(105));
    const ratings = [
      { item: 100, rating: 5 },
      { item: 101, rating: 2 },
    ];
    expect(loaded.foldInUser(ratings).vector).toEqual(saved.foldInUser(ratings).vector);
    expect(loaded.foldInUser(ratings).explain(103)).toEqual(saved.foldInUser(ratings).explain(103));
    expect(loaded.singularValues()).toEqual(saved.singularValues());
  });

  test("keeps its ids, options and range, and has no training summary", () => {
    for (const key of ["family", "factors", "valueRange", "options", "userCount"] as const) {
      expect(loaded[key]).toEqual(saved[key]);
    }
    expect(loaded.userIds()).toEqual(saved.userIds());
    expect(loaded.itemIds()).toEqual(saved.itemIds());
    expect(loaded.summary).toEqual({ epochs: [], bestEpoch: 0, stoppedEarly: false, elapsedMs: 0 });
  });

  test("comes back in another engine", async () => {
    const other = await load();
    expect(other.loadModel(bytes).save()).toEqual(bytes);
    other.close();
  });
});

describe("the file", () => {
  const file = model.save();

  test("is safetensors: aligned, without gaps, as the format says", () => {
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length)),
    ) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
    const sizes: Record<string, number> = { F32: 4, U32: 4, U8: 1 };
    let end = 0;
    for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
      if (name === "__metadata__") continue;
      expect(data_offsets[0]).toBe(end);
      end = data_offsets[1];
      const size = shape.reduce((product, extent) => product * extent, sizes[dtype] as number);
      expect(end - data_offsets[0]).toBe(size);
    }
    expect(8 + length + end).toBe(file.length);
  });

  test("says what it holds", () => {
    const { metadata, tensors } = readSafetensors(file);
    for (const value of Object.values(metadata)) expect(typeof value).toBe("string");
    expect(metadata).toMatchObject({ format: "featherfm", format_version: "1", family: "mf" });
    expect(JSON.parse(at([metadata["options"] as string], 0))).toEqual(model.options);
    expect(tensors.get("user_factors")?.shape).toEqual([model.userCount, 5]);
    expect(tensors.get("item_factors")?.shape).toEqual([model.itemCount, 5]);
    const idList = (name: string) =>
      JSON.parse(new TextDecoder().decode(tensors.get(name)?.bytes)) as unknown;
    expect(idList("user_ids")).toEqual(model.userIds());
    expect(idList("item_ids")).toEqual(model.itemIds());
  });

  test("is a copy: changing it changes nothing else", () => {
    const before = fingerprint(model.save());
    model.save().fill(0);
    expect(fingerprint(model.save())).toBe(before);
  });

  test("may be given as a buffer, or as part of one", () => {
    const { buffer } = file.slice();
    expect(ff.loadModel(buffer).save()).toEqual(file);
    const padded = new Uint8Array(file.length + 100).fill(255);
    padded.set(file, 50);
    expect(ff.loadModel(padded.subarray(50, 50 + file.length)).save()).toEqual(file);
    expect(ff.loadModel(Buffer.from(file)).save()).toEqual(file);
    expect(padded[0]).toBe(255);
  });

  test("keeps every kind of id", () => {
    const odd = ["", "\ud800", "a\0b", '"\\', "__proto__", 1, "1", -0.5, 1e300, "👩‍🚀", " "];
    const strange = ff.train(ff.dataset({ users: odd, items: odd }), {
      model: "mf",
      factors: 1,
      epochs: 1,
    });
    const loaded = ff.loadModel(strange.save());
    expect(loaded.userIds()).toEqual(odd);
    expect(loaded.itemIds()).toEqual(odd);
  });
});

describe("what a user has seen", () => {
  test("is kept by default, so that a loaded model can leave it out", () => {
    const loaded = ff.loadModel(model.save());
    expect(loaded.recommend("u1", { n: 1000 })).toEqual(model.recommend("u1", { n: 1000 }));
  });

  test("is left out of the file on request", () => {
    const file = model.save({ seen: false });
    const { tensors } = readSafetensors(file);
    expect([...tensors.keys()].filter((name) => name.includes("seen"))).toEqual([]);
    expect(file.length).toBeLessThan(model.save().length);
    const loaded = ff.loadModel(file);
    expect(loaded.recommend("u1", { n: 1000 })).toEqual(
      model.recommend("u1", { n: 1000, filterSeen: false }),
    );
    expect(loaded.predict(["u1"], [100])).toEqual(model.predict(["u1"], [100]));
    expect(loaded.save()).toEqual(file);
  });
});

describe("a model from elsewhere", () => {
  test("needs no more than two matrices, and is counted from 0", () => {
    const loaded = ff.loadModel(writeSafetensors(foreignTensors()));
    expect(loaded).toMatchObject({ family: "mf", userCount: 2, itemCount: 3, factors: 1 });
    expect(loaded.userIds()).toEqual([0, 1]);
    expect(loaded.itemIds()).toEqual([0, 1, 2]);
    expect([...loaded.predict([0, 0, 1], [0, 2, 2])]).toEqual([2, 3, -3]);
    expect(ids(loaded.recommend(0))).toEqual([2, 0, 1]);
    expect(ids(loaded.recommend(1))).toEqual([1, 0, 2]);
    expect(ids(loaded.similarItems(0))).toEqual([1, 2]);
    expect(Number.isFinite(loaded.foldInUser([{ item: 0, rating: 2 }]).vector[0])).toBe(true);
    expect(loaded.foldInUser([]).explain(1).contributions).toEqual([]);
    expect(ff.loadModel(loaded.save()).save()).toEqual(loaded.save());
  });

  test("may bring biases, ids, and tensors that mean nothing here", () => {
    const loaded = ff.loadModel(
      writeSafetensors({
        ...foreignTensors(),
        user_biases: { dtype: "F32", shape: [2], bytes: float32(1, 2) },
        item_biases: { dtype: "F32", shape: [3], bytes: float32(10, 20, 30) },
        global_bias: { dtype: "F32", shape: [1], bytes: float32(100) },
        user_ids: text('["ann", 7]'),
        "something.else": { dtype: "BF16", shape: [1, 3], bytes: new Uint8Array(6) },
      }),
    );
    expect(loaded.userIds()).toEqual(["ann", 7]);
    expect([...loaded.predict(["ann", 7], [0, 2])]).toEqual([113, 129]);
  });

  test("is evaluated like any other", () => {
    const loaded = ff.loadModel(writeSafetensors(foreignTensors()));
    const test = ff.dataset({ users: [0, 1], items: [2, 1], ratings: [3, 0] });
    expect(ff.evaluate(loaded, test, { metrics: ["rmse", "precision@1"] })).toEqual({
      rmse: Math.sqrt(0.25 / 2),
      "precision@1": 1,
    });
    expect(new PlainModel(loaded).score(0, 2)).toBe(3);
  });
});

describe("a file that cannot be trusted", () => {
  const good = model.save();
  const foreign = foreignTensors();
  const patched = (change: (bytes: Uint8Array) => void) => {
    const bytes = good.slice();
    change(bytes);
    return bytes;
  };
  const withTensors = (more: Record<string, Tensor>, metadata?: Record<string, string>) =>
    writeSafetensors({ ...foreign, ...more }, metadata);
  const withHeader = (from: string | RegExp, to: string) =>
    writeSafetensors(foreign, {}, (json) => {
      const changed = json.replace(from, to);
      if (changed === json) throw new Error("nothing was changed");
      return changed;
    });
  const length = (bytes: Uint8Array, value: bigint) =>
    new DataView(bytes.buffer).setBigUint64(0, value, true);

  const files: [string, () => Uint8Array][] = [
    ["nothing", () => new Uint8Array()],
    ["seven bytes", () => new Uint8Array(7)],
    ["zeros", () => new Uint8Array(64)],
    ["text", () => new TextEncoder().encode("<!doctype html><title>404</title>")],
    ["a wasm file's beginning", () => Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)],
    [
      "a header longer than the file",
      () =>
        patched((b) => {
          length(b, 1n << 40n);
        }),
    ],
    [
      "a header of 2^64 - 1 bytes",
      () =>
        patched((b) => {
          length(b, 0xffffffffffffffffn);
        }),
    ],
    [
      "a header one byte short",
      () =>
        patched((b) => {
          length(b, new DataView(b.buffer).getBigUint64(0, true) - 8n);
        }),
    ],
    ["a byte missing at the end", () => good.slice(0, -1)],
    ["a byte too many", () => Uint8Array.of(...good, 0)],
    ["half the file", () => good.slice(0, good.length / 2)],
    [
      "NaN among the factors",
      () => withTensors({ user_factors: { dtype: "F32", shape: [2, 1], bytes: float32(1, NaN) } }),
    ],
    [
      "infinity among the biases",
      () =>
        withTensors({ item_biases: { dtype: "F32", shape: [3], bytes: float32(1, 2, Infinity) } }),
    ],
    [
      "options that are no training options",
      () => writeSafetensors(foreign, { options: '{"model":"mf","factorz":3}' }),
    ],
    ["options of another family", () => writeSafetensors(foreign, { options: '{"model":"svd"}' })],
    ["no item_factors", () => writeSafetensors({ user_factors: foreign.user_factors })],
    [
      "matrices that differ in factors",
      () => withTensors({ item_factors: { dtype: "F32", shape: [1, 3], bytes: float32(1, 2, 3) } }),
    ],
    [
      "a matrix of one dimension",
      () => withTensors({ user_factors: { dtype: "F32", shape: [2], bytes: float32(1, 2) } }),
    ],
    [
      "halves instead of floats",
      () =>
        withTensors({ user_factors: { dtype: "F16", shape: [2, 1], bytes: new Uint8Array(4) } }),
    ],
    [
      "too few biases",
      () => withTensors({ user_biases: { dtype: "F32", shape: [1], bytes: float32(1) } }),
    ],
    [
      "a value range upside down",
      () => withTensors({ value_range: { dtype: "F32", shape: [2], bytes: float32(5, 1) } }),
    ],
    [
      "a fold-in rule below 0",
      () => withTensors({ fold_in: { dtype: "F32", shape: [3], bytes: float32(-1, 0, 1) } }),
    ],
    ["an unknown dtype", () => withHeader("F32", "F31")],
    ["a shape that does not fit the bytes", () => withHeader("[2,1]", "[2,2]")],
    ["a shape beyond 2^64", () => withHeader("[2,1]", "[4294967296,4294967296,2]")],
    ["a negative extent", () => withHeader("[2,1]", "[-2,-1]")],
    ["a fractional extent", () => withHeader("[2,1]", "[2.0,1]")],
    ["offsets beyond the file", () => withHeader("[8,20]", "[8,2000]")],
    ["offsets in the wrong order", () => withHeader("[8,20]", "[20,8]")],
    ["tensors that overlap", () => withHeader("[8,20]", "[4,16]")],
    ["a tensor twice", () => withHeader('"item_factors"', '"user_factors"')],
    ["a key twice", () => withHeader('"dtype":"F32"', '"dtype":"F32","dtype":"F32"')],
    ["deep nesting", () => withHeader('"F32"', "[".repeat(10_000))],
    ["JSON that ends early", () => withHeader(/\}$/, " ")],
    ["a header that is a list", () => withHeader(/^\{.*\}$/, "[]")],
    ["metadata that is no text", () => withHeader('"__metadata__":{}', '"__metadata__":{"a":1}')],
    ["an unknown format version", () => withTensors({}, { format_version: "2" })],
    ["an unknown family", () => withTensors({}, { family: "oracle" })],
    ["an unknown link", () => withTensors({}, { link: "probit" })],
    ["options that are no JSON", () => withTensors({}, { options: "{" })],
    ["options that are a list", () => withTensors({}, { options: "[]" })],
    ["options that are null", () => withTensors({}, { options: "null" })],
    ["ids that are no JSON", () => withTensors({ user_ids: text("ann, bob") })],
    ["too few ids", () => withTensors({ user_ids: text('["ann"]') })],
    ["the same id twice", () => withTensors({ user_ids: text('["ann", "ann"]') })],
    ["an id that is null", () => withTensors({ user_ids: text('["ann", null]') })],
    ["an id that is infinite", () => withTensors({ user_ids: text('["ann", 1e999]') })],
    ["ids of another kind", () => withTensors({ user_ids: text('{"0": "ann", "1": "bob"}') })],
    [
      "seen items without their offsets",
      () => withTensors({ seen_items: { dtype: "U32", shape: [1], bytes: new Uint8Array(4) } }),
    ],
    [
      "a seen item that is not there",
      () =>
        withTensors({
          seen_offsets: {
            dtype: "U32",
            shape: [3],
            bytes: new Uint8Array(Uint32Array.of(0, 1, 1).buffer),
          },
          seen_items: { dtype: "U32", shape: [1], bytes: new Uint8Array(Uint32Array.of(3).buffer) },
        }),
    ],
    [
      "millions of users in no bytes",
      () =>
        withTensors({
          user_factors: { dtype: "F32", shape: [2 ** 28 - 1, 0], bytes: new Uint8Array() },
          item_factors: { dtype: "F32", shape: [2, 0], bytes: new Uint8Array() },
        }),
    ],
  ];

  test.each(files)("is refused: %s", async (_, make) => {
    const bytes = make();
    await expectFailure(() => ff.loadModel(bytes), FileFormatError, "MALFORMED_FILE", "bytes");
  });

  test("is refused or read, whatever byte of it is damaged, and the engine stays well", () => {
    const tiny = ff.train(ff.dataset({ users: ["a", "b"], items: [1, 2] }), {
      model: "mf",
      factors: 2,
      epochs: 1,
    });
    const bytes = tiny.save();
    let read = 0;
    for (let k = 0; k < bytes.length; k++) {
      for (const value of [0x00, 0xff, at(bytes, k) ^ 0x04]) {
        const damaged = bytes.slice();
        damaged[k] = value;
        let loaded: Model;
        try {
          loaded = ff.loadModel(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(FileFormatError);
          continue;
        }
        read++;
        loaded.recommendAll();
        loaded.close();
      }
    }
    expect(read).toBeGreaterThan(0);
    expect(ff.loadModel(bytes).save()).toEqual(bytes);
  });

  test("leaves memory as it was", async () => {
    const own = await load();
    for (const [, make] of files) {
      const bytes = make();
      await expectFailure(() => own.loadModel(bytes), FileFormatError, "MALFORMED_FILE");
    }
    expect(own.memoryBytes()).toBeLessThan(64 * 2 ** 20);
    expect(own.loadModel(good).save()).toEqual(good);
  });
});
