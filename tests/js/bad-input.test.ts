import { ArgumentError, FeatherError, load } from "featherfm";
import { describe, expect, test } from "vitest";
import {
  detached,
  expectRefused,
  holes,
  noCounts,
  noIds,
  noLists,
  noOptions,
  withHole,
  type Loose,
} from "./bad-values.js";
import { at, expectFailure, fingerprint, sample, thrown } from "./support.js";

const engine = await load();
const other = await load();
const ff = engine as unknown as Loose;
const lists = sample({ users: 10, items: 8 });
const data = engine.dataset(lists);
const model = engine.train(data, { model: "mf", factors: 2, epochs: 2 });
const guest = model.foldInUser([{ item: 100, rating: 3 }]);
const foreignData = other.dataset(lists);
const foreignModel = other.train(foreignData, { model: "mf", factors: 2, epochs: 1 });
const looseModel = model as unknown as Loose;
const looseGuest = guest as unknown as Loose;
const looseData = data as unknown as Loose;

const good = { users: ["a", "b", "c"], items: [1, 2, 3] };

describe("dataset()", () => {
  test.each([["nothing", undefined], ...noOptions])("refuses %s", async (_, input) => {
    if (input instanceof Map || input instanceof Date || input instanceof Promise) return;
    await expectRefused(() => ff["dataset"]?.(input), "input");
  });
  test.each([["nothing", undefined], ...noLists])(
    "refuses %s for users and items",
    async (_, list) => {
      await expectRefused(() => ff["dataset"]?.({ users: list, items: [1] }), "users");
      await expectRefused(() => ff["dataset"]?.({ users: [1], items: list }), "items");
    },
  );
  test.each(noLists)("refuses %s for ratings, weights and timestamps", async (_, list) => {
    for (const name of ["ratings", "weights", "timestamps"]) {
      await expectRefused(() => ff["dataset"]?.({ ...good, [name]: list }), name);
    }
  });
  test.each(noIds)("refuses %s for an id", async (_, id) => {
    await expectRefused(() => ff["dataset"]?.({ users: ["a", id], items: [1, 1] }), "users");
    await expectRefused(() => ff["dataset"]?.({ users: ["a", "b"], items: [1, id] }), "items");
  });
  test.each([
    ["NaN", [1, NaN, 3]],
    ["infinity", [1, 2, -Infinity]],
    ["NaN among floats", Float32Array.of(1, NaN, 3)],
    ["a string", [1, "2", 3]],
    ["null", [1, null, 3]],
    ["a bigint", [1, 2n, 3]],
    ["a hole", holes],
    ["too few", [1, 2]],
    ["too many", [1, 2, 3, 4]],
    ["none", []],
    ["more than float32 holds, or none", [1, 2]],
  ])("refuses %s among ratings, weights and timestamps", async (_, list) => {
    for (const name of ["ratings", "weights", "timestamps"]) {
      await expectRefused(() => ff["dataset"]?.({ ...good, [name]: list }), name);
    }
  });
  test("refuses more than it can count with", async () => {
    await expectRefused(() => engine.dataset({ ...good, ratings: [1, 2, 1e39] }), "ratings");
    await expectRefused(() => engine.dataset({ ...good, weights: [1, -1, 1] }), "weights");
    const twice = { users: [1, 1], items: [1, 1], ratings: [3e38, 3e38] };
    await expectRefused(() => engine.dataset({ ...twice, duplicates: "sum" }), "ratings");
  });
  test("refuses long lists of nothing", async () => {
    const list = new Array<string>(1e8);
    await expectRefused(() => engine.dataset({ users: list, items: list }), "users");
  });
  test("refuses holes, lists of different length and misspelt names", async () => {
    await expectRefused(() => engine.dataset({ users: holes, items: [1, 2, 3] }), "users");
    await expectRefused(() => engine.dataset({ users: [1, 2], items: [1] }), "items");
    await expectRefused(() => ff["dataset"]?.({ ...good, rating: [1, 2, 3] }), "rating");
  });
  test.each(["first", null, 1, ""])("refuses %j for duplicates", async (duplicates) => {
    await expectRefused(() => ff["dataset"]?.({ ...good, duplicates }), "duplicates");
  });
  test.each(noIds)("has no ratings of %s", async (_, id) => {
    await expectRefused(() => looseData["ratingsOf"]?.(id), "user");
  });
});

