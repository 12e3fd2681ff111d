/** Trainings that are aborted and keep what they have. */
import { ArgumentError, type EpochReport, load, type TrainOptions } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test } from "vitest";
import { expectFailure, sample, thrown } from "./support.js";

const lists = sample();
const ff = await load();
const here = ff.dataset(lists);
const client = new FeatherClient();
const there = await client.dataset(lists);
afterAll(() => {
  client.close();
});

/** Runs that would take long. */
const runs = {
  "mf/sgd": { model: "mf", epochs: 100_000 },
  "mf/als": { model: "mf", optimizer: "als", epochs: 100_000 },
  "fm/als": { model: "fm", epochs: 100_000 },
  "fm/adam": { model: "fm", solver: "adam", epochs: 100_000 },
  "fm/mcmc": { model: "fm", solver: "mcmc", burnIn: 2, samples: 1000, keep: 1000 },
  "fm/vb": { model: "fm", solver: "vb", epochs: 100_000 },
} as const satisfies Record<string, TrainOptions>;

/** Aborts once the third epoch is reported. */
function abortingInThird() {
  const controller = new AbortController();
  const onEpoch = ({ epoch }: EpochReport) => {
    if (epoch >= 3) controller.abort();
  };
  return { signal: controller.signal, onEpoch };
}

describe.each(Object.entries(runs))("%s, aborted and kept", (_, options) => {
  test("is the model of its last finished epoch, in this thread", async () => {
    const controls = { ...abortingInThird(), onAbort: "keep" as const };
    const model = await ff.trainAsync(here, { ...options, ...controls });
    expect(model.summary.aborted).toBe(true);
    const { epochs, bestEpoch } = model.summary;
    expect(epochs.length).toBeGreaterThanOrEqual(3);
    expect(epochs.length).toBeLessThan(100_000);
    expect(bestEpoch).toBe(epochs.length);
    expect(model.recommend("u1")).toHaveLength(10);
    // As if it had been meant to be that long; a sampler has all samples behind the burn-in.
    if (options.model === "fm" && "samples" in options) {
      expect(model.factors).toBe(10 * (epochs.length - 2));
    } else {
      const meant = ff.train(here, { ...options, epochs: epochs.length });
      expect(model.predict(["u1", "u2"], [101, 102])).toEqual(
        meant.predict(["u1", "u2"], [101, 102]),
      );
    }
  });

  test("and in a worker", async () => {
    const controls = { ...abortingInThird(), onAbort: "keep" as const };
    const model = await client.train(there, { ...options, ...controls });
    expect(model.summary.aborted).toBe(true);
    expect(model.summary.epochs.length).toBeLessThan(100_000);
    expect(await model.recommend("u1")).toHaveLength(10);
    const saved = ff.loadModel(await model.save());
    expect(saved.predict(["u1"], [101])).toEqual(await model.predict(["u1"], [101]));
    model.close();
  });
});

test("a sampler cancelled in the midst of a sweep leaves the last complete sample usable", async () => {
  const controller = new AbortController();
  let sweeps = 0;
  const model = await client.train(there, {
    ...runs["fm/mcmc"],
    signal: controller.signal,
    onAbort: "keep",
    onEpoch: ({ epoch }) => (sweeps = epoch),
    onProgress: ({ epoch }) => {
      if (epoch > 5) controller.abort();
    },
  });
  expect(model.summary.epochs.length).toBeGreaterThanOrEqual(sweeps);
  const { deviation } = await model.predictDistribution(["u1"], [101]);
  expect(deviation[0]).toBeGreaterThan(0);
  // The chain goes on from there.
  const longer = await client.fitPartial(model, there, { samples: 3 });
  expect(longer.factors).toBe(model.factors + 30);
  expect(longer.summary.aborted).toBeUndefined();
});

describe("aborting", () => {
  test("before anything is finished rejects with the signal's reason", async () => {
    const reason = new Error("mine");
    const controls = { onAbort: "keep", signal: AbortSignal.abort(reason) } as const;
    expect(await thrown(() => ff.trainAsync(here, { ...runs["mf/sgd"], ...controls }))).toBe(
      reason,
    );
    expect(await thrown(() => client.train(there, { ...runs["mf/sgd"], ...controls }))).toBe(
      reason,
    );
    // A first sweep that takes long enough to be interrupted.
    const large = await client.dataset(sample({ users: 900, items: 400 }));
    const controller = new AbortController();
    const first = client.train(large, {
      model: "fm",
      factors: 200,
      epochs: 5,
      signal: controller.signal,
      onAbort: "keep",
      onProgress: () => {
        controller.abort(reason);
      },
    });
    expect(await thrown(() => first)).toBe(reason);
    expect(await large.userIds()).toHaveLength(900);
    large.close();
  });

  test("rejects unless told otherwise, and with validation keeps the best epoch", async () => {
    const controls = abortingInThird();
    const error = await thrown(() => ff.trainAsync(here, { ...runs["mf/sgd"], ...controls }));
    expect((error as Error).name).toBe("AbortError");
    const { train, test: held } = ff.split(here, { by: "random", seed: 1 });
    const controller = new AbortController();
    const model = await ff.trainAsync(train, {
      ...runs["mf/sgd"],
      validation: held,
      signal: controller.signal,
      onAbort: "keep",
      onEpoch: ({ best, epoch }) => {
        if (!best || epoch === 500) controller.abort();
      },
    });
    const { epochs, bestEpoch } = model.summary;
    const losses = epochs.map(({ validation }) => validation?.loss ?? Infinity);
    expect(losses[bestEpoch - 1]).toBe(Math.min(...losses));
  });

  test("wants to know what to do", async () => {
    for (const onAbort of ["stop", 1, null, true]) {
      await expectFailure(
        () => ff.train(here, { model: "mf", onAbort } as never),
        ArgumentError,
        "INVALID_ARGUMENT",
        "onAbort",
      );
      await expectFailure(
        () => client.train(there, { model: "mf", onAbort } as never),
        ArgumentError,
        "INVALID_ARGUMENT",
        "onAbort",
      );
    }
  });
});
