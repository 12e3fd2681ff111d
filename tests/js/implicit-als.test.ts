/** Matrix factorization of implicit feedback: training, serving, and rows that are brought up to date in place. */
import { ArgumentError, ClosedError, load, type Rating, UnknownIdError } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test } from "vitest";
import { at, dot, expectFailure, ids, readSafetensors, sample, solve } from "./support.js";

const ff = await load();
const lists = sample();
const data = ff.dataset(lists);
const options = { model: "implicit-als", factors: 6, solver: "cholesky", epochs: 8 } as const;
const fresh = () => ff.train(data, options);
const model = fresh();

const likes: Rating[] = [
  { item: 100, rating: 5 },
  { item: 103, rating: 2, weight: 2 },
  { item: 107, rating: 1 },
];

/** The equations of a user in double precision: (w Y'Y + sum s y y' + lambda I) x = sum (w + s) y. */
function solved(from: typeof model, ratings: readonly Rating[]): number[] {
  const { tensors } = readSafetensors(from.save());
  const [alpha, w] = new Float32Array(
    (tensors.get("implicit") as { bytes: Uint8Array }).bytes.buffer,
  );
  const { vectors, dimensions, ids: items } = from.itemVectors();
  const k = dimensions - 1;
  const row = (index: number) => vectors.subarray(index * dimensions, index * dimensions + k);
  const n = ratings.filter(({ rating }) => rating !== 0).length;
  const penalty =
    (from.options["regularization"] as number) *
    (n + (w as number) * items.length) ** (from.options["frequencyScaling"] as number);
  const matrix = Array.from({ length: k }, (_, j) =>
    Array.from({ length: k }, (_, f) => (j === f ? penalty : 0)),
  );
  const right = new Array<number>(k).fill(0);
  const add = (y: Float32Array, weight: number, pull: number) =>
    y.forEach((yj, j) => {
      right[j] = at(right, j) + pull * yj;
      y.forEach((yf, f) => (at(matrix, j)[f] = at(at(matrix, j), f) + weight * yj * yf));
    });
  items.forEach((_, index) => add(row(index), w as number, 0));
  for (const { item, rating, weight = 1 } of ratings) {
    const strength = (alpha as number) * rating * weight;
    add(row(items.indexOf(item)), Math.abs(strength), strength > 0 ? (w as number) + strength : 0);
  }
  return solve(matrix, right);
}

const close = (got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 1e-3) => {
  expect(got.length).toBe(wanted.length);
  for (let f = 0; f < got.length; f++) {
    expect(Math.abs(at(got, f) - at(wanted, f))).toBeLessThan(tolerance);
  }
};

describe("implicit ALS", () => {
  test("reports falling losses and predicts preferences around 0 and 1", () => {
    const losses = model.summary.epochs.map(({ trainLoss }) => trainLoss);
    expect(losses).toHaveLength(8);
    expect(at(losses, 7)).toBeLessThan(at(losses, 0));
    const met = model.predict(lists.users, lists.items);
    expect(met.reduce((sum, x) => sum + x, 0) / met.length).toBeGreaterThan(0.5);
    expect(model).toMatchObject({ family: "implicit-als", factors: 6 });
  });

  test("ranks as its vectors say, and leaves out what was seen", () => {
    const list = model.recommend("u3", { n: 25 });
    const seen = data.ratingsOf("u3").map(({ item }) => item);
    expect(list).toHaveLength(25 - seen.length);
    for (const { item, score } of list) {
      expect(seen).not.toContain(item);
      expect(score).toBeCloseTo(at(model.predict(["u3"], [item]), 0), 5);
    }
  });

  test("trains alike with every solver", () => {
    const wanted = model.predict(lists.users, lists.items);
    for (const solver of [
      { solver: "cg", cgSteps: 30 },
      { solver: "subspace", blockSize: 64 },
    ]) {
      const other = ff.train(data, { ...options, ...solver } as typeof options);
      close(other.predict(lists.users, lists.items), wanted, 5e-3);
    }
  });

  test("stops when held-out items are ranked no better", () => {
    const { train, test } = ff.split(data, { by: "user", testFraction: 0.3, seed: 2 });
    const stopped = ff.train(train, { ...options, epochs: 500, validation: test, patience: 3 });
    const { epochs, bestEpoch, stoppedEarly } = stopped.summary;
    expect(stoppedEarly).toBe(true);
    expect(epochs).toHaveLength(bestEpoch + 3);
    const ndcg = ff.evaluate(stopped, test, { metrics: ["ndcg@10"], train })["ndcg@10"];
    expect(at(epochs, bestEpoch - 1).validation?.loss).toBeCloseTo(1 - ndcg, 6);
  });

  test("takes ratings below positiveFrom as dislikes", () => {
    const told = ff.train(data, { ...options, positiveFrom: 3 });
    const of = (from: number, to: number) =>
      told.predict(
        lists.users.filter((_, k) => at(lists.ratings, k) >= from && at(lists.ratings, k) <= to),
        lists.items.filter((_, k) => at(lists.ratings, k) >= from && at(lists.ratings, k) <= to),
      );
    const mean = (list: Float32Array) => list.reduce((sum, x) => sum + x, 0) / list.length;
    expect(mean(of(3, 5))).toBeGreaterThan(mean(of(1, 2)) + 0.2);
  });

  test("goes on with new users and items, and has no learningRate", async () => {
    const news = ff.dataset({ users: ["new", "new", "u1"], items: [100, "new", "new"] });
    const grown = ff.fitPartial(model, news, { epochs: 2 });
    expect(grown.userCount).toBe(model.userCount + 1);
    expect(grown.itemCount).toBe(model.itemCount + 1);
    expect(ids(grown.recommend("u2", { n: 30 }))).toContain("new");
    expect(grown.predict(["u5"], [100]).every(Number.isFinite)).toBe(true);
    const call = () => ff.fitPartial(model, news, { learningRate: 0.1 });
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "learningRate");
  });

  test("predicts no ratings", async () => {
    const call = () => ff.evaluate(model, data, { metrics: ["rmse"] });
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "metrics");
  });
});

