import {
  ArgumentError,
  load,
  UnknownIdError,
  type Id,
  type Model,
  type ModelOptions,
  type Recommendation,
} from "featherfm";
import { describe, expect, test } from "vitest";
import { at, cosine, dot, expectFailure, ids, PlainModel, sample } from "./support.js";

const ff = await load();
const lists = sample();
const data = ff.dataset(lists);

const families: [string, ModelOptions][] = [
  ["mf", { model: "mf", factors: 5, epochs: 15, learningRate: 0.05 }],
  ["logistic mf", { model: "mf", factors: 5, epochs: 15, learningRate: 0.1, loss: "logistic" }],
  ["mf without biases", { model: "mf", factors: 5, epochs: 30, biases: false, learningRate: 0.05 }],
  ["als", { model: "mf", optimizer: "als", factors: 5, epochs: 5 }],
  ["biases alone", { model: "mf", factors: 0, epochs: 15 }],
  ["svd", { model: "svd", factors: 5 }],
];

/** The same items in the same order, but that items of nearly equal score may change places. */
function expectRanking(got: readonly Recommendation[], expected: readonly Recommendation[]): void {
  expect(got).toHaveLength(expected.length);
  got.forEach(({ score }, k) => expect(score).toBeCloseTo(at(expected, k).score, 3));
  for (const { item, score } of got) {
    const own = expected.find((entry) => entry.item === item);
    if (own !== undefined) expect(score).toBeCloseTo(own.score, 3);
  }
  expect(new Set(ids(got)).size).toBe(got.length);
}

