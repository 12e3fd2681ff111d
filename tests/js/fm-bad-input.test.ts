import { ArgumentError, load } from "featherfm";
import { describe, expect, test } from "vitest";
import {
  expectRefused,
  holes,
  noCounts,
  noIds,
  noLists,
  noOptions,
  withHole,
  type Loose,
} from "./bad-values.js";
import { planted } from "./fm-support.js";
import { at, expectFailure, fingerprint, thrown } from "./support.js";

const engine = await load();
const ff = engine as unknown as Loose;
const lists = planted({ users: 12, items: 9 });
const data = engine.dataset(lists);
const options = { model: "fm", factors: 2, epochs: 2 } as const;
const model = engine.train(data, options);
const looseModel = model as unknown as Loose;
const guest = model.foldInUser([{ item: 100, rating: 3 }], { features: { group: "red" } });
const looseGuest = guest as unknown as Loose;
const guestItem = model.foldInItem({ kind: "red" });
const looseItem = guestItem as unknown as Loose;
const simple = { values: [1, 2, 3, 4], columns: 2, targets: [1, 2] };
const rows = engine.rows(simple);
const rowModel = engine.train(rows, options);

const good = { users: ["a", "b", "c"], items: [1, 2, 3] };
const dataset = (more: object) => () => ff["dataset"]?.({ ...good, ...more });
describe("features of a dataset", () => {
  test.each(noOptions.filter(([name]) => name !== "a Map"))(
    "may not be %s, as a table, a record or lists",
    async (_, value) => {
      for (const name of ["userFeatures", "itemFeatures"]) {
        await expectRefused(dataset({ [name]: value }), name);
        await expectRefused(dataset({ [name]: { a: value } }), name);
        await expectRefused(dataset({ [name]: new Map([["a", value]]) }), name);
      }
      await expectRefused(dataset({ context: value }), "context");
      await expectRefused(dataset({ fields: value }), "fields");
    },
  );
  test.each(noIds)("may not be those of %s", async (_, id) => {
    await expectRefused(dataset({ userFeatures: new Map([[id, {}]]) }), "userFeatures");
    await expectRefused(dataset({ itemFeatures: new Map([[id, {}]]) }), "itemFeatures");
  });

  const wrongValues: [string, unknown[]][] = [
    ["NaN among numbers", [1, NaN]],
    ["infinity among numbers", [1, -Infinity]],
    ["NaN at first", [NaN, 1]],
    ["text among numbers", [1, "1"]],
    ["yes and no among numbers", [1, true]],
    ["a list among numbers", [1, [1]]],
    ["an object among categories", ["p", {}]],
    ["an object at first", [{ p: 1 }, "p"]],
    ["a date", [new Date(0), null]],
    ["a function", [() => 1, null]],
    ["a symbol", [Symbol("no"), null]],
    ["a bigint", [1n, null]],
    ["NaN among categories", ["p", NaN]],
    ["a list among categories", ["p", ["p"]]],
    ["NaN in a set", [["p"], [NaN]]],
    ["null in a set", [["p"], [null]]],
    ["a hole in a set", [withHole("p", "q"), null]],
    ["a set in a set", [["p"], [["p"]]]],
    ["a Set", [["p"], new Set(["p"])]],
    ["BigInts", [["p"], BigInt64Array.of(1n)]],
  ];
  test.each(wrongValues)("may not have %s", async (_, [first, second]) => {
    await expectRefused(
      dataset({ userFeatures: { a: { x: first }, b: { x: second } } }),
      "userFeatures",
    );
    await expectRefused(
      dataset({ itemFeatures: new Map([[1, { x: first }], [2, { x: second }]]) }), // prettier-ignore
      "itemFeatures",
    );
    await expectRefused(dataset({ context: { x: [first, second, null] } }), "context");
  });
  test("name the place of a wrong value", () => {
    expect(dataset({ userFeatures: { a: { x: 1 }, b: { x: "p" } } })).toThrow(
      'userFeatures["b"].x must be a finite number',
    );
    expect(dataset({ context: { x: ["p", {}, "p"] } })).toThrow("context.x[1] must be a category");
  });

  test("may not have numbers that 32 bits do not hold", async () => {
    for (const value of [1e39, -1e39, 1e308]) {
      const fields = { x: { type: "number", scale: "none" } };
      const userFeatures = { a: { x: value } };
      await expectRefused(dataset({ userFeatures, fields }), "userFeatures");
    }
    const wide = { a: { x: -1.7e308 }, b: { x: 1.7e308 } };
    await expectRefused(dataset({ userFeatures: wide }), "userFeatures");
    await expectRefused(() => model.foldInUser([], { features: { age: 1e300 } }), "features");
  });

  test.each(noLists)("of the context may not be %s for a list", async (_, list) => {
    await expectRefused(dataset({ context: { x: list } }), "context");
  });
  test("of the context must be as many as interactions", async () => {
    for (const list of [[], ["p"], ["p", "p", "p", "p"], Uint8Array.of(1)]) {
      const error = await thrown(dataset({ context: { x: list } }));
      expect(error).toMatchObject({ code: "SIZE_MISMATCH", argument: "context" });
    }
  });

  test.each(["user", "item", "user-items", "item-users", "day"])(
    'may not be called "%s"',
    async (name) => {
      await expectRefused(dataset({ userFeatures: { a: { [name]: "p" } } }), "userFeatures");
      await expectRefused(dataset({ itemFeatures: { 1: { [name]: 1 } } }), "itemFeatures");
      await expectRefused(dataset({ context: { [name]: ["p", "p", "p"] } }), "context");
    },
  );
  test.each(["", "\ud800", "a\udfff"])("may not be called %j", async (name) => {
    await expectRefused(dataset({ userFeatures: { a: { [name]: "p" } } }), "userFeatures");
  });
  test("may not have the same name on two sides", async () => {
    const [userFeatures, itemFeatures] = [{ a: { x: 1 } }, { 1: { x: 1 } }];
    const context = { x: [1, 2, 3] };
    await expectRefused(dataset({ userFeatures, itemFeatures }), "itemFeatures");
    await expectRefused(dataset({ userFeatures, context }), "context");
    await expectRefused(dataset({ itemFeatures, context }), "context");
  });
});

