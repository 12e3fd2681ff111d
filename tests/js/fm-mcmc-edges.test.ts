/** Bayesian factorization machines: what they refuse, plain rows, memory, and the client. */
import {
  ArgumentError,
  ClosedError,
  load,
  UnknownIdError,
  withDefaults,
  type EpochReport,
  type Model,
  type ModelOptions,
} from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test, vi } from "vitest";
import { expectRefused, noIds, noLists, noOptions, type Loose } from "./bad-values.js";
import {
  bare,
  one,
  planted,
  PlainMachine,
  ratedFor,
  ratingsFor,
  sampling,
  tasks,
  type Task,
} from "./fm-support.js";
import { at, expectFailure, sample, thrown } from "./support.js";

vi.spyOn(console, "warn").mockImplementation(() => undefined);
const engine = await load();
const ff = engine as unknown as Loose;
const lists = planted({ luck: 1.5 });
const given = { ...lists, ratings: ratingsFor("ordinal", lists.ratings) };
const data = engine.dataset(given);
const options = sampling("ordinal");
const model = engine.train(data, options);
const guest = model.foldInUser(ratedFor("ordinal"));
const [looseModel, looseGuest] = [model, guest] as unknown as [Loose, Loose];
const simple = planted({ users: 12, items: 9 });
/** Whether the colours are the same, and whether it is evening. */
const rowsFor = (task: Task) =>
  engine.rows({
    values: simple.users.flatMap((user, k) => [
      Number(Number(user.slice(1)) % 3 === (at(simple.items, k) - 100) % 3),
      Number(simple.context.time[k] === "evening"),
    ]),
    columns: 2,
    targets: ratingsFor(task, simple.ratings),
  });

