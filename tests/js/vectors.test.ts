import { ArgumentError, ClosedError, load, type Model, type ModelOptions } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test } from "vitest";
import { at, dot, expectFailure, ids, sample } from "./support.js";

const ff = await load();
const lists = sample();
const data = ff.dataset(lists);

const families: [string, ModelOptions][] = [
  ["mf", { model: "mf", factors: 5, epochs: 15 }],
  ["logistic mf", { model: "mf", factors: 6, epochs: 15, loss: "logistic" }],
  ["biases alone", { model: "mf", factors: 0, epochs: 15 }],
  ["svd", { model: "svd", factors: 7 }],
  ["popularity", { model: "popularity" }],
];

const rowOf = ({ vectors, dimensions }: { vectors: Float32Array; dimensions: number }, k: number) =>
  vectors.subarray(k * dimensions, (k + 1) * dimensions);

describe.each(families)("the vectors of a model of %s", (name, options) => {
  const model = ff.train(data, options);
  const users = model.userVectors();
  const items = model.itemVectors();

  test("have a row for every id, with the bias at its end", () => {
    expect(users.ids).toEqual(model.userIds());
    expect(items.ids).toEqual(model.itemIds());
    expect(users.dimensions).toBe(model.factors + 1);
    expect(items.dimensions).toBe(model.factors + 1);
    expect(users.vectors).toHaveLength(users.ids.length * users.dimensions);
    expect(items.vectors).toHaveLength(items.ids.length * items.dimensions);
    expect(users.offsets).toHaveLength(users.ids.length);
    users.ids.forEach((_, u) => expect(rowOf(users, u).at(-1)).toBe(1));
  });

  test("rank items as the model does", () => {
    users.ids.forEach((user, u) => {
      const scored = items.ids
        .map((item, i) => ({ item, score: dot(rowOf(users, u), rowOf(items, i)) }))
        .sort((a, b) => b.score - a.score);
      const own = model.recommend(user, { n: 1000, filterSeen: false });
      // Items of nearly equal score may change places: the sums here are in double.
      const scores = new Map(scored.map(({ item, score }) => [item, score]));
      own.forEach(({ item }, k) => expect(scores.get(item)).toBeCloseTo(at(scored, k).score, 4));
    });
  });

  test("predict with the user's offset", () => {
    if (name === "popularity" || name === "logistic mf") return;
    const u = 7;
    const scores = items.ids.map(
      (_, i) => at(users.offsets, u) + dot(rowOf(users, u), rowOf(items, i)),
    );
    const predicted = model.predict(
      items.ids.map(() => at(users.ids, u)),
      items.ids,
      { clip: false },
    );
    predicted.forEach((value, i) => expect(value).toBeCloseTo(at(scores, i), 4));
  });

  test("are copies", () => {
    const before = model.recommend("u1");
    users.vectors.fill(9);
    items.vectors.fill(9);
    items.ids.length = 0;
    expect(model.recommend("u1")).toEqual(before);
    expect(model.itemVectors().ids).toEqual(model.itemIds());
  });

  test("an int8 scan recommends what the exact one does", () => {
    const ratings = [
      { item: 100, rating: 5 },
      { item: 103, rating: 2 },
    ];
    for (const more of [
      {},
      { n: 3 },
      { n: 1000, filterSeen: false },
      { n: 4, exclude: [101, 102, 110] },
      { candidates: [105, 103, 101] },
    ]) {
      const [exact, int8] = [
        { ...more, scan: "exact" } as const,
        { ...more, scan: "int8" } as const,
      ];
      expect(model.recommendAll(int8)).toEqual(model.recommendAll(exact));
      expect(model.recommendAll(exact)).toEqual(model.recommendAll(more));
      expect(model.recommend("u3", int8)).toEqual(model.recommend("u3", exact));
      if (model.family === "popularity") continue;
      const guest = model.foldInUser(ratings);
      expect(guest.recommend(int8)).toEqual(guest.recommend(exact));
      expect(ids(guest.recommend({ ...int8, filterSeen: true }))).not.toContain(100);
    }
  });
});

describe("the vectors of a model in a worker", () => {
  const client = new FeatherClient();
  afterAll(() => client.close());

  test("are those of the model", async () => {
    const local = ff.train(data, { model: "mf", factors: 5, epochs: 2 });
    const remote = await client.loadModel(local.save());
    expect(await remote.userVectors()).toEqual(local.userVectors());
    expect(await remote.itemVectors()).toEqual(local.itemVectors());
    expect(await remote.recommend("u1", { scan: "int8" })).toEqual(local.recommend("u1"));
    const guest = await remote.foldInUser([{ item: 100, rating: 5 }]);
    expect(await guest.recommend({ scan: "int8" })).toEqual(await guest.recommend());
  });
});

describe("bad input", () => {
  const model = ff.train(data, { model: "mf", factors: 3, epochs: 1 });
  const guest = model.foldInUser([{ item: 100, rating: 3 }]);

  test.each(["fast", "", "toString", null, 8, true, {}])("refuses %j for a scan", async (scan) => {
    const options = { scan } as never;
    for (const call of [
      () => model.recommend("u1", options),
      () => model.recommendAll(options),
      () => guest.recommend(options),
    ]) {
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "scan");
    }
  });

  test("refuses a closed model", async () => {
    const closed: Model = ff.train(data, { model: "mf", factors: 3, epochs: 1 });
    closed.close();
    await expectFailure(() => closed.userVectors(), ClosedError, "CLOSED");
    await expectFailure(() => closed.itemVectors(), ClosedError, "CLOSED");
    await expectFailure(() => closed.recommend("u1", { scan: "int8" }), ClosedError, "CLOSED");
  });
});