/** What is no dataset or model of this engine. */
const noObjects: [string, unknown][] = [
  ["nothing", undefined],
  ["null", null],
  ["a plain object", {}],
  ["a number", 5],
  ["a promise", Promise.resolve(data)],
  ["an imitation", { ...data }],
  ["one with the right prototype", Object.create(Object.getPrototypeOf(data) as object)],
];

describe("a call that takes a dataset or model", () => {
  const mf = { model: "mf" };
  const datasets: [string, string, (d: unknown) => unknown][] = [
    ["split()", "data", (d) => ff["split"]?.(d, { by: "random" })],
    ["train()", "data", (d) => ff["train"]?.(d, mf)],
    [
      "train() for validation",
      "validation",
      (d) => ff["train"]?.(data, { ...mf, validation: d ?? null }),
    ],
    ["trainAsync()", "data", (d) => ff["trainAsync"]?.(d, mf)],
    ["fitPartial()", "data", (d) => ff["fitPartial"]?.(model, d)],
    ["evaluate()", "test", (d) => ff["evaluate"]?.(model, d)],
    [
      "evaluate() for training",
      "train",
      (d) => ff["evaluate"]?.(model, data, { train: d ?? null }),
    ],
  ];
  describe.each(datasets)("%s", (_, argument, call) => {
    test.each([...noObjects, ["a model", model], ["another engine's", foreignData]])(
      "refuses %s",
      async (name, value) => {
        if (name === "one with the right prototype") {
          expect(await thrown(() => call(value))).toBeInstanceOf(Error);
          return;
        }
        await expectRefused(() => call(value), argument);
      },
    );
  });
  const models: [string, (m: unknown) => unknown][] = [
    ["fitPartial()", (m) => ff["fitPartial"]?.(m, data)],
    ["fitPartialAsync()", (m) => ff["fitPartialAsync"]?.(m, data)],
    ["evaluate()", (m) => ff["evaluate"]?.(m, data)],
  ];
  describe.each(models)("%s", (_, call) => {
    test.each([
      ...noObjects.filter(([name]) => name !== "one with the right prototype"),
      ["a dataset", data],
      ["another engine's", foreignModel],
    ])("refuses %s for a model", async (_, value) => {
      await expectRefused(() => call(value), "model");
    });
  });
});

