import { load, type Dataset, type Engine, type Model, type TrainOptions } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { beforeAll, describe, expect, test } from "vitest";
import { movieLensFolder, readMovieLens, readMovieLensFeatures } from "./movielens.js";
import { at, fingerprint, ids } from "./support.js";

describe.skipIf(movieLensFolder === null)("on MovieLens 100K", () => {
  let ff: Engine;
  let u1: { train: Dataset; test: Dataset };
  let all: Dataset;
  /** As u1, with what is known of people and films. */
  let described: { train: Dataset; test: Dataset };

  beforeAll(async () => {
    ff = await load();
    const { users, items, ratings, timestamps } = readMovieLens();
    all = ff.dataset({
      users: users.map(String),
      items: Int32Array.from(items),
      ratings: Uint8Array.from(ratings),
      timestamps,
    });
    const testRows = Array.from({ length: 20_000 }, (_, k) => k);
    u1 = ff.split(all, { by: "rows", testRows });
    const input = { users: users.map(String), items, ratings, timestamps };
    const whole = ff.dataset({ ...input, ...readMovieLensFeatures() });
    described = ff.split(whole, { by: "rows", testRows });
  });

  const rmse = (options: TrainOptions) => ff.evaluate(ff.train(u1.train, options), u1.test).rmse;

  test("the dataset is what its README says", () => {
    expect(all).toMatchObject({ userCount: 943, itemCount: 1682, interactionCount: 100_000 });
    expect([...all.ratingRange]).toEqual([1, 5]);
    expect(Math.max(...all.itemCounts())).toBe(583);
    expect(all.ratingsOf("196")).toContainEqual({ item: 242, rating: 3, timestamp: 881250949 });
  });

  test.each<[string, number, TrainOptions]>([
    ["the default options", 0.925, { model: "mf" }],
    ["AdaGrad", 0.925, { model: "mf", optimizer: "adagrad" }],
    ["Adam", 0.93, { model: "mf", optimizer: "adam" }],
    ["the logistic loss", 0.925, { model: "mf", loss: "logistic" }],
    ["alternating least squares", 0.93, { model: "mf", optimizer: "als" }],
    ["biases alone", 0.96, { model: "mf", factors: 0 }],
    ["the SVD", 1, { model: "svd" }],
  ])("with %s the RMSE on u1 stays below %d", (_, limit, options) => {
    const error = rmse(options);
    expect(error).toBeLessThan(limit);
    expect(error).toBeGreaterThan(0.88); // better than any published result would be a fault
  });

  test.each<[string, number, TrainOptions]>([
    ["factorization machines of ids by ALS", 0.93, { model: "fm", fields: [] }],
    ["factorization machines of ids by SGD", 0.93, { model: "fm", fields: [], solver: "sgd" }],
    ["what is known of people and films, by ALS", 0.93, { model: "fm" }],
    ["the same by SGD", 0.95, { model: "fm", solver: "sgd" }],
    [
      "a short chain of samples with all of it",
      0.9,
      { model: "fm", solver: "mcmc", derived: ["user-items"], burnIn: 10, samples: 40, keep: 40 },
    ],
    ["the days of the ratings", 0.95, { model: "fm", fields: [], derived: ["day"] }],
  ])("with %s the RMSE on u1 stays below %d", (_, limit, options) => {
    const error = ff.evaluate(ff.train(described.train, options), described.test).rmse;
    expect(error).toBeLessThan(limit);
    expect(error).toBeGreaterThan(0.88);
  });

  test("people and films nobody rated yet are predicted better by what is known of them", () => {
    const { users, items, ratings } = readMovieLens();
    const features = readMovieLensFeatures();
    // Every fifth film is new: all its ratings are held out.
    const isNew = items.map((item) => item % 5 === 0);
    const part = (wanted: boolean, more: object) => {
      const kept = users.map((_, k) => k).filter((k) => isNew[k] === wanted);
      return ff.dataset({
        users: kept.map((k) => String(at(users, k))),
        items: kept.map((k) => at(items, k)),
        ratings: kept.map((k) => at(ratings, k)),
        ...more,
      });
    };
    const rmseWith = (more: object) =>
      ff.evaluate(ff.train(part(false, more), { model: "fm", factors: 8 }), part(true, more)).rmse;
    expect(rmseWith(features)).toBeLessThan(rmseWith({}) - 0.005);
  });

  test("a better model orders better: popularity beats nothing, factors beat biases", () => {
    const options = { metrics: ["ndcg@10", "auc"], train: u1.train, relevantFrom: 4 } as const;
    const popular = ff.evaluate(ff.train(u1.train, { model: "popularity" }), u1.test, options);
    const svd = ff.evaluate(
      ff.train(u1.train, { model: "svd", fill: 0, factors: 16 }),
      u1.test,
      options,
    );
    expect(popular.auc).toBeGreaterThan(0.8);
    expect(svd["ndcg@10"]).toBeGreaterThan(popular["ndcg@10"]);
    expect(svd.auc).toBeGreaterThan(0.85);
  });

  test("similar films are similar to people too", () => {
    const model: Model = ff.train(all, { model: "svd", factors: 32, fill: 0 });
    // Star Wars (50): its sequels, The Empire Strikes Back (172) and Return of the Jedi (181).
    const near = ids(model.similarItems(50, { n: 10 }));
    expect(near).toContain(172);
    expect(near).toContain(181);
    const fan = model.foldInUser([50, 172].map((item) => ({ item, rating: 5 })));
    expect(ids(fan.recommend({ n: 10 }))).toContain(181);
    expect(ids(fan.recommend({ n: 10 }))).not.toContain(50);
  });

  test("somebody new, folded in, is predicted nearly as well as if trained", () => {
    const { users, items, ratings } = readMovieLens();
    const isGuest = users.map((user) => user % 10 === 0);
    const rest = users.map((_, k) => k).filter((k) => isGuest[k] === false);
    const model = ff.train(
      ff.dataset({
        users: rest.map((k) => at(users, k)),
        items: rest.map((k) => at(items, k)),
        ratings: rest.map((k) => at(ratings, k)),
      }),
      { model: "mf" },
    );
    let [squared, count] = [0, 0];
    for (const user of new Set(users.filter((_, k) => isGuest[k]))) {
      const rows = users.flatMap((other, k) =>
        other === user && model.hasItem(at(items, k)) ? [k] : [],
      );
      const rating = (k: number) => ({ item: at(items, k), rating: at(ratings, k) });
      const [known, hidden] = [
        rows.filter((_, r) => r % 5 > 0),
        rows.filter((_, r) => r % 5 === 0),
      ];
      const predicted = model
        .foldInUser(known.map(rating))
        .predict(hidden.map((k) => at(items, k)));
      hidden.forEach((k, r) => (squared += (at(ratings, k) - at(predicted, r)) ** 2));
      count += hidden.length;
    }
    expect(Math.sqrt(squared / count)).toBeLessThan(0.96);
  });

  test("the worker gives the same model, cancels early, and goes on working", async () => {
    const client = new FeatherClient();
    const { users, items, ratings } = readMovieLens();
    const remote = await client.dataset({
      users: Int32Array.from(users),
      items: Int32Array.from(items),
      ratings: Float32Array.from(ratings),
    });
    const options = { model: "mf", factors: 16, epochs: 3 } as const;
    const here = ff.train(ff.dataset({ users, items, ratings }), options);
    const there = await client.train(remote, options);
    expect(fingerprint(await there.save())).toBe(fingerprint(here.save()));
    const controller = new AbortController();
    let last = 0;
    const training = client.train(remote, {
      ...options,
      epochs: 10_000,
      signal: controller.signal,
      onEpoch({ epoch }) {
        last = epoch;
        controller.abort("enough");
      },
    });
    await expect(training).rejects.toBe("enough");
    expect(await remote.itemCounts()).toHaveLength(1682);
    expect(last).toBeLessThan(1000);
    client.close();
  });
});
