import { load, type FeatureRecord, type Id, type Model } from "featherfm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { itemRecord, planted, ratingOf, userRecord } from "./fm-support.js";
import { at, cosine, dot, ids } from "./support.js";

const ff = await load();
const lists = planted();
const data = ff.dataset(lists);
const regularization = { linear: 0.1, factors: 0.1, features: 1 };
const options = { model: "fm", factors: 6, epochs: 30, regularization } as const;
const model = ff.train(data, options);
/** Knows users and items by their features alone. */
const byFeatures = ff.train(data, { ...options, identity: false });
const everything = { n: 1000, filterSeen: false } as const;

let warnings: string[];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((text: string) => warnings.push(text));
});
afterEach(() => void vi.restoreAllMocks());

describe("the context of a prediction", () => {
  const pairs = [
    ["u0", "u1", "u2", "u3"],
    [100, 101, 103, 104],
  ] as const;
  const predict = (context?: FeatureRecord | Record<string, readonly string[]>) =>
    model.predict(...pairs, { clip: false, ...(context && { context }) });

  test("moves it as in training: evenings are better", () => {
    const [morning, evening] = [predict({ time: "morning" }), predict({ time: "evening" })];
    morning.forEach((score, k) => {
      expect(at(evening, k) - score).toBeGreaterThan(0.7);
      expect(at(evening, k) - score).toBeLessThan(1.3);
    });
  });

  test("is one for all, or one for each", () => {
    const mixed = predict({ time: ["morning", "evening", "evening", "morning"] });
    const [morning, evening] = [predict({ time: "morning" }), predict({ time: "evening" })];
    expect([...mixed]).toEqual([morning[0], evening[1], evening[2], morning[3]]);
    expect(predict({ time: ["evening", "evening", "evening", "evening"] })).toEqual(evening);
  });

  test("may be unknown", () => {
    for (const time of [undefined, null]) expect(predict({ time })).toEqual(predict());
    expect(predict({})).toEqual(predict());
    const holes = model.predict(["u0", "u0"], [100, 100], { context: { time: ["evening", null] } });
    expect([...holes]).toEqual([
      at(model.predict(["u0"], [100], { context: { time: "evening" } }), 0),
      at(model.predict(["u0"], [100]), 0),
    ]);
  });

  test("may be sets and numbers, alone, for all and for each", () => {
    const input = {
      users: [0, 1, 2, 3],
      items: [0, 1, 0, 1],
      ratings: [1, 2, 3, 4],
      context: { moods: [["glad"], ["sad"], ["glad", "tired"], []], degrees: [10, 20, 30, 40] },
    };
    const weather = ff.train(ff.dataset(input), options);
    const of = (context: object) => [
      ...weather.predict([0, 0], [0, 0], { context: context as never }),
    ];
    const [glad, none] = [of({ moods: ["glad"] }), of({})];
    expect(glad).not.toEqual(none);
    expect(of({ moods: [["glad"], []] })).toEqual([glad[0], none[1]]);
    expect(of({ moods: "glad" })).toEqual(glad);
    expect(of({ degrees: Float32Array.of(10, 40) })).toEqual([
      of({ degrees: 10 })[0],
      of({ degrees: 40 })[1],
    ]);
    const both = of({ moods: ["glad"], degrees: [10, 40] });
    expect(both).toEqual([
      of({ moods: ["glad"], degrees: 10 })[0],
      of({ moods: ["glad"], degrees: 40 })[1],
    ]);
  });

  test("changes what is recommended", () => {
    // Some items are for mornings, the others for evenings.
    const users = Array.from({ length: 60 }, (_, k) => k % 12);
    const items = users.map((_, k) => k % 5);
    const time = users.map((_, k) => (k % 7 < 3 ? "morning" : "evening"));
    const ratings = items.map((item, k) => (item < 2 === (time[k] === "morning") ? 5 : 1));
    const sharp = ff.train(ff.dataset({ users, items, ratings, context: { time } }), options);
    const best = (context: FeatureRecord) => ids(sharp.recommend(3, { ...everything, context }));
    expect(best({ time: "morning" }).slice(0, 2).sort()).toEqual([0, 1]);
    expect(best({ time: "evening" }).slice(3).sort()).toEqual([0, 1]);
    const all = sharp.recommendAll({ ...everything, context: { time: "morning" }, users: [3, 4] });
    expect(ids(at(all, 0).items)).toEqual(best({ time: "morning" }));
    expect(at(all, 1).items).toEqual(
      sharp.recommend(4, { ...everything, context: { time: "morning" } }),
    );
    const guest = sharp.foldInUser([{ item: 2, rating: 1 }]);
    expect(
      ids(guest.recommend({ ...everything, context: { time: "morning" } }))
        .slice(0, 2)
        .sort(),
    ).toEqual([0, 1]);
  });

  test("gives the scores of recommendations as predictions give them", () => {
    const context = { time: "evening" };
    const list = model.recommend("u4", { ...everything, context });
    const predicted = model.predict(list.map(() => "u4"), ids(list), { context }); // prettier-ignore
    list.forEach(({ score }, k) => expect(score).toBeCloseTo(at(predicted, k), 5));
    const guest = model.foldInUser([{ item: 100, rating: 4 }]);
    const own = guest.recommend({ ...everything, context });
    const ownPredicted = guest.predict(ids(own), { context });
    own.forEach(({ score }, k) => expect(score).toBeCloseTo(at(ownPredicted, k), 5));
    const each = guest.predict([100, 101], { context: { time: ["evening", "morning"] } });
    expect(each[0]).toBe(guest.predict([100], { context })[0]);
    expect(each[1]).toBe(guest.predict([101], { context: { time: "morning" } })[0]);
  });
});

