import { load } from "featherfm";
import {
  ArgumentError,
  ClosedError,
  FeatherClient,
  FileFormatError,
  UnknownIdError,
  type EpochReport,
  type FmOptions,
  type RemoteModel,
} from "featherfm/client";
import { afterAll, describe, expect, test, vi } from "vitest";
import { planted } from "./fm-support.js";
import { at, expectFailure, thrown } from "./support.js";

const lists = planted();
const simple = { values: [1, 0, 2, 3, 0, 4], columns: 2, targets: [1, 2, 3] };
const options = { model: "fm", factors: 3, epochs: 6, derived: ["day"] } as const;
const rowOptions = { model: "fm", factors: 2, epochs: 6 } as const;

const ff = await load();
const local = ff.dataset(lists);
const here = ff.train(local, options);
const localRows = ff.rows(simple);
const client = new FeatherClient();
const data = await client.dataset(lists);
const model = await client.train(data, options);
const rows = await client.rows(simple);
afterAll(() => {
  client.close();
});
// In this thread the engine says what it does not know; the worker has a console of its own.
vi.spyOn(console, "warn").mockImplementation(() => undefined);

describe("a factorization machine in a worker", () => {
  test("is bit for bit that of this thread", async () => {
    expect(await model.save()).toEqual(here.save());
    expect(data.fields).toEqual(local.fields);
    expect(model).toMatchObject({ family: "fm", factors: 3, userCount: 30, options: here.options });
    expect(await model.fields()).toEqual(here.fields());
    expect(await model.parameters()).toEqual(here.parameters());
  });

  test.each(["als", "sgd", "adagrad", "adam", "ftrl", "sgda", "vb"] as const)(
    "by %s too",
    async (solver) => {
      const remote = await client.split(data, { by: "random", seed: 3 });
      const own = ff.split(local, { by: "random", seed: 3 });
      const given = { ...options, solver } as FmOptions;
      const reports: EpochReport[] = [];
      const there = await client.train(remote.train, {
        ...given,
        validation: remote.test,
        patience: 5,
        onEpoch: (report) => reports.push(report),
      });
      const plain = ff.train(own.train, { ...given, validation: own.test, patience: 5 });
      expect(await there.save()).toEqual(plain.save());
      expect(reports).toEqual(there.summary.epochs);
      expect(there.summary.learnedRegularization).toEqual(plain.summary.learnedRegularization);
      expect(await client.evaluate(there, remote.test)).toEqual(ff.evaluate(plain, own.test));
    },
  );

  test("serves the same, context and features included", async () => {
    const pairs = [["u1", "u2"], [101, 105]] as const; // prettier-ignore
    for (const context of [{ time: "evening" }, { time: ["morning", null] }, { time: "never" }]) {
      expect(await model.predict(...pairs, { context })).toEqual(
        here.predict(...pairs, { context }),
      );
    }
    const context = { time: "evening" };
    expect(await model.recommend("u3", { context })).toEqual(here.recommend("u3", { context }));
    expect(await model.recommendAll({ n: 2, context })).toEqual(
      here.recommendAll({ n: 2, context }),
    );
    const news = {
      users: ["u1", "new"],
      items: [100, 999],
      timestamps: [1e6, 2e6],
      itemFeatures: { 999: { kind: "gold" } },
    };
    const next = await client.fitPartial(model, await client.dataset(news), { epochs: 2 });
    expect(await next.save()).toEqual(ff.fitPartial(here, ff.dataset(news), { epochs: 2 }).save());
    const loaded = await client.loadModel(here.save());
    expect(await loaded.save()).toEqual(here.save());
  });

  test("places new users as they were described, whatever becomes of the description", async () => {
    const ratings = [
      { item: 100, rating: 4 },
      { item: 104, rating: 1 },
    ];
    const given = { features: { group: "red", age: 30 }, regularization: 0.5 };
    const guest = here.foldInUser(ratings, given);
    const sent = model.foldInUser(ratings, given);
    // At once, not only when the answer is there.
    given.features.group = "blue";
    at(ratings, 0).rating = 1;
    ratings.length = 1;
    const remote = await sent;
    expect(remote.vector).toEqual(guest.vector);
    expect(remote.bias).toBe(guest.bias);
    const context = { time: "evening" };
    expect(await remote.recommend({ n: 99, context })).toEqual(guest.recommend({ n: 99, context }));
    expect(await remote.predict([100, 101], { context })).toEqual(
      guest.predict([100, 101], { context }),
    );
    expect(await remote.explain(103)).toEqual(guest.explain(103));
    const odd = await model.foldInUser([], { features: { group: "grey" } });
    expect(odd.unseen).toEqual([{ field: "group", category: "grey" }]);
    expect(await odd.recommend()).toEqual(here.foldInUser([]).recommend());
  });

  test("places new items", async () => {
    const features = { kind: "green", tags: ["t1", "never"] };
    const item = here.foldInItem(features);
    const remote = await model.foldInItem(features);
    expect(remote.vector).toEqual(item.vector);
    expect(remote.bias).toBe(item.bias);
    expect(remote.unseen).toEqual(item.unseen);
    expect(await remote.similarItems({ n: 4, measure: "dot" })).toEqual(
      item.similarItems({ n: 4, measure: "dot" }),
    );
    expect(await remote.topUsers({ n: 4 })).toEqual(item.topUsers({ n: 4 }));
    expect(await remote.predict(["u1"], { clip: false })).toEqual(
      item.predict(["u1"], { clip: false }),
    );
  });
});