describe("options of a field", () => {
  const numbers = { userFeatures: { a: { x: 1 }, b: { x: 2 } } };
  const words = { userFeatures: { a: { x: "p" } } };
  const fieldOf = (input: object, x: unknown) => dataset({ ...input, fields: { x } });

  test.each(noOptions)("may not be %s", async (_, value) => {
    await expectRefused(fieldOf(numbers, value), "fields.x");
  });
  test.each<[string, object, unknown, string]>([
    ["an unknown type", numbers, { type: "date" }, "fields.x.type"],
    ["a type of null", numbers, { type: null }, "fields.x.type"],
    ["a scale of another type", numbers, { type: "number", scale: "sqrt" }, "fields.x.scale"],
    ["an unknown scale", words, { type: "set", scale: "max" }, "fields.x.scale"],
    ["a scale for categories", words, { type: "category", scale: "none" }, "scale"],
    ["buckets for sets", words, { type: "set", buckets: 3 }, "buckets"],
    ["scale and buckets", numbers, { type: "number", scale: "none", buckets: 3 }, "fields.x.scale"],
    ["a name that means nothing", numbers, { type: "number", bucket: 3 }, "bucket"],
    ["edges that are equal", numbers, { type: "number", buckets: [1, 1] }, "fields.x.buckets"],
    ["edges that descend", numbers, { type: "number", buckets: [2, 1] }, "fields.x.buckets"],
    ["NaN for an edge", numbers, { type: "number", buckets: [1, NaN] }, "fields.x.buckets"],
    ["text for an edge", numbers, { type: "number", buckets: [1, "2"] }, "fields.x.buckets"],
    ["a hole for an edge", numbers, { type: "number", buckets: holes }, "fields.x.buckets"],
    ["numbers where there are words", words, { type: "number" }, "userFeatures"],
  ])("may not be %s", async (_, input, value, argument) => {
    await expectRefused(fieldOf(input, value), argument);
  });
  test.each([...noCounts, ["1", 1], ["10,001", 10_001]] as [string, unknown][])(
    "may not ask for %s buckets",
    async (_, buckets) => {
      await expectRefused(fieldOf(numbers, { type: "number", buckets }), "fields.x.buckets");
    },
  );
  test("are refused for fields that are not there", async () => {
    await expectRefused(dataset({ ...numbers, fields: { y: { type: "number" } } }), "y");
  });
});

