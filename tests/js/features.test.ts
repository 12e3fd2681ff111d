import {
  load,
  type DatasetInput,
  type FieldOptions,
  type Model,
  type TrainOptions,
} from "featherfm";
import { describe, expect, test } from "vitest";
import { PlainMachine, planted, type FieldRow } from "./fm-support.js";
import { at, fingerprint } from "./support.js";

const ff = await load();
const fm = { model: "fm", factors: 2, epochs: 3 } as const;

/** Three users who met one item each. */
const three = { users: ["a", "b", "c"], items: [1, 2, 3], ratings: [1, 3, 5] };
const describing = (values: readonly unknown[], options?: FieldOptions) =>
  ff.dataset({
    ...three,
    userFeatures: { a: { x: values[0] }, b: { x: values[1] }, c: { x: values[2] } },
    ...(options !== undefined && { fields: { x: options } }),
  } as DatasetInput);
const field = (values: readonly unknown[], options?: FieldOptions) =>
  at(describing(values, options).fields, 0);

describe("the fields of a dataset", () => {
  test("are listed by side, with their types and numbers of columns", () => {
    const data = ff.dataset(planted());
    expect(data.fields).toEqual([
      { name: "group", side: "user", type: "category", columns: 3 },
      { name: "age", side: "user", type: "number", columns: 1 },
      { name: "kind", side: "item", type: "category", columns: 3 },
      { name: "tags", side: "item", type: "set", columns: 6 },
      { name: "time", side: "context", type: "category", columns: 2 },
    ]);
    expect(Object.isFrozen(data.fields) && Object.isFrozen(data.fields[0])).toBe(true);
    expect(ff.dataset(three).fields).toEqual([]);
  });

  test.each<[string, unknown[], FieldOptions | undefined, string, number]>([
    ["strings are categories", ["x", "y", "x"], undefined, "category", 2],
    ["booleans are categories", [true, false, true], undefined, "category", 2],
    ["numbers are numbers", [1, 2, 2], undefined, "number", 1],
    ["lists are sets", [["p"], ["q", "p"], []], undefined, "set", 2],
    ["typed arrays are sets", [Uint8Array.of(1, 2), Uint8Array.of(2), []], undefined, "set", 2],
    ["the first value that is there decides", [null, undefined, 4], undefined, "number", 1],
    [
      "nothing at all is a category without columns",
      [null, undefined, null],
      undefined,
      "category",
      0,
    ],
    ["numbers may be categories", [7, 8, 7], { type: "category" }, "category", 2],
    ['1 and "1" are two categories', [1, "1", 1], { type: "category" }, "category", 2],
    ['true and "true" are one', [true, "true", false], { type: "category" }, "category", 2],
    ["a single category may stand for a set", ["p", ["q"], ["p", "q"]], { type: "set" }, "set", 2],
    ["numbers may go into buckets", [1, 5, 9], { type: "number", buckets: 3 }, "buckets", 3],
    ["equal numbers share a bucket", [1, 1, 9], { type: "number", buckets: 3 }, "buckets", 2],
    ["a bucket more than edges", [1, 5, 9], { type: "number", buckets: [2, 4, 6] }, "buckets", 4],
    ["no edges are one bucket", [1, 5, 9], { type: "number", buckets: [] }, "buckets", 1],
    ["no numbers are one bucket", [null, null, null], { type: "number", buckets: 5 }, "buckets", 1],
    [
      "names of members are names",
      ["constructor", "__proto__", "toString"],
      undefined,
      "category",
      3,
    ],
  ])("are told from their values: %s", (_, values, options, type, columns) => {
    expect(field(values, options)).toEqual({ name: "x", side: "user", type, columns });
  });

  test("may have any name that is not a model's own, those of object members included", () => {
    for (const name of ["constructor", "__proto__", "hasOwnProperty", "👩‍🚀", " ", "users"]) {
      const userFeatures = new Map([
        ["a", { [name]: "p" }],
        ["b", {}],
      ]);
      const data = ff.dataset({ ...three, userFeatures });
      expect(data.fields).toEqual([{ name, side: "user", type: "category", columns: 1 }]);
      const fields = { [name]: { linear: 3, factors: 4 } };
      const model = ff.loadModel(ff.train(data, { ...fm, regularization: { fields } }).save());
      expect(model.fields()[1]).toMatchObject({ name, columns: 1 });
      expect(model.foldInUser([], { features: {} }).unseen).toEqual([]);
      expect(model.foldInUser([], { features: { [name]: "p" } }).unseen).toEqual([]);
    }
  });

  test("are shared by both halves of a split, however it cuts", () => {
    const data = ff.dataset(planted());
    for (const by of ["random", "user", "leave-last-out", "time"] as const) {
      const { train, test } = ff.split(data, { by });
      expect(train.fields).toEqual(data.fields);
      expect(test.fields).toEqual(data.fields);
    }
  });
});

