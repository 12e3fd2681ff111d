import { FileFormatError, load, type FmOptions, type Model } from "featherfm";
import { describe, expect, test, vi } from "vitest";
import { planted } from "./fm-support.js";
import {
  at,
  expectFailure,
  float32,
  readSafetensors,
  writeSafetensors,
  type Tensor,
} from "./support.js";

const ff = await load();
const lists = planted();
const data = ff.dataset(lists);
const small = { model: "fm", factors: 3, epochs: 3 } as const;
vi.spyOn(console, "warn").mockImplementation(() => undefined);

describe.each<[string, FmOptions]>([
  ["by ALS", small],
  ["by SGD", { ...small, solver: "sgd" }],
  ["without ids", { ...small, identity: false }],
  ["without factors", { ...small, factors: 0 }],
  ["without weights", { ...small, terms: { linear: false } }],
  ["with days and sets", { ...small, derived: ["day", "user-items", "item-users"] }],
  ["of one field", { ...small, fields: ["kind"], regularization: { fields: { kind: 2 } } }],
])("a saved factorization machine %s", (_, options) => {
  const saved = ff.train(data, options);
  const bytes = saved.save();
  const loaded = ff.loadModel(bytes);

  test("comes back bit for bit, and serves the same", () => {
    expect(loaded.save()).toEqual(bytes);
    expect(loaded.predict(lists.users, lists.items)).toEqual(
      saved.predict(lists.users, lists.items),
    );
    expect(loaded.recommendAll()).toEqual(saved.recommendAll());
    expect(loaded.similarItems(105)).toEqual(saved.similarItems(105));
    expect(loaded.fields()).toEqual(saved.fields());
    expect(loaded.parameters()).toEqual(saved.parameters());
    expect(ff.evaluate(loaded, data)).toEqual(ff.evaluate(saved, data));
    for (const key of ["family", "factors", "valueRange", "options", "userCount"] as const) {
      expect(loaded[key]).toEqual(saved[key]);
    }
    const cold = (model: Model) => {
      const named = model.fields().map(({ name }) => name);
      const known = (record: object) =>
        Object.fromEntries(Object.entries(record).filter(([name]) => named.includes(name)));
      const features = known({ group: "green", age: 33 });
      const guest = model.foldInUser([{ item: 100, rating: 4 }], { features });
      const item = model.foldInItem(known({ kind: "red", tags: ["t0", "never"] }));
      const context = known({ time: "evening" });
      return [
        guest.vector,
        guest.recommend({ context }),
        guest.explain(103),
        item.vector,
        item.bias,
        item.unseen,
        item.topUsers(),
        item.similarItems(),
        model.recommend("u2", { context }),
      ];
    };
    expect(cold(loaded)).toEqual(cold(saved));
  });

  test("goes on from the file as from the model", () => {
    expect(ff.fitPartial(loaded, data, { epochs: 2 }).save()).toEqual(
      ff.fitPartial(saved, data, { epochs: 2 }).save(),
    );
  });
});

test("every kind of field comes back from a file", () => {
  const input = {
    users: ["a", "b", "c"],
    items: [1, 2, 3],
    ratings: [1, 3, 5],
    userFeatures: {
      a: { word: "p\ud800", flag: true, mixed: 1, list: ["x", 2], size: 1, age: 20, rank: 1 },
      b: { word: "q", flag: false, mixed: "1", list: [], size: 2, age: 40, rank: 5 },
    },
    fields: {
      mixed: { type: "category" },
      list: { type: "set", scale: "mean" },
      size: { type: "number", scale: "none" },
      age: { type: "number", buckets: [0.1, 30] },
      rank: { type: "number", buckets: 2 },
    },
  } as const;
  const model = ff.train(ff.dataset(input), small);
  const loaded = ff.loadModel(model.save());
  for (const features of [
    ...Object.values(input.userFeatures),
    { word: "p\ud800", mixed: 1 },
    { mixed: "1", list: [2, "2"], age: 29.9 },
    { age: 30, rank: -1e30, size: -0.5 },
  ]) {
    const [one, two] = [model, loaded].map((m) => m.foldInUser([], { features }));
    expect(one?.vector).toEqual(two?.vector);
    expect(one?.unseen).toEqual(two?.unseen);
  }
  expect(loaded.foldInUser([], { features: { word: "p\ud800" } }).unseen).toEqual([]);
});