describe("somebody new under implicit ALS", () => {
  test("is what a half sweep would make of them", () => {
    close(model.foldInUser(likes).vector, solved(model, likes));
    const disliking = [...likes, { item: 110, rating: -4 }];
    close(model.foldInUser(disliking).vector, solved(model, disliking));
  });

  test("is explained by their ratings alone", () => {
    const guest = model.foldInUser(likes);
    for (const item of model.itemIds()) {
      const { score, base, contributions } = guest.explain(item);
      const sum = contributions.reduce((total, { contribution }) => total + contribution, 0);
      expect(Math.abs(base)).toBeLessThan(1e-4);
      expect(Math.abs(sum - score)).toBeLessThan(1e-4);
      expect(score).toBeCloseTo(at(guest.predict([item]), 0), 4);
    }
  });
});

describe("updating a row in place", () => {
  test("makes a user's vector that of the fold-in, and nothing else", () => {
    const changed = fresh();
    const before = changed.userVectors().vectors;
    const guest = changed.foldInUser(likes);
    changed.updateUser("u4", likes);
    const { vectors, dimensions, ids: users } = changed.userVectors();
    const place = users.indexOf("u4") * dimensions;
    expect(vectors.slice(place, place + 6)).toEqual(guest.vector);
    before.set(vectors.subarray(place, place + dimensions), place);
    expect(vectors).toEqual(before);
    expect(changed.recommend("u4", { n: 25 })).toEqual(guest.recommend({ n: 25 }));
    expect(ids(changed.recommend("u4", { n: 25 }))).not.toContain(100);
    expect(ids(changed.recommend("u4", { n: 25 }))).toHaveLength(22);
  });

  test("adds a user and keeps them in the file; datasets stay as they were", () => {
    const grown = fresh();
    grown.updateUser("new", likes);
    expect(grown.userCount).toBe(data.userCount + 1);
    expect(grown.hasUser("new")).toBe(true);
    expect(data.userIds()).not.toContain("new");
    const loaded = ff.loadModel(grown.save());
    expect(loaded.recommend("new")).toEqual(grown.recommend("new"));
    expect(loaded.recommendAll()).toEqual(grown.recommendAll());
    expect(ff.evaluate(grown, data, { metrics: ["auc"] }).auc).toBeGreaterThan(0.5);
  });

  test("solves for an item with the users held, and new guests see it", () => {
    const changed = fresh();
    const ratings = ["u1", "u2", "u3"].map((user) => ({ user, rating: 5 }));
    const before = changed.predict(["u1", "u2", "u3"], [102, 102, 102]);
    changed.updateItem("fresh", ratings);
    changed.updateItem(102, ratings);
    expect(changed.itemCount).toBe(data.itemCount + 1);
    // The same ratings make the same vector.
    const { vectors, dimensions, ids: items } = changed.itemVectors();
    const row = (item: string | number) =>
      vectors.slice(items.indexOf(item) * dimensions, (items.indexOf(item) + 1) * dimensions);
    expect(row("fresh")).toEqual(row(102));
    expect(changed.predict(["u1", "u2", "u3"], [102, 102, 102])).not.toEqual(before);
    const guest = changed.foldInUser([{ item: "fresh", rating: 5 }]);
    close(guest.vector, solved(changed, [{ item: "fresh", rating: 5 }]));
    expect(at(guest.predict([102]), 0)).toBeCloseTo(dot(guest.vector, row(102).slice(0, 6)), 5);
    for (const user of ["u1", "u9"]) {
      const list = ids(changed.recommend(user, { n: 30, scan: "int8" }));
      expect(list).toEqual(ids(changed.recommend(user, { n: 30 })));
      expect(list.includes("fresh")).toBe(user === "u9");
    }
  });

  test("takes away what a user did not meet after all", () => {
    const changed = fresh();
    changed.updateUser("u4", []);
    expect(changed.recommend("u4", { n: 25 })).toHaveLength(25);
    expect(changed.predict(["u4"], [100])).toEqual(Float32Array.of(0));
  });

  test("refuses what is wrong and leaves the model as it was", async () => {
    const kept = fresh();
    const before = kept.save();
    const loose = kept as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const [verb, other] of [
      ["updateUser", "item"],
      ["updateItem", "user"],
    ] as const) {
      const known = other === "item" ? 100 : "u1";
      const call =
        (...args: unknown[]) =>
        () =>
          loose[verb]?.(...args);
      for (const wrong of [null, 5, "abc", {}, [1], [null]]) {
        await expectFailure(call("x", wrong), ArgumentError, "INVALID_ARGUMENT", /^ratings/);
      }
      for (const id of [null, undefined, true, {}]) {
        const argument = other === "item" ? "user" : "item";
        await expectFailure(call(id, []), ArgumentError, "INVALID_ARGUMENT", argument);
      }
      const rating = (given: object) => [{ [other]: known, rating: 1, ...given }];
      await expectFailure(
        call("x", rating({ rating: NaN })),
        ArgumentError,
        "NOT_FINITE",
        /^ratings/,
      );
      await expectFailure(
        call("x", rating({ weight: -1 })),
        ArgumentError,
        "OUT_OF_RANGE",
        /^ratings/,
      );
      await expectFailure(call("x", rating({ [other]: "?" })), UnknownIdError, "UNKNOWN_ID", other);
      const twice = [...rating({}), ...rating({})];
      await expectFailure(call("x", twice), ArgumentError, "DUPLICATE", "ratings");
      const huge = rating({ rating: 3e38, weight: 3e38 });
      await expectFailure(call("x", huge), ArgumentError, "OUT_OF_RANGE", "ratings");
    }
    expect(kept.save()).toEqual(before);
    expect(kept.hasUser("x")).toBe(false);
    kept.close();
    await expectFailure(() => kept.updateUser("u1", likes), ClosedError, "CLOSED");
  });

  test("is for implicit ALS alone", async () => {
    const mf = ff.train(data, { model: "mf", factors: 2, epochs: 1 });
    const call = () => mf.updateUser("u1", likes);
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "model");
  });
});

describe("through a client", () => {
  const client = new FeatherClient();
  afterAll(() => client.close());

  test("training, updates and explanations are the same", async () => {
    const remote = await client.train(await client.dataset(lists), options);
    const here = fresh();
    expect(await remote.recommend("u1")).toEqual(here.recommend("u1"));
    await remote.updateUser("new", likes);
    here.updateUser("new", likes);
    await remote.updateItem("film", [{ user: "new", rating: 3 }]);
    here.updateItem("film", [{ user: "new", rating: 3 }]);
    expect(remote.userCount).toBe(here.userCount);
    expect(remote.itemCount).toBe(here.itemCount);
    expect(await remote.save()).toEqual(here.save());
    const guest = await remote.foldInUser(likes);
    expect(await guest.explain("film")).toEqual(here.foldInUser(likes).explain("film"));
    const call = () => remote.updateUser("u1", [{ item: "?", rating: 1 }]);
    await expectFailure(call, UnknownIdError, "UNKNOWN_ID", "item");
  });
});
