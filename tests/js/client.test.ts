import { load } from "featherfm";
import {
  ArgumentError,
  ClosedError,
  DivergedError,
  FeatherClient,
  FileFormatError,
  UnknownIdError,
  version,
  type EpochReport,
  type Progress,
  type RemoteDataset,
  type RemoteModel,
} from "featherfm/client";
import { afterAll, describe, expect, test } from "vitest";
import { at, expectFailure, fingerprint, float32, sample, thrown } from "./support.js";

const lists = sample();
const ff = await load();
const local = ff.dataset(lists);
const client = new FeatherClient();
const data = await client.dataset(lists);
const options = { model: "mf", factors: 4, epochs: 8, learningRate: 0.05 } as const;
const model = await client.train(data, options);
afterAll(() => {
  client.close();
});

describe("a client", () => {
  test("is ready with the version of the package", async () => {
    expect(await client.ready()).toEqual({ version });
    expect(await client.memoryBytes()).toBeGreaterThan(2 ** 20);
  });

  test("takes calls before it is ready, and answers them in order", async () => {
    const early = new FeatherClient();
    const [first, second] = [early.dataset({ users: [1], items: [2] }), early.memoryBytes()];
    expect((await first).interactionCount).toBe(1);
    expect(await second).toBeGreaterThan(0);
    early.close();
  });
});

describe("what comes out of the worker", () => {
  const plainModel = ff.train(local, options);

  test("is bit for bit what the engine in this thread gives", async () => {
    expect(await model.save()).toEqual(plainModel.save());
    expect(await model.predict(lists.users, lists.items)).toEqual(
      plainModel.predict(lists.users, lists.items),
    );
    expect(await model.recommend("u3", { n: 7 })).toEqual(plainModel.recommend("u3", { n: 7 }));
    expect(await model.recommendAll({ n: 2 })).toEqual(plainModel.recommendAll({ n: 2 }));
    expect(await model.similarItems(105)).toEqual(plainModel.similarItems(105));
    expect(await model.similarUsers("u1", { measure: "dot" })).toEqual(
      plainModel.similarUsers("u1", { measure: "dot" }),
    );
    expect(await model.userIds()).toEqual(plainModel.userIds());
    expect(await model.itemIds()).toEqual(plainModel.itemIds());
    expect(await model.hasUser("u1")).toBe(true);
    expect(await model.hasItem("u1")).toBe(false);
    expect(await model.singularValues()).toEqual(plainModel.singularValues());
  });

  test("has the same properties", () => {
    for (const key of [
      "userCount",
      "itemCount",
      "interactionCount",
      "ratingRange",
      "hasTimestamps",
      "hasWeights",
    ] as const) {
      expect(data[key]).toEqual(local[key]);
    }
    for (const key of [
      "family",
      "userCount",
      "itemCount",
      "factors",
      "valueRange",
      "options",
    ] as const) {
      expect(model[key]).toEqual(plainModel[key]);
    }
    expect(model.summary.epochs.map(({ trainLoss }) => trainLoss)).toEqual(
      plainModel.summary.epochs.map(({ trainLoss }) => trainLoss),
    );
  });

  test("is the same for datasets, splits, evaluation, continued training and files", async () => {
    expect(await data.ratingsOf("u2")).toEqual(local.ratingsOf("u2"));
    expect(await data.itemCounts()).toEqual(local.itemCounts());
    expect(await data.userIds()).toEqual(local.userIds());
    const remote = await client.split(data, { by: "user", seed: 4 });
    const here = ff.split(local, { by: "user", seed: 4 });
    expect(await remote.test.itemCounts()).toEqual(here.test.itemCounts());
    const metrics = { metrics: ["rmse", "ndcg@5", "auc"] } as const;
    expect(await client.evaluate(model, remote.test, { ...metrics, train: remote.train })).toEqual(
      ff.evaluate(plainModel, here.test, { ...metrics, train: here.train }),
    );
    const news = { users: ["new"], items: ["new"], ratings: [4] };
    const continued = await client.fitPartial(model, await client.dataset(news), { epochs: 3 });
    expect(await continued.save()).toEqual(
      ff.fitPartial(plainModel, ff.dataset(news), { epochs: 3 }).save(),
    );
    const loaded = await client.loadModel(plainModel.save());
    expect(await loaded.save()).toEqual(plainModel.save());
    expect(loaded.family).toBe("mf");
  });

  test("is the same for a folded-in user", async () => {
    const ratings = [
      { item: 100, rating: 5, weight: 2 },
      { item: 103, rating: 1 },
    ];
    const [remote, here] = [
      await model.foldInUser(ratings, { regularization: 0.3 }),
      plainModel.foldInUser(ratings, { regularization: 0.3 }),
    ];
    ratings.length = 0; // what is explained are the ratings as they were given
    expect(remote.vector).toEqual(here.vector);
    expect(remote.bias).toBe(here.bias);
    expect(await remote.recommend({ n: 100 })).toEqual(here.recommend({ n: 100 }));
    expect(await remote.predict([100, 101])).toEqual(here.predict([100, 101]));
    expect(await remote.explain(104)).toEqual(here.explain(104));
  });
});

