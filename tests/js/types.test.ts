/**
 * What an editor completes and a compiler refuses. Most of it is checked by `npm run lint`, where an unused
 * `@ts-expect-error` is an error; nothing here needs to run, but that it does shows that the calls are the real ones.
 */
import {
  load,
  withDefaults,
  type DatasetInput,
  type Distribution,
  type FieldOptions,
  type FmOptions,
  type ModelOptions,
  type SearchSpace,
  type TrainOptions,
} from "featherfm";
import type {
  FeatherClient,
  RemoteDataset,
  RemoteFoldedItem,
  RemoteModel,
  RemoteRows,
} from "featherfm/client";
import { describe, expect, expectTypeOf, test } from "vitest";
import { expectRefused } from "./bad-values.js";
import { sample } from "./support.js";

const ff = await load();
const data = ff.dataset({ users: [1, 2], items: [1, 2], ratings: [1, 2] });
const rows = ff.rows({ values: [1, 2], columns: 1, targets: [1, 2] });

describe("options of implicit feedback and of baselines", () => {
  test("are those of their solver and model", async () => {
    const right: ModelOptions[] = [
      { model: "implicit-als", alpha: "balanced", positiveFrom: 4 },
      { model: "implicit-als", solver: "cg", cgSteps: 5, alpha: 2 },
      { model: "implicit-als", solver: "subspace", blockSize: 16 },
      { model: "item-knn", similarity: "bm25", shrink: 5 },
      { model: "biases", regularization: { user: 3 } },
    ];
    for (const options of right) expect(withDefaults(options).model).toBe(options.model);
    const wrong: [ModelOptions, string][] = [
      // @ts-expect-error -- exact solutions take no steps
      [{ model: "implicit-als", solver: "cholesky", cgSteps: 3 }, "cgSteps"],
      // @ts-expect-error -- blocks are those of the subspace solver
      [{ model: "implicit-als", blockSize: 16 }, "blockSize"],
      // @ts-expect-error -- nobody has a rate here
      [{ model: "implicit-als", learningRate: 0.1 }, "learningRate"],
      // @ts-expect-error -- neighbours have no factors
      [{ model: "item-knn", factors: 3 }, "factors"],
      // @ts-expect-error -- nor have biases
      [{ model: "biases", factors: 3 }, "factors"],
    ];
    for (const [options, argument] of wrong) {
      await expectRefused(() => withDefaults(options), argument);
    }
  });
});

