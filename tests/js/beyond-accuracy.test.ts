import { ArgumentError, load, type Id, type Metric } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { describe, expect, test } from "vitest";
import { expectRefused, noCounts, noOptions, type Loose } from "./bad-values.js";
import { at, cosine, expectFailure, ids, sample } from "./support.js";

const ff = await load();
const { train, test: held } = ff.split(ff.dataset(sample({ users: 40, items: 60 })), {
  by: "random",
  testFraction: 0.3,
  seed: 4,
});
const model = ff.train(train, { model: "mf", factors: 4, optimizer: "als" });

/** What the lists of all users with a test item are like, by the definitions. */
function ofLists(k: number): Record<string, number> {
  const counts = train.itemCounts();
  const users = train.userIds().length;
  const surprise = new Map(
    train.itemIds().map((id, i) => [id, -Math.log2(Math.max(1, at(counts, i)) / users)]),
  );
  const { vectors, dimensions } = model.itemVectors();
  const place = new Map(model.itemIds().map((id, i) => [id, i]));
  const vector = (id: Id) => {
    const i = place.get(id) as number;
    return vectors.subarray(i * dimensions, (i + 1) * dimensions - 1);
  };
  const shown = new Map<Id, number>(model.itemIds().map((id) => [id, 0]));
  let [novelty, diversity, lists] = [0, 0, 0];
  for (const user of held.userIds()) {
    if (held.ratingsOf(user).length === 0) continue;
    const list = ids(model.recommend(user, { n: k }));
    lists++;
    for (const id of list) shown.set(id, (shown.get(id) ?? 0) + 1);
    novelty +=
      list.reduce<number>((sum, id) => sum + (surprise.get(id) as number), 0) / list.length;
    let [distance, pairs] = [0, 0];
    for (const a of list) {
      for (const b of list) {
        if (a === b) continue;
        [distance, pairs] = [distance + 1 - cosine(vector(a), vector(b)), pairs + 1];
      }
    }
    diversity += distance / pairs;
  }
  const exposure = [...shown.values()];
  const differences = exposure.flatMap((a) => exposure.map((b) => Math.abs(a - b)));
  const sum = (list: number[]) => list.reduce((total, x) => total + x, 0);
  return {
    novelty: novelty / lists,
    diversity: diversity / lists,
    gini: sum(differences) / (2 * exposure.length * sum(exposure)),
    coverage: exposure.filter((times) => times > 0).length / exposure.length,
  };
}