describe("what goes into the worker", () => {
  const typed = () => ({
    users: Int32Array.of(1, 2, 3),
    items: Uint8Array.of(4, 5, 6),
    ratings: Float32Array.of(1, 2, 3),
    timestamps: Float64Array.of(1, 2, 3),
  });

  test("is copied", async () => {
    const input = typed();
    const sent = client.dataset(input);
    input.ratings.fill(99); // after the call: too late to matter
    const made = await sent;
    expect(input.users).toHaveLength(3);
    expect(made.ratingRange).toEqual([1, 3]);
    const file = await model.save();
    await client.loadModel(file);
    expect(file.length).toBeGreaterThan(0);
  });

  test("is handed over on request", async () => {
    const input = typed();
    const made = await client.dataset(input, { transfer: true });
    for (const list of Object.values(input)) expect(list.buffer.byteLength).toBe(0);
    expect(made.interactionCount).toBe(3);
    expect(await made.ratingsOf(2)).toEqual([{ item: 5, rating: 2, timestamp: 2 }]);
    const file = await model.save();
    const loaded = await client.loadModel(file, { transfer: true });
    expect(file).toHaveLength(0);
    expect(loaded.factors).toBe(4);
  });

  test("may be lists of one and the same buffer", async () => {
    const buffer = new ArrayBuffer(24);
    const [users, items] = [new Int32Array(buffer, 0, 3), new Int32Array(buffer, 12, 3)];
    users.set([1, 2, 3]);
    const made = await client.dataset({ users, items, ratings: [1, 2, 3] }, { transfer: true });
    expect(made).toMatchObject({ userCount: 3, itemCount: 1 });
    expect(buffer.byteLength).toBe(0);
  });

  test("is refused as what it is when it cannot be sent", async () => {
    const no = () => 1;
    for (const call of [
      () => client.dataset({ users: [no], items: [1] } as never),
      () => client.train(data, { model: "mf", factors: no } as never),
      () => model.recommend("u1", { n: no } as never),
      () => model.predict([Symbol("no")] as never, [1]),
      () => client.loadModel(no as never),
    ]) {
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT");
    }
    expect(await model.hasUser("u1")).toBe(true);
  });
});