describe("options", () => {
  const calls: [string, (options: unknown) => unknown][] = [
    ["split()", (o) => ff["split"]?.(data, o)],
    ["train()", (o) => ff["train"]?.(data, o)],
    ["fitPartial()", (o) => ff["fitPartial"]?.(model, data, o)],
    ["evaluate()", (o) => ff["evaluate"]?.(model, data, o)],
    ["predict()", (o) => looseModel["predict"]?.(["u1"], [100], o)],
    ["recommend()", (o) => looseModel["recommend"]?.("u1", o)],
    ["recommendAll()", (o) => looseModel["recommendAll"]?.(o)],
    ["similarItems()", (o) => looseModel["similarItems"]?.(100, o)],
    ["similarUsers()", (o) => looseModel["similarUsers"]?.("u1", o)],
    ["foldInUser()", (o) => looseModel["foldInUser"]?.([], o)],
    ["save()", (o) => looseModel["save"]?.(o)],
    ["a guest's recommend()", (o) => looseGuest["recommend"]?.(o)],
    ["a guest's predict()", (o) => looseGuest["predict"]?.([100], o)],
  ];
  describe.each(calls)("of %s", (name, call) => {
    test.each(noOptions)("may not be %s", async (_, options) => {
      await expectRefused(() => call(options), "options");
    });
    test("may not have names that mean nothing", async () => {
      const needed =
        name === "split()" ? { by: "random" } : name === "train()" ? { model: "mf" } : {};
      const error = await expectFailure(
        () => call({ ...needed, topN: 5 }),
        ArgumentError,
        "INVALID_ARGUMENT",
        "topN",
      );
      expect(error.message).toContain('"topN"');
    });
  });

  test.each(noCounts)("may not ask for %s results", async (_, n) => {
    for (const call of [
      () => looseModel["recommend"]?.("u1", { n }),
      () => looseModel["recommendAll"]?.({ n }),
      () => looseModel["similarItems"]?.(100, { n }),
      () => looseModel["similarUsers"]?.("u1", { n }),
      () => looseGuest["recommend"]?.({ n }),
    ]) {
      await expectRefused(call, "n");
    }
  });

  test.each(["yes", 1, 0, null])("may not be %j where it is yes or no", async (value) => {
    await expectRefused(() => looseModel["recommend"]?.("u1", { filterSeen: value }), "filterSeen");
    await expectRefused(() => looseModel["predict"]?.(["u1"], [100], { clip: value }), "clip");
    await expectRefused(() => looseModel["save"]?.({ seen: value }), "seen");
    await expectRefused(() => looseGuest["predict"]?.([100], { clip: value }), "clip");
    await expectRefused(() => looseModel["similarItems"]?.(100, { measure: value }), "measure");
  });

  test.each(noLists)("may not exclude or choose from %s", async (_, list) => {
    for (const name of ["exclude", "candidates"]) {
      await expectRefused(() => looseModel["recommend"]?.("u1", { [name]: list }), name);
      await expectRefused(() => looseGuest["recommend"]?.({ [name]: list }), name);
    }
    await expectRefused(() => looseModel["recommendAll"]?.({ users: list }), "users");
  });

  test.each([
    ["-1", -1],
    ["1.01", 1.01],
    ["NaN", NaN],
    ["a string", "0.2"],
    ["null", null],
  ])("may not ask for the share %s", async (_, testFraction) => {
    for (const by of ["random", "user", "time"]) {
      await expectRefused(() => ff["split"]?.(data, { by, testFraction }), "testFraction");
    }
  });

  test("of a split must fit its kind", async () => {
    for (const by of [undefined, null, "magic", 5])
      await expectRefused(() => ff["split"]?.(data, { by }), "by");
    await expectRefused(() => ff["split"]?.(data, { by: "rows" }), "testRows");
    await expectRefused(() => ff["split"]?.(data, { by: "rows", testRows: [], seed: 1 }), "seed");
    await expectRefused(() => ff["split"]?.(data, { by: "random", count: 1 }), "count");
    for (const row of [-1, 0.5, NaN, lists.users.length, 2 ** 33, "1", null]) {
      await expectRefused(
        () => ff["split"]?.(data, { by: "rows", testRows: [0, row] }),
        "testRows",
      );
    }
    for (const seed of [-1, 0.5, 2 ** 53, "1", null]) {
      await expectRefused(() => ff["split"]?.(data, { by: "random", seed }), "seed");
    }
    for (const [, count] of noCounts) {
      await expectRefused(() => ff["split"]?.(data, { by: "leave-last-out", count }), "count");
    }
    const timeless = engine.dataset({ users: [1, 1], items: [1, 2] });
    await expectRefused(() => engine.split(timeless, { by: "time" }), "timestamps");
    await expectRefused(() => engine.split(timeless, { by: "leave-last-out" }), "timestamps");
  });

  test("of training must be of the right kind", async () => {
    const train = (options: object) => () =>
      ff["train"]?.(data, { model: "mf", epochs: 1, ...options });
    await expectRefused(() => ff["train"]?.(data), "model");
    await expectRefused(() => ff["train"]?.(data, {}), "model");
    for (const value of ["ffm", null, 5, "__proto__"]) {
      await expectRefused(train({ model: value }), "model");
      await expectRefused(train({ optimizer: value }), "optimizer");
      await expectRefused(train({ loss: value }), "loss");
    }
    for (const value of [null, 5, {}, "f"]) {
      await expectRefused(train({ onEpoch: value }), "onEpoch");
      await expectRefused(train({ onProgress: value }), "onProgress");
      await expectRefused(train({ signal: value }), "signal");
    }
    await expectRefused(train({ patience: 3 }), "patience");
    for (const [, patience] of noCounts) {
      await expectRefused(train({ validation: data, patience }), "patience");
    }
  });

  test("of evaluation must be of the right kind", async () => {
    const evaluate = (options: object) => () => ff["evaluate"]?.(model, data, options);
    for (const value of ["rmse", null, 5, { 0: "rmse" }, withHole("rmse", "mae")]) {
      await expectRefused(evaluate({ metrics: value }), "metrics");
    }
    for (const value of [NaN, Infinity, "3", null]) {
      await expectRefused(evaluate({ relevantFrom: value }), "relevantFrom");
    }
  });
});

