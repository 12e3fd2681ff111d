import { load, type Trial } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test } from "vitest";
import { watchedClient } from "./client-support.js";
import { expectRefused, type Loose } from "./bad-values.js";
import { sample, thrown } from "./support.js";

const here = await load();
const local = here.dataset(sample());
const client = new FeatherClient();
afterAll(() => client.close());
const data = await client.dataset(sample());

const space = {
  model: "mf",
  epochs: 9,
  factors: { min: 1, max: 20, integer: true, scale: "log" },
  regularization: { user: { min: 0.1, max: 5, scale: "log" } },
} as const;
const timeless = (trials: Trial[]) => trials.map((trial) => ({ ...trial, elapsedMs: 0 }));

describe("in a worker", () => {
  test("crossValidate() gives what the engine gives, and says how far it is", async () => {
    const options = { model: "mf", factors: 3, epochs: 5 } as const;
    const controls = { folds: 3, metrics: ["rmse", "auc"], by: "user" } as const;
    const fractions: number[] = [];
    const onProgress = ({ fraction }: { fraction: number }) => void fractions.push(fraction);
    const there = await client.crossValidate(data, options, { ...controls, onProgress });
    const expected = here.crossValidate(local, options, controls);
    expect(there.mean).toEqual(expected.mean);
    expect(there.deviation).toEqual(expected.deviation);
    expect(there.folds.map(({ metrics }) => metrics)).toEqual(
      expected.folds.map(({ metrics }) => metrics),
    );
    expect(fractions.at(-1)).toBe(1);
  });

  test("search() gives what the engine gives, trial by trial", async () => {
    for (const by of ["random", "halving"] as const) {
      const seen: Trial[] = [];
      const controls = { trials: 9, by, seed: 2, metric: "ndcg@5" } as const;
      const there = await client.search(data, space, {
        ...controls,
        onTrial: (trial) => void seen.push(trial),
      });
      const expected = here.search(local, space, controls);
      expect(there.best).toEqual(expected.best);
      expect(timeless(there.trials)).toEqual(timeless(expected.trials));
      expect(seen.length).toBe(by === "random" ? 9 : 9 + 3 + 1);
    }
  });

  test("a search can be ended, and the worker goes on with other work", async () => {
    const { client: watched, received } = watchedClient();
    try {
      const remote = await watched.dataset(sample());
      const controller = new AbortController();
      const mine = new Error("enough");
      const work = watched.search(
        remote,
        { model: "mf", epochs: 100_000, factors: { choices: [8, 16, 32] } },
        { signal: controller.signal, onProgress: () => controller.abort(mine) },
      );
      expect(await thrown(() => work)).toBe(mine);
      expect(await remote.userIds()).toHaveLength(40);
      // The worker has heard of it, and does not search for nobody.
      await expect.poll(() => received.filter(({ type }) => type === "aborted").length).toBe(1);
      expect(await thrown(() => watched.search(remote, space, { signal: controller.signal }))).toBe(
        mine,
      );
    } finally {
      watched.close();
    }
  });

  test("what a callback throws ends the search and comes out of the call", async () => {
    const mine = new Error("mine");
    const onTrial = () => {
      throw mine;
    };
    expect(await thrown(() => client.search(data, space, { onTrial }))).toBe(mine);
    expect(await data.userIds()).toHaveLength(40);
  });

  test("what means nothing is refused by name", async () => {
    const loose = client as unknown as Loose;
    await expectRefused(() => loose["search"]?.({}, space), "data");
    await expectRefused(() => loose["search"]?.(data, space, { onTrial: 5 }), "onTrial");
    await expectRefused(() => loose["search"]?.(data, space, { onEpoch: () => 5 }), "onEpoch");
    await expectRefused(() => loose["search"]?.(data, space, { signal: 5 }), "signal");
    await expectRefused(() => loose["search"]?.(data, space, { trials: 0 }), "trials");
    await expectRefused(() => loose["search"]?.(data, space, null), "options");
    await expectRefused(() => loose["search"]?.(data, { model: "mf" }), "options");
    await expectRefused(() => loose["crossValidate"]?.(data, null), "trainOptions");
    await expectRefused(() => loose["crossValidate"]?.(data, space, {}), "factors");
    await expectRefused(
      () => loose["crossValidate"]?.(data, { model: "mf" }, { folds: 1 }),
      "folds",
    );
    await expectRefused(() => loose["train"]?.(data, { model: "mf", onTrial: () => 1 }), "onTrial");
  });
});