describe("what is asked of a model", () => {
  const bad: [string, unknown][] = [...noOptions, ["undefined in a list", [undefined]]];
  test.each(bad)("may not be %s for features or context", async (_, value) => {
    await expectRefused(() => looseModel["foldInUser"]?.([], { features: value }), "features");
    await expectRefused(() => looseModel["foldInItem"]?.(value), "features");
    for (const call of [
      () => looseModel["predict"]?.(["u1"], [100], { context: value }),
      () => looseModel["recommend"]?.("u1", { context: value }),
      () => looseModel["recommendAll"]?.({ context: value }),
      () => looseGuest["predict"]?.([100], { context: value }),
      () => looseGuest["recommend"]?.({ context: value }),
    ]) {
      await expectRefused(call, "context");
    }
  });
  test("needs features for an item", async () => {
    await expectRefused(() => looseModel["foldInItem"]?.(), "features");
  });

  test("may only name fields of its side", async () => {
    for (const name of ["kind", "time", "nothing", "user", "__proto__"]) {
      const features = Object.fromEntries([[name, "red"]]);
      const error = (await thrown(() => model.foldInUser([], { features }))) as ArgumentError;
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: name });
      expect(error.message).toContain('"group", "age"');
    }
    await expectRefused(() => model.foldInItem({ group: "red" }), "group");
    const context = { group: "red" };
    await expectRefused(() => model.predict(["u1"], [100], { context }), "group");
    await expectRefused(
      () => model.predict(["u1"], [100], { context: { group: ["red"] } }),
      "group",
    );
    await expectRefused(() => model.recommend("u1", { context }), "group");
    await expectRefused(() => guest.recommend({ context }), "group");
  });

  test.each<[string, unknown, unknown]>([
    ["NaN", NaN, NaN],
    ["an object", {}, {}],
    ["a list for a single value", ["red"], [30]],
    ["a symbol", Symbol("no"), Symbol("no")],
    ["the other kind", Infinity, "30"],
  ])("may not have %s for a value", async (_, group, age) => {
    await expectRefused(() => looseModel["foldInUser"]?.([], { features: { group } }), "features");
    await expectRefused(() => looseModel["foldInUser"]?.([], { features: { age } }), "features");
    await expectRefused(() => looseModel["foldInItem"]?.({ kind: group }), "features");
    if (!Array.isArray(group)) {
      for (const context of [{ time: group }, { time: [group] }]) {
        await expectRefused(() => looseModel["predict"]?.(["u1"], [100], { context }), "context");
      }
    }
    await expectRefused(
      () => looseModel["recommend"]?.("u1", { context: { time: group } }),
      "context",
    );
  });

  test("must have a context for each prediction, or one for all", async () => {
    for (const time of [[], ["morning"], ["morning", "evening", "morning"]]) {
      const call = () => model.predict(["u1", "u2"], [100, 101], { context: { time } });
      await expectFailure(call, ArgumentError, "SIZE_MISMATCH", "context");
      await expectRefused(() => guest.predict([100, 101], { context: { time } }), "context");
    }
  });

  test.each(noOptions)("may not be %s for the options of a guest item", async (_, value) => {
    await expectRefused(() => looseItem["similarItems"]?.(value), "options");
    await expectRefused(() => looseItem["topUsers"]?.(value), "options");
    await expectRefused(() => looseItem["predict"]?.(["u1"], value), "options");
    await expectRefused(() => looseModel["predictRows"]?.(rows, value), "options");
  });
  test.each(noCounts)("may not be %s results", async (_, n) => {
    await expectRefused(() => looseItem["similarItems"]?.({ n }), "n");
    await expectRefused(() => looseItem["topUsers"]?.({ n }), "n");
  });
  test("must be users for a guest item", async () => {
    for (const [, list] of noLists)
      await expectRefused(() => looseItem["predict"]?.(list), "users");
    for (const [, id] of noIds) await expectRefused(() => looseItem["predict"]?.([id]), "users");
  });

  test("is refused by models of other families, by the name of the argument", async () => {
    for (const family of [{ model: "mf" }, { model: "svd" }, { model: "popularity" }] as const) {
      const plain = engine.train(data, family);
      const context = { time: "morning" };
      const features = { group: "red" };
      await expectRefused(() => plain.predict(["u1"], [100], { context }), "context");
      await expectRefused(() => plain.recommend("u1", { context }), "context");
      await expectRefused(() => plain.recommendAll({ context }), "context");
      await expectRefused(() => plain.foldInUser([], { features }), "features");
      await expectRefused(() => plain.foldInUser([]).recommend({ context }), "context");
      await expectRefused(() => plain.foldInUser([]).predict([100], { context }), "context");
      await expectRefused(() => plain.foldInItem(features), "features");
      await expectRefused(() => plain.predictRows(rows), "rows");
      await expectRefused(() => plain.parameters(), "model");
      await expectRefused(() => engine.evaluate(plain, rows), "model");
      expect(plain.fields()).toEqual([]);
    }
  });
});

