import {
  ArgumentError,
  DivergedError,
  load,
  type EpochReport,
  type Model,
  type ModelOptions,
  type Progress,
} from "featherfm";
import { describe, expect, test } from "vitest";
import { at, expectFailure, fingerprint, sample, thrown } from "./support.js";

const ff = await load();
const lists = sample();
const data = ff.dataset(lists);
const halves = ff.split(data, { by: "random", testFraction: 0.2, seed: 1 });

const gradient = { model: "mf", factors: 4, epochs: 6 } as const;
const families: [string, ModelOptions][] = [
  ["sgd, squared loss", { ...gradient }],
  ["sgd, logistic loss", { ...gradient, loss: "logistic", learningRate: 0.05 }],
  ["AdaGrad, squared loss", { ...gradient, optimizer: "adagrad" }],
  ["AdaGrad, logistic loss", { ...gradient, optimizer: "adagrad", loss: "logistic" }],
  ["Adam, squared loss", { ...gradient, optimizer: "adam" }],
  ["Adam, logistic loss", { ...gradient, optimizer: "adam", loss: "logistic" }],
  ["alternating least squares", { ...gradient, optimizer: "als" }],
  ["biases alone", { ...gradient, factors: 0 }],
  ["factors alone", { ...gradient, biases: false, learningRate: 0.05 }],
  ["truncated SVD", { model: "svd", factors: 4 }],
];

const everyPrediction = (model: Model): Float32Array =>
  model.predict(lists.users, lists.items, { clip: false });

describe.each(families)("training by %s", (_, options) => {
  const reports: EpochReport[] = [];
  const model = ff.train(data, { ...options, onEpoch: (report) => reports.push(report) });

  test("gives finite predictions that beat the mean", () => {
    const predictions = everyPrediction(model);
    expect(predictions.every(Number.isFinite)).toBe(true);
    const mean = lists.ratings.reduce((sum, r) => sum + r, 0) / lists.ratings.length;
    const rmse = (of: (k: number) => number) =>
      Math.sqrt(
        lists.ratings.reduce((sum, r, k) => sum + (r - of(k)) ** 2, 0) / predictions.length,
      );
    expect(rmse((k) => at(predictions, k))).toBeLessThan(rmse(() => mean));
  });

  test("reports every epoch in order and keeps the reports", () => {
    const epochs = options.model === "svd" ? 1 : 6;
    expect(reports.map(({ epoch }) => epoch)).toEqual(
      Array.from({ length: epochs }, (_, k) => k + 1),
    );
    for (const report of reports) {
      expect(report).toMatchObject({ epochs, best: true });
      expect(report.trainLoss).toBeGreaterThan(0);
      expect(report.trainRmse).toBeGreaterThan(0);
      expect(report).not.toHaveProperty("validation");
    }
    expect(at(reports, epochs - 1).fraction).toBe(1);
    expect(model.summary).toMatchObject({ bestEpoch: epochs, stoppedEarly: false });
    expect(model.summary.epochs).toEqual(reports);
  });

  test("lowers the training error", () => {
    if (reports.length === 1) return;
    expect(at(reports, reports.length - 1).trainRmse).toBeLessThan(at(reports, 0).trainRmse);
  });

  test("gives the same bits for the same seed, others for another", () => {
    const again = everyPrediction(ff.train(data, options));
    expect(fingerprint(again)).toBe(fingerprint(everyPrediction(model)));
    const other = everyPrediction(ff.train(data, { ...options, seed: 2 } as ModelOptions));
    // The SVD comes out the same up to rounding, whatever it starts from.
    if (options.model !== "svd") expect(fingerprint(other)).not.toBe(fingerprint(again));
  });

  test("gives the same bits when it shares the thread", async () => {
    const shared = await ff.trainAsync(data, options);
    expect(everyPrediction(shared)).toEqual(everyPrediction(model));
    expect(shared.summary.bestEpoch).toBe(model.summary.bestEpoch);
  });

  test("says what it was trained with", () => {
    expect(model).toMatchObject({
      family: options.model,
      userCount: data.userCount,
      itemCount: data.itemCount,
      factors: (options as { factors: number }).factors,
    });
    expect([...model.valueRange]).toEqual([...data.ratingRange]);
    expect(model.options).toMatchObject({ model: options.model, seed: 1 });
    expect(model.userIds()).toEqual(data.userIds());
    expect(model.itemIds()).toEqual(data.itemIds());
  });

  test("leaves the dataset as it was", () => {
    expect(data.ratingsOf("u3")).toEqual(ff.dataset(sample()).ratingsOf("u3"));
  });
});