describe("tables of features", () => {
  const known = (input: Omit<DatasetInput, "users" | "items" | "ratings">) =>
    new PlainMachine(ff.train(ff.dataset({ ...three, ...input }), { ...fm, factors: 0 }));

  test("may be maps as well as objects", () => {
    const records = { a: { x: "p", n: 1 }, b: { x: "q", n: 2 }, c: { x: "p", n: 5 } };
    const of = (userFeatures: DatasetInput["userFeatures"]) =>
      ff.train(ff.dataset({ ...three, userFeatures } as DatasetInput), fm).save();
    expect(of(new Map(Object.entries(records)))).toEqual(of(records));
  });

  test("name ids that are numbers by the keys of an object, where there are such", () => {
    const data = ff.dataset({ ...three, itemFeatures: { 1: { x: "p" }, "3": { x: "q" } } });
    expect(data.itemIds()).toEqual([1, 2, 3]);
    const mixed = ff.dataset({
      users: ["a", "a", "a"],
      items: [1, "1", 2.5],
      itemFeatures: { "1": { x: "p" }, "2.5": { x: "q" }, "7": { x: "q" } },
    });
    // A string that is there is meant before the number; an id that is nowhere stays what it is.
    expect(mixed.itemIds()).toEqual([1, "1", 2.5, "7"]);
    const exact = ff.dataset({ ...three, itemFeatures: new Map([["1", { x: "p" }]]) });
    expect(exact.itemIds()).toEqual([1, 2, 3, "1"]);
  });

  test("may name users and items that met nothing", () => {
    const data = ff.dataset({
      ...three,
      userFeatures: { a: { x: "p" }, new: { x: "p" } },
      itemFeatures: new Map([[9, { y: 1 }]]),
    });
    expect(data).toMatchObject({ userCount: 4, itemCount: 4, interactionCount: 3 });
    expect(data.userIds()).toEqual(["a", "b", "c", "new"]);
    expect(data.ratingsOf("new")).toEqual([]);
    expect([...data.itemCounts()]).toEqual([1, 1, 1, 0]);
    const model = ff.train(data, fm);
    expect(model.recommend("new", { n: 10 })).toHaveLength(4);
    const plain = new PlainMachine(model);
    expect(model.predict(["new"], [1], { clip: false })[0]).toBeCloseTo(
      plain.score({ x: { 0: 1 }, item: { 0: 1 } }),
      5,
    );
  });

  test("may leave out anything: what is not known contributes nothing", () => {
    for (const nothing of [{}, { x: null }, { x: undefined }]) {
      const plain = known({ userFeatures: { a: { x: "p" }, b: nothing } });
      expect(plain.field("x")).toMatchObject({ columns: 1, used: 1 });
    }
    expect(ff.dataset({ ...three, userFeatures: {} }).fields).toEqual([]);
    expect(ff.dataset({ ...three, userFeatures: { a: {} } }).fields).toEqual([]);
    expect(ff.dataset({ ...three, context: {} }).fields).toEqual([]);
  });
});