describe("what is refused", () => {
  const train = (more: object) => () => ff["train"]?.(data, { ...options, ...more });
  const bad: [string, unknown[]][] = [
    ["task", ["probit", null, 1, "ranking"]],
    ["factors", [-1, 257, 1.5, NaN, "3", null]],
    ["burnIn", [-1, 100_001, 1.5, Infinity, "3", null]],
    ["samples", [0, -1, 100_001, 1.5, NaN, "3", null]],
    ["chains", [0, -1, 101, 1.5, NaN, "3", null, 40]], // 40: more than there are samples
    ["keep", [0, -1, 1001, 1.5, NaN, "3", null]],
    ["initialScale", [-1, 11, NaN, "1", null]],
    ["terms", [1, { constant: 1 }]],
    ["fields", ["group", ["nothing"]]],
    ["derived", ["day", ["week"]]],
    ["seed", [-1, 0.5, "1"]],
  ];
  test.each(bad)("of the option %s", async (name, values) => {
    for (const value of values) await expectRefused(train({ [name]: value }), name);
  });
  test("of options that a sampler has no use for", async () => {
    for (const name of ["epochs", "learningRate", "regularization", "frequencyScaling", "l1"]) {
      await expectRefused(train({ [name]: 1 }), name);
    }
    for (const name of ["burnIn", "samples", "chains", "keep"]) {
      await expectRefused(() => ff["train"]?.(data, { model: "fm", [name]: 5 }), name);
    }
    await expectRefused(() => ff["train"]?.(data, { model: "fm", task: "ordinal" }), "task");
    await expectRefused(train({ validation: data, patience: 3 }), "patience");
    await expectRefused(
      () => engine.fitPartial(model, data, { validation: data, patience: 3 }),
      "patience",
    );
    expect(withDefaults({ model: "fm", solver: "mcmc" })).toMatchObject({
      factors: 10,
      burnIn: 20,
      samples: 200,
      chains: 1,
      keep: 50,
      task: "regression",
    });
  });

  test("of data that does not suit the task", async () => {
    const labels = sampling("classification");
    await expectRefused(() => engine.train(data, labels), "ratings");
    const many = sample({ users: 20, items: 10 });
    const ratings = many.ratings.map((_, k) => k);
    await expectFailure(
      () => engine.train(engine.dataset({ ...many, ratings }), options),
      ArgumentError,
      "OUT_OF_RANGE",
      "ratings",
    );
    const weighted = engine.dataset({ ...given, weights: given.ratings.map((r) => r) });
    await expectRefused(() => engine.train(weighted, options), "weights");
    const ratings01 = ratingsFor("classification", lists.ratings);
    const weights = ratings01.map(() => 2);
    const weightedLabels = engine.dataset({ ...lists, ratings: ratings01, weights });
    await expectRefused(() => engine.train(weightedLabels, labels), "weights");
    engine.train(weighted, { ...sampling("regression"), samples: 2 });
    const flat = engine.dataset({ users: [1, 2], items: [1, 2], ratings: [3, 3] });
    expect([...engine.train(flat, options).predict([1], [2])]).toEqual([3]);
  });

  test.each(noOptions)("of %s for options", async (_, value) => {
    await expectRefused(() => looseModel["predictDistribution"]?.(["u1"], [100], value), "options");
    await expectRefused(() => looseGuest["predictDistribution"]?.([100], value), "options");
    const context = { context: value };
    await expectRefused(
      () => looseModel["predictDistribution"]?.(["u1"], [100], context),
      "context",
    );
    await expectRefused(() => looseGuest["predictDistribution"]?.([100], context), "context");
  });
  test("of lists and ids for a distribution", async () => {
    for (const [, list] of noLists) {
      await expectRefused(() => looseModel["predictDistribution"]?.(list, [100]), "users");
      await expectRefused(() => looseModel["predictDistribution"]?.(["u1"], list), "items");
      await expectRefused(() => looseGuest["predictDistribution"]?.(list), "items");
    }
    for (const [, id] of noIds) {
      await expectRefused(() => looseModel["predictDistribution"]?.([id], [100]), "users");
      await expectRefused(() => looseGuest["predictDistribution"]?.([id]), "items");
    }
    const clip = { clip: false } as never;
    await expectRefused(() => model.predictDistribution(["u1"], [100], clip), "clip");
    const two = { context: { time: ["morning", "evening"] } };
    await expectRefused(() => model.predictDistribution(["u1"], [100], two), "context");
    await expectRefused(() => guest.predictDistribution([100], two), "context");
    const call = () => model.predictDistribution(["u1"], [100, 101]);
    await expectFailure(call, ArgumentError, "SIZE_MISMATCH", "items");
    expect(await thrown(() => model.predictDistribution(["nobody"], [100]))).toBeInstanceOf(
      UnknownIdError,
    );
    expect(await thrown(() => guest.predictDistribution([5]))).toBeInstanceOf(UnknownIdError);
    const empty = model.predictDistribution([], []);
    expect([empty.mean.length, empty.probabilities.length]).toEqual([0, 0]);
  });

  test("of optimism", async () => {
    for (const optimism of [-10.5, 11, NaN, Infinity, "1", null, {}]) {
      await expectRefused(() => looseModel["recommend"]?.("u1", { optimism }), "optimism");
      await expectRefused(() => looseModel["recommendAll"]?.({ optimism }), "optimism");
      await expectRefused(() => looseGuest["recommend"]?.({ optimism }), "optimism");
    }
  });
  test("by models that were not sampled", async () => {
    for (const family of ["fm", "mf", "svd", "popularity"] as const) {
      const other = engine.train(data, { model: family } as ModelOptions);
      expect(other.recommend("u1", { optimism: 0 })).toEqual(other.recommend("u1"));
      await expectRefused(() => other.recommend("u1", { optimism: 1 }), "optimism");
      await expectRefused(() => other.recommendAll({ optimism: -1 }), "optimism");
      await expectRefused(() => other.predictDistribution(["u1"], [100]), "model");
      if (family === "popularity") continue;
      const placed = other.foldInUser([]);
      await expectRefused(() => placed.recommend({ optimism: 1 }), "optimism");
      await expectRefused(() => placed.predictDistribution([100]), "model");
      if (family === "svd") continue;
      for (const changes of [{ samples: 3 }, { keep: 3 }]) {
        await expectRefused(() => engine.fitPartial(other, data, changes), Object.keys(changes)[0] as string); // prettier-ignore
      }
    }
  });

  test("of ratings that are no class or label", async () => {
    for (const rating of [2.5, 0, 5, 1e38, -1]) {
      const call = () => model.foldInUser([{ item: 100, rating }]);
      await expectFailure(call, ArgumentError, "OUT_OF_RANGE", "ratings");
    }
    const labels = engine.dataset({ ...lists, ratings: ratingsFor("classification", lists.ratings) }); // prettier-ignore
    const probit = engine.train(labels, sampling("classification"));
    for (const rating of [0.5, 2, 1e38]) {
      const call = () => probit.foldInUser([{ item: 100, rating }]);
      await expectFailure(call, ArgumentError, "OUT_OF_RANGE", "ratings");
    }
    const [zero, minus] = [0, -1].map((rating) => probit.foldInUser([{ item: 100, rating }]));
    expect(minus?.predict([101])).toEqual(zero?.predict([101]));
    await expectRefused(() => model.foldInUser([...ratedFor("ordinal"), ...ratedFor("ordinal")]), "ratings"); // prettier-ignore
  });

  test("when a chain is continued", async () => {
    for (const changes of [{ epochs: 3 }, { learningRate: 0.1 }, { seed: 3 }]) {
      const call = () => engine.fitPartial(model, data, changes);
      await expectRefused(call, Object.keys(changes)[0] as string);
    }
    for (const samples of [0, 1.5, 100_001, "3", null, NaN]) {
      await expectRefused(() => ff["fitPartial"]?.(model, data, { samples }), "samples");
    }
    for (const keep of [0, 1.5, 1001, "3", null, NaN]) {
      await expectRefused(() => ff["fitPartial"]?.(model, data, { keep }), "keep");
    }
    const other = engine.dataset({ users: ["u1"], items: [100], ratings: [1.5] });
    await expectRefused(() => engine.fitPartial(model, other), "data");
    await expectRefused(() => engine.fitPartial(model, rowsFor("ordinal") as never), "data");
  });
});