describe("the popularity baseline", () => {
  test("scores items by their number of interactions", () => {
    const model = ff.train(data, { model: "popularity" });
    const counts = data.itemCounts();
    const scores = model.recommend("u0", { n: data.itemCount, filterSeen: false });
    expect(scores).toHaveLength(data.itemCount);
    for (const { item, score } of scores)
      expect(score).toBe(at(counts, data.itemIds().indexOf(item)));
    expect(scores.map(({ score }) => score)).toEqual([...counts].sort((a, b) => b - a));
    expect(model).toMatchObject({ family: "popularity", factors: 0 });
    expect(model.summary.epochs).toEqual([]);
  });

  test("is refused for nothing", async () => {
    const empty = ff.dataset({ users: [], items: [] });
    for (const options of [{ model: "popularity" }, { model: "mf" }, { model: "svd" }] as const) {
      await expectFailure(() => ff.train(empty, options), ArgumentError, "EMPTY", "data");
    }
  });
});

describe("the same seed", () => {
  // Known bits: a change here is a change of results for every user.
  test.each([
    [
      "sgd",
      "ee965d18",
      { optimizer: "sgd", learningRate: 0.01, learningRateDecay: 1, regularization: 0.05 },
    ],
    [
      "adagrad",
      "9d128dd5",
      { optimizer: "adagrad", learningRate: 0.05, learningRateDecay: 1, regularization: 0.05 },
    ],
    [
      "adam",
      "c2802461",
      { optimizer: "adam", learningRate: 0.002, learningRateDecay: 1, regularization: 0.05 },
    ],
    ["als", "8ecc9675", { optimizer: "als", regularization: 0.1 }],
  ] as const)("gives known bits with %s", (_, known, options) => {
    const fixed = { factors: 8, epochs: 5, seed: 42, initialScale: 0.1, frequencyScaling: 1 };
    const model = ff.train(data, { model: "mf", ...fixed, ...options });
    expect(fingerprint(everyPrediction(model))).toBe(known);
  });
});

describe("validation", () => {
  const options = { model: "mf", factors: 16, epochs: 60, learningRate: 0.1 } as const;
  const overfitting = { ...options, regularization: 0, validation: halves.test } as const;

  test("is reported after every epoch, and agrees with evaluate", () => {
    const model = ff.train(halves.train, { ...options, epochs: 3, validation: halves.test });
    const last = at(model.summary.epochs, 2).validation;
    const measured = ff.evaluate(model, halves.test);
    expect(last?.rmse).toBeCloseTo(measured.rmse, 5);
    expect(last?.mae).toBeCloseTo(measured.mae, 5);
  });

  test("picks the epoch with the lowest loss, and the model holds its parameters", () => {
    const model = ff.train(halves.train, overfitting);
    const losses = model.summary.epochs.map(({ validation }) => validation?.loss as number);
    const best = losses.indexOf(Math.min(...losses)) + 1;
    expect(losses).toHaveLength(60);
    expect(model.summary.bestEpoch).toBe(best);
    expect(best).toBeLessThan(60);
    let lowest = Infinity;
    for (const { best, validation } of model.summary.epochs) {
      expect(best).toBe((validation?.loss as number) < lowest);
      lowest = Math.min(lowest, validation?.loss as number);
    }
    const exact = ff.train(halves.train, { ...options, regularization: 0, epochs: best });
    expect(everyPrediction(model)).toEqual(everyPrediction(exact));
  });

  test("ends training early after `patience` epochs without a better one", () => {
    const model = ff.train(halves.train, { ...overfitting, patience: 3 });
    const { bestEpoch, stoppedEarly, epochs } = model.summary;
    expect(stoppedEarly).toBe(true);
    expect(epochs).toHaveLength(bestEpoch + 3);
    expect(
      ff.train(halves.train, { ...overfitting, epochs: 2, patience: 3 }).summary,
    ).toMatchObject({
      stoppedEarly: false,
    });
  });

  test("may be counted by another id map; ids the model does not know are passed over", () => {
    const known = { users: ["u1", "u0"], items: [101, 100], ratings: [3, 4] };
    const of = (input: Parameters<typeof ff.dataset>[0]) =>
      ff.train(data, { ...gradient, validation: ff.dataset(input) }).summary.epochs[5]?.validation;
    expect(
      of({ users: ["nobody", ...known.users], items: [999, ...known.items], ratings: [5, 3, 4] }),
    ).toEqual(of(known));
  });

  test("needs something that can be measured", async () => {
    const unknown = ff.dataset({ users: ["nobody"], items: [1] });
    const empty = ff.dataset({ users: [], items: [] });
    for (const validation of [empty, unknown]) {
      const call = () => ff.train(data, { ...gradient, validation });
      await expectFailure(call, ArgumentError, "EMPTY", "validation");
    }
  });
});

