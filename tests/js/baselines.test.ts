/** Item neighbours and biases: the models that others are compared to. */
import { ArgumentError, load, type Rating } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test } from "vitest";
import { at, expectFailure, ids, sample } from "./support.js";

const ff = await load();
const lists = sample();
const data = ff.dataset(lists);
const model = ff.train(data, { model: "item-knn", neighbours: 6, similarity: "cosine" });

const likes: Rating[] = [
  { item: 100, rating: 5 },
  { item: 103, rating: 2, weight: 2 },
  { item: 107, rating: -1 },
];

/** Cosines of the columns of ratings, and a user's score, in plain JavaScript. */
const columns = new Map(
  data
    .itemIds()
    .map((item) => [
      item,
      new Map(
        lists.users.flatMap((user, k) =>
          at(lists.items, k) === item ? [[user, at(lists.ratings, k)] as const] : [],
        ),
      ),
    ]),
);
function cosine(a: string | number, b: string | number): number {
  const [x, y] = [columns.get(a), columns.get(b)] as Map<string, number>[];
  const norm = (column: Map<string, number>) =>
    Math.sqrt([...column.values()].reduce((sum, value) => sum + value * value, 0));
  let product = 0;
  for (const [user, value] of x as Map<string, number>) product += value * (y?.get(user) ?? 0);
  return product / (norm(x as Map<string, number>) * norm(y as Map<string, number>));
}
const neighbours = (item: string | number) =>
  data
    .itemIds()
    .filter((other) => other !== item)
    .map((other) => ({ item: other, score: cosine(item, other) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, 6);
function expected(item: string | number, ratings: readonly Rating[]): number {
  const near = neighbours(item);
  return ratings.reduce((sum, { item: met, rating, weight = 1 }) => {
    const similarity = near.find((entry) => entry.item === met)?.score ?? 0;
    return sum + Math.max(rating * weight, 0) * similarity;
  }, 0);
}

describe("item neighbours", () => {
  test("are the nearest by their columns", () => {
    for (const item of [100, 111, 124]) {
      const list = model.similarItems(item, { n: 20 });
      expect(ids(list)).toEqual(neighbours(item).map((entry) => entry.item));
      list.forEach(({ score }, k) => expect(score).toBeCloseTo(at(neighbours(item), k).score, 5));
    }
  });

  test("score a user's other items", () => {
    const list = model.recommend("u3", { n: 25 });
    const own = data.ratingsOf("u3");
    expect(list).toHaveLength(25 - own.length);
    for (const { item, score } of list) expect(score).toBeCloseTo(expected(item, own), 4);
    expect([...list].sort((a, b) => b.score - a.score)).toEqual(list);
    expect(at(model.predict(["u3"], [at(ids(list), 0)]), 0)).toBe(at(list, 0).score);
    const places = Array.from(list, (_, k) => k);
    const users = list.map(() => "u3");
    expect([...model.predictRank(users, ids(list), { filterSeen: true })]).toEqual(places);
    const only = model.recommend("u3", {
      filterSeen: false,
      candidates: [100, 101],
      exclude: [100],
    });
    expect(ids(only)).toEqual([101]);
    for (const { user, items } of model.recommendAll({ n: 3 })) {
      expect(items).toEqual(model.recommend(user, { n: 3 }));
    }
  });

  test("serve somebody new like everybody else, and explain exactly", () => {
    const guest = model.foldInUser(likes);
    expect(guest.vector).toHaveLength(0);
    for (const item of model.itemIds()) {
      expect(at(guest.predict([item]), 0)).toBeCloseTo(expected(item, likes), 4);
      const { score, base, contributions } = guest.explain(item);
      expect(base).toBeCloseTo(0, 5);
      expect(contributions.reduce((sum, entry) => sum + entry.contribution, 0)).toBeCloseTo(
        score,
        5,
      );
      expect(score).toBeCloseTo(expected(item, likes), 4);
    }
    const own = data.ratingsOf("u3");
    expect(model.foldInUser(own).recommend()).toEqual(model.recommend("u3"));
  });

  test("are measured like every model", () => {
    const { train, test } = ff.split(data, { by: "random", testFraction: 0.25, seed: 1 });
    const metrics = ["ndcg@5", "auc", "coverage@5"] as const;
    const knn = ff.evaluate(ff.train(train, { model: "item-knn" }), test, { metrics, train });
    for (const metric of metrics) expect(knn[metric]).toBeGreaterThan(0.2);
  });

  test("come back without their users when the file leaves out what was seen", () => {
    const bare = ff.loadModel(model.save({ seen: false }));
    expect(bare.userCount).toBe(0);
    expect(bare.foldInUser(likes).recommend()).toEqual(model.foldInUser(likes).recommend());
    expect(bare.similarItems(105)).toEqual(model.similarItems(105));
  });

  test("have no vectors, no ratings, no epochs", async () => {
    const refused = (call: () => unknown, argument: string) =>
      expectFailure(call, ArgumentError, "INVALID_ARGUMENT", argument);
    await refused(() => model.userVectors(), "model");
    await refused(() => model.itemVectors(), "model");
    await refused(() => model.similarUsers("u1"), "model");
    await refused(() => model.similarItems(100, { measure: "dot" }), "measure");
    await refused(() => model.recommend("u1", { scan: "int8" }), "scan");
    await refused(() => model.foldInUser(likes).recommend({ scan: "int8" }), "scan");
    await refused(() => ff.evaluate(model, data, { metrics: ["rmse"] }), "metrics");
    await refused(() => ff.fitPartial(model, data), "model");
    await refused(
      () => ff.train(data, { model: "item-knn", validation: data, patience: 2 }),
      "patience",
    );
  });

  test("refuse ratings of somebody new that are wrong", async () => {
    const twice = [...likes, { item: 100, rating: 1 }];
    await expectFailure(() => model.foldInUser(twice), ArgumentError, "DUPLICATE", "ratings");
  });
});

describe("the biases of users and items", () => {
  const biases = ff.train(data, { model: "biases" });

  test("predict ratings better than the mean, and recommend everybody the same", () => {
    const { rmse } = ff.evaluate(biases, data);
    const mean = lists.ratings.reduce((sum, x) => sum + x, 0) / lists.ratings.length;
    const around = lists.ratings.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    expect(rmse).toBeLessThan(Math.sqrt(around / lists.ratings.length));
    const first = ids(biases.recommend("u1", { n: 25, filterSeen: false }));
    expect(ids(biases.recommend("u2", { n: 25, filterSeen: false }))).toEqual(first);
    expect(biases).toMatchObject({ family: "biases", factors: 0 });
    expect(biases.summary.epochs).toHaveLength(10);
  });

  test("stop when held-out ratings are predicted no better", () => {
    const { train, test } = ff.split(data, { by: "random", seed: 1 });
    const stopped = ff.train(train, {
      model: "biases",
      epochs: 1000,
      validation: test,
      patience: 2,
    });
    expect(stopped.summary.stoppedEarly).toBe(true);
  });
});

describe("through a client", () => {
  const client = new FeatherClient();
  afterAll(() => client.close());

  test("neighbours answer the same", async () => {
    const remote = await client.train(await client.dataset(lists), model.options as never);
    expect(await remote.save()).toEqual(model.save());
    const guest = await remote.foldInUser(likes);
    expect(await guest.recommend()).toEqual(model.foldInUser(likes).recommend());
    expect(await guest.explain(105)).toEqual(model.foldInUser(likes).explain(105));
    await expectFailure(() => remote.userVectors(), ArgumentError, "INVALID_ARGUMENT", "model");
  });
});