test("the mean score is that of the machine shown", () => {
  const wide = { ...sampling("regression"), valueRange: [-100, 100] as const };
  const plain = engine.train(engine.dataset(bare(lists)), wide);
  const machine = new PlainMachine(plain);
  const [users, items] = [plain.userIds(), plain.itemIds()];
  const predicted = plain.predict(lists.users, lists.items);
  lists.users.slice(0, 50).forEach((user, k) => {
    const row = { user: one(users, user), item: one(items, lists.items[k]) };
    expect(at(predicted, k)).toBeCloseTo(machine.score(row), 4);
  });
});

test.each(tasks)("rows are sampled too, %s", (task) => {
  const { train, test } = engine.split(rowsFor(task), { by: "random", seed: 1 });
  const sampled = engine.train(train, { ...sampling(task), validation: test });
  const predicted = sampled.predictRows(test);
  const errors = [...test.content().targets].map((r, k) => r - at(predicted, k));
  const { rmse } = engine.evaluate(sampled, test);
  expect(rmse).toBeCloseTo(Math.sqrt(errors.reduce((s, e) => s + e * e, 0) / errors.length), 5);
  expect(rmse).toBeLessThan(0.35);
  expect(engine.loadModel(sampled.save()).predictRows(test)).toEqual(predicted);
  const more = engine.fitPartial(sampled, train, { samples: 5, keep: 10 });
  expect(more.summary.epochs).toHaveLength(5);
  expect(more.predictRows(test).every(Number.isFinite)).toBe(true);
});

test("a closed model says nothing more, nor do its guests", async () => {
  const closed = engine.loadModel(model.save());
  const [placed, item] = [closed.foldInUser(ratedFor("ordinal")), closed.foldInItem({})];
  closed.close();
  for (const call of [
    () => closed.predictDistribution(["u1"], [100]),
    () => closed.recommend("u1", { optimism: 1 }),
    () => placed.predictDistribution([100]),
    () => placed.recommend({ optimism: 1 }),
    () => placed.explain(100),
    () => item.predict(["u1"]),
    () => item.topUsers(),
    () => engine.fitPartial(closed, data),
  ]) {
    expect(await thrown(call)).toBeInstanceOf(ClosedError);
  }
});