describe("a file of a factorization machine that cannot be trusted", () => {
  const good = ff.train(data, { ...small, derived: ["day"] }).save();
  const { metadata, tensors } = readSafetensors(good);
  const all = Object.fromEntries(tensors);
  type Encoders = Record<string, unknown>[];
  const encoders = JSON.parse(metadata["features"] ?? "") as Encoders;
  const write = (more: Record<string, Tensor | undefined>, texts: Record<string, string> = {}) => {
    const kept = Object.entries({ ...all, ...more }).filter(([, tensor]) => tensor !== undefined);
    return writeSafetensors(Object.fromEntries(kept) as Record<string, Tensor>, {
      ...metadata,
      ...texts,
    });
  };
  const texts = (change: Record<string, string>) => write({}, change);
  const features = (change: (list: Encoders) => unknown) => {
    const list = structuredClone(encoders);
    return texts({ features: JSON.stringify(change(list) ?? list) });
  };
  const named = (list: Encoders, name: string) => list.find((one) => one["name"] === name) ?? {};
  const field = (name: string, change: object) => () =>
    features((list) => void Object.assign(named(list, name), change));
  const options = (change: object) => () =>
    texts({
      options: JSON.stringify({ ...(JSON.parse(metadata["options"] ?? "") as object), ...change }),
    });
  const tensor = (name: string) => tensors.get(name) as Tensor;
  const integers = (...values: number[]): Tensor => ({
    dtype: "U32",
    shape: [values.length],
    bytes: new Uint8Array(Uint32Array.from(values).buffer),
  });
  const patched = (name: string, at: number, value: number) => {
    const bytes = tensor(name).bytes.slice();
    new DataView(bytes.buffer).setFloat32(4 * at, value, true);
    return { [name]: { ...tensor(name), bytes } };
  };

  test("is a good one to begin with", () => {
    expect(ff.loadModel(write({})).recommend("u1")).toEqual(ff.loadModel(good).recommend("u1"));
    expect(ff.loadModel(features(() => undefined)).fields()).toHaveLength(8);
  });

  const files: [string, () => Uint8Array][] = [
    ["features that are no JSON", () => texts({ features: "[{" })],
    ["features that are no list", () => texts({ features: "{}" })],
    ["features that are null", () => texts({ features: "null" })],
    ["a feature that is null", () => features(() => [null])],
    ["a feature that is a list", () => features(() => [[]])],
    ["a feature without a name", field("group", { name: 5 })],
    ["a feature of another name", field("group", { name: "gruop" })],
    ["a feature of another side", field("group", { side: "item" })],
    ["a feature of no side", field("group", { side: "sideways" })],
    ["a feature of an unknown type", field("group", { type: "date" })],
    ["a feature without categories", field("group", { categories: undefined })],
    ["categories that are text", field("group", { categories: "abc" })],
    ["a category too few", field("group", { categories: ["red", "green"] })],
    ["a category too many", field("group", { categories: ["red", "green", "blue", "grey"] })],
    ["a category twice", field("group", { categories: ["red", "green", "red"] })],
    ["a category that is null", field("group", { categories: ["red", "green", null] })],
    ["a category that is a list", field("group", { categories: ["red", "green", ["blue"]] })],
    ["an unknown scale", field("tags", { scale: "max" })],
    ["a mean that is text", field("age", { mean: "30" })],
    ["a deviation of 0", field("age", { deviation: 0 })],
    ["a negative deviation", field("age", { deviation: -1 })],
    ["a deviation of null", field("age", { deviation: null })],
    ["edges that descend", field("age", { type: "buckets", boundaries: [2, 1] })],
    ["edges that are text", field("age", { type: "buckets", boundaries: ["1"] })],
    ["edges for other columns", field("age", { type: "buckets", boundaries: [1, 2] })],
    ["no edges", field("age", { type: "buckets", boundaries: undefined })],
    ["the same feature twice", () => features((list) => [...list, list[0]])],
    ["features of a model's own field", () => features((list) => [...list, { name: "day", side: "context", type: "category", categories: ["a", "b", "c", "d", "e"] }])], // prettier-ignore
    ["options of another model", options({ model: "mf" })],
    ["an option that means nothing", options({ factorz: 3 })],
    ["an option out of range", options({ epochs: 0 })],
    ["an unknown solver", options({ solver: "magic" })],
    ["a derived field nobody knows", options({ derived: ["week"] })],
    ["fields that are no list", options({ fields: 5 })],
    ["fewer fields than columns", () => texts({ fields: "7" })],
    ["more fields than columns", () => texts({ fields: "9" })],
    ["millions of fields", () => texts({ fields: "4294967295" })],
    ["no number of fields", () => texts({ fields: "eight" })],
    ["a field without a name", () => texts({ field_1_name: "" })],
    ["two fields of one name", () => texts({ field_1_name: "user" })],
    ["a field of no side", () => texts({ field_1_side: "left" })],
    ["a field with too many columns", () => texts({ field_1_columns: "4" })],
    ["a field of 2^32 columns", () => texts({ field_1_columns: "4294967296" })],
    ["negative columns", () => texts({ field_1_columns: "-3" })],
    ["days of no length", () => texts({ units_per_day: "0" })],
    ["no constant", () => write({ constant: undefined })],
    ["no linear weights", () => write({ linear: undefined })],
    ["no factors", () => write({ factors: undefined })],
    [
      "too few linear weights",
      () => write({ linear: { dtype: "F32", shape: [1], bytes: float32(1) } }),
    ],
    ["factors that are NaN", () => write(patched("factors", 5, NaN))],
    ["weights that are infinite", () => write(patched("linear", 0, Infinity))],
    ["a constant that is NaN", () => write(patched("constant", 0, NaN))],
    ["no rows of users", () => write({ user_row_offsets: undefined })],
    ["no columns of items", () => write({ item_row_columns: undefined })],
    ["no values of users", () => write({ user_row_values: undefined })],
    ["offsets that descend", () => write({ user_row_offsets: integers(0, 9, 3, tensor("user_row_columns").shape[0] ?? 0) })], // prettier-ignore
    ["no offsets", () => write({ user_row_offsets: integers() })],
    ["a column that is not there", () => write({ user_row_columns: integers(...new Array<number>(tensor("user_row_columns").shape[0] ?? 0).fill(1e6)) })], // prettier-ignore
    ["values that are NaN", () => write(patched("item_row_values", 0, NaN))],
    ["a day too few", () => write({ days: { dtype: "F64", shape: [4], bytes: tensor("days").bytes.slice(0, 32) } })], // prettier-ignore
  ];

  test.each(files)("is refused: %s", async (_, make) => {
    const bytes = make();
    await expectFailure(() => ff.loadModel(bytes), FileFormatError, "MALFORMED_FILE", "bytes");
  });

  test("leaves the engine as it was", async () => {
    const own = await load();
    const before = own.loadModel(good).recommendAll();
    const memory = own.memoryBytes();
    for (const [, make] of files) {
      const bytes = make();
      await expectFailure(() => own.loadModel(bytes), FileFormatError, "MALFORMED_FILE");
    }
    expect(own.loadModel(good).recommendAll()).toEqual(before);
    expect(own.memoryBytes()).toBeLessThan(memory + 4 * 2 ** 20);
    own.close();
  });

  test("is refused or read, whatever byte of it is damaged", () => {
    const tiny = ff.dataset({
      users: ["a", "b"],
      items: [1, 2],
      timestamps: [1, 90_000],
      userFeatures: { a: { x: "p" }, b: { x: "q" } },
      context: { n: [1, 2] },
    });
    const bytes = ff.train(tiny, { ...small, factors: 1, derived: ["day"] }).save();
    let read = 0;
    for (let k = 0; k < bytes.length; k++) {
      const damaged = bytes.slice();
      damaged[k] = at(bytes, k) ^ (k % 2 === 0 ? 0x04 : 0xff);
      let loaded: Model;
      try {
        loaded = ff.loadModel(damaged);
      } catch (error) {
        if (error instanceof FileFormatError) continue;
        throw error;
      }
      read++;
      loaded.recommendAll();
      loaded.foldInUser([]).recommend();
      loaded.fields();
      loaded.close();
    }
    expect(read).toBeGreaterThan(0);
    expect(ff.loadModel(bytes).save()).toEqual(bytes);
  });
});