describe("a category that was never met", () => {
  test("contributes nothing, is listed, and is said once per model", () => {
    const own = ff.loadModel(model.save());
    const guest = own.foldInUser([], { features: { group: "grey" } });
    expect(guest.unseen).toEqual([{ field: "group", category: "grey" }]);
    expect(guest.vector).toEqual(own.foldInUser([]).vector);
    const item = own.foldInItem({ kind: "red", tags: ["t0", "new", "newer", "new"] });
    expect(item.unseen).toEqual([
      { field: "tags", category: "new" },
      { field: "tags", category: "newer" },
    ]);
    expect(own.predict(["u1"], [100], { context: { time: "noon" } })).toEqual(
      own.predict(["u1"], [100]),
    );
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toContain('"grey" in the field "group"');
    own.foldInUser([], { features: { group: "grey" } });
    own.predict(["u1", "u1"], [100, 100], { context: { time: ["noon", "noon"] } });
    expect(warnings).toHaveLength(4);
    ff.loadModel(model.save()).foldInUser([], { features: { group: "grey" } });
    expect(warnings).toHaveLength(5);
    expect(own.foldInUser([], { features: { group: "red" } }).unseen).toEqual([]);
  });

  test("is told from one of another type, and from no value", () => {
    expect(byFeatures.foldInItem({ kind: 5 }).unseen).toEqual([{ field: "kind", category: 5 }]);
    expect(byFeatures.foldInItem({ kind: null }).unseen).toEqual([]);
    expect(byFeatures.foldInItem({ kind: true }).unseen).toEqual([
      { field: "kind", category: "true" },
    ]);
  });

  test("does not flood the console", () => {
    const own = ff.loadModel(model.save());
    const tags = Array.from({ length: 5000 }, (_, k) => `odd${k}`);
    expect(own.foldInItem({ tags }).unseen).toHaveLength(5000);
    expect(warnings.length).toBeLessThan(200);
  });

  test("scales a set by all that were named", () => {
    const half = byFeatures.foldInItem({ tags: ["t0", "new"] }).vector;
    byFeatures.foldInItem({ tags: ["t0"] }).vector.forEach((x, f) => {
      expect(half[f]).toBeCloseTo(x / Math.sqrt(2), 5);
    });
  });
});