test("memory comes back, whether trained, cancelled or refused", async () => {
  const own = await load();
  const big = sample({ users: 150, items: 60 });
  const given = own.dataset(big);
  const chain = { ...sampling("ordinal"), factors: 16, samples: 20 };
  const cycle = async () => {
    const trained = own.train(given, chain);
    trained.predictDistribution(big.users, big.items);
    trained.foldInUser([{ item: 100, rating: 3 }]).recommend({ optimism: 1 });
    own.fitPartial(trained, given, { samples: 2 }).close();
    own.loadModel(trained.save()).close();
    trained.close();
    await cancelled((signal) => own.trainAsync(given, { ...chain, samples: 100_000, signal }));
    const onEpoch = () => {
      throw new Error("mine");
    };
    await thrown(() => own.train(given, { ...chain, onEpoch }));
    await thrown(() => own.train(given, { ...chain, task: "classification" }));
  };
  for (let k = 0; k < 3; k++) await cycle();
  const before = own.memoryBytes();
  for (let k = 0; k < 6; k++) await cycle();
  expect(own.memoryBytes()).toBe(before);
  own.close();
});

/** A run that is cancelled must end soon, with the signal's reason. */
async function cancelled(run: (signal: AbortSignal) => Promise<unknown>) {
  const controller = new AbortController();
  const training = thrown(() => run(controller.signal));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const begin = performance.now();
  controller.abort(new Error("enough"));
  expect(await training).toMatchObject({ message: "enough" });
  expect(performance.now() - begin).toBeLessThan(100);
}

describe("in a worker", async () => {
  const client = new FeatherClient();
  const remoteData = await client.dataset(given);
  const reports: EpochReport[] = [];
  const remote = await client.train(remoteData, {
    ...options,
    validation: remoteData,
    onEpoch: (report) => reports.push(report),
  });
  const here: Model = engine.train(data, { ...options, validation: data });
  afterAll(() => {
    client.close();
  });

  test("a chain is the same, and reports its trace", async () => {
    expect(await remote.save()).toEqual(here.save());
    expect(reports).toEqual(remote.summary.epochs);
    expect(reports.map(({ trace }) => trace)).toEqual(here.summary.epochs.map(({ trace }) => trace)); // prettier-ignore
    expect(Object.keys(at(reports, 0).trace?.precisions ?? {})).toContain("kind");
    const next = await client.fitPartial(remote, remoteData, { samples: 4, keep: 9 });
    expect(await next.save()).toEqual(
      engine.fitPartial(here, data, { samples: 4, keep: 9 }).save(),
    );
    expect(await client.evaluate(remote, remoteData)).toEqual(engine.evaluate(here, data));
  });

  test("models, guests and new items say the same", async () => {
    const context = { time: "evening" };
    expect(await remote.predictDistribution(["u1", "u2"], [100, 101], { context })).toEqual(
      here.predictDistribution(["u1", "u2"], [100, 101], { context }),
    );
    expect(await remote.recommend("u1", { optimism: 2 })).toEqual(
      here.recommend("u1", { optimism: 2 }),
    );
    const about = { features: { group: "red" } };
    const there = await remote.foldInUser(ratedFor("ordinal"), about);
    const placed = here.foldInUser(ratedFor("ordinal"), about);
    expect(there.vector).toEqual(placed.vector);
    for (let k = 0; k < 2; k++) {
      expect(await there.predictDistribution([101, 102], { context })).toEqual(
        placed.predictDistribution([101, 102], { context }),
      );
    }
    expect(await there.recommend({ optimism: -1 })).toEqual(placed.recommend({ optimism: -1 }));
    expect(await there.explain(103)).toEqual(placed.explain(103));
    const [item, local] = [await remote.foldInItem({ kind: "red" }), here.foldInItem({ kind: "red" })]; // prettier-ignore
    for (let k = 0; k < 2; k++) {
      expect(await item.predict(["u1", "u2"])).toEqual(local.predict(["u1", "u2"]));
    }
    expect(await item.topUsers()).toEqual(local.topUsers());
    expect(await item.similarItems()).toEqual(local.similarItems());
  });

  test("wrong calls are refused as here", async () => {
    await expectRefused(() => remote.recommend("u1", { optimism: 11 }), "optimism");
    await expectRefused(() => client.train(remoteData, { ...options, keep: 0 }), "keep");
    await expectRefused(() => client.fitPartial(remote, remoteData, { epochs: 2 }), "epochs");
    const other = await client.train(remoteData, { model: "mf", epochs: 1 });
    await expectRefused(() => other.predictDistribution(["u1"], [100]), "model");
  });

  test("a chain can be cancelled", async () => {
    await cancelled((signal) => client.train(remoteData, { ...options, samples: 100_000, signal }));
    expect(await remote.predict(["u1"], [100])).toEqual(here.predict(["u1"], [100]));
  });
});