describe.each(families)("a model of %s", (name, options) => {
  const model = ff.train(data, options);
  const plain = new PlainModel(model);
  const user = "u7";
  const seen = ids(data.ratingsOf(user));

  test("predicts what its saved parameters say", () => {
    for (const clip of [true, false]) {
      const predictions = model.predict(lists.users, lists.items, { clip });
      expect(predictions).toBeInstanceOf(Float32Array);
      predictions.forEach((p, k) => {
        const score = plain.score(at(lists.users, k), at(lists.items, k));
        expect(p).toBeCloseTo(plain.value(score, clip), 4);
      });
    }
  });

  test("recommends the best of all items that were not seen", () => {
    const ranked = plain
      .ranking((item) => plain.score(user, item))
      .filter(({ item }) => !seen.includes(item))
      .map(({ item, score }) => ({ item, score: plain.value(score) }));
    expectRanking(model.recommend(user, { n: 1000 }), ranked);
    expect(model.recommend(user)).toEqual(model.recommend(user, { n: 1000 }).slice(0, 10));
    expect(model.recommend(user, { n: 3 })).toEqual(model.recommend(user, { n: 1000 }).slice(0, 3));
  });

  test("recommends seen items too, on request", () => {
    const everything = model.recommend(user, { n: 1000, filterSeen: false });
    expect(new Set(ids(everything))).toEqual(new Set(model.itemIds()));
    expectRanking(
      everything,
      plain
        .ranking((item) => plain.score(user, item))
        .map(({ item, score }) => ({ item, score: plain.value(score) })),
    );
  });

  test("recommends for all users what it recommends for each", () => {
    const all = model.recommendAll({ n: 4 });
    expect(all.map((entry) => entry.user)).toEqual(model.userIds());
    for (const entry of all) expect(entry.items).toEqual(model.recommend(entry.user, { n: 4 }));
    const some = model.recommendAll({ users: ["u9", "u2", "u9"], n: 2, filterSeen: false });
    expect(some.map((entry) => entry.user)).toEqual(["u9", "u2", "u9"]);
    expect(some[1]?.items).toEqual(model.recommend("u2", { n: 2, filterSeen: false }));
    expect(model.recommendAll({ users: [] })).toEqual([]);
  });

  test("finds similar items and users by the angle or the product of their vectors", () => {
    for (const [measure, compare] of [
      ["cosine", cosine],
      ["dot", dot],
    ] as const) {
      const byItem = (vectors: Float32Array[], all: Id[], own: number) =>
        all
          .map((item, k) => ({ item, score: compare(at(vectors, own), at(vectors, k)) || 0 }))
          .filter((_, k) => k !== own)
          .sort((a, b) => b.score - a.score);
      const items = model.similarItems(103, { n: 100, measure });
      expectRanking(items, byItem(plain.itemFactors, plain.items, plain.items.indexOf(103)));
      const users = model.similarUsers(user, { n: 100, measure });
      expectRanking(
        users.map((entry) => ({ item: entry.user, score: entry.score })),
        byItem(plain.userFactors, plain.users, plain.users.indexOf(user)),
      );
    }
    expect(model.similarItems(103)).toEqual(
      model.similarItems(103, { n: 100, measure: "cosine" }).slice(0, 10),
    );
  });

  const ratings = [
    { item: 100, rating: 5 },
    { item: 104, rating: 1, weight: 2 },
    { item: 110, rating: 4 },
  ];

  test("places a new user by ridge regression", () => {
    if (plain.logistic || options.model === "svd") return; // see below
    for (const regularization of [undefined, 0.5]) {
      const guest = model.foldInUser(ratings, {
        ...(regularization !== undefined && { regularization }),
      });
      const expected = plain.foldInUser(ratings, regularization);
      expect(guest.vector).toHaveLength(model.factors);
      expected.vector.forEach((x, f) => expect(guest.vector[f]).toBeCloseTo(x, 3));
      expect(guest.bias).toBeCloseTo(expected.bias, 3);
      const predictions = guest.predict(model.itemIds());
      predictions.forEach((p, i) => {
        expect(p).toBeCloseTo(plain.value(expected.score(at(plain.items, i))), 3);
      });
    }
  });

  test("recommends to a new user by the same scores as it predicts", () => {
    const guest = model.foldInUser(ratings);
    const everything = guest.recommend({ n: 1000, filterSeen: false });
    expect(everything).toHaveLength(model.itemCount);
    const predictions = guest.predict(ids(everything));
    everything.forEach(({ score }, k) => expect(score).toBe(at(predictions, k)));
    expect([...predictions]).toEqual([...predictions].sort((a, b) => b - a));
    const unseen = ids(guest.recommend({ n: 1000 }));
    expect(unseen).toHaveLength(model.itemCount - 3);
    expect(unseen).toEqual(
      ids(everything).filter((item) => ![100, 104, 110].includes(item as number)),
    );
  });

  test("explains a score as a base and what each rating added", () => {
    const guest = model.foldInUser(ratings);
    const [unclipped] = guest.predict([107], { clip: false });
    const { score, base, contributions } = guest.explain(107);
    const sum = contributions.reduce((total, { contribution }) => total + contribution, base);
    expect(sum).toBeCloseTo(score, 4);
    expect(plain.value(score, false)).toBeCloseTo(unclipped as number, 3);
    expect(new Set(ids(contributions))).toEqual(new Set([100, 104, 110]));
    const sizes = contributions.map(({ contribution }) => Math.abs(contribution));
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    if (options.model !== "svd") {
      // Without ratings the base is what an average user gets.
      expect(base).toBeCloseTo(plain.score(Symbol() as unknown as Id, 107), 4);
    }
  });

  test("explains by what really happens without a rating, the equations held", () => {
    if (plain.logistic || options.model === "svd") return;
    const guest = model.foldInUser(ratings);
    const doubled = model.foldInUser(
      // One target moved by 1: the score moves by that rating's influence.
      ratings.map((entry) => (entry.item === 100 ? { ...entry, rating: 6 } : entry)),
    );
    const contribution = (of: typeof guest) =>
      of.explain(107).contributions.find(({ item }) => item === 100)?.contribution as number;
    expect(doubled.explain(107).score - guest.explain(107).score).toBeCloseTo(
      contribution(doubled) - contribution(guest),
      3,
    );
  });

  test("takes a new user without ratings for an average one", () => {
    const guest = model.foldInUser([]);
    const [prediction] = guest.predict([103]);
    expect(Number.isFinite(prediction)).toBe(true);
    expect(guest.explain(103).contributions).toEqual([]);
    if (name !== "svd") {
      expect([...guest.vector].every((x) => x === 0)).toBe(true);
      expect(prediction).toBeCloseTo(plain.value(plain.score(Symbol() as unknown as Id, 103)), 4);
    }
  });

  test("is not changed by placing new users", () => {
    const before = model.predict(lists.users, lists.items);
    model.foldInUser(ratings).recommend();
    expect(model.predict(lists.users, lists.items)).toEqual(before);
  });
});