describe("progress", () => {
  test("grows to 1, in the thread's own call and in the shared one", async () => {
    for (const run of [
      (o: ModelOptions & { onProgress: (p: Progress) => void }) => ff.train(data, o),
      (o: ModelOptions & { onProgress: (p: Progress) => void }) => ff.trainAsync(data, o),
    ]) {
      const seen: Progress[] = [];
      await run({ model: "mf", epochs: 300, onProgress: (progress) => seen.push(progress) });
      const fractions = seen.map(({ fraction }) => fraction);
      expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
      expect(at(seen, seen.length - 1)).toMatchObject({ epoch: 300, epochs: 300, fraction: 1 });
      expect(at(fractions, 0)).toBeGreaterThan(0);
      const times = seen.map(({ elapsedMs }) => elapsedMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });

  test("leaves the thread to others while training is shared", async () => {
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort("another turn of the event loop");
    });
    const options = { model: "mf", epochs: 100_000, signal: controller.signal } as const;
    expect(await thrown(() => ff.trainAsync(data, options))).toBe("another turn of the event loop");
  });
});

describe("a callback", () => {
  test("that throws ends training, and its exception comes out", async () => {
    const fault = new Error("mine");
    let calls = 0;
    const onEpoch = () => {
      if (++calls === 2) throw fault;
    };
    expect(await thrown(() => ff.train(data, { ...gradient, onEpoch }))).toBe(fault);
    expect(calls).toBe(2);
    const onProgress = () => {
      throw fault;
    };
    expect(await thrown(() => ff.trainAsync(data, { ...gradient, onProgress }))).toBe(fault);
  });

  test("may use the engine, train another model, and close the dataset", () => {
    const own = ff.dataset(lists);
    let inner: Model | undefined;
    const model = ff.train(own, {
      ...gradient,
      onEpoch({ epoch }) {
        if (epoch === 1) own.close();
        inner = ff.train(data, { model: "mf", factors: 2, epochs: 1 });
      },
    });
    expect(inner?.factors).toBe(2);
    expect(everyPrediction(model)).toEqual(everyPrediction(ff.train(data, gradient)));
  });
});

describe("a signal", () => {
  test("that is aborted beforehand stops training before it begins", async () => {
    let epochs = 0;
    const reason = new Error("not today");
    const options = { ...gradient, signal: AbortSignal.abort(reason), onEpoch: () => epochs++ };
    expect(await thrown(() => ff.train(data, options))).toBe(reason);
    expect(await thrown(() => ff.trainAsync(data, options))).toBe(reason);
    expect(await thrown(() => ff.train(data, { ...options, model: "mf" }))).toBe(reason);
    expect(epochs).toBe(0);
  });

  test("that is aborted on the way stops training soon", async () => {
    for (const call of ["train", "trainAsync"] as const) {
      const controller = new AbortController();
      let last = 0;
      const training = () =>
        ff[call](data, {
          model: "mf",
          epochs: 100_000,
          signal: controller.signal,
          onEpoch({ epoch }) {
            last = epoch;
            if (epoch === 10) controller.abort("enough");
          },
        });
      expect(await thrown(training)).toBe("enough");
      expect(last).toBeLessThan(50_000);
    }
  });

  test("that is aborted afterwards changes nothing", () => {
    const controller = new AbortController();
    const model = ff.train(data, { ...gradient, signal: controller.signal });
    controller.abort();
    expect(everyPrediction(model)).toHaveLength(lists.users.length);
  });
});