describe("errors", () => {
  test("keep class, code and argument on their way out", async () => {
    await expectFailure(() => model.recommend("nobody"), UnknownIdError, "UNKNOWN_ID", "user");
    await expectFailure(() => model.recommend("u1", { n: -1 }), ArgumentError, "OUT_OF_RANGE", "n");
    await expectFailure(
      () => client.dataset({ users: [1], items: [1], ratings: [NaN] }),
      ArgumentError,
      "NOT_FINITE",
      "ratings",
    );
    await expectFailure(
      () => client.loadModel(new Uint8Array(20)),
      FileFormatError,
      "MALFORMED_FILE",
      "bytes",
    );
    await expectFailure(
      () => client.train(data, { model: "ffm" } as never),
      ArgumentError,
      "INVALID_ARGUMENT",
      "model",
    );
    await expectFailure(() => data.ratingsOf("nobody"), UnknownIdError, "UNKNOWN_ID", "user");
  });

  test("have the same message as in this thread", async () => {
    const here = (await thrown(() => local.ratingsOf(5))) as Error;
    const there = (await thrown(() => data.ratingsOf(5))) as Error;
    expect(there.message).toBe(here.message);
  });

  test("of diverged training hand over the last good model", async () => {
    const wild = {
      model: "mf",
      factors: 0,
      learningRate: 3,
      regularization: 0,
      epochs: 100,
    } as const;
    const error = await expectFailure(
      () => client.train(data, wild),
      DivergedError,
      "DIVERGED",
      "learningRate",
    );
    const rescued = error.model as RemoteModel;
    expect(rescued.summary.bestEpoch).toBeGreaterThan(0);
    expect((await rescued.predict(lists.users, lists.items)).every(Number.isFinite)).toBe(true);
    const early = await expectFailure(
      () => client.train(data, { model: "mf", learningRate: 1e9 }),
      DivergedError,
      "DIVERGED",
    );
    expect(early.model).toBeUndefined();
  });

  test("name what is no dataset or model of this client", async () => {
    const other = new FeatherClient();
    const foreign = await other.dataset({ users: [1], items: [1] });
    const foreignModel = await other.train(foreign, { model: "mf", epochs: 1 });
    const cases: [(value: never) => Promise<unknown>, string, unknown[]][] = [
      [
        (d) => client.train(d, { model: "mf" }),
        "data",
        [null, undefined, {}, local, model, foreign],
      ],
      [(d) => client.split(d, { by: "random" }), "data", [5, foreign]],
      [(d) => client.fitPartial(model, d), "data", [null, model, foreign]],
      [(m) => client.fitPartial(m, data), "model", [null, data, foreignModel]],
      [(m) => client.evaluate(m, data), "model", [undefined, data, foreignModel]],
      [(d) => client.evaluate(model, d), "test", [undefined, model, foreign]],
      [(train) => client.evaluate(model, data, { train }), "train", [null, model, foreign]],
      [
        (validation) => client.train(data, { model: "mf", validation }),
        "validation",
        [null, model, foreign],
      ],
    ];
    for (const [call, argument, values] of cases) {
      for (const value of values) {
        await expectFailure(
          () => call(value as never),
          ArgumentError,
          "INVALID_ARGUMENT",
          argument,
        );
      }
    }
    other.close();
  });

  test("name options that are none", async () => {
    for (const [call, argument] of [
      [() => client.dataset(undefined as never), "input"],
      [() => client.dataset(null as never, { transfer: true }), "input"],
      [() => client.dataset(lists, null as never), "options"],
      [() => client.dataset(lists, { transfre: true } as never), "transfre"],
      [() => client.dataset(lists, { transfer: "yes" } as never), "transfer"],
      [() => client.loadModel(new Uint8Array(), null as never), "options"],
      [() => client.train(data, null as never), "options"],
      [() => client.train(data, undefined as never), "model"],
      [() => client.fitPartial(model, data, null as never), "options"],
      [() => client.evaluate(model, data, null as never), "options"],
      [() => client.split(data, null as never), "options"],
      [() => model.recommend("u1", null as never), "options"],
      [() => model.foldInUser(null as never), "ratings"],
      [() => client.train(data, { model: "mf", onEpoch: 5 } as never), "onEpoch"],
      [() => client.train(data, { model: "mf", signal: {} } as never), "signal"],
      [() => client.train(data, { model: "mf", patience: 2 }), "patience"],
    ] as [() => unknown, string][]) {
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", argument);
    }
  });
});