describe("recommending", () => {
  const model = ff.train(data, { model: "mf", factors: 3, epochs: 5 });
  const all = { n: 1000, filterSeen: false } as const;

  test("leaves out excluded items and passes over unknown ones", () => {
    const best = ids(model.recommend("u1", all));
    const exclude = [at(best, 0), at(best, 2), "unknown", 12345];
    expect(ids(model.recommend("u1", { ...all, exclude }))).toEqual(
      best.filter((item) => !exclude.includes(item)),
    );
    expect(ids(model.recommend("u1", { ...all, exclude: [] }))).toEqual(best);
  });

  test("ranks only the candidates, each once", () => {
    const best = ids(model.recommend("u1", all));
    const candidates = [103, 101, 103, 111, "unknown"];
    expect(ids(model.recommend("u1", { ...all, candidates }))).toEqual(
      best.filter((item) => candidates.includes(item)),
    );
    expect(ids(model.recommend("u1", { ...all, candidates: Uint8Array.of(103) }))).toEqual([103]);
    expect(model.recommend("u1", { ...all, candidates: [] })).toEqual([]);
    expect(ids(model.recommend("u1", { ...all, candidates, exclude: [103] }))).not.toContain(103);
    const seen = ids(data.ratingsOf("u1"));
    expect(model.recommend("u1", { candidates: seen })).toEqual([]);
  });

  test("knows ids by their type", () => {
    expect(ids(model.recommend("u1", { ...all, candidates: ["103"] }))).toEqual([]);
    expect(model.hasItem(103)).toBe(true);
    expect(model.hasItem("103")).toBe(false);
    expect(model.hasUser("u1")).toBe(true);
    expect(model.hasUser("nobody")).toBe(false);
  });

  test("orders equal scores as the items came", () => {
    const flat = ff.train(data, { model: "mf", factors: 0, epochs: 1, biases: false });
    expect(ids(flat.recommend("u1", all))).toEqual(flat.itemIds());
  });

  test("gives the order of the scores even where the limits make them equal", () => {
    const narrow = ff.train(data, { model: "mf", factors: 3, epochs: 5, valueRange: [2.9, 3] });
    const values = narrow.recommend("u1", all);
    const raw = narrow.predict(
      values.map(() => "u1"),
      ids(values),
      { clip: false },
    );
    expect([...raw]).toEqual([...raw].sort((a, b) => b - a));
    for (const { score } of values) expect(score).toBeLessThanOrEqual(3);
  });
});

describe("ids the model does not know", () => {
  const model = ff.train(data, { model: "mf", factors: 3, epochs: 2 });
  const cases: [string, (m: Model) => unknown, "user" | "item"][] = [
    ["predict, a user", (m) => m.predict(["nobody"], [100]), "user"],
    ["predict, an item", (m) => m.predict(["u1"], ["nothing"]), "item"],
    ["recommend", (m) => m.recommend("nobody"), "user"],
    ["recommendAll", (m) => m.recommendAll({ users: ["u1", "nobody"] }), "user"],
    ["similarItems", (m) => m.similarItems("100"), "item"],
    ["similarUsers", (m) => m.similarUsers("nobody"), "user"],
    ["foldInUser", (m) => m.foldInUser([{ item: "nothing", rating: 3 }]), "item"],
    ["a guest's predict", (m) => m.foldInUser([]).predict(["nothing"]), "item"],
    ["a guest's explain", (m) => m.foldInUser([]).explain("nothing"), "item"],
  ];
  test.each(cases)("are refused by name: %s", async (_, call, argument) => {
    const error = await expectFailure(() => call(model), UnknownIdError, "UNKNOWN_ID", argument);
    expect(error.message).toMatch(/"(nobody|nothing|100)"/);
  });

  test("come with advice", async () => {
    const call = () => model.recommend("nobody");
    const error = await expectFailure(call, UnknownIdError, "UNKNOWN_ID");
    expect(error.message).toContain("foldInUser");
    const twin = await expectFailure(() => model.similarItems("100"), UnknownIdError, "UNKNOWN_ID");
    expect(twin.message).toContain("there is 100");
  });
});