describe("rows in a worker", () => {
  test("are those of this thread", async () => {
    expect(rows).toMatchObject({ rowCount: 3, columnCount: 2, hasTargets: true });
    expect(await rows.content()).toEqual(localRows.content());
    expect(await rows.toLibsvm({ firstIndex: 0 })).toBe(localRows.toLibsvm({ firstIndex: 0 }));
    const parts = await client.split(rows, { by: "rows", testRows: [1] });
    expect(await parts.test.content()).toEqual(
      ff.split(localRows, { by: "rows", testRows: [1] }).test.content(),
    );
    const there = await client.train(rows, { ...rowOptions, validation: parts.test });
    const validation = ff.split(localRows, { by: "rows", testRows: [1] }).test;
    const plain = ff.train(localRows, { ...rowOptions, validation });
    expect(await there.save()).toEqual(plain.save());
    expect(await there.predictRows(rows, { clip: false })).toEqual(
      plain.predictRows(localRows, { clip: false }),
    );
    expect(await client.evaluate(there, rows)).toEqual(ff.evaluate(plain, localRows));
    const next = await client.fitPartial(there, rows, { epochs: 2 });
    expect(await next.save()).toEqual(ff.fitPartial(plain, localRows, { epochs: 2 }).save());
  });
});

describe("what goes to the worker", () => {
  test("is copied, or handed over on request", async () => {
    const typed = () => ({
      values: Float32Array.of(1, 2, 3, 4),
      columns: 2,
      targets: Float32Array.of(5, 6),
    });
    const input = typed();
    const sent = client.rows(input);
    input.values.fill(9);
    expect([...(await (await sent).content()).values]).toEqual([1, 2, 3, 4]);
    const given = typed();
    const made = await client.rows(given, { transfer: true });
    expect([given.values.length, given.targets.length]).toEqual([0, 0]);
    expect([...(await made.content()).targets]).toEqual([5, 6]);
    const dataset = {
      users: Uint8Array.of(1, 2),
      items: Uint8Array.of(1, 2),
      context: { hour: Uint8Array.of(3, 4), word: ["p", "q"] },
    };
    const own = await client.dataset(dataset, { transfer: true });
    expect([dataset.users.length, dataset.context.hour.length]).toEqual([0, 0]);
    expect(own.fields.map(({ name, type }) => [name, type])).toEqual([["hour", "number"], ["word", "category"]]); // prettier-ignore
  });

  test("may be maps of features", async () => {
    const userFeatures = new Map(Object.entries(lists.userFeatures));
    const made = await client.dataset({ ...lists, userFeatures });
    expect(await (await client.train(made, options)).save()).toEqual(here.save());
  });

  test("is refused as what it is when it cannot be sent", async () => {
    const no = () => 1;
    for (const [call, argument] of [
      [() => client.dataset({ ...lists, userFeatures: { u1: { x: no } } } as never), "input"],
      [() => client.rows({ ...simple, values: [no] } as never), "input"],
      [() => client.readLibsvm("1 1:1", { columns: no } as never), "source"],
      [() => model.foldInItem({ kind: no } as never), "features"],
      [() => model.foldInUser([], { features: { group: no } } as never), /.*/],
      [() => model.recommend("u1", { context: { time: no } } as never), /.*/],
    ] as [() => unknown, string | RegExp][]) {
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", argument);
    }
    expect(await model.hasUser("u1")).toBe(true);
  });
});