describe("a new user", () => {
  const likes = (of: { predict: (items: Id[]) => Float32Array }, items: Id[]) =>
    of.predict(items).reduce((sum, p) => sum + p / items.length, 0);
  const [red, green] = [
    [100, 103, 106],
    [101, 104, 107],
  ];

  test("known by features alone likes what such people like", () => {
    for (const of of [model, byFeatures]) {
      const guest = of.foldInUser([], { features: { group: "red", age: 30 } });
      expect(likes(guest, red)).toBeGreaterThan(likes(guest, green) + 0.5);
      expect(ids(guest.recommend({ n: 6 })).every((item) => (item as number) % 3 === 1)).toBe(true);
      expect(guest.vector).toHaveLength(6);
    }
  });

  test("known by features alone is what such a user of the data would be", () => {
    const user = byFeatures.userIds().indexOf("u4");
    expect(user).toBeGreaterThanOrEqual(0);
    const guest = byFeatures.foldInUser([], { features: userRecord(4) });
    const items = byFeatures.itemIds();
    const known = byFeatures.predict(items.map(() => "u4"), items, { clip: false }); // prettier-ignore
    guest.predict(items, { clip: false }).forEach((p, k) => expect(p).toBeCloseTo(at(known, k), 4));
  });

  test("known by ratings alone likes what resembles them", () => {
    const guest = model.foldInUser([
      { item: 100, rating: 4 },
      { item: 101, rating: 1 },
      { item: 103, rating: 4 },
    ]);
    expect(likes(guest, [106, 109])).toBeGreaterThan(likes(guest, [107, 110]));
  });

  test("known by both is moved by the ratings from where the features say", () => {
    const features = { group: "red", age: 30 };
    const odd = [101, 104].map((item) => ({ item, rating: 4 }));
    const described = model.foldInUser([], { features });
    const both = model.foldInUser(odd, { features });
    expect(likes(both, [107, 110])).toBeGreaterThan(likes(described, [107, 110]));
    expect(likes(both, [101, 104])).toBeGreaterThan(likes(described, [101, 104]) + 0.3);
    // A penalty without end holds them where they were.
    const held = model.foldInUser(odd, { features, regularization: 1e6 });
    held.vector.forEach((x, f) => expect(x).toBeCloseTo(at(described.vector, f), 3));
    expect(ids(both.recommend(everything))).toHaveLength(18);
    expect(ids(both.recommend({ n: 1000 }))).not.toContain(101);
  });

  test("of a model without ids is not moved by ratings", () => {
    const guest = byFeatures.foldInUser([{ item: 101, rating: 4 }], { features: { group: "red" } });
    expect(guest.vector).toEqual(byFeatures.foldInUser([], { features: { group: "red" } }).vector);
    expect(guest.explain(100).contributions).toEqual([{ item: 101, contribution: 0 }]);
  });

  test("counts among the items met, where the model has such a field", () => {
    const derived = ff.train(data, {
      ...options,
      fields: [],
      identity: { user: false },
      derived: ["user-items"],
    });
    // Ratings count for nothing there, but which items they are of does.
    const [items, other] = [derived.itemIds(), { rating: 1 }];
    const guest = derived.foldInUser(ids(data.ratingsOf("u4")).map((item) => ({ item, ...other })));
    const known = derived.predict(items.map(() => "u4"), items); // prettier-ignore
    guest.predict(items).forEach((p, k) => expect(p).toBeCloseTo(at(known, k), 4));
    expect(guest.vector).not.toEqual(derived.foldInUser([]).vector);
  });

  test("may ask what carried a score: base and contributions add up", () => {
    const ratings = [100, 101, 106].map((item, k) => ({ item, rating: 4 - k, weight: 1 + k }));
    for (const features of [undefined, { group: "green", age: 25 }]) {
      const guest = model.foldInUser(ratings, { ...(features && { features }) });
      const { score, base, contributions } = guest.explain(104);
      const sum = contributions.reduce((total, { contribution }) => total + contribution, base);
      expect(sum).toBeCloseTo(score, 4);
      expect(score).toBeCloseTo(at(guest.predict([104], { clip: false }), 0), 4);
      expect(new Set(ids(contributions))).toEqual(new Set([100, 101, 106]));
      // The base, features included, is what there is without any rating.
      const nobody = model.foldInUser([], { ...(features && { features }) });
      expect(base).toBeCloseTo(at(nobody.predict([104], { clip: false }), 0), 4);
    }
  });

  test("of a classifier has probabilities", () => {
    const labelled = ff.dataset({ ...lists, ratings: lists.ratings.map((r) => (r > 2 ? 1 : 0)) });
    const classifier = ff.train(labelled, { ...options, task: "classification" });
    const guest = classifier.foldInUser([{ item: 101, rating: 0 }], { features: { group: "red" } });
    expect(guest.predict(red).every((p) => p > 0.5 && p < 1)).toBe(true);
    expect(guest.predict(green).every((p) => p > 0 && p < 0.5)).toBe(true);
  });
});