describe("folding in", () => {
  test("gives a user of alternating least squares back from their ratings", () => {
    // The users' half of a sweep is that very regression, with the items before their own half.
    const als = ff.train(data, {
      model: "mf",
      optimizer: "als",
      factors: 4,
      epochs: 400,
      regularization: 0.5,
    });
    const guest = als.foldInUser(data.ratingsOf("u5"));
    const items = als.itemIds();
    const known = als.predict(
      items.map(() => "u5"),
      items,
    );
    guest.predict(items).forEach((p, k) => expect(p).toBeCloseTo(at(known, k), 2));
  });

  test("to a logistic model minimises the penalised cross-entropy", () => {
    const model = ff.train(data, { model: "mf", factors: 3, epochs: 20, loss: "logistic" });
    const plain = new PlainModel(model);
    const ratings = [
      { item: 100, rating: 5 },
      { item: 101, rating: 1 },
      { item: 102, rating: 4 },
    ];
    const loss = (vector: ArrayLike<number>, bias: number) => {
      const [low, high] = plain.range;
      const { regularization, bias: biasRegularization, scaling } = plain.foldIn;
      let sum = biasRegularization * bias * bias + regularization * dot(vector, vector);
      sum *= ratings.length ** scaling;
      for (const { item, rating } of ratings) {
        const i = plain.items.indexOf(item);
        const s =
          plain.globalBias + at(plain.itemBiases, i) + bias + dot(at(plain.itemFactors, i), vector);
        sum += 2 * (Math.log1p(Math.exp(s)) - ((rating - low) / (high - low)) * s);
      }
      return sum;
    };
    const { vector, bias } = model.foldInUser(ratings);
    const least = loss(vector, bias);
    for (const step of [-0.02, 0.02]) {
      expect(loss(vector, bias + step)).toBeGreaterThan(least);
      vector.forEach((_, f) => {
        expect(
          loss(
            vector.map((x, k) => (k === f ? x + step : x)),
            bias,
          ),
        ).toBeGreaterThan(least);
      });
    }
    const call = () => model.foldInUser([{ item: 100, rating: 6 }]);
    return expectFailure(call, ArgumentError, "OUT_OF_RANGE", "ratings");
  });

  test("to a decomposition gives its own users back", () => {
    const model = ff.train(data, {
      model: "svd",
      factors: 6,
      fill: "item-mean",
      powerIterations: 20,
    });
    const plain = new PlainModel(model);
    const { vector } = model.foldInUser(data.ratingsOf("u5"));
    const own = at(plain.userFactors, plain.users.indexOf("u5"));
    vector.forEach((x, f) => expect(x).toBeCloseTo(at(own, f), 2));
  });

  test("takes a list as it is at the time of the call", () => {
    const model = ff.train(data, { model: "mf", factors: 3, epochs: 5 });
    const ratings = [{ item: 100, rating: 5 }];
    const guest = model.foldInUser(ratings);
    const before = guest.explain(105);
    ratings[0] = { item: 101, rating: 1 };
    ratings.push({ item: 102, rating: 1 });
    expect(guest.explain(105)).toEqual(before);
    expect(ids(guest.recommend({ n: 1000 }))).not.toContain(100);
  });
});
