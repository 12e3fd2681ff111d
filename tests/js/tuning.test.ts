import { DivergedError, load, type Metric, type ModelOptions, type Trial } from "featherfm";
import { describe, expect, test } from "vitest";
import { expectRefused, noCounts, noOptions, type Loose } from "./bad-values.js";
import { at, expectFailure, randomFrom, sample, thrown } from "./support.js";

const ff = await load();
const data = ff.dataset(sample());

/** Ratings made of two factors and a little noise: biases alone say little of it, and hardly a penalty fits the noise. */
function twoFactors() {
  const random = randomFrom(7);
  const normal = () => Array.from({ length: 12 }, random).reduce((sum, x) => sum + x, -6);
  const vectors = (count: number) => Array.from({ length: count }, () => [normal(), normal()]);
  const [users, items] = [vectors(70), vectors(50)];
  const rows = users.flatMap(([a = 0, b = 0], u) =>
    items.flatMap(([c = 0, d = 0], i) =>
      random() < 0.4 ? [[u, i, 3 + a * c + b * d + 0.3 * normal()] as const] : [],
    ),
  );
  return ff.dataset({
    users: rows.map(([u]) => u),
    items: rows.map(([, i]) => i),
    ratings: rows.map(([, , rating]) => rating),
  });
}

describe("crossValidate()", () => {
  test("is the mean over parts that are held out in turn", () => {
    const options = { model: "mf", factors: 3, epochs: 4 } as const;
    const metrics = ["rmse", "ndcg@5"] as const;
    for (const by of ["random", "user"] as const) {
      const result = ff.crossValidate(data, options, { folds: 3, by, metrics, seed: 6 });
      expect(result.folds).toHaveLength(3);
      const expected = Array.from({ length: 3 }, (_, fold) => {
        const within = by === "user" ? "user" : "all";
        const parts = ff.split(data, { by: "fold", folds: 3, fold, within, seed: 6 });
        const model = ff.train(parts.train, options);
        return ff.evaluate(model, parts.test, { metrics, train: parts.train });
      });
      expect(result.folds.map((fold) => fold.metrics)).toEqual(expected);
      for (const metric of metrics) {
        const values = expected.map((fold) => fold[metric]);
        const mean = values.reduce((sum, x) => sum + x, 0) / 3;
        const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
        expect(result.mean[metric]).toBeCloseTo(mean, 12);
        expect(result.deviation[metric]).toBeCloseTo(Math.sqrt(squares / 2), 12);
      }
    }
  });

  test.each([
    { model: "mf", factors: 2, epochs: 2, optimizer: "adam" },
    { model: "svd", factors: 2 },
    { model: "popularity" },
    { model: "biases" },
    { model: "implicit-als", factors: 2, epochs: 2 },
    { model: "item-knn" },
    { model: "hybrid", factors: 2, epochs: 2 },
    { model: "fm", factors: 2, epochs: 2, solver: "vb" },
    { model: "fm", factors: 2, epochs: 2 },
    { model: "fm", factors: 2, epochs: 2, solver: "sgda" },
    { model: "fm", factors: 2, solver: "mcmc", burnIn: 1, samples: 2, task: "ordinal" },
  ] as ModelOptions[])("works for %j", (options) => {
    const { mean } = ff.crossValidate(data, options, {
      folds: 2,
      metrics: ["precision@5", "auc"],
      relevantFrom: 3,
    });
    expect(mean.auc).toBeGreaterThan(0.3);
    expect(mean["precision@5"]).toBeGreaterThan(0);
  });

  test("works for plain rows", () => {
    const random = randomFrom(3);
    const values = Array.from({ length: 120 }, random);
    const targets = Array.from(
      { length: 60 },
      (_, k) => 2 * at(values, 2 * k) - at(values, 2 * k + 1),
    );
    const rows = ff.rows({ values, columns: 2, targets });
    const { mean } = ff.crossValidate(rows, { model: "fm", factors: 0, regularization: 0 });
    expect(mean.rmse).toBeLessThan(0.05);
  });

  test("tells how far it is, shares the thread, and can be ended", async () => {
    const fractions: number[] = [];
    let turns = 0;
    const ticking = setInterval(() => turns++, 0);
    const result = await ff.crossValidateAsync(
      data,
      { model: "mf", epochs: 2000 },
      {
        folds: 2,
        onProgress: ({ fraction, run, runs, elapsedMs }) => {
          expect([1, 2]).toContain(run);
          expect(runs).toBe(2);
          expect(elapsedMs).toBeGreaterThanOrEqual(0);
          fractions.push(fraction);
        },
      },
    );
    clearInterval(ticking);
    expect(result.folds).toHaveLength(2);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    expect(turns).toBeGreaterThan(0);

    const controller = new AbortController();
    const mine = new Error("enough");
    const onProgress = () => controller.abort(mine);
    const work = ff.crossValidateAsync(
      data,
      { model: "mf", epochs: 100_000 },
      {
        signal: controller.signal,
        onProgress,
      },
    );
    expect(await thrown(() => work)).toBe(mine);
  });

  test("leaves nothing behind, however it ends", async () => {
    const run = async () => {
      ff.crossValidate(data, { model: "mf", factors: 64, epochs: 2 });
      await thrown(() => ff.crossValidate(data, { model: "mf", factors: 64, learningRate: 1e6 }));
    };
    await run();
    const before = ff.memoryBytes();
    for (let k = 0; k < 30; k++) await run();
    expect(ff.memoryBytes()).toBe(before);
  });

  test("refuses what means nothing", async () => {
    const loose = (options: unknown, controls?: unknown, of: unknown = data) =>
      (ff as unknown as Loose)["crossValidate"]?.(of, options, controls);
    const mf = { model: "mf", epochs: 1 };
    await expectRefused(() => loose(mf, {}, null), "data");
    for (const [, options] of noOptions) {
      await expectRefused(() => loose(options), "trainOptions");
      await expectRefused(() => loose(mf, options), "options");
    }
    await expectRefused(() => loose({}), "model");
    await expectRefused(() => loose({ ...mf, factor: 2 }), "factor");
    for (const name of ["validation", "patience", "onEpoch", "onProgress", "signal"]) {
      await expectRefused(() => loose({ ...mf, [name]: data }), name);
    }
    for (const folds of [0, 1, 1.5, NaN, "3", 1001, null]) {
      await expectRefused(() => loose(mf, { folds }), "folds");
    }
    await expectRefused(() => loose(mf, { by: "time" }), "by");
    await expectRefused(() => loose(mf, { metrics: ["best"] }), "metrics");
    await expectRefused(() => loose(mf, { seed: -1 }), "seed");
    await expectRefused(() => loose(mf, { relevantFrom: NaN }), "relevantFrom");
    await expectRefused(() => loose(mf, { negatives: { count: 0 } }), "negatives");
    await expectRefused(() => loose(mf, { filterSeen: 1 }), "filterSeen");
    await expectRefused(() => loose(mf, { signal: {} }), "signal");
    await expectRefused(() => loose(mf, { onProgress: 5 }), "onProgress");
    await expectRefused(() => loose(mf, { fold: 5 }), "fold");
    const rows = ff.rows({ values: [1, 2, 3, 4], columns: 2, targets: [1, 2] });
    await expectRefused(() => loose({ model: "fm" }, { by: "user" }, rows), "by");
    await expectRefused(() => loose(mf, {}, rows), "data");
    const none = ff.dataset({ users: [], items: [] });
    await expectRefused(() => loose(mf, {}, none), "data");
  });
});

