import { load } from "featherfm";
import { describe, expect, test } from "vitest";
import { detached, expectRefused, noCounts, noLists, noOptions, type Loose } from "./bad-values.js";
import { planted } from "./fm-support.js";
import { thrown } from "./support.js";

const engine = await load();
const other = await load();
const ff = engine as unknown as Loose;
const data = engine.dataset(planted({ users: 12, items: 9 }));
const options = { model: "fm", factors: 2, epochs: 2 } as const;
const model = engine.train(data, options);
const looseModel = model as unknown as Loose;
const simple = { values: [1, 2, 3, 4], columns: 2, targets: [1, 2] };
const rows = engine.rows(simple);
const looseRows = rows as unknown as Loose;
const rowModel = engine.train(rows, options);
const foreignRows = other.rows(simple);

const rowsOf = (more: object) => () => ff["rows"]?.({ ...simple, ...more });
const sparse = { values: [1, 2, 3], indices: [0, 1, 1], offsets: [0, 2, 3], columns: 2 };
const sparseRows = (more: object) => () => ff["rows"]?.({ ...sparse, ...more });

describe("rows()", () => {
  test.each([["nothing", undefined], ...noOptions])("refuses %s", async (_, input) => {
    await expectRefused(() => ff["rows"]?.(input), "input");
  });
  test.each([["nothing", undefined], ...noLists])("refuses %s for a list", async (name, list) => {
    await expectRefused(rowsOf({ values: list }), "values");
    if (name === "nothing") return;
    for (const argument of ["targets", "weights"]) {
      await expectRefused(rowsOf({ [argument]: list }), argument);
    }
    for (const argument of ["values", "indices", "offsets"]) {
      await expectRefused(sparseRows({ [argument]: list }), argument);
    }
  });
  test.each([["nothing", undefined], ["-1", -1], ...noCounts.slice(2)] as [string, unknown][])(
    "refuses %s columns",
    async (_, columns) => {
      await expectRefused(rowsOf({ columns }), "columns");
    },
  );
  test.each<[string, unknown]>([
    ["NaN", NaN],
    ["infinity", Infinity],
    ["1e39", 1e39],
    ["text", "1"],
    ["null", null],
  ])("refuses %s among numbers", async (_, value) => {
    await expectRefused(rowsOf({ values: [1, 2, value, 4] }), "values");
    await expectRefused(rowsOf({ targets: [1, value] }), "targets");
    await expectRefused(rowsOf({ weights: [1, value] }), "weights");
    await expectRefused(sparseRows({ values: [1, value, 3] }), "values");
    await expectRefused(sparseRows({ indices: [0, value, 1] }), "indices");
    await expectRefused(sparseRows({ offsets: [0, value, 3] }), "offsets");
  });
  test("refuses sizes that do not fit", async () => {
    for (const values of [[1], [1, 2, 3], new Float32Array(5)]) {
      await expectRefused(rowsOf({ values }), "values");
    }
    await expectRefused(rowsOf({ columns: 0 }), "values");
    await expectRefused(rowsOf({ columns: 3 }), "values");
    for (const list of [[], [1], [1, 2, 3]]) {
      await expectRefused(rowsOf({ targets: list }), "targets");
      await expectRefused(rowsOf({ weights: list }), "weights");
    }
    await expectRefused(sparseRows({ indices: [0, 1] }), "indices");
    await expectRefused(rowsOf({ weights: [1, -1] }), "weights");
  });
  test("refuses sparse rows that are none", async () => {
    await expectRefused(sparseRows({ offsets: undefined }), "offsets");
    await expectRefused(sparseRows({ indices: undefined }), "indices");
    for (const offsets of [[], [0], [0, 2], [1, 3], [0, 2, 4], [0, 3, 2, 3], [0, 4, 3], [3, 0]]) {
      await expectRefused(sparseRows({ offsets }), "offsets");
    }
    for (const indices of [
      [0, 2, 1],
      [0, 1, -1],
      [0, 1.5, 1],
      [0, 2 ** 33, 1],
    ]) {
      await expectRefused(sparseRows({ indices }), "indices");
    }
    const twice = await thrown(sparseRows({ indices: [1, 1, 0] }));
    expect(twice).toMatchObject({ code: "DUPLICATE", argument: "indices" });
  });
  test("refuses fields that do not cover the columns", async () => {
    for (const fields of [
      null,
      "x",
      [null],
      [{ name: "x" }],
      [{ name: "", columns: 2 }],
      [{ name: 5, columns: 2 }],
      [{ name: "\ud800", columns: 2 }],
      [{ name: "day", columns: 2 }],
      [{ name: "x", columns: 1 }],
      [{ name: "x", columns: 3 }],
      [{ name: "x", columns: -1 }, { name: "y", columns: 3 }], // prettier-ignore
      [{ name: "x", columns: 1 }, { name: "x", columns: 1 }], // prettier-ignore
      new Array(1),
      [],
    ]) {
      await expectRefused(rowsOf({ fields }), "fields");
    }
    await expectRefused(rowsOf({ fields: [{ name: "x", columns: 2, side: "user" }] }), "side");
  });
  test("refuses names that mean nothing", async () => {
    await expectRefused(rowsOf({ target: [1, 2] }), "target");
  });
});