describe("errors from the worker", () => {
  test("keep class, code, argument and message", async () => {
    const pairs: [() => unknown, () => unknown][] = [
      [() => client.dataset({ users: [1], items: [1], userFeatures: 5 as never }), () => ff.dataset({ users: [1], items: [1], userFeatures: 5 as never })], // prettier-ignore
      [() => client.dataset({ users: [1], items: [1], context: null as never }, { transfer: true }), () => ff.dataset({ users: [1], items: [1], context: null as never })], // prettier-ignore
      [
        () => client.rows({ values: [1, NaN], columns: 2 }),
        () => ff.rows({ values: [1, NaN], columns: 2 }),
      ],
      [() => client.rows({ ...simple, targets: [1] }), () => ff.rows({ ...simple, targets: [1] })],
      [() => client.readLibsvm("1 1:x"), () => ff.readLibsvm("1 1:x")],
      [
        () => client.readLibsvm("1 7:1", { columns: 2 }),
        () => ff.readLibsvm("1 7:1", { columns: 2 }),
      ],
      [() => model.foldInItem({ nothing: 1 }), () => here.foldInItem({ nothing: 1 })],
      [() => model.foldInUser([], { features: { age: "x" } }), () => here.foldInUser([], { features: { age: "x" } })], // prettier-ignore
      [() => model.predict(["u1"], [100], { context: { time: [] } }), () => here.predict(["u1"], [100], { context: { time: [] } })], // prettier-ignore
      [() => client.train(data, { model: "fm", fields: ["x"] }), () => ff.train(local, { model: "fm", fields: ["x"] })], // prettier-ignore
      [() => client.train(data, { model: "fm", solver: "sgda" }), () => ff.train(local, { model: "fm", solver: "sgda" })], // prettier-ignore
      [() => client.train(rows, { model: "fm", task: "classification" }), () => ff.train(localRows, { model: "fm", task: "classification" })], // prettier-ignore
      [() => client.evaluate(model, data, { metrics: ["log-loss"] }), () => ff.evaluate(here, local, { metrics: ["log-loss"] })], // prettier-ignore
    ];
    for (const [there, own] of pairs) {
      const [a, b] = [(await thrown(there)) as ArgumentError, (await thrown(own)) as ArgumentError];
      expect(a).toBeInstanceOf(ArgumentError);
      expect([a.code, a.argument, a.message]).toEqual([b.code, b.argument, b.message]);
    }
    const guest = await model.foldInItem({});
    await expectFailure(() => guest.predict(["nobody"]), UnknownIdError, "UNKNOWN_ID", "user");
    const damaged = here.save().slice(0, -1);
    await expectFailure(
      () => client.loadModel(damaged),
      FileFormatError,
      "MALFORMED_FILE",
      "bytes",
    );
  });

  test("name what is no dataset, rows or model of this client", async () => {
    const other = new FeatherClient();
    const [foreign, foreignRows] = [await other.dataset(lists), await other.rows(simple)];
    const rowModel = await client.train(rows, rowOptions);
    const cases: [(value: never) => unknown, string, unknown[]][] = [
      [(r) => client.train(r, rowOptions), "data", [localRows, foreignRows, model, simple, null]],
      [(r) => client.split(r, { by: "random" }), "data", [localRows, foreignRows, foreign]],
      [(r) => rowModel.predictRows(r), "rows", [localRows, foreignRows, data, model, undefined]],
      [(r) => client.evaluate(rowModel, r), "test", [localRows, foreignRows, model]],
      [(r) => client.fitPartial(rowModel, r), "data", [localRows, foreignRows, data]],
      [(r) => client.fitPartial(model, r), "data", [rows, foreign]],
      [
        (validation) => client.train(rows, { ...rowOptions, validation }),
        "validation",
        [data, foreignRows, null],
      ],
      [
        (validation) => client.train(data, { ...options, validation }),
        "validation",
        [rows, foreign, null],
      ],
      [(train) => client.evaluate(model, data, { train }), "train", [rows, foreignRows]],
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
});

describe("cancelling and closing", () => {
  test("ends a run within the run, of datasets and of rows", async () => {
    const reason = new Error("mine");
    for (const run of [
      (controls: object) => client.train(data, { ...options, epochs: 100_000, ...controls }),
      (controls: object) => client.train(rows, { ...rowOptions, epochs: 100_000, ...controls }),
      (controls: object) => client.fitPartial(model, data, { epochs: 100_000, ...controls }),
    ]) {
      const controller = new AbortController();
      let last = 0;
      const onEpoch = ({ epoch }: EpochReport) => {
        last = epoch;
        if (epoch === 3) controller.abort(reason);
      };
      expect(await thrown(() => run({ onEpoch, signal: controller.signal }))).toBe(reason);
      expect(await model.hasUser("u1")).toBe(true);
      expect(last).toBeLessThan(50_000);
      expect(await thrown(() => run({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    }
  });

  test("rows and models ends them, and only them", async () => {
    const own = await client.rows(simple);
    const ownModel: RemoteModel = await client.train(own, rowOptions);
    own.close();
    own.close();
    for (const call of [
      () => own.content(),
      () => own.toLibsvm(),
      () => client.train(own, rowOptions),
      () => client.split(own, { by: "random" }),
      () => client.evaluate(ownModel, own),
      () => ownModel.predictRows(own),
    ]) {
      await expectFailure(call, ClosedError, "CLOSED");
    }
    expect(await ownModel.predictRows(rows)).toHaveLength(3);
    const trained = await client.train(data, options);
    const item = await trained.foldInItem({ kind: "red" });
    trained.close();
    await expectFailure(() => item.topUsers(), ClosedError, "CLOSED");
    await expectFailure(() => trained.foldInItem({}), ClosedError, "CLOSED");
    await expectFailure(() => trained.predictRows(rows), ClosedError, "CLOSED");
    await expectFailure(() => trained.parameters(), ClosedError, "CLOSED");
    (ownModel as unknown as Disposable)[Symbol.dispose]();
    await expectFailure(() => ownModel.predictRows(rows), ClosedError, "CLOSED");
  });

  test("the client ends everything", async () => {
    const own = new FeatherClient();
    const [ownRows, ownData] = [await own.rows(simple), await own.dataset(lists)];
    const item = await (await own.train(ownData, options)).foldInItem({ kind: "red" });
    const underWay = [
      thrown(() => own.train(ownRows, { ...rowOptions, epochs: 100_000 })),
      thrown(() => own.readLibsvm("1 1:1")),
    ];
    own.close();
    for (const error of await Promise.all(underWay)) expect(error).toBeInstanceOf(ClosedError);
    for (const call of [
      () => own.rows(simple),
      () => own.readLibsvm("1 1:1"),
      () => ownRows.content(),
      () => item.similarItems(),
    ]) {
      await expectFailure(call, ClosedError, "CLOSED");
    }
  });

  test("frees: what is made and closed does not pile up", async () => {
    const own = new FeatherClient();
    const cycle = async () => {
      const big = await own.dataset(planted({ users: 60, items: 40 }));
      const trained = await own.train(big, { ...options, factors: 16, epochs: 1 });
      const ownRows = await own.rows({
        values: new Float32Array(20_000).fill(1),
        columns: 10,
        targets: new Float32Array(2000),
      });
      for (const object of [big, trained, ownRows]) object.close();
    };
    for (let k = 0; k < 3; k++) await cycle();
    const before = await own.memoryBytes();
    for (let k = 0; k < 10; k++) await cycle();
    expect(await own.memoryBytes()).toBe(before);
    own.close();
  });
});
