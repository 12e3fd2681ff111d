import { ArgumentError, load, type Id, type Recommendation } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test } from "vitest";
import { expectRefused, type Loose } from "./bad-values.js";
import { at, cosine, expectFailure, ids, sample, thrown } from "./support.js";

const ff = await load();
const lists = sample({ users: 30, items: 150 });
const data = ff.dataset(lists);
const model = ff.train(data, { model: "mf", factors: 6, optimizer: "als" });
const sampled = ff.train(data, {
  model: "fm",
  factors: 4,
  solver: "mcmc",
  samples: 8,
  burnIn: 4,
  keep: 4,
});
const ratings = [
  { item: 101, rating: 5 },
  { item: 120, rating: 1 },
];
const client = new FeatherClient();
afterAll(() => client.close());
const remote = await client.loadModel(model.save());

const vectors = (() => {
  const { ids: known, vectors: all, dimensions } = model.itemVectors();
  return new Map(
    known.map((id, k) => [id, all.subarray(k * dimensions, (k + 1) * dimensions - 1)] as const),
  );
})();

/** Mean of 1 - cosine over the pairs. */
function spread(list: readonly Recommendation[]): number {
  const own = ids(list).map((id) => vectors.get(id) as Float32Array);
  let [total, pairs] = [0, 0];
  for (const [k, a] of own.entries()) {
    for (const b of own.slice(k + 1)) [total, pairs] = [total + 1 - cosine(a, b), pairs + 1];
  }
  return total / pairs;
}

/** How many users met an item. */
const counts = new Map<Id, number>();
for (const item of lists.items) counts.set(item, (counts.get(item) ?? 0) + 1);
const surprise = (list: readonly Recommendation[]) =>
  ids(list).reduce<number>((sum, item) => sum - Math.log2((counts.get(item) ?? 1) / 30), 0);

/** Maximal marginal relevance by its definition. */
function marginal(n: number, diversity: number, novelty: number): Id[] {
  const pool = model.recommend("u1", { n: Math.max(100, 4 * n) });
  const normalised = (values: number[]) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return values.map((value) => (high > low ? (value - low) / (high - low) : 0));
  };
  const score = normalised(pool.map((entry) => entry.score));
  const information = normalised(pool.map(({ item }) => -Math.log2((counts.get(item) ?? 1) / 30)));
  const left = new Set(pool.keys());
  const chosen: number[] = [];
  while (chosen.length < n && left.size > 0) {
    let [best, most] = [-1, -Infinity];
    for (const k of left) {
      const relevance = (1 - novelty) * at(score, k) + novelty * at(information, k);
      const vector = (index: number) => vectors.get(at(pool, index).item) as Float32Array;
      const closest =
        chosen.length === 0 ? 0 : Math.max(...chosen.map((c) => cosine(vector(k), vector(c))));
      const value = (1 - diversity) * relevance - diversity * closest;
      if (value > most) [best, most] = [k, value];
    }
    left.delete(best);
    chosen.push(best);
  }
  return chosen.map((k) => at(pool, k).item);
}

