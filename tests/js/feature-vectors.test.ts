/** What a model learned of each feature, by field and category. */
import { ArgumentError, load } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test } from "vitest";
import { itemRecord, planted } from "./fm-support.js";
import { at, expectFailure } from "./support.js";

const ff = await load();
const lists = planted({ users: 12, items: 9 });
const data = ff.dataset({ ...lists, fields: { age: { type: "number", buckets: 3 } } });
const hybrid = ff.train(data, { model: "hybrid", positiveFrom: 3, factors: 4, epochs: 5 });
const machine = ff.train(data, { model: "fm", factors: 4, epochs: 2, derived: ["day"] });

describe.each([
  ["hybrid", hybrid],
  ["fm", machine],
])("the features of a model of the family %s", (_, model) => {
  const features = model.featureVectors();

  test("stand in the order of its columns, with their parameters", () => {
    const { linear, factors } = model.parameters();
    expect(Float32Array.from(features, ({ bias }) => bias)).toEqual(linear);
    expect(Float32Array.from(features.flatMap(({ vector }) => [...vector]))).toEqual(factors);
    const columns = model
      .fields()
      .flatMap(({ name, side, columns }) => Array.from({ length: columns }, () => [name, side]));
    expect(features.map(({ field, side }) => [field, side])).toEqual(columns);
  });

  test("are called what the data calls them", () => {
    const categories = (name: string) =>
      features.filter(({ field }) => field === name).map(({ category }) => category);
    expect(categories("user")).toEqual(data.userIds());
    expect(categories("item")).toEqual(data.itemIds());
    expect(new Set(categories("group"))).toEqual(new Set(["red", "green", "blue"]));
    expect(categories("age")).toEqual([0, 1, 2]);
  });
});

test("the features of a hybrid model sum to its users and items", () => {
  const vectorOf = (parts: readonly [string, unknown][], value = 1 / parts.length) => {
    const sum = new Float64Array(hybrid.factors);
    for (const [field, category] of parts) {
      const found = hybrid
        .featureVectors()
        .find((one) => one.field === field && one.category === category);
      found?.vector.forEach((x, f) => (sum[f] = at(sum, f) + value * x));
    }
    return sum;
  };
  const { kind, tags } = itemRecord(0);
  const parts: [string, unknown][] = [
    ["item", 100],
    ["kind", kind],
    ["tags", at(tags, 0)],
  ];
  expect(tags).toHaveLength(1);
  const { ids, vectors, dimensions } = hybrid.itemVectors();
  const place = ids.indexOf(100) * dimensions;
  vectorOf(parts).forEach((x, f) => {
    expect(at(vectors, place + f)).toBeCloseTo(x, 5);
  });
});

test("days and numbers have no name", () => {
  const days = machine.featureVectors().filter(({ field }) => field === "day");
  expect(days.length).toBeGreaterThan(0);
  for (const day of days) expect(day).not.toHaveProperty("category");
});

test("models without features refuse", async () => {
  const plain = ff.train(data, { model: "mf", factors: 2, epochs: 1 });
  await expectFailure(() => plain.featureVectors(), ArgumentError, "INVALID_ARGUMENT", "model");
});

describe("in a worker", () => {
  const client = new FeatherClient();
  afterAll(() => {
    client.close();
  });

  test("they are the same", async () => {
    const there = await client.loadModel(hybrid.save());
    expect(await there.featureVectors()).toEqual(hybrid.featureVectors());
  });
});