describe("the columns of a field", () => {
  /** A linear model says what stands in its columns: score = constant + sum of weight times value. */
  function expectColumns(values: unknown[], options: FieldOptions | undefined, rows: FieldRow[]) {
    const training = { ...fm, identity: false } as const satisfies TrainOptions;
    const model = ff.train(describing(values, options), {
      ...training,
      terms: { constant: false },
    });
    const plain = new PlainMachine(model);
    const scores = model.predict(three.users, three.items, { clip: false });
    rows.forEach((row, k) => {
      expect(scores[k], JSON.stringify(values[k])).toBeCloseTo(plain.score({ x: row }), 4);
    });
    expect(plain.field("x").used).toBe(new Set(rows.flatMap((row) => Object.keys(row))).size);
    // The same through a guest's features, where one has them.
    values.forEach((value, k) => {
      const guest = model.foldInUser([], { features: { x: value as never } });
      expect(guest.predict([1], { clip: false })[0]).toBeCloseTo(at(scores, k), 4);
    });
  }

  test("of a category hold 1", () => {
    expectColumns(["p", "q", "p"], undefined, [{ 0: 1 }, { 1: 1 }, { 0: 1 }]);
    expectColumns([true, false, null], undefined, [{ 0: 1 }, { 1: 1 }, {}]);
  });

  test("of a set hold 1, divided as its scale says", () => {
    const sets = [["p", "q"], ["q", "r", "s", "p"], []];
    const rows = (x2: number, x4: number) => [{ 0: x2, 1: x2 }, { 0: x4, 1: x4, 2: x4, 3: x4 }, {}];
    expectColumns(sets, undefined, rows(1 / Math.sqrt(2), 1 / 2));
    expectColumns(sets, { type: "set", scale: "sqrt" }, rows(1 / Math.sqrt(2), 1 / 2));
    expectColumns(sets, { type: "set", scale: "mean" }, rows(1 / 2, 1 / 4));
    expectColumns(sets, { type: "set", scale: "none" }, rows(1, 1));
  });

  test("of a set hold each category once, however often it is named", () => {
    expectColumns([["p", "p", "q"], ["q", "q"], "q"], { type: "set", scale: "mean" }, [
      { 0: 1 / 2, 1: 1 / 2 },
      { 1: 1 },
      { 1: 1 },
    ]);
  });

  test("of a number hold how many standard deviations it is from the mean", () => {
    const deviation = Math.sqrt(((2 - 5) ** 2 + (5 - 5) ** 2 + (8 - 5) ** 2) / 3);
    const rows = [{ 0: -3 / deviation }, { 0: 0 }, { 0: 3 / deviation }];
    expectColumns([2, 5, 8], undefined, rows);
    expectColumns([2, 5, 8], { type: "number", scale: "standard" }, rows);
    expectColumns([2, null, 8], undefined, [{ 0: -1 }, {}, { 0: 1 }]);
  });

  test("of a number hold the number itself on request", () => {
    expectColumns([2, -5, 0.5], { type: "number", scale: "none" }, [
      { 0: 2 },
      { 0: -5 },
      { 0: 0.5 },
    ]);
  });

  test("of equal numbers stay finite", () => {
    const model = ff.train(describing([4, 4, 4]), fm);
    expect(model.predict(three.users, three.items).every(Number.isFinite)).toBe(true);
  });

  test("of buckets hold 1 between two edges, the lower one included", () => {
    expectColumns([1.9, 2, 7], { type: "number", buckets: [2, 6] }, [{ 0: 1 }, { 1: 1 }, { 2: 1 }]);
    expectColumns([-9, 6, null], { type: "number", buckets: [2, 6] }, [{ 0: 1 }, { 2: 1 }, {}]);
  });

  test("of buckets by number hold about as many values each", () => {
    const values = Array.from({ length: 100 }, (_, k) => (k * 37) % 100);
    const users = values.map((_, k) => k);
    const data = ff.dataset({
      users,
      items: users,
      ratings: values,
      userFeatures: new Map(values.map((x, k) => [k, { x }])),
      fields: { x: { type: "number", buckets: 4 } },
    });
    const model = ff.train(data, {
      ...fm,
      factors: 0,
      identity: false,
      regularization: 0,
      epochs: 50,
    });
    // Each quarter gets its own mean.
    const scores = model.predict(users, users);
    values.forEach((x, k) => expect(scores[k]).toBeCloseTo(Math.floor(x / 25) * 25 + 12, 1));
  });

  test("may be of a large set", () => {
    const tags = Array.from({ length: 200_000 }, (_, k) => k);
    expect(field([tags, ["x"], null])).toMatchObject({ type: "set", columns: 200_001 });
  });
});

describe("the context", () => {
  const used = (model: Model, name: string) => new PlainMachine(model).field(name).used;

  test("may be lists and typed arrays, parallel to the interactions", () => {
    const data = ff.dataset({
      ...three,
      context: {
        hour: Uint8Array.of(1, 2, 3),
        device: ["tv", null, "tv"],
        tags: [["p"], [], null],
      },
      fields: { hour: { type: "category" } },
    });
    expect(data.fields.map(({ name, columns }) => [name, columns])).toEqual([
      ["hour", 3],
      ["device", 1],
      ["tags", 1],
    ]);
    const plain = new PlainMachine(ff.train(data, fm));
    expect(plain.fields.map(({ name }) => name)).toEqual([
      "user",
      "item",
      "hour",
      "device",
      "tags",
    ]);
  });

  test("goes with its interaction through duplicates and splits", () => {
    const twice = {
      users: ["a", "a", "b"],
      items: [1, 1, 1],
      ratings: [1, 5, 3],
      context: { time: ["early", "late", "noon"] },
    };
    expect(used(ff.train(ff.dataset(twice), fm), "time")).toBe(2);
    const data = ff.dataset({ ...three, context: { time: ["p", "q", "r"] } });
    const { train } = ff.split(data, { by: "rows", testRows: [1] });
    const model = ff.train(train, fm);
    const { begin } = new PlainMachine(model).field("time");
    const { linear } = model.parameters();
    expect([0, 1, 2].map((k) => linear[begin + k] !== 0)).toEqual([true, false, true]);
  });
});

describe("the caller's objects", () => {
  test("may change later without effect", () => {
    const input = planted();
    const [data, same] = [ff.dataset(input), ff.dataset(planted())];
    input.context.time.fill("never");
    for (const record of Object.values(input.userFeatures)) record.group = "none";
    for (const record of Object.values(input.itemFeatures)) record.tags.length = 0;
    input.userFeatures["somebody"] = { group: "none", age: NaN };
    expect(data.fields).toEqual(same.fields);
    expect(ff.train(data, fm).save()).toEqual(ff.train(same, fm).save());
  });

  test("are not modified", () => {
    const input = planted();
    const before = fingerprint(new TextEncoder().encode(JSON.stringify(input)));
    const frozen = <T extends object>(object: T): T => {
      Object.values(object).forEach(
        (value) => typeof value === "object" && frozen(value as object),
      );
      return Object.freeze(object);
    };
    ff.train(ff.dataset(frozen(input)), fm).close();
    expect(fingerprint(new TextEncoder().encode(JSON.stringify(input)))).toBe(before);
  });
});