describe("options of a factorization machine", () => {
  test("are those of its solver", async () => {
    const right: FmOptions[] = [
      { model: "fm" },
      {
        model: "fm",
        regularization: { linear: 1, fields: { genre: 2, kind: { linear: 1, factors: 2 } } },
      },
      { model: "fm", solver: "als", identity: false, terms: { constant: false } },
      { model: "fm", solver: "sgd", learningRate: 0.1, learningRateDecay: 0.9 },
      { model: "fm", solver: "adam", beta1: 0.5, batchSize: 10 },
      { model: "fm", solver: "ftrl", l1: 1, ftrlBeta: 1 },
      { model: "fm", solver: "sgda", task: "classification", derived: ["day", "user-items"] },
      { model: "fm", solver: "mcmc", task: "ordinal", burnIn: 0, samples: 5, keep: 5 },
      { model: "fm", solver: "vb", task: "ordinal", epochs: 5, factors: 4 },
    ];
    for (const options of right) expect(withDefaults(options).model).toBe("fm");
    const wrong: [ModelOptions, string][] = [
      // @ts-expect-error -- ALS has no steps
      [{ model: "fm", learningRate: 0.1 }, "learningRate"],
      // @ts-expect-error -- nor has it when it is named
      [{ model: "fm", solver: "als", learningRate: 0.1 }, "learningRate"],
      // @ts-expect-error -- batches are Adam's
      [{ model: "fm", solver: "sgd", batchSize: 10 }, "batchSize"],
      // @ts-expect-error -- so are the moments
      [{ model: "fm", solver: "adagrad", beta1: 0.5 }, "beta1"],
      // @ts-expect-error -- and they are nothing to ALS
      [{ model: "fm", beta1: 0.5 }, "beta1"],
      // @ts-expect-error -- sparse weights are those of FTRL
      [{ model: "fm", solver: "adam", l1: 1 }, "l1"],
      // @ts-expect-error -- samples are those of a sampler
      [{ model: "fm", solver: "als", samples: 10 }, "samples"],
      // @ts-expect-error -- nobody else knows ordered classes
      [{ model: "fm", task: "ordinal" }, "task"],
      // @ts-expect-error -- a sampler has sweeps, not epochs
      [{ model: "fm", solver: "mcmc", epochs: 10 }, "epochs"],
      // @ts-expect-error -- and nothing to regularize
      [{ model: "fm", solver: "mcmc", regularization: 1 }, "regularization"],
      // @ts-expect-error -- variational inference draws no samples
      [{ model: "fm", solver: "vb", samples: 10 }, "samples"],
      // @ts-expect-error -- this is how matrix factorization calls it
      [{ model: "fm", optimizer: "sgd" }, "optimizer"],
      // @ts-expect-error -- and this how factorization machines do
      [{ model: "mf", solver: "sgd" }, "solver"],
      // @ts-expect-error -- the loss follows from the task
      [{ model: "fm", loss: "logistic" }, "loss"],
      // @ts-expect-error -- terms are not biases
      [{ model: "fm", biases: false }, "biases"],
      // @ts-expect-error -- fields are the machines'
      [{ model: "mf", fields: ["genre"] }, "fields"],
      // @ts-expect-error -- there is no such derived field
      [{ model: "fm", derived: ["week"] }, "derived"],
      // @ts-expect-error -- both penalties of a field must be given
      [{ model: "fm", regularization: { fields: { genre: { linear: 1 } } } }, "regularization"],
      // @ts-expect-error -- users and items are fields here
      [{ model: "fm", regularization: { user: 1 } }, "user"],
    ];
    for (const [options, argument] of wrong)
      await expectRefused(() => withDefaults(options), argument);
  });

  test("take validation of the kind that is trained on", async () => {
    const options = { model: "fm", epochs: 1 } as const;
    ff.train(rows, { ...options, validation: rows });
    ff.train(data, { ...options, validation: data });
    // @ts-expect-error -- rows for a dataset
    await expectRefused(() => ff.train(data, { ...options, validation: rows }), "validation");
    // @ts-expect-error -- a dataset for rows
    await expectRefused(() => ff.train(rows, { ...options, validation: data }), "validation");
    expectTypeOf<TrainOptions>().toHaveProperty("validation");
  });
});

describe("a search", () => {
  test("takes ranges of the options a model has", async () => {
    const right: SearchSpace[] = [
      { model: "mf", factors: { min: 1, max: 9, integer: true }, epochs: 1 },
      { model: "mf", optimizer: { choices: ["sgd", "als"] }, epochs: 1 },
      { model: "mf", regularization: { user: { min: 0.1, max: 1, scale: "log" } }, epochs: 1 },
      { model: "svd", fill: { choices: [0, "item-mean"] } },
      { model: "fm", solver: "mcmc", samples: 2, burnIn: 0, factors: { choices: [1, 2] } },
      { model: "implicit-als", epochs: 1, factors: 2, regularization: { min: 0.01, max: 1 } },
    ];
    const ranked = { metric: "ndcg@5", trials: 1 } as const;
    const many = ff.dataset(sample({ users: 12, items: 8 }));
    for (const space of right) expect(ff.search(many, space, ranked).trials).toHaveLength(1);
    // @ts-expect-error -- there is no range of models
    await expectRefused(() => ff.search(many, { model: { choices: ["mf"] } }), "model");
    // @ts-expect-error -- a range has two ends
    await expectRefused(() => ff.search(many, { model: "mf", factors: { min: 1 } }), "factors");
    // @ts-expect-error -- nor is there one of words
    const worded: SearchSpace = { model: "mf", loss: { min: 0, max: 1 } };
    await expectRefused(() => ff.search(many, worded), "loss");
    // @ts-expect-error -- an option of another model
    const other: SearchSpace = { model: "svd", epochs: { min: 1, max: 9 } };
    await expectRefused(() => ff.search(many, other), "epochs");
    const { mean } = ff.crossValidate(many, { model: "svd" }, { metrics: ["auc"] });
    expectTypeOf(mean).toEqualTypeOf<Record<"auc", number>>();
  });
});