describe("a new item", () => {
  test("is where an item of such features would be", () => {
    const record = itemRecord(4);
    const described = byFeatures.foldInItem(record);
    const known = byFeatures.itemIds().indexOf(104);
    expect(known).toBeGreaterThanOrEqual(0);
    const users = byFeatures.userIds();
    const predicted = byFeatures.predict(users, users.map(() => 104), { clip: false }); // prettier-ignore
    described
      .predict(users, { clip: false })
      .forEach((p, k) => expect(p).toBeCloseTo(at(predicted, k), 4));
    // It is as similar as can be to the item that it is, and further to all others as that one is.
    const near = described.similarItems({ n: 100 });
    const itself = near.findIndex(({ item }) => item === 104);
    expect(near[itself]?.score).toBeCloseTo(1, 5);
    near.splice(itself, 1);
    const others = byFeatures.similarItems(104, { n: 100 });
    near.forEach(({ score }, k) => expect(score).toBeCloseTo(at(others, k).score, 4));
  });

  test("is what it would be with the same features in the data", () => {
    const more = ff.dataset({
      ...lists,
      itemFeatures: { ...lists.itemFeatures, 999: itemRecord(1) },
    });
    const trained = ff.train(more, options);
    // Its own column was never trained: only its features speak.
    const described = trained.foldInItem(itemRecord(1));
    const users = trained.userIds();
    expect(trained.itemIds().at(-1)).toBe("999");
    const predicted = trained.predict(users, users.map(() => "999")); // prettier-ignore
    described.predict(users).forEach((p, k) => expect(p).toBeCloseTo(at(predicted, k), 4));
  });

  test("has top users, best first, as predicted", () => {
    const item = model.foldInItem({ kind: "green", tags: ["all"] });
    const top = item.topUsers({ n: 1000 });
    expect(top).toHaveLength(30);
    expect(item.topUsers()).toEqual(top.slice(0, 10));
    const predicted = item.predict(top.map(({ user }) => user));
    top.forEach(({ score }, k) => expect(score).toBeCloseTo(at(predicted, k), 5));
    const values = top.map(({ score }) => score);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(top.slice(0, 8).every(({ user }) => Number(String(user).slice(1)) % 3 === 1)).toBe(true);
  });

  test("is compared by the angle or the product of vectors", () => {
    const item = model.foldInItem({ kind: "green" });
    for (const [measure, compare] of [
      ["cosine", cosine],
      ["dot", dot],
    ] as const) {
      // prettier-ignore
      for (const { item: other, score } of item.similarItems({ n: 5, measure })) {
        const { vector } = asGuest(model, other);
        expect(score).toBeCloseTo(compare(item.vector, vector), 3);
      }
    }
  });

  test("without any feature is an average one", () => {
    const item = model.foldInItem({});
    expect([...item.vector].every((x) => x === 0)).toBe(true);
    expect(item.bias).toBe(0);
    expect(item.predict(["u1"]).every(Number.isFinite)).toBe(true);
    expect(item.similarItems().every(({ score }) => score === 0)).toBe(true);
  });
});

/** The vector of an item of the model, from its parameters: all that stands in its columns. */
function asGuest(of: Model, item: Id): { vector: Float32Array } {
  const described = of.foldInItem(lists.itemFeatures[item as number] ?? itemRecord(0));
  const own = of.fields().find(({ name }) => name === "item");
  const begin = ((own?.begin ?? 0) + of.itemIds().indexOf(item)) * of.factors;
  const { factors } = of.parameters();
  return { vector: described.vector.map((x, f) => x + at(factors, begin + f)) };
}

describe("serving what every model serves", () => {
  test("leaves out what was seen, and orders by the scores", () => {
    const seen = ids(data.ratingsOf("u7"));
    const list = model.recommend("u7", { n: 1000 });
    expect(ids(list).filter((item) => seen.includes(item))).toEqual([]);
    expect(list).toHaveLength(18 - seen.length);
    expect(model.recommendAll({ n: 3 })).toHaveLength(30);
    expect(model.similarUsers("u7").every(({ score }) => score <= 1.0001)).toBe(true);
    expect(model.singularValues()).toHaveLength(0);
  });

  test("follows the planted rule for pairs nobody rated", () => {
    let [right, total] = [0, 0];
    for (let u = 0; u < 30; u++) {
      for (const { item, score } of model.recommend(`u${u}`, {
        n: 1000,
        context: { time: "morning" },
      })) {
        total++;
        if (Math.abs(score - ratingOf(u, (item as number) - 100)) < 0.5) right++;
      }
    }
    expect(right / total).toBeGreaterThan(0.9);
  });
});
