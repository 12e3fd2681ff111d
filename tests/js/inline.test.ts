import * as plain from "featherfm";
import { FeatherClient, load, WorkerError } from "featherfm/inline";
import { describe, expect, test } from "vitest";
import { expectFailure, sample } from "./support.js";

describe("the entry without files", () => {
  test("gives the same engine, bit for bit", async () => {
    const lists = sample();
    const [ff, usual] = [await load(), await plain.load()];
    const options = { model: "mf", factors: 8, epochs: 5 } as const;
    const model = ff.train(ff.dataset(lists), options);
    const file = usual.train(usual.dataset(lists), options).save();
    expect(model.save()).toEqual(file);
    expect(ff.loadModel(file).recommendAll()).toEqual(model.recommendAll());
    ff.close();
    expect(() => model.save()).toThrow(plain.ClosedError);
    usual.close();
  });

  test("gives engines of their own", async () => {
    const [one, two] = [await load(), await load()];
    const data = one.dataset({ users: [1], items: [1] });
    expect(() => two.split(data, { by: "random" })).toThrow(plain.ArgumentError);
    one.close();
    expect(two.dataset({ users: [1], items: [1] }).userCount).toBe(1);
    two.close();
  });

  test("has a client for browsers, which says so where there is no Worker", async () => {
    expect(globalThis.Worker).toBeUndefined();
    await expectFailure(() => new FeatherClient(), WorkerError, "WORKER_DIED", "worker");
  });
});