describe("features", () => {
  test("are values, categories and lists of them", async () => {
    const good = { users: ["a"], items: [1] };
    const inputs: DatasetInput[] = [
      { ...good, userFeatures: { a: { n: 1, word: "p", flag: true, set: ["p", 1], none: null } } },
      { ...good, itemFeatures: new Map([[1, { n: undefined }]]) },
      { ...good, context: { hour: Uint8Array.of(1), words: ["p"], sets: [["p", "q"]] } },
      { ...good, context: { n: [1] }, fields: { n: { type: "number", buckets: [1, 2] } } },
    ];
    for (const input of inputs) ff.dataset(input);
    const date = new Date(0);
    // @ts-expect-error -- a date is none
    const dated: DatasetInput = { ...good, userFeatures: { a: { date } } };
    await expectRefused(() => ff.dataset(dated), "userFeatures");
    // @ts-expect-error -- the context of one interaction is no list
    await expectRefused(() => ff.dataset({ ...good, context: { hour: 5 } }), "context");
  });

  test("have options by their type", () => {
    const right: FieldOptions[] = [
      { type: "category" },
      { type: "set", scale: "mean" },
      { type: "number", scale: "none" },
      { type: "number", buckets: 3 },
    ];
    // @ts-expect-error -- sets have no buckets
    const buckets: FieldOptions = { type: "set", buckets: 3 };
    // @ts-expect-error -- numbers have no mean of a set
    const scale: FieldOptions = { type: "number", scale: "mean" };
    expect([...right, buckets, scale]).toHaveLength(6);
  });
});

test("what comes out has the type of what went in", () => {
  expectTypeOf(ff.split(rows, { by: "random" }).train).toEqualTypeOf(rows);
  expectTypeOf(ff.split(data, { by: "random" }).test).toEqualTypeOf(data);
  const errors = ff.evaluate(ff.train(rows, { model: "fm", epochs: 1 }), rows);
  expectTypeOf(errors).toEqualTypeOf<Record<"rmse" | "mae", number>>();
  const some = () =>
    ff.evaluate(ff.train(data, { model: "fm" }), data, { metrics: ["accuracy", "ndcg@7"] });
  expectTypeOf(some).returns.toEqualTypeOf<Record<"accuracy" | "ndcg@7", number>>();
});

test("a client has the same verbs, as promises", () => {
  type Rows = Awaited<ReturnType<FeatherClient["rows"]>>;
  expectTypeOf<Rows>().toEqualTypeOf<RemoteRows>();
  expectTypeOf<Awaited<ReturnType<RemoteRows["toLibsvm"]>>>().toEqualTypeOf<string>();
  expectTypeOf<Awaited<ReturnType<RemoteFoldedItem["predict"]>>>().toEqualTypeOf<Float32Array>();
  type Sure = Awaited<ReturnType<RemoteModel["predictDistribution"]>>;
  expectTypeOf<Sure>().toEqualTypeOf<Distribution>();
  expectTypeOf<RemoteDataset["fields"]>().toEqualTypeOf<(typeof data)["fields"]>();
});