describe("a call that takes rows", () => {
  const noRows: [string, unknown][] = [
    ["nothing", undefined],
    ["null", null],
    ["a plain object", {}],
    ["what rows are made of", simple],
    ["a promise", Promise.resolve(rows)],
    ["an imitation", { ...rows }],
    ["another engine's", foreignRows],
    ["a model", rowModel],
  ];
  test.each(noRows)("refuses %s", async (_, value) => {
    await expectRefused(() => ff["train"]?.(value, options), "data");
    await expectRefused(() => ff["split"]?.(value, { by: "random" }), "data");
    await expectRefused(() => ff["fitPartial"]?.(rowModel, value), "data");
    await expectRefused(() => ff["evaluate"]?.(rowModel, value), "test");
    await expectRefused(
      () => ff["train"]?.(rows, { ...options, validation: value ?? null }),
      "validation",
    );
    await expectRefused(() => (rowModel as unknown as Loose)["predictRows"]?.(value), "rows");
  });
  test("refuses a dataset where rows are wanted, and rows where a dataset is", async () => {
    await expectRefused(() => ff["train"]?.(rows, { ...options, validation: data }), "validation");
    await expectRefused(() => ff["train"]?.(data, { ...options, validation: rows }), "validation");
    await expectRefused(() => ff["fitPartial"]?.(rowModel, data), "data");
    await expectRefused(() => ff["fitPartial"]?.(model, rows), "data");
    await expectRefused(() => ff["evaluate"]?.(model, data, { train: rows }), "train");
    await expectRefused(() => looseModel["predictRows"]?.(data), "rows");
    for (const family of ["mf", "svd", "popularity"]) {
      await expectRefused(() => ff["train"]?.(rows, { model: family }), "data");
    }
  });
  test("refuses what is about users and items", async () => {
    for (const [name, value] of [
      ["identity", true],
      ["fields", "all"],
      ["derived", []],
      ["setScale", "mean"],
      ["timestampUnit", "auto"],
    ] as const) {
      await expectRefused(() => ff["train"]?.(rows, { ...options, [name]: value }), name);
    }
    for (const by of ["user", "leave-last-out", "time"]) {
      await expectRefused(() => ff["split"]?.(rows, { by }), "by");
    }
    await expectRefused(() => ff["evaluate"]?.(rowModel, rows, { metrics: ["auc"] }), "metrics");
    await expectRefused(() => ff["evaluate"]?.(rowModel, rows, { train: data }), "train");
    await expectRefused(
      () => ff["evaluate"]?.(rowModel, rows, { relevantFrom: 3 }),
      "relevantFrom",
    );
  });
  test.each(noOptions)("refuses %s for options", async (_, value) => {
    await expectRefused(() => looseRows["toLibsvm"]?.(value), "options");
    await expectRefused(() => ff["split"]?.(rows, value), "options");
    await expectRefused(() => ff["readLibsvm"]?.("1 1:1", value), "options");
  });
  test.each([2, -1, 0.5, NaN, "1", null])("refuses %j for a first index", async (firstIndex) => {
    await expectRefused(() => looseRows["toLibsvm"]?.({ firstIndex }), "firstIndex");
    await expectRefused(() => ff["readLibsvm"]?.("1 1:1", { firstIndex }), "firstIndex");
  });
});

describe("readLibsvm()", () => {
  const bytes = [["a list of bytes", [49, 10]]] as [string, unknown][];
  const text = noLists.filter(([name]) => name !== "a string" && name !== "an ArrayBuffer");
  test.each([["nothing", undefined], ...bytes, ...text])("refuses %s", async (_, source) => {
    await expectRefused(() => ff["readLibsvm"]?.(source), "source");
  });
  test.each([...noCounts.slice(1), ["-5", -5]] as [string, unknown][])(
    "refuses %s columns",
    async (_, columns) => {
      await expectRefused(() => ff["readLibsvm"]?.("1 1:1", { columns }), "columns");
    },
  );
  test("refuses names that mean nothing", async () => {
    await expectRefused(() => ff["readLibsvm"]?.("1 1:1", { column: 3 }), "column");
  });
  test("refuses a buffer that was given away", async () => {
    await expectRefused(() => engine.readLibsvm(detached), "source");
  });
});

test("after all of this the engine is well", () => {
  expect(rowModel.predictRows(rows)).toEqual(engine.train(rows, options).predictRows(rows));
  expect(engine.memoryBytes()).toBeLessThan(64 * 2 ** 20);
});