describe("training that runs away", () => {
  test("says so, and what to change", async () => {
    const error = await expectFailure(
      () => ff.train(data, { model: "mf", learningRate: 1e8 }),
      DivergedError,
      "DIVERGED",
      "learningRate",
    );
    expect(error.message).toMatch(/epoch 1/);
    expect(error.message).toMatch(/[Ll]ower/);
    expect(error.model).toBeUndefined();
  });

  test("hands over the last good epoch", async () => {
    let good = 0;
    const error = await expectFailure(
      () =>
        ff.train(data, {
          model: "mf",
          factors: 0,
          learningRate: 3,
          regularization: 0,
          onEpoch: ({ epoch }) => (good = epoch),
        }),
      DivergedError,
      "DIVERGED",
    );
    expect(good).toBeGreaterThan(0);
    const model = error.model as Model;
    expect(model.summary.bestEpoch).toBe(good);
    expect(everyPrediction(model).every(Number.isFinite)).toBe(true);
  });
});

describe("options", () => {
  test("change the result", () => {
    const base = fingerprint(everyPrediction(ff.train(data, { ...gradient })));
    const changes = [
      { factors: 5 },
      { epochs: 7 },
      { learningRate: 0.02 },
      { learningRateDecay: 0.5 },
      { regularization: 0.5 },
      { regularization: { item: 0.5 } },
      { biases: { user: false } },
      { frequencyScaling: 0 },
      { initialScale: 0.3 },
      { loss: "logistic" },
      { optimizer: "adam" },
    ] as const;
    const results = changes.map((change) => {
      const options = { ...gradient, ...change } as ModelOptions;
      return fingerprint(everyPrediction(ff.train(data, options)));
    });
    expect(new Set([base, ...results]).size).toBe(changes.length + 1);
  });

  test("given as undefined are left out", () => {
    const options = { ...gradient, seed: undefined, loss: undefined } as unknown as ModelOptions;
    expect(everyPrediction(ff.train(data, options))).toEqual(
      everyPrediction(ff.train(data, gradient)),
    );
  });

  test("a value range of one's own limits predictions", () => {
    const model = ff.train(data, { ...gradient, valueRange: [2, 3] });
    expect([...model.valueRange]).toEqual([2, 3]);
    const predictions = model.predict(lists.users, lists.items);
    expect(Math.min(...predictions)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...predictions)).toBeLessThanOrEqual(3);
  });

  test("a value range must hold every rating of the logistic loss", async () => {
    const call = () => ff.train(data, { ...gradient, loss: "logistic", valueRange: [2, 4] });
    await expectFailure(call, ArgumentError, "OUT_OF_RANGE", /ratings|valueRange/);
  });

  test("a value range too wide for float32 is refused or served", async () => {
    const options = { ...gradient, loss: "logistic", valueRange: [-3e38, 3e38] } as const;
    await expectFailure(() => ff.train(data, options), ArgumentError, "OUT_OF_RANGE", "valueRange");
  });

  test("weight 0 takes a rating out of training", () => {
    const weights = lists.users.map((user) => (user === "u1" ? 0 : 1));
    const without = { ...lists, weights };
    const changed = {
      ...without,
      ratings: lists.ratings.map((r, k) => (lists.users[k] === "u1" ? 6 - r : r)),
    };
    const of = (input: typeof without) =>
      everyPrediction(
        ff.train(ff.dataset(input), { ...gradient, valueRange: [1, 5], biases: { global: false } }),
      );
    expect(of(without)).toEqual(of(changed));
  });

  test("the SVD keeps no more factors than the matrix has, largest first", () => {
    const model = ff.train(data, { model: "svd", factors: 1024, fill: 3 });
    expect(model.factors).toBe(Math.min(data.userCount, data.itemCount));
    const values = [...model.singularValues()];
    expect(values).toEqual([...values].sort((a, b) => b - a));
    // With all of them the filled matrix comes back.
    const predictions = everyPrediction(model);
    predictions.forEach((p, k) => expect(p).toBeCloseTo(at(lists.ratings, k), 3));
  });
});