describe("training in the worker", () => {
  const long = { model: "mf", factors: 8, epochs: 100_000 } as const;

  test("reports every epoch before it answers", async () => {
    const reports: EpochReport[] = [];
    const progress: Progress[] = [];
    const trained = await client.train(data, {
      ...options,
      onEpoch: (report) => reports.push(report),
      onProgress: (step) => progress.push(step),
    });
    expect(reports).toEqual(trained.summary.epochs);
    expect(reports.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(at(progress, progress.length - 1).fraction).toBe(1);
  });

  test("answers other calls meanwhile", async () => {
    const controller = new AbortController();
    let finished = false;
    const training = thrown(() => client.train(data, { ...long, signal: controller.signal })).then(
      () => (finished = true),
    );
    expect(await model.recommend("u1")).toHaveLength(10);
    const second = await client.train(data, options);
    expect(await second.save()).toEqual(await model.save());
    expect(finished).toBe(false);
    controller.abort();
    await training;
  });

  test("rejects with the signal's own reason, before and on the way", async () => {
    const reason = new Error("mine");
    const before = AbortSignal.abort(reason);
    expect(await thrown(() => client.train(data, { ...long, signal: before }))).toBe(reason);
    expect(await thrown(() => client.fitPartial(model, data, { signal: before }))).toBe(reason);

    for (const run of ["train", "fitPartial"] as const) {
      const controller = new AbortController();
      let last = 0;
      const controls = {
        epochs: 100_000,
        signal: controller.signal,
        onEpoch({ epoch }: EpochReport) {
          last = epoch;
          if (epoch >= 3 && !controller.signal.aborted) controller.abort(reason);
        },
      };
      const call = () =>
        run === "train"
          ? client.train(data, { ...long, ...controls })
          : client.fitPartial(model, data, controls);
      expect(await thrown(call)).toBe(reason);
      // The worker is free again, and far from the end.
      expect(await model.hasUser("u1")).toBe(true);
      expect(last).toBeLessThan(50_000);
    }
    const standard = await thrown(() =>
      client.train(data, { ...long, signal: AbortSignal.abort() }),
    );
    expect((standard as Error).name).toBe("AbortError");
  });

  test("is not disturbed by a signal that comes too late", async () => {
    const controller = new AbortController();
    const trained = await client.train(data, { ...options, signal: controller.signal });
    controller.abort();
    expect(await trained.save()).toEqual(await model.save());
  });

  test("ends when a callback throws, and its exception comes out", async () => {
    const fault = { not: "even an Error" };
    let calls = 0;
    const onEpoch = () => {
      calls++;
      throw fault as unknown as Error;
    };
    expect(await thrown(() => client.train(data, { ...long, onEpoch }))).toBe(fault);
    const onProgress = () => {
      throw fault as unknown as Error;
    };
    expect(
      await thrown(() => client.fitPartial(model, data, { epochs: 100_000, onProgress })),
    ).toBe(fault);
    expect(calls).toBe(1);
    expect(await model.hasUser("u1")).toBe(true);
  });

  test("is refused for numbers that overflow, and does not hang", async () => {
    const weights = lists.users.map(() => 3e38);
    const heavy = await client.dataset({ ...lists, weights });
    const own = new FeatherClient();
    for (const optimizer of ["als", "sgd"] as const) {
      const error = await thrown(() =>
        client.train(heavy, { model: "mf", optimizer, factors: 2, epochs: 2 }),
      );
      expect(error).toBeInstanceOf(DivergedError);
    }
    const ratings = [100, 101, 102].map((item) => ({ item, rating: 1, weight: 3e38 }));
    const folded = await model.foldInUser(ratings).catch((error: unknown) => error);
    if (folded instanceof Error) expect(folded).toMatchObject({ code: /./ });
    own.close();
    expect(await model.hasUser("u1")).toBe(true);
  });
});

describe("closing", () => {
  test("an object ends it, and only it", async () => {
    const own = await client.dataset(lists);
    const ownModel = await client.train(own, { model: "mf", epochs: 1 });
    const guest = await ownModel.foldInUser([{ item: 100, rating: 3 }]);
    own.close();
    own.close();
    await expectFailure(() => own.userIds(), ClosedError, "CLOSED");
    await expectFailure(() => client.train(own, { model: "mf" }), ClosedError, "CLOSED");
    await expectFailure(() => client.split(own, { by: "random" }), ClosedError, "CLOSED");
    await expectFailure(() => client.evaluate(ownModel, own), ClosedError, "CLOSED");
    await expectFailure(
      () => client.train(data, { model: "mf", validation: own }),
      ClosedError,
      "CLOSED",
    );
    expect(await ownModel.recommend("u1")).toHaveLength(10);
    (ownModel as unknown as Disposable)[Symbol.dispose]();
    await expectFailure(() => ownModel.save(), ClosedError, "CLOSED");
    await expectFailure(() => guest.recommend(), ClosedError, "CLOSED");
    await expectFailure(() => client.fitPartial(ownModel, data), ClosedError, "CLOSED");
    expect(data.interactionCount).toBe(local.interactionCount);
  });

  test("the client rejects what is under way and what comes after", async () => {
    const own = new FeatherClient();
    const ownData: RemoteDataset = await own.dataset(lists);
    const ownModel = await own.train(ownData, { model: "mf", epochs: 1 });
    const underWay = [
      thrown(() => own.train(ownData, { model: "mf", epochs: 100_000 })),
      thrown(() => ownModel.recommend("u1")),
      thrown(() => own.memoryBytes()),
    ];
    own.close();
    own.close();
    for (const error of await Promise.all(underWay)) {
      expect(error).toBeInstanceOf(ClosedError);
      expect(error).toMatchObject({ code: "CLOSED" });
    }
    for (const call of [
      () => own.ready(),
      () => own.dataset(lists),
      () => own.train(ownData, { model: "mf" }),
      () => own.evaluate(ownModel, ownData),
      () => ownModel.predict(["u1"], [100]),
      () => ownData.itemCounts(),
    ]) {
      await expectFailure(call, ClosedError, "CLOSED");
    }
    ownData.close();
    ownModel.close();
  });

  test("is what `using` does", async () => {
    const own = new FeatherClient();
    (own as unknown as Disposable)[Symbol.dispose]();
    await expectFailure(() => own.ready(), ClosedError, "CLOSED");
  });

  test("frees: datasets and models made and closed do not pile up", async () => {
    const own = new FeatherClient();
    const cycle = async () => {
      const big = await own.dataset(sample({ users: 200, items: 100 }));
      const parts = await own.split(big, { by: "random" });
      const trained = await own.train(parts.train, { model: "mf", factors: 64, epochs: 1 });
      for (const object of [big, parts.train, parts.test, trained]) object.close();
    };
    for (let k = 0; k < 3; k++) await cycle();
    const before = await own.memoryBytes();
    for (let k = 0; k < 12; k++) await cycle();
    expect(await own.memoryBytes()).toBe(before);
    own.close();
  });
});

test("the fingerprint of a file is the same in the worker", async () => {
  expect(fingerprint(await model.save())).toBe(fingerprint(ff.train(local, options).save()));
  expect(float32(1)).toHaveLength(4);
});
