import fs from "node:fs";
import {
  ArgumentError,
  ClosedError,
  load,
  LoadError,
  version,
  type Dataset,
  type Engine,
  type Model,
} from "featherfm";
import { describe, expect, test } from "vitest";
import { planted } from "./fm-support.js";
import { expectFailure, sample, thrown } from "./support.js";

const lists = sample();
const wasmFile = new URL("../../dist/featherfm.wasm", import.meta.url);
const bytes = fs.readFileSync(wasmFile);
const mf = { model: "mf", factors: 4, epochs: 2 } as const;

describe("loading", () => {
  test("gives an engine of the package's version", async () => {
    const ff = await load();
    expect(ff.version).toBe(version);
    expect(ff.memoryBytes()).toBeGreaterThan(2 ** 20);
    expect(ff.memoryBytes() % 65536).toBe(0);
    ff.close();
  });

  const sources: [string, () => unknown][] = [
    ["bytes", () => new Uint8Array(bytes)],
    ["part of a larger buffer", () => Buffer.concat([Buffer.alloc(16), bytes]).subarray(16)],
    ["a buffer", () => new Uint8Array(bytes).buffer],
    ["a compiled module", () => WebAssembly.compile(new Uint8Array(bytes))],
    ["a response of any type", () => new Response(new Uint8Array(bytes))],
    [
      "a response of the right type",
      () =>
        new Response(new Uint8Array(bytes), { headers: { "content-type": "application/wasm" } }),
    ],
    ["a file's URL", () => wasmFile],
    ["a file's URL as text", () => wasmFile.href],
    ["a path", () => wasmFile.pathname],
    ["a data URL", () => `data:application/wasm;base64,${bytes.toString("base64")}`],
  ];
  test.each(sources)("takes WebAssembly as %s", async (_, source) => {
    const ff = await load({ wasm: (await source()) as Uint8Array });
    expect(ff.dataset({ users: [1], items: [1] }).userCount).toBe(1);
    ff.close();
  });

  const broken: [string, () => unknown, RegExp][] = [
    ["nothing", () => new Uint8Array(), /no WebAssembly/],
    ["a page", () => new Response("<!doctype html>"), /page/],
    ["an answer of 404", () => new Response("no", { status: 404 }), /404/],
    ["half the file", () => bytes.subarray(0, bytes.length / 2), /could not be loaded/],
    [
      "another program",
      () => Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
      /could not be loaded/,
    ],
    ["a file that is not there", () => new URL("nothing.wasm", wasmFile), /ENOENT/],
  ];
  test.each(broken)("refuses %s with advice", async (_, source, message) => {
    const call = () => load({ wasm: source() as Uint8Array });
    const error = await expectFailure(call, LoadError, "LOAD_FAILED", "wasm");
    expect(error.message).toMatch(message);
    expect(error.message).toContain("featherfm/inline");
  });

  test.each([5, null, {}, [0], true])("refuses %j for WebAssembly", async (wasm) => {
    const call = () => load({ wasm: wasm as never });
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "wasm");
  });

  test("refuses options that are none", async () => {
    for (const options of [null, 5, "file.wasm"]) {
      await expectFailure(
        () => load(options as never),
        ArgumentError,
        "INVALID_ARGUMENT",
        "options",
      );
    }
    await expectFailure(
      () => load({ wsam: bytes } as never),
      ArgumentError,
      "INVALID_ARGUMENT",
      "wsam",
    );
  });
});