describe("ids given to a model", () => {
  test.each(noLists)("may not be %s where a list is needed", async (_, list) => {
    await expectRefused(() => looseModel["predict"]?.(list, [100]), "users");
    await expectRefused(() => looseModel["predict"]?.(["u1"], list), "items");
    await expectRefused(() => looseGuest["predict"]?.(list), "items");
  });

  test.each(noIds)("may not be %s", async (_, id) => {
    await expectRefused(() => looseModel["predict"]?.([id], [100]), "users");
    await expectRefused(() => looseModel["predict"]?.(["u1"], [id]), "items");
    await expectRefused(() => looseModel["recommend"]?.(id), "user");
    await expectRefused(() => looseModel["recommendAll"]?.({ users: [id] }), "users");
    await expectRefused(() => looseModel["similarItems"]?.(id), "item");
    await expectRefused(() => looseModel["similarUsers"]?.(id), "user");
    await expectRefused(() => looseModel["recommend"]?.("u1", { exclude: [id] }), "exclude");
    await expectRefused(
      () => looseModel["recommend"]?.("u1", { candidates: [100, id] }),
      "candidates",
    );
    await expectRefused(() => looseGuest["predict"]?.([id]), "items");
    await expectRefused(() => looseGuest["explain"]?.(id), "item");
  });

  test("must be as many users as items", async () => {
    await expectRefused(() => model.predict(["u1", "u2"], [100]), "items");
  });
});

describe("ratings of a new user", () => {
  const fold = (ratings: unknown, options?: unknown) => () =>
    looseModel["foldInUser"]?.(ratings, options);

  test.each([["nothing", undefined], ...noLists])("may not be %s", async (_, list) => {
    await expectRefused(fold(list), "ratings");
  });

  test.each([
    ["a number", [5]],
    ["null", [null]],
    ["a list", [[100, 5]]],
    ["a hole", withHole({ item: 100, rating: 5 }, { item: 101, rating: 5 })],
    ["only holes", new Array(3)],
    ["no rating", [{ item: 100 }]],
    ["a rating of text", [{ item: 100, rating: "5" }]],
    ["NaN", [{ item: 100, rating: NaN }]],
    ["infinity", [{ item: 100, rating: Infinity }]],
    ["more than float32 holds", [{ item: 100, rating: 1e39 }]],
    ["a negative weight", [{ item: 100, rating: 5, weight: -1 }]],
    ["a weight of text", [{ item: 100, rating: 5, weight: "1" }]],
    ["a weight of NaN", [{ item: 100, rating: 5, weight: NaN }]],
    [
      "the same item twice",
      [
        { item: 100, rating: 5 },
        { item: 100, rating: 4 },
      ],
    ],
  ])("may not hold %s", async (_, list) => {
    await expectRefused(fold(list), "ratings");
  });

  test.each([
    ["no item", {}] as [string, object],
    ...noIds.map(([name, item]): [string, object] => [name, { item }]),
  ])("may not hold %s for an item", async (_, entry) => {
    const error = (await thrown(fold([{ rating: 5, ...entry }]))) as FeatherError;
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.argument).toMatch(/item|ratings/);
  });

  test.each([-1, NaN, Infinity, 1e7, "1", null])(
    "may not be penalised by %s",
    async (regularization) => {
      await expectRefused(fold([], { regularization }), "regularization");
    },
  );
});

describe("a file", () => {
  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a string", "abc"],
    ["a list", [1, 2, 3]],
    ["floats", Float32Array.of(1)],
    ["a DataView", new DataView(new ArrayBuffer(16))],
    ["a promise", Promise.resolve(new Uint8Array())],
    ["shared memory", new SharedArrayBuffer(16)],
    ["a buffer that was given away", detached],
  ])("may not be %s", async (_, bytes) => {
    await expectRefused(() => ff["loadModel"]?.(bytes), "bytes");
  });
});

test("after all of this the engine is well", () => {
  const fresh = engine.train(data, { model: "mf", factors: 2, epochs: 2 });
  const of = (m: typeof model) => fingerprint(m.predict(lists.users, lists.items));
  expect(of(fresh)).toBe(of(model));
  expect(model.recommend("u1")).toEqual(fresh.recommend("u1"));
  expect(guest.recommend()).toEqual(fresh.foldInUser([{ item: 100, rating: 3 }]).recommend());
  expect(data.ratingsOf("u1")).toEqual(foreignData.ratingsOf("u1"));
  expect(engine.memoryBytes()).toBeLessThan(64 * 2 ** 20);
  expect(at(data.userIds(), 0)).toBeTypeOf("string");
});

describe("messages for common slips", () => {
  test("a forgotten await is named", () => {
    expect(() => engine.dataset(Promise.resolve({}) as never)).toThrow(/await/);
  });

  test("rows where lists are wanted are answered with the form of the lists", () => {
    const rows = [{ user: 1, item: 2, rating: 3 }];
    expect(() => engine.dataset(rows as never)).toThrow(/users: \[/);
  });

  test("patience for a model without epochs is refused", async () => {
    const call = () => engine.train(data, { model: "svd", validation: data, patience: 2 } as never);
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "patience");
  });
});
