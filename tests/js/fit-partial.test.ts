import { ArgumentError, DivergedError, load, type Model } from "featherfm";
import { describe, expect, test } from "vitest";
import {
  expectFailure,
  fingerprint,
  float32,
  foreignTensors,
  sample,
  thrown,
  writeSafetensors,
} from "./support.js";

const ff = await load();
const lists = sample();
const data = ff.dataset(lists);
const base = ff.train(data, { model: "mf", factors: 4, epochs: 10, seed: 3 });
const news = ff.dataset({
  users: ["u1", "new user", "new user"],
  items: [101, 100, "new item"],
  ratings: [5, 1, 5],
});
const predictions = (model: Model) => fingerprint(model.predict(lists.users, lists.items));

describe("continuing a model from elsewhere", () => {
  test("keeps the loss that its link says", () => {
    const file = writeSafetensors(
      {
        ...foreignTensors(),
        value_range: { dtype: "F32", shape: [2], bytes: float32(0, 1) },
      },
      { link: "logistic" },
    );
    const model = ff.loadModel(file);
    const more = ff.dataset({ users: [0, 1], items: [0, 2], ratings: [1, 0] });
    const next = ff.fitPartial(model, more, { epochs: 1, learningRate: 1e-6 });
    const pairs = [
      [0, 1],
      [0, 2],
    ] as const;
    next
      .predict(...pairs)
      .forEach((value, k) => expect(value).toBeCloseTo(model.predict(...pairs)[k] as number, 3));
    expect(next.options["loss"]).toBe("logistic");
  });
});

describe("continuing a model", () => {
  test("knows the users and items of both, the old ones first", () => {
    const model = ff.fitPartial(base, news);
    expect(model.userIds()).toEqual([...base.userIds(), "new user"]);
    expect(model.itemIds()).toEqual([...base.itemIds(), "new item"]);
    expect(model.predict(["new user"], ["new item"])[0]).toBeGreaterThan(1);
    expect(base.hasUser("new user")).toBe(false);
  });

  test("leaves the old model as it was", () => {
    const before = { file: fingerprint(base.save()), predictions: predictions(base) };
    const model = ff.fitPartial(base, news, { epochs: 5 });
    expect(predictions(model)).not.toBe(before.predictions);
    expect({ file: fingerprint(base.save()), predictions: predictions(base) }).toEqual(before);
  });

  test("goes on from the parameters: the training error begins where it was", () => {
    const fresh = ff.train(data, { model: "mf", factors: 4, epochs: 1 });
    const continued = ff.fitPartial(base, data, { epochs: 1 });
    const error = (model: Model) => model.summary.epochs[0]?.trainRmse as number;
    expect(error(continued)).toBeLessThan(error(fresh));
  });

  test("moves only what the new interactions touch", () => {
    const model = ff.fitPartial(base, news, { epochs: 5 });
    const untouched = (m: Model) => m.predict(["u2", "u3"], [105, 110], { clip: false });
    expect(untouched(model)).toEqual(untouched(base));
    expect(model.predict(["u1"], [101])[0]).toBeGreaterThan(
      base.predict(["u1"], [101])[0] as number,
    );
  });

  test("remembers what was seen in both trainings", () => {
    const model = ff.fitPartial(base, news);
    const offered = model.recommend("u1", { n: 1000 }).map(({ item }) => item);
    const seen = data.ratingsOf("u1").map(({ item }) => item);
    expect(offered.filter((item) => seen.includes(item))).toEqual([]);
    expect(offered).not.toContain(101);
    expect(model.recommend("new user", { n: 1000 }).map(({ item }) => item)).not.toContain(100);
  });

  test("widens an observed value range", () => {
    const wide = ff.dataset({ users: ["u1"], items: [100], ratings: [9] });
    expect([...ff.fitPartial(base, wide).valueRange]).toEqual([base.valueRange[0], 9]);
  });

  test("keeps the options of the model but for those given", () => {
    const model = ff.fitPartial(base, news, { epochs: 2, learningRate: 0.005, seed: 9 });
    expect(model.options).toEqual({ ...base.options, epochs: 2, learningRate: 0.005, seed: 9 });
    expect(model.summary.epochs).toHaveLength(2);
  });

  test("takes the same controls as training", async () => {
    const epochs: number[] = [];
    const model = ff.fitPartial(base, news, {
      epochs: 30,
      validation: data,
      patience: 2,
      onEpoch: ({ epoch }) => epochs.push(epoch),
    });
    expect(epochs).toHaveLength(model.summary.epochs.length);
    const signal = AbortSignal.abort("no");
    expect(await thrown(() => ff.fitPartialAsync(base, news, { signal }))).toBe("no");
  });

  test("gives the same bits in this call and the shared one", async () => {
    const [one, two] = [ff.fitPartial(base, news), await ff.fitPartialAsync(base, news)];
    expect(predictions(one)).toBe(predictions(two));
  });

  test.each(["adagrad", "adam", "als"] as const)("works with %s", (optimizer) => {
    const start = ff.train(data, { model: "mf", optimizer, factors: 3, epochs: 3 });
    const model = ff.fitPartial(start, data, { epochs: 3 });
    expect(model.summary.epochs[2]?.trainRmse).toBeLessThan(
      start.summary.epochs[0]?.trainRmse as number,
    );
    expect(model.options["optimizer"]).toBe(optimizer);
  });

  test("works on a model that comes from a file", () => {
    const loaded = ff.loadModel(base.save());
    expect(predictions(ff.fitPartial(loaded, news))).toBe(predictions(ff.fitPartial(base, news)));
    const foreign = ff.loadModel(writeSafetensors(foreignTensors()));
    const model = ff.fitPartial(
      foreign,
      ff.dataset({ users: [1, 7], items: [0, 9], ratings: [2, 3] }),
    );
    expect(model.userIds()).toEqual([0, 1, 7]);
    expect(model.itemIds()).toEqual([0, 1, 2, 9]);
    expect(model.predict([7], [9]).every(Number.isFinite)).toBe(true);
  });
});

describe("continuing that fails", () => {
  test("leaves the model usable", async () => {
    const before = predictions(base);
    await expectFailure(
      () => ff.fitPartial(base, news, { learningRate: 1e9, epochs: 20 }),
      DivergedError,
      "DIVERGED",
      "learningRate",
    );
    const fault = new Error("mine");
    const onEpoch = () => {
      throw fault;
    };
    expect(await thrown(() => ff.fitPartial(base, news, { onEpoch }))).toBe(fault);
    expect(predictions(base)).toBe(before);
    expect(ff.fitPartial(base, news).userCount).toBe(base.userCount + 1);
  });

  test("is refused for models without gradient or sweeps", async () => {
    for (const options of [{ model: "svd" }, { model: "popularity" }] as const) {
      const model = ff.train(data, options);
      await expectFailure(
        () => ff.fitPartial(model, news),
        ArgumentError,
        "INVALID_ARGUMENT",
        "model",
      );
    }
  });

  test("has no learningRate to change where there is none", async () => {
    const als = ff.train(data, { model: "mf", optimizer: "als", factors: 2, epochs: 1 });
    const call = () => ff.fitPartial(als, news, { learningRate: 0.1 });
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "learningRate");
  });
});