describe("metrics of the lists themselves", () => {
  test("follow their definitions", () => {
    const kinds = ["novelty", "diversity", "gini", "coverage"] as const;
    for (const k of [3, 10]) {
      const expected = ofLists(k);
      const metrics = kinds.map((kind) => `${kind}@${k}` as Metric);
      const found = ff.evaluate(model, held, { metrics, train });
      for (const kind of kinds) expect(found[`${kind}@${k}`]).toBeCloseTo(expected[kind] ?? NaN, 5);
    }
  });
  test("take popularity from the model where no training data is named", async () => {
    const own = ff.evaluate(model, held, { metrics: ["novelty@5"] });
    const same = ff.evaluate(ff.loadModel(model.save()), held, { metrics: ["novelty@5"] });
    expect(own["novelty@5"]).toBeGreaterThan(0);
    expect(same).toEqual(own);
    const unseen = ff.loadModel(model.save({ seen: false }));
    await expectFailure(
      () => ff.evaluate(unseen, held, { metrics: ["novelty@5"] }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "metrics",
    );
    expect(
      ff.evaluate(unseen, held, { metrics: ["novelty@5"], train })["novelty@5"],
    ).toBeGreaterThan(0);
  });
  test("know the lists of neighbours, but no distance where items have no vectors", async () => {
    const neighbours = ff.train(train, { model: "item-knn" });
    const found = ff.evaluate(neighbours, held, { metrics: ["gini@5", "novelty@5"], train });
    expect(found["gini@5"]).toBeGreaterThan(0);
    expect(found["novelty@5"]).toBeGreaterThan(0);
    for (const options of [{ model: "item-knn" }, { model: "popularity" }] as const) {
      const without = ff.train(train, options);
      await expectFailure(
        () => ff.evaluate(without, held, { metrics: ["diversity@5"] }),
        ArgumentError,
        "INVALID_ARGUMENT",
        "metrics",
      );
    }
  });
  test("tell popularity from a personal model", () => {
    const popular = ff.train(train, { model: "popularity" });
    const metrics = ["gini@5", "novelty@5", "coverage@5"] as const;
    const [plain, personal] = [popular, model].map((of) =>
      ff.evaluate(of, held, { metrics, train }),
    ) as [Record<string, number>, Record<string, number>];
    expect(plain["gini@5"]).toBeGreaterThan(personal["gini@5"] ?? NaN);
    expect(plain["novelty@5"]).toBeLessThan(personal["novelty@5"] ?? NaN);
    expect(plain["coverage@5"]).toBeLessThan(personal["coverage@5"] ?? NaN);
  });
});

describe("mrr without a cut-off", () => {
  test("is that with a cut-off beyond all items", () => {
    const found = ff.evaluate(model, held, { metrics: ["mrr", "mrr@1000", "mrr@3"], train });
    expect(found.mrr).toBe(found["mrr@1000"]);
    expect(found.mrr).toBeGreaterThan(found["mrr@3"]);
  });
});

describe("sampled negatives", () => {
  const metrics = ["hit-rate@5", "ndcg@5", "mrr", "auc"] as const;

  test("give each test item a ranking of its own against items the user never met", () => {
    const negatives = { count: 1000, seed: 1 };
    const found = ff.evaluate(model, held, { metrics, train, negatives });
    const sums = [0, 0, 0, 0];
    let users = 0;
    for (const user of held.userIds()) {
      const relevant = ids(held.ratingsOf(user));
      if (relevant.length === 0) continue;
      users++;
      const met = new Set([...relevant, ...ids(train.ratingsOf(user))]);
      const unmet = model.itemIds().filter((id) => !met.has(id));
      const scores = (of: Id[]) =>
        model.predict(Array<Id>(of.length).fill(user), of, { clip: false });
      const others = scores(unmet);
      for (const score of scores(relevant)) {
        const ahead = others.filter((other) => other >= score).length;
        const share = 1 / relevant.length;
        sums[0] = at(sums, 0) + (ahead < 5 ? share : 0);
        sums[1] = at(sums, 1) + (ahead < 5 ? share / Math.log2(ahead + 2) : 0);
        sums[2] = at(sums, 2) + share / (ahead + 1);
        sums[3] = at(sums, 3) + share * (1 - ahead / unmet.length);
      }
    }
    for (const [k, metric] of metrics.entries()) {
      expect(found[metric]).toBeCloseTo(at(sums, k) / users, 2);
    }
  });
  test("are drawn anew by the seed, and the same by the same one, in a worker too", async () => {
    const measured = (seed?: number) =>
      ff.evaluate(model, held, {
        metrics,
        train,
        negatives: seed === undefined ? { count: 10 } : { count: 10, seed },
      });
    expect(measured(2)).toEqual(measured(2));
    expect(measured(2)).not.toEqual(measured(3));
    expect(measured()).toEqual(measured(1));
    const client = new FeatherClient();
    try {
      const all = await client.dataset(sample({ users: 40, items: 60 }));
      const parts = await client.split(all, { by: "random", testFraction: 0.3, seed: 4 });
      const there = await client.loadModel(model.save());
      const options = { metrics, train: parts.train, negatives: { count: 10 } };
      expect(await client.evaluate(there, parts.test, options)).toEqual(measured());
    } finally {
      client.close();
    }
  });
  test("are refused where they mean nothing", async () => {
    const loose = ff as unknown as Loose;
    const measured = (negatives: unknown, names: string[] = ["auc"]) =>
      loose["evaluate"]?.(model, held, { metrics: names, negatives });
    for (const [, count] of noCounts) await expectRefused(() => measured({ count }), "negatives");
    await expectRefused(() => measured({ count: 5, seed: -1 }), "negatives");
    await expectRefused(() => measured({}), "negatives");
    await expectRefused(() => measured({ count: 5, sead: 1 }), "sead");
    for (const [, value] of noOptions) await expectRefused(() => measured(value), "negatives");
    for (const kind of ["coverage", "novelty", "diversity", "gini"]) {
      await expectRefused(() => measured({ count: 5 }, ["auc", `${kind}@5`]), "metrics");
    }
    const rows = ff.rows({ values: [1, 2, 3, 4], columns: 2, targets: [1, 2] });
    const machine = ff.train(rows, { model: "fm", factors: 1, epochs: 1 });
    await expectRefused(
      () => loose["evaluate"]?.(machine, rows, { metrics: ["rmse"], negatives: { count: 5 } }),
      "negatives",
    );
  });
});