describe("search()", () => {
  const planted = twoFactors();

  test.each(["random", "halving"] as const)("finds a planted optimum (%s)", (by) => {
    const { best, trials } = ff.search(
      planted,
      {
        model: "mf",
        optimizer: "als",
        factors: { choices: [0, 8] },
        regularization: { choices: [0.001, 1, 100] },
      },
      { by, trials: 50, validation: { folds: 2 } },
    );
    expect(trials).toHaveLength(6); // there are no more
    expect(best.options).toMatchObject({ factors: 8, regularization: 1 });
    expect(best.value).toBeLessThan(0.8);
    expect(trials[1]?.value).toBeGreaterThan(1);
    expect(trials[0]?.value).toBe(best.value);
  });

  test("finds a penalty that is not too far from the best of a grid", () => {
    const value = (regularization: number) =>
      ff.crossValidate(planted, { model: "mf", optimizer: "als", factors: 8, regularization }).mean
        .rmse;
    const grid = Math.min(...[0.01, 0.1, 1, 10, 100].map(value));
    const { best } = ff.search(
      planted,
      {
        model: "mf",
        optimizer: "als",
        factors: 8,
        regularization: { min: 0.001, max: 1000, scale: "log" },
      },
      { trials: 15, validation: { folds: 5 } },
    );
    expect(best.value).toBeLessThan(1.1 * grid);
    expect(value(best.options["regularization" as never])).toBe(best.value);
  });

  test("gives what training with its best options gives", () => {
    const { best } = ff.search(
      data,
      {
        model: "mf",
        epochs: 9,
        factors: { min: 1, max: 9, integer: true },
        regularization: { user: { min: 0.1, max: 3, scale: "log" }, item: 1 },
        optimizer: { choices: ["sgd", "adam"] },
      },
      { trials: 9, by: "halving", validation: { fraction: 0.3, by: "user" }, seed: 3 },
    );
    const parts = ff.split(data, { by: "user", testFraction: 0.3, seed: 3 });
    const model = ff.train(parts.train, best.options);
    expect(model.options["epochs"]).toBe(9);
    expect(ff.evaluate(model, parts.test).rmse).toBe(best.value);
  });

  test("is the same each time, and goes on where fewer trials end", () => {
    const space = {
      model: "mf",
      epochs: 2,
      learningRate: { min: 0.001, max: 0.2, scale: "log" },
    } as const;
    const run = (trials: number, seed: number) =>
      ff
        .search(data, space, { trials, seed })
        .trials.map((trial) => ({ ...trial, elapsedMs: 0 }))
        .sort((a, b) => a.trial - b.trial);
    expect(run(6, 1)).toEqual(run(6, 1));
    expect(run(9, 1).slice(0, 6)).toEqual(run(6, 1));
    expect(run(6, 2)).not.toEqual(run(6, 1));
  });

  test("takes fewer epochs by halving, and gives the survivors more of them", () => {
    const space = {
      model: "mf",
      epochs: 27,
      factors: { min: 1, max: 40, integer: true },
      learningRate: { min: 0.005, max: 0.1, scale: "log" },
    } as const;
    const epochs = (trials: Trial[]) => trials.reduce((sum, trial) => sum + trial.epochs, 0);
    const all = ff.search(data, space, { trials: 27 });
    const halved = ff.search(data, space, { trials: 27, by: "halving" });
    expect(epochs(all.trials)).toBe(27 * 27);
    // 27 for one epoch, 9 for three, 3 for nine and 1 for all.
    expect(epochs(halved.trials)).toBe(4 * 27);
    expect(halved.trials.map(({ rung }) => rung)).toEqual([
      3,
      2,
      2,
      ...Array<number>(6).fill(1),
      ...Array<number>(18).fill(0),
    ]);
    expect(halved.trials.map(({ status }) => status)).toEqual([
      "done",
      ...Array<string>(26).fill("stopped"),
    ]);
    const two = ff.search(data, space, { trials: 4, by: "halving", reduction: 2 });
    expect(two.trials.map(({ rung }) => rung)).toEqual([2, 1, 0, 0]);
  });

  test("halves samples of a sampler, and refuses models that have neither", async () => {
    const { trials } = ff.search(
      data,
      { model: "fm", solver: "mcmc", burnIn: 1, samples: 6, factors: { choices: [0, 1, 2] } },
      { by: "halving" },
    );
    expect(trials.map(({ epochs }) => epochs).sort((a, b) => b - a)).toEqual([3 + 7, 3, 3]);
    await expectRefused(
      () => ff.search(data, { model: "svd", factors: { choices: [1, 2] } }, { by: "halving" }),
      "by",
    );
  });

  test.each([
    ["precision@5", true],
    ["gini@5", false],
    ["mae", false],
    ["auc", true],
  ] as [Metric, boolean][])("knows what is better of %s", (metric, higher) => {
    const { trials, best } = ff.search(
      data,
      { model: "svd", factors: { choices: [1, 2, 3, 4] } },
      { metric, relevantFrom: 4 },
    );
    const values = trials.map(({ value }) => value as number);
    expect(values).toEqual([...values].sort((a, b) => (higher ? b - a : a - b)));
    expect(best.value).toBe(values[0]);
  });

  test("writes down the trials that diverge, and goes on", async () => {
    const seen: Trial[] = [];
    const { trials, best } = ff.search(
      data,
      { model: "mf", epochs: 5, learningRate: { choices: [0.05, 1e7] } },
      { onTrial: (trial) => seen.push(trial) },
    );
    expect(best.options).toMatchObject({ learningRate: 0.05 });
    expect(trials.map(({ status }) => status)).toEqual(["done", "failed"]);
    expect(trials[1]).toMatchObject({ value: null, error: { code: "DIVERGED" } });
    expect(trials[1]?.error?.message).toMatch(/learningRate/);
    expect(seen.map(({ trial }) => trial)).toEqual([1, 2]);
    await expectFailure(
      () => ff.search(data, { model: "mf", learningRate: { choices: [1e7, 1e8] } }),
      DivergedError,
      "DIVERGED",
    );
  });

  test("tells how far it is, and can be ended, also from a callback", async () => {
    const fractions: number[] = [];
    await ff.searchAsync(
      data,
      { model: "mf", epochs: 9, factors: { min: 1, max: 64, integer: true } },
      { by: "halving", trials: 9, onProgress: ({ fraction }) => fractions.push(fraction) },
    );
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1);

    const space = { model: "mf", epochs: 50_000, factors: { choices: [1, 2, 3] } } as const;
    const controller = new AbortController();
    const work = ff.searchAsync(data, space, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    expect(await thrown(() => work)).toMatchObject({ name: "AbortError" });
    const mine = new Error("mine");
    const onTrial = () => {
      throw mine;
    };
    const short = { model: "mf", epochs: 1, factors: { choices: [1, 2] } } as const;
    expect(await thrown(() => ff.search(data, short, { onTrial }))).toBe(mine);
    const aborted = { signal: AbortSignal.abort(mine) };
    expect(await thrown(() => ff.search(data, short, aborted))).toBe(mine);
  });

  test("leaves nothing behind, however it ends", async () => {
    const run = async () => {
      ff.search(data, { model: "fm", epochs: 1, factors: { choices: [20, 40] } });
      await thrown(() => ff.search(data, { model: "mf", learningRate: { choices: [1e7, 1e8] } }));
    };
    await run();
    const before = ff.memoryBytes();
    for (let k = 0; k < 20; k++) await run();
    expect(ff.memoryBytes()).toBe(before);
  });

  test("searches plain rows", () => {
    const random = randomFrom(3);
    const values = Array.from({ length: 120 }, random);
    const targets = Array.from({ length: 60 }, (_, k) => 2 * at(values, 2 * k));
    const { best } = ff.search(
      ff.rows({ values, columns: 2, targets }),
      { model: "fm", factors: 0, regularization: { choices: [0, 50] } },
      { trials: 2 },
    );
    expect(best.options).toMatchObject({ regularization: 0 });
  });

  test("names the option whose range means nothing", async () => {
    const loose = (options: unknown, controls?: unknown, of: unknown = data) =>
      (ff as unknown as Loose)["search"]?.(of, options, controls);
    const refused = (options: object, argument: string) =>
      expectRefused(() => loose({ model: "mf", ...options }), argument);
    const good = { model: "mf", epochs: 1, factors: { choices: [1, 2] } };
    await refused({ factors: { min: 1, max: 2000, integer: true } }, "factors");
    await refused({ factors: { min: -1, max: 20, integer: true } }, "factors");
    await refused({ factors: { min: 1, max: 20 } }, "factors"); // not whole
    await refused({ factors: { min: 1.5, max: 20, integer: true } }, "factors");
    await refused({ factors: { choices: [1, "two"] } }, "factors");
    await refused({ factors: { choices: [] } }, "factors");
    await refused({ factors: { choices: 5 } }, "factors");
    await refused({ factors: { choices: [1], max: 2 } }, "max");
    await refused({ learningRate: { min: 0, max: 1, scale: "log" } }, "learningRate");
    await refused({ learningRate: { min: 1, max: 1 } }, "learningRate");
    await refused({ learningRate: { min: 1, max: 0.5 } }, "learningRate");
    await refused({ learningRate: { min: NaN, max: 0.5 } }, "learningRate");
    await refused({ learningRate: { min: 0.1 } }, "learningRate");
    await refused({ learningRate: { min: 0.1, max: 1, scale: "ln" } }, "learningRate");
    await refused({ learningRate: { min: 0.1, max: 1, step: 2 } }, "step");
    await refused({ regularization: { user: { min: -1, max: 1 } } }, "regularization");
    await refused({ regularization: { users: { min: 0, max: 1 } } }, "users");
    await refused({ learnRate: { min: 0.1, max: 1 } }, "learnRate");
    await refused({ optimizer: { choices: ["sgd", "sgb"] } }, "optimizer");
    await refused({ optimizer: { choices: ["sgd", "als"] }, loss: "logistic" }, "loss");
    await refused({ model: { choices: ["mf", "svd"] } }, "model");
    await refused({ factors: 5 }, "options");
    await refused({ ...good, validation: data }, "validation");
    for (const [, options] of [...noOptions, ["nothing", undefined]]) {
      await expectRefused(() => loose(options), "options");
    }
    for (const [, options] of noOptions) {
      await expectRefused(() => loose(good, options), "options");
      await expectRefused(() => loose(good, { validation: options }), "validation");
    }
    for (const [, trials] of noCounts) await expectRefused(() => loose(good, { trials }), "trials");
    await expectRefused(() => loose(good, { trials: 10_001 }), "trials");
    await expectRefused(() => loose(good, { by: "grid" }), "by");
    await expectRefused(() => loose(good, { reduction: 1 }), "reduction");
    await expectRefused(() => loose(good, { metric: "best" }), "metric");
    await expectRefused(() => loose(good, { metric: ["rmse"] }), "metric");
    await expectRefused(() => loose(good, { validation: { fraction: 0 } }), "validation");
    await expectRefused(() => loose(good, { validation: { fraction: 1 } }), "validation");
    await expectRefused(() => loose(good, { validation: { folds: 1 } }), "validation");
    await expectRefused(
      () => loose(good, { validation: { folds: 2, fraction: 0.5 } }),
      "validation",
    );
    await expectRefused(() => loose(good, { validation: { by: "time" } }), "validation");
    await expectRefused(() => loose(good, { validation: { seed: 1 } }), "seed");
    await expectRefused(() => loose(good, { onTrial: 5 }), "onTrial");
    await expectRefused(() => loose(good, { onEpoch: () => 5 }), "onEpoch");
    await expectRefused(() => loose(good, { seed: 0.5 }), "seed");
    await expectRefused(() => loose(good, { signal: 5 }), "signal");
    await expectRefused(() => loose(good, {}, {}), "data");
    const epochs = { choices: [1, 2] };
    await expectRefused(() => loose({ ...good, epochs }, { by: "halving" }), "epochs");
  });
});