describe("diversity and novelty", () => {
  test("are off by default", () => {
    expect(model.recommend("u1", { n: 20, diversity: 0, novelty: 0 })).toEqual(
      model.recommend("u1", { n: 20 }),
    );
  });
  test.each([
    [0.3, 0],
    [0.8, 0],
    [0, 0.4],
    [0.5, 0.5],
  ])("choose by the definition (diversity %d, novelty %d)", (diversity, novelty) => {
    expect(ids(model.recommend("u1", { n: 8, diversity, novelty }))).toEqual(
      marginal(8, diversity, novelty),
    );
  });
  test("raise the distance within a list, and how little known its items are", () => {
    for (const user of ["u0", "u5", "u9"]) {
      const plain = model.recommend(user);
      const varied = model.recommend(user, { diversity: 0.7 });
      expect(spread(varied)).toBeGreaterThan(spread(plain));
      expect(surprise(model.recommend(user, { novelty: 0.7 }))).toBeGreaterThan(surprise(plain));
      // Scores stay predictions.
      for (const { item, score } of varied) {
        expect(score).toBeCloseTo(at(model.predict([user], [item]), 0), 5);
      }
    }
  });
  test("give the same list each time, for many users, guests, and in a worker", async () => {
    const options = { n: 7, diversity: 0.5, novelty: 0.3 };
    const one = model.recommend("u3", options);
    expect(model.recommend("u3", options)).toEqual(one);
    expect(model.recommend("u3", { ...options, scan: "int8" })).toEqual(one);
    expect(model.recommendAll({ ...options, users: ["u3"] })).toEqual([{ user: "u3", items: one }]);
    expect(await remote.recommend("u3", options)).toEqual(one);
    const guest = model.foldInUser(ratings).recommend(options);
    expect(await (await remote.foldInUser(ratings)).recommend(options)).toEqual(guest);
    expect(ids(guest)).not.toEqual(ids(model.foldInUser(ratings).recommend({ n: 7 })));
  });
  test("work with samples, optimism too", () => {
    for (const optimism of [0, 1]) {
      const plain = sampled.recommend("u2", { optimism });
      const varied = sampled.recommend("u2", { optimism, diversity: 0.8 });
      expect(varied).toHaveLength(10);
      expect(ids(varied)).not.toEqual(ids(plain));
      expect(at(varied, 0)).toEqual(at(plain, 0));
    }
  });
  test("change nothing for a model without factors, but for novelty", () => {
    const popular = ff.train(data, { model: "popularity" });
    expect(popular.recommend("u1", { diversity: 0.9 })).toEqual(popular.recommend("u1"));
    expect(ids(popular.recommend("u1", { novelty: 1 }))).not.toEqual(ids(popular.recommend("u1")));
  });
  test("work with neighbours, and minScore too", () => {
    const neighbours = ff.train(data, { model: "item-knn" });
    const all = neighbours.recommend("u1", { n: 200 });
    expect(neighbours.recommend("u1", { diversity: 0.9 })).toEqual(all.slice(0, 10));
    expect(ids(neighbours.recommend("u1", { novelty: 1 }))).not.toEqual(ids(all.slice(0, 10)));
    const least = at(all, 7).score;
    const good = all.filter(({ score }) => score >= least);
    expect(neighbours.recommend("u1", { n: 200, minScore: least })).toEqual(good);
    const guest = neighbours.foldInUser(ratings);
    expect(guest.recommend({ minScore: 1e30 })).toEqual([]);
    expect(guest.recommend({ filter: () => false })).toEqual([]);
  });
  test("know the items of a model that is brought up to date", async () => {
    const fresh = new FeatherClient();
    try {
      const there = await fresh.train(await fresh.dataset(lists), {
        model: "implicit-als",
        factors: 3,
      });
      const one = (item: Id) => item === 9999 || item === 104;
      const options = { filter: one, filterSeen: false };
      expect(ids(await there.recommend("u1", options))).toEqual([104]);
      await there.updateItem(9999, [{ user: "u1", rating: 5 }]);
      expect(new Set(ids(await there.recommend("u1", options)))).toEqual(new Set([104, 9999]));
    } finally {
      fresh.close();
    }
  });
  test("need to know how popular items are", async () => {
    const unseen = ff.loadModel(model.save({ seen: false }));
    expect(unseen.recommend("u1", { diversity: 0.5 })).toHaveLength(10);
    await expectFailure(
      () => unseen.recommend("u1", { novelty: 0.5 }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "novelty",
    );
  });
});

describe("minScore", () => {
  test("leaves out what scores less, as scores are shown", () => {
    const all = model.recommend("u1", { n: 200 });
    const least = at(all, 20).score;
    const good = all.filter(({ score }) => score >= least);
    expect(model.recommend("u1", { n: 200, minScore: least })).toEqual(good);
    expect(model.recommend("u1", { n: 5, minScore: least })).toEqual(good.slice(0, 5));
    expect(model.recommend("u1", { minScore: 6 })).toEqual([]);
    const varied = model.recommend("u1", { n: 200, minScore: least, diversity: 0.5 });
    expect(new Set(ids(varied))).toEqual(new Set(ids(good)));
    expect(model.foldInUser(ratings).recommend({ minScore: 1e30 })).toEqual([]);
  });
  test("is looked for all the way down where samples rank by what is possible", () => {
    for (const optimism of [-2, 0, 2]) {
      const all = sampled.recommend("u1", { n: 200, optimism });
      const least = at(all, 30).score;
      const good = all.filter(({ score }) => score >= least);
      expect(sampled.recommend("u1", { n: 200, optimism, minScore: least })).toEqual(good);
      const few = sampled.recommend("u1", { n: 5, optimism, minScore: least });
      expect(few).toHaveLength(5);
      expect(few.every(({ score }) => score >= least)).toBe(true);
    }
  });
});

describe("filter", () => {
  const even = (item: Id) => Number(item) % 2 === 0;
  test("lets through what a rule says, in every list", async () => {
    const expected = model.recommend("u1", { n: 200 }).filter(({ item }) => even(item));
    expect(model.recommend("u1", { n: 200, filter: even })).toEqual(expected);
    expect(model.recommend("u1", { n: 4, filter: even, scan: "int8" })).toEqual(
      expected.slice(0, 4),
    );
    expect(await remote.recommend("u1", { n: 200, filter: even })).toEqual(expected);
    expect(await remote.recommendAll({ users: ["u1"], n: 3, filter: even })).toEqual([
      { user: "u1", items: expected.slice(0, 3) },
    ]);
    const guest = model.foldInUser(ratings).recommend({ filter: even });
    expect(guest.every(({ item }) => even(item))).toBe(true);
    expect(await (await remote.foldInUser(ratings)).recommend({ filter: even })).toEqual(guest);
    const possible = sampled.recommend("u1", { filter: even, optimism: 1 });
    expect(possible.every(({ item }) => even(item))).toBe(true);
  });
  test("goes with candidates, and may let all or nothing through", async () => {
    const candidates = [102, 103, 104, 999];
    const expected = ids(model.recommend("u1", { candidates, filterSeen: false, filter: even }));
    expect(new Set(expected)).toEqual(new Set([102, 104]));
    const options = { candidates, filterSeen: false, filter: even };
    expect(ids(await remote.recommend("u1", options))).toEqual(expected);
    expect(model.recommend("u1", { filter: () => true })).toEqual(model.recommend("u1"));
    expect(model.recommend("u1", { filter: () => false })).toEqual([]);
    expect(await remote.recommend("u1", { filter: () => false })).toEqual([]);
  });
  test("is asked once for each item of the model", async () => {
    const asked: Id[] = [];
    const filter = (item: Id) => asked.push(item) > 0;
    model.recommendAll({ filter });
    expect(asked).toEqual(model.itemIds());
    asked.length = 0;
    await remote.recommendAll({ filter });
    expect(asked).toEqual(model.itemIds());
  });
  test("what it throws comes out of the call", async () => {
    const mine = new Error("no rule today");
    const filter = () => {
      throw mine;
    };
    expect(await thrown(() => model.recommend("u1", { filter }))).toBe(mine);
    expect(await thrown(() => remote.recommend("u1", { filter }))).toBe(mine);
    expect(await remote.recommend("u1")).toEqual(model.recommend("u1"));
  });
});

describe("options of lists that mean nothing", () => {
  const wrong: [string, unknown][] = [
    ["diversity", 1.1],
    ["diversity", -0.1],
    ["diversity", NaN],
    ["diversity", "much"],
    ["novelty", 2],
    ["novelty", null],
    ["minScore", NaN],
    ["minScore", Infinity],
    ["minScore", "3"],
    ["minScore", null],
    ["filter", null],
    ["filter", "even"],
    ["filter", { item: 1 }],
    ["filter", () => undefined],
    ["filter", () => 1],
    // eslint-disable-next-line @typescript-eslint/require-await -- what is not awaited counts as true
    ["filter", async () => false],
  ];
  test.each(wrong)("%s: %s", async (name, value) => {
    const options = { [name]: value };
    for (const of of [model, remote] as unknown as Loose[]) {
      await expectRefused(() => of["recommend"]?.("u1", options), name);
      await expectRefused(() => of["recommendAll"]?.(options), name);
    }
    const guests = [model.foldInUser(ratings), await remote.foldInUser(ratings)];
    for (const guest of guests as unknown as Loose[]) {
      await expectRefused(() => guest["recommend"]?.(options), name);
    }
  });
});