describe("options of training", () => {
  const train = (more: object) => () => ff["train"]?.(data, { ...options, ...more });
  test("must name fields that are there", async () => {
    for (const fields of [
      null,
      "group",
      ["nothing"],
      [5],
      ["group", "user"],
      { group: true },
      holes,
    ]) {
      await expectRefused(train({ fields }), "fields");
    }
    for (const derived of [null, "day", ["week"], [5], ["user-items", "item-user"], holes]) {
      await expectRefused(train({ derived }), "derived");
    }
    const error = await thrown(train({ fields: ["grup"] }));
    expect((error as Error).message).toContain('"group", "age", "kind", "tags", "time"');
  });
  test("must penalise fields that are there", async () => {
    for (const fields of [{ nothing: 1 }, { day: 1 }, { group: 1, x: { linear: 1, factors: 1 } }]) {
      await expectRefused(train({ regularization: { fields } }), "regularization.fields");
    }
    await expectRefused(
      train({ fields: ["age"], regularization: { fields: { group: 1 } } }),
      "regularization.fields",
    );
    for (const value of [-1, NaN, "1", null, {}, { linear: 1 }, { linear: -1, factors: 1 }, 2e6]) {
      await expectRefused(
        train({ regularization: { fields: { group: value } } }),
        "regularization.fields",
      );
    }
  });
  test("need timestamps for days", async () => {
    const timeless = engine.dataset(good);
    await expectRefused(() => engine.train(timeless, { ...options, derived: ["day"] }), "derived");
  });
});

test("after all of this the engine is well", () => {
  const fresh = engine.train(data, options);
  expect(fingerprint(fresh.save())).toBe(fingerprint(model.save()));
  expect(guest.recommend()).toEqual(
    fresh.foldInUser([{ item: 100, rating: 3 }], { features: { group: "red" } }).recommend(),
  );
  expect(guestItem.topUsers()).toEqual(fresh.foldInItem({ kind: "red" }).topUsers());
  expect(rowModel.predictRows(rows)).toEqual(engine.train(rows, options).predictRows(rows));
  expect(engine.memoryBytes()).toBeLessThan(64 * 2 ** 20);
  expect(at(data.userIds(), 0)).toBeTypeOf("string");
});