/** Every call there is, by what it needs. */
const engineCalls = (ff: Engine, data: Dataset, model: Model): [string, () => unknown][] => [
  ["memoryBytes", () => ff.memoryBytes()],
  ["dataset", () => ff.dataset(lists)],
  ["split", () => ff.split(data, { by: "random" })],
  ["train", () => ff.train(data, mf)],
  ["train a baseline", () => ff.train(data, { model: "popularity" })],
  ["trainAsync", () => ff.trainAsync(data, mf)],
  ["fitPartial", () => ff.fitPartial(model, data)],
  ["fitPartialAsync", () => ff.fitPartialAsync(model, data)],
  ["evaluate", () => ff.evaluate(model, data)],
  ["evaluate a ranking", () => ff.evaluate(model, data, { metrics: ["auc"] })],
  ["loadModel", () => ff.loadModel(new Uint8Array(8))],
  ["rows", () => ff.rows({ values: [1], columns: 1 })],
  ["readLibsvm", () => ff.readLibsvm("1 1:2")],
];
const datasetCalls = (data: Dataset): [string, () => unknown][] => [
  ["userIds", () => data.userIds()],
  ["itemIds", () => data.itemIds()],
  ["ratingsOf", () => data.ratingsOf("u1")],
  ["ratingsOf nobody", () => data.ratingsOf("nobody")],
  ["itemCounts", () => data.itemCounts()],
];
const modelCalls = (model: Model): [string, () => unknown][] => [
  ["userIds", () => model.userIds()],
  ["itemIds", () => model.itemIds()],
  ["hasUser", () => model.hasUser("u1")],
  ["hasItem", () => model.hasItem(100)],
  ["predict", () => model.predict(["u1"], [100])],
  ["predict nothing", () => model.predict([], [])],
  ["predictDistribution", () => model.predictDistribution(["u1"], [100])],
  ["recommend", () => model.recommend("u1")],
  ["recommend to nobody", () => model.recommend("nobody")],
  ["recommendAll", () => model.recommendAll()],
  ["similarItems", () => model.similarItems(100)],
  ["similarUsers", () => model.similarUsers("u1")],
  ["explain", () => model.explain("u1", 100)],
  ["foldInUser", () => model.foldInUser([])],
  ["foldInItem", () => model.foldInItem({})],
  ["predictRows", () => model.predictRows(undefined as never)],
  ["fields", () => model.fields()],
  ["parameters", () => model.parameters()],
  ["singularValues", () => model.singularValues()],
  ["save", () => model.save()],
];

async function expectClosed(calls: [string, () => unknown][]): Promise<void> {
  for (const [name, call] of calls) {
    const error = await thrown(call);
    expect(error, name).toBeInstanceOf(ClosedError);
    expect(error, name).toMatchObject({ code: "CLOSED" });
  }
}

describe("closing", () => {
  test("a model ends it, its guests, and nothing else", async () => {
    const ff = await load();
    const data = ff.dataset(lists);
    const [model, other] = [ff.train(data, mf), ff.train(data, mf)];
    const guest = model.foldInUser([{ item: 100, rating: 4 }]);
    model.close();
    model.close();
    await expectClosed(modelCalls(model));
    await expectClosed([
      ["recommend", () => guest.recommend()],
      ["predict", () => guest.predict([100])],
      ["explain", () => guest.explain(100)],
      ["fitPartial", () => ff.fitPartial(model, data)],
      ["evaluate", () => ff.evaluate(model, data)],
      ["evaluate nothing", () => ff.evaluate(model, data, { metrics: [] })],
    ]);
    expect(other.recommend("u1")).toHaveLength(10);
    expect(model.summary.bestEpoch).toBe(2); // plain values stay
    ff.close();
  });

  test("a factorization machine ends its guests, and an engine its rows", async () => {
    const ff = await load();
    const model = ff.train(ff.dataset(planted()), { model: "fm", factors: 2, epochs: 1 });
    const item = model.foldInItem({ kind: "red" });
    const guest = model.foldInUser([], { features: { group: "red" } });
    model.close();
    await expectClosed([
      ...modelCalls(model),
      ["an item's similarItems", () => item.similarItems()],
      ["an item's topUsers", () => item.topUsers()],
      ["an item's predict", () => item.predict(["u1"])],
      ["a guest's recommend", () => guest.recommend({ context: { time: "evening" } })],
    ]);
    const rows = ff.rows({ values: [1, 2], columns: 1, targets: [1, 2] });
    ff.close();
    await expectClosed([
      ["content", () => rows.content()],
      ["toLibsvm", () => rows.toLibsvm()],
    ]);
    rows.close();
  });

  test("an engine ends everything it made", async () => {
    const ff = await load();
    const data = ff.dataset(lists);
    const model = ff.train(data, mf);
    const guest = model.foldInUser([]);
    ff.close();
    ff.close();
    await expectClosed(engineCalls(ff, data, model));
    await expectClosed(datasetCalls(data));
    await expectClosed(modelCalls(model));
    await expectClosed([["a guest's recommend", () => guest.recommend()]]);
    data.close();
    model.close();
    expect(ff.version).toBe(version);
  });

  test("an engine leaves others alone", async () => {
    const [one, two] = [await load(), await load()];
    const model = two.train(two.dataset(lists), mf);
    one.close();
    expect(model.recommend("u1")).toHaveLength(10);
    two.close();
  });

  test("is what `using` does", async () => {
    const ff = await load();
    const data = ff.dataset(lists);
    const model = ff.train(data, mf);
    (model as unknown as Disposable)[Symbol.dispose]();
    await expectClosed(modelCalls(model));
    (ff as unknown as Disposable)[Symbol.dispose]();
    await expectClosed(engineCalls(ff, data, model));
  });

  test("while training ends it", async () => {
    const ff = await load();
    const data = ff.dataset(lists);
    const training = ff.trainAsync(data, { ...mf, epochs: 100_000 });
    ff.close();
    await expectFailure(() => training, ClosedError, "CLOSED");
    const again = await load();
    const own = again.dataset(lists);
    await expectFailure(
      () =>
        again.train(own, {
          ...mf,
          onEpoch: () => {
            again.close();
          },
        }),
      ClosedError,
      "CLOSED",
    );
  });

  test("a model while it is continued or measured elsewhere is no harm", async () => {
    const ff = await load();
    const data = ff.dataset(lists);
    const model = ff.train(data, mf);
    const expected = ff.fitPartial(model, data, { epochs: 300 }).save();
    const training = ff.fitPartialAsync(model, data, { epochs: 300 });
    model.close();
    data.close();
    expect((await training).save()).toEqual(expected);
    ff.close();
  });
});

