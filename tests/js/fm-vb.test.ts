/** Variational inference of factorization machines, through the package. */
import { ArgumentError, type FmVbOptions, load } from "featherfm";
import { describe, expect, test, vi } from "vitest";
import { planted, ratedFor, ratingsFor, sampling, tasks, type Task } from "./fm-support.js";
import { at, expectFailure } from "./support.js";

vi.spyOn(console, "warn").mockImplementation(() => undefined);
const ff = await load();
const lists = planted({ luck: 1.5 });
const inference = (task: Task): FmVbOptions => ({ model: "fm", solver: "vb", task, factors: 3 });

describe.each(tasks)("variational inference, %s", (task) => {
  const data = ff.dataset({ ...lists, ratings: ratingsFor(task, lists.ratings) });
  const { train, test: held } = ff.split(data, { by: "random", seed: 2 });
  const model = ff.train(train, { ...inference(task), validation: held });

  test("learns what is behind the ratings, about as well as the sampler", () => {
    const metrics = { metrics: ["rmse"] } as const;
    const own = ff.evaluate(model, held, metrics).rmse;
    const sampled = ff.evaluate(ff.train(train, sampling(task)), held, metrics).rmse;
    expect(own).toBeLessThan(1.1 * sampled);
    // With validation the best epoch's parameters are returned.
    const { epochs, bestEpoch } = model.summary;
    expect(at(epochs, bestEpoch - 1).validation?.rmse).toBeCloseTo(own, 4);
  });

  test("never lowers its bound, and reports what it has learned of noise and priors", () => {
    const { epochs } = model.summary;
    expect(epochs).toHaveLength(20);
    epochs.slice(1).forEach(({ trainLoss }, k) => {
      expect(trainLoss).toBeLessThanOrEqual(at(epochs, k).trainLoss + 1e-5);
    });
    const trace = at(epochs, 19).trace;
    expect(trace?.noise).toBeGreaterThan(0);
    expect(Object.keys(trace?.precisions ?? {})).toEqual(model.fields().map(({ name }) => name));
  });

  test("says how sure it is", () => {
    const context = { context: { time: "evening" } };
    const { mean, deviation, classes, probabilities } = model.predictDistribution(
      ["u1", "u2"],
      [101, 102],
      context,
    );
    expect([...mean]).toEqual([...model.predict(["u1", "u2"], [101, 102], context)]);
    deviation.forEach((one) => expect(one).toBeGreaterThan(0));
    expect(classes).toHaveLength(task === "ordinal" ? 4 : 0);
    expect(probabilities).toHaveLength(2 * classes.length);
    // What a user might love comes first, by more than what they will like.
    const options = { n: 18, filterSeen: false };
    const liked = model.recommend("u1", options);
    const loved = model.recommend("u1", { ...options, optimism: 2 });
    expect(new Set(loved.map(({ item }) => item))).toEqual(new Set(liked.map(({ item }) => item)));
    expect(loved).not.toEqual(liked);
  });

  test("places new users and items, surer of those who have said more", () => {
    const nobody = model.foldInUser([]);
    const somebody = model.foldInUser(ratedFor(task), { features: { group: "red" } });
    expect(somebody.predict([100])[0]).toBeGreaterThan(at(somebody.predict([104]), 0));
    if (task === "regression") {
      expect(at(somebody.predictDistribution([110]).deviation, 0)).toBeLessThan(
        at(nobody.predictDistribution([110]).deviation, 0),
      );
    }
    const { score, base, contributions } = somebody.explain(110);
    const sum = contributions.reduce((total, { contribution }) => total + contribution, base);
    expect(sum).toBeCloseTo(score, 4);
    const item = model.foldInItem({ kind: "red" });
    expect(item.topUsers({ n: 3 })).toHaveLength(3);
    expect(item.predict(["u1"])).toHaveLength(1);
  });

  test("is the same after saving and loading", () => {
    const loaded = ff.loadModel(model.save());
    expect(loaded.options).toEqual(model.options);
    expect(loaded.predictDistribution(["u1"], [101])).toEqual(
      model.predictDistribution(["u1"], [101]),
    );
    expect(loaded.foldInUser(ratedFor(task)).predict([101])).toEqual(
      model.foldInUser(ratedFor(task)).predict([101]),
    );
    expect(ff.fitPartial(loaded, train, { epochs: 2 }).save()).toEqual(
      ff.fitPartial(model, train, { epochs: 2 }).save(),
    );
  });

  test("goes on with what is new, and forgets nothing of what is not", () => {
    const rating = task === "classification" ? 1 : 4;
    const further = ff.dataset({
      users: ["new", "new", "new"],
      items: [100, 103, 106],
      ratings: [rating, rating, rating],
    });
    const grown = ff.fitPartial(model, further);
    expect(grown.userCount).toBe(model.userCount + 1);
    expect(grown.options["solver"]).toBe("vb");
    expect(at(grown.predict(["new"], [109]), 0)).toBeGreaterThan(
      at(grown.predict(["new"], [110]), 0),
    );
    // u2 has not met these items; what they are moves a little with the ratings of somebody else.
    const before = model.predict(["u2", "u2"], [101, 102]);
    grown
      .predict(["u2", "u2"], [101, 102])
      .forEach((value, k) => expect(Math.abs(value - at(before, k))).toBeLessThan(0.3));
  });
});

describe("what variational inference refuses", () => {
  const data = ff.dataset(lists);
  const model = ff.train(data, { ...inference("regression"), epochs: 2 });

  test("is named", async () => {
    const bad = (given: object, code: string, argument: string) =>
      expectFailure(
        () => ff.train(data, { model: "fm", solver: "vb", ...given } as never),
        ArgumentError,
        code,
        argument,
      );
    await bad({ samples: 3 }, "INVALID_ARGUMENT", "samples");
    await bad({ regularization: 1 }, "INVALID_ARGUMENT", "regularization");
    await bad({ learningRate: 1 }, "INVALID_ARGUMENT", "learningRate");
    await bad({ factors: 257 }, "OUT_OF_RANGE", "factors");
    await bad({ epochs: 0 }, "OUT_OF_RANGE", "epochs");
    await bad({ task: "ranking" }, "INVALID_ARGUMENT", "task");
    await expectFailure(
      () => ff.fitPartial(model, data, { learningRate: 0.1 }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "learningRate",
    );
    const weighted = ff.dataset({
      users: [1, 2],
      items: [1, 2],
      ratings: [0, 1],
      weights: [1, 2],
    });
    await expectFailure(
      () => ff.train(weighted, inference("classification")),
      ArgumentError,
      "INVALID_ARGUMENT",
      "weights",
    );
  });

  test("rows are learned without users and items", () => {
    const rows = ff.rows({ values: [1, 0, 2, 3, 0, 4], columns: 2, targets: [1, 2, 3] });
    const plain = ff.train(rows, { model: "fm", solver: "vb", factors: 2 });
    plain.predictRows(rows).forEach((value) => expect(Number.isFinite(value)).toBe(true));
    expect(ff.evaluate(plain, rows).rmse).toBeLessThan(1);
  });
});