describe("memory", () => {
  test("does not grow over cycles of work and closing", async () => {
    const ff = await load();
    const big = sample({ users: 200, items: 100 });
    const cycle = () => {
      const data = ff.dataset(big);
      const { train, test } = ff.split(data, { by: "random" });
      const models = [
        ff.train(train, { model: "mf", factors: 32, epochs: 1, validation: test }),
        ff.train(train, { model: "mf", optimizer: "adam", factors: 32, epochs: 1 }),
        ff.train(train, { model: "mf", optimizer: "als", factors: 16, epochs: 1 }),
        ff.train(train, { model: "svd", factors: 16 }),
        ff.train(train, { model: "popularity" }),
      ] as const;
      ff.evaluate(models[0], test, { metrics: ["rmse", "ndcg@10"], train });
      ff.evaluate(models[0], ff.dataset({ users: ["u1"], items: [100] })).rmse.toFixed();
      const loaded = ff.loadModel(models[0].save());
      const continued = ff.fitPartial(loaded, test, { epochs: 1 });
      loaded.foldInUser([{ item: 100, rating: 3 }]).recommend();
      for (const object of [data, train, test, ...models, loaded, continued]) object.close();
    };
    for (let k = 0; k < 3; k++) cycle();
    const before = ff.memoryBytes();
    for (let k = 0; k < 15; k++) cycle();
    expect(ff.memoryBytes()).toBe(before);
    ff.close();
  });

  test("does not grow over factorization machines, whether trained, cancelled or refused", async () => {
    const ff = await load();
    const big = planted({ users: 120, items: 80 });
    const width = 50;
    const dense = new Float32Array(2000 * width).map((_, k) => (k * 37) % 11);
    const targets = new Float32Array(2000).map((_, k) => k % 5);
    const fm = { model: "fm", factors: 16, epochs: 2 } as const;
    const cycle = async () => {
      const data = ff.dataset(big);
      const { train, test } = ff.split(data, { by: "random" });
      const rows = ff.rows({ values: dense, columns: width, targets });
      const parts = ff.split(rows, { by: "random" });
      const models = [
        ff.train(train, { ...fm, derived: ["user-items", "item-users", "day"], validation: test }),
        ff.train(train, { ...fm, solver: "sgda", validation: test }),
        ff.train(train, { ...fm, solver: "adam" }),
        ff.train(parts.train, { ...fm, solver: "ftrl", validation: parts.test }),
      ] as const;
      ff.evaluate(models[0], test, { metrics: ["rmse", "ndcg@10"], train });
      ff.evaluate(models[3], parts.test);
      models[3].predictRows(rows);
      const loaded = ff.loadModel(models[0].save());
      const continued = ff.fitPartial(loaded, test, { epochs: 1 });
      loaded.foldInUser([{ item: 100, rating: 3 }], { features: { group: "red" } }).recommend();
      loaded.foldInItem({ kind: "red" }).topUsers();
      const text = await ff.readLibsvm("1 1:2 3:4\n2 2:3\n");
      // What fails, and what is cancelled in the middle of a run.
      const controller = new AbortController();
      const { signal } = controller;
      const onEpoch = () => {
        controller.abort();
      };
      for (const call of [
        () => ff.trainAsync(train, { ...fm, epochs: 100_000, signal, onEpoch }),
        () => ff.train(train, { ...fm, solver: "sgd", learningRate: 1e9 }),
        () => ff.train(parts.train, { ...fm, solver: "sgd", learningRate: 1e9 }),
        () => ff.train(train, { ...fm, regularization: { fields: { nothing: 1 } } }),
        () => ff.train(train, { ...fm, task: "classification" }),
        () => ff.rows({ values: dense, columns: width, targets: [1] }),
        () => ff.rows({ values: dense, indices: dense.map(() => 0), offsets: [0, dense.length], columns: 1 }), // prettier-ignore
        () => ff.dataset({ ...big, userFeatures: { u1: { group: {} as string } } }),
        () => ff.loadModel(models[0].save().subarray(0, 5000)),
        () => ff.readLibsvm("1 1:2\nx"),
        () => loaded.foldInUser([{ item: 100, rating: 1e39 }], { features: { group: "red" } }),
      ]) {
        await thrown(call);
      }
      const objects = [data, train, test, rows, parts.train, parts.test, loaded, continued, text];
      for (const object of [...objects, ...models]) object.close();
    };
    for (let k = 0; k < 3; k++) await cycle();
    const before = ff.memoryBytes();
    for (let k = 0; k < 8; k++) await cycle();
    expect(ff.memoryBytes()).toBe(before);
    ff.close();
  });

  test("does not grow over failing calls", async () => {
    const ff = await load();
    const big = sample({ users: 200, items: 100 });
    const data = ff.dataset(big);
    const model = ff.train(data, { model: "mf", factors: 64, epochs: 1 });
    const file = model.save();
    const cycle = async () => {
      const fault = new Error("mine");
      const onEpoch = () => {
        throw fault;
      };
      await thrown(() => ff.train(data, { model: "mf", factors: 64, onEpoch }));
      await thrown(() => ff.train(data, { model: "mf", factors: 64, learningRate: 1e9 }));
      await thrown(() => ff.fitPartial(model, data, { learningRate: 1e9 }));
      await thrown(() => ff.fitPartial(model, data, { signal: AbortSignal.abort() }));
      await thrown(() => ff.loadModel(file.subarray(0, file.length - 1)));
      await thrown(() =>
        ff.dataset({ ...big, ratings: big.ratings.map((r, k) => (k === 5 ? NaN : r)) }),
      );
      await thrown(() => model.foldInUser([{ item: 100, rating: 1e39 }]));
    };
    for (let k = 0; k < 3; k++) await cycle();
    const before = ff.memoryBytes();
    for (let k = 0; k < 15; k++) await cycle();
    expect(ff.memoryBytes()).toBe(before);
    ff.close();
  });
});

describe("a model is immutable", () => {
  test("whatever the caller does to what it shows", async () => {
    const ff = await load();
    const data = ff.dataset(lists);
    const model = ff.train(data, mf);
    const before = { file: model.save(), next: ff.fitPartial(model, data).save() };
    const attempts: (() => void)[] = [
      () => ((model.options["regularization"] as { user: number }).user = 77),
      () => ((model.options as { factors: number }).factors = 1),
      () => ((model.valueRange as [number, number])[0] = -5),
      () => ((data.ratingRange as [number, number])[1] = 99),
      () => model.userIds().reverse(),
      () => model.itemIds().pop(),
      () => model.save().fill(0),
    ];
    for (const attempt of attempts) {
      try {
        attempt();
      } catch {
        // Frozen objects refuse by themselves.
      }
    }
    expect(model.save()).toEqual(before.file);
    expect(ff.fitPartial(model, data).save()).toEqual(before.next);
    expect(model.recommend("u1").every(({ score }) => score >= 1 && score <= 5)).toBe(true);
    ff.close();
  });
});
