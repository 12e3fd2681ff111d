import { ArgumentError, ClosedError, DivergedError, load, type FmOptions } from "featherfm";
import { describe, expect, test } from "vitest";
import { PlainMachine } from "./fm-support.js";
import { at, expectFailure, float32, randomFrom, thrown, writeSafetensors } from "./support.js";

const ff = await load();
const small = { model: "fm", factors: 3, epochs: 10 } as const;

/** Rows of four columns, and targets of a rule with a pair in it: 1 + 2a - b + 3ac. */
function ruled(count: number, seed = 1) {
  const random = randomFrom(seed);
  const dense = Array.from({ length: count }, () =>
    [0, 1, 2, 3].map(() => (random() < 0.5 ? 0 : random())),
  );
  const targets = dense.map(([a = 0, b = 0, c = 0]) => 1 + 2 * a - b + 3 * a * c);
  return { dense, values: dense.flat(), columns: 4, targets };
}

/** The same without the zeros. */
function compressed({ dense, columns, targets }: ReturnType<typeof ruled>) {
  const offsets = [0];
  const [indices, values]: [number[], number[]] = [[], []];
  for (const row of dense) {
    row.forEach((x, c) => {
      if (x === 0) return;
      indices.push(c);
      values.push(x);
    });
    offsets.push(values.length);
  }
  return { values, indices, offsets, columns, targets };
}

const lists = ruled(300);
const { dense, ...input } = lists;
const rows = ff.rows(input);
const rmse = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.sqrt(Array.from(a, (x, k) => (x - at(b, k)) ** 2).reduce((sum, x) => sum + x, 0) / a.length);

describe("rows", () => {
  test("may come dense or sparse, and are the same", () => {
    expect(rows).toMatchObject({ rowCount: 300, columnCount: 4, hasTargets: true });
    const sparse = ff.rows(compressed(lists));
    expect(sparse.content()).toEqual(rows.content());
    expect(ff.train(sparse, small).save()).toEqual(ff.train(rows, small).save());
  });

  test("come back as they were given, in 32 bits", () => {
    const given = {
      values: [1, 0.1, 2, 3],
      indices: [4, 0, 2, 1],
      offsets: [0, 2, 2, 4],
      columns: 5,
    };
    const weights = [1, 0, 2.5];
    expect(ff.rows({ ...given, targets: [1, -2, 0.1], weights }).content()).toEqual({
      offsets: Uint32Array.of(0, 2, 2, 4),
      indices: Uint32Array.of(4, 0, 2, 1),
      values: Float32Array.of(1, 0.1, 2, 3),
      targets: Float32Array.of(1, -2, 0.1),
      weights: Float32Array.from(weights),
    });
  });

  test("may come as typed arrays, which are copied", () => {
    const values = Float64Array.of(1, 2, 3, 4);
    const targets = Uint8Array.of(1, 2);
    const own = ff.rows({ values, columns: 2, targets });
    values.fill(9);
    targets.fill(9);
    const content = own.content();
    expect([...content.values, ...content.targets]).toEqual([1, 2, 3, 4, 1, 2]);
    content.values.fill(7);
    expect(at(own.content().values, 0)).toBe(1);
  });

  test("may be none, or of nothing", () => {
    expect(ff.rows({ values: [], columns: 0 })).toMatchObject({ rowCount: 0, columnCount: 0 });
    expect(ff.rows({ values: [], columns: 3 })).toMatchObject({ rowCount: 0, columnCount: 3 });
    const empty = ff.rows({
      values: [],
      indices: [],
      offsets: [0, 0, 0],
      columns: 0,
      targets: [3, 5],
    });
    expect(empty).toMatchObject({ rowCount: 2, columnCount: 0 });
    // Nothing but the constant is left to learn.
    expect([...ff.train(empty, small).predictRows(empty)]).toEqual([4, 4]);
  });

  test("without targets can be predicted, and nothing else", async () => {
    const { targets, ...rest } = input;
    const plain = ff.rows(rest);
    expect(plain.hasTargets).toBe(false);
    const model = ff.train(rows, small);
    expect(model.predictRows(plain)).toEqual(model.predictRows(rows));
    expect([...plain.content().targets].every((t) => t === 0)).toBe(true);
    expect(targets).toHaveLength(300);
    for (const [call, argument] of [
      [() => ff.train(plain, small), "data"],
      [() => ff.train(rows, { ...small, validation: plain }), "validation"],
      [() => ff.evaluate(model, plain), "test"],
      [() => ff.fitPartial(model, plain), "data"],
    ] as const) {
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", argument);
    }
  });

  test("of which there are none cannot be trained on or measured", async () => {
    const none = ff.rows({ values: [], columns: 4, targets: [] });
    const empty = ff.rows({ values: [], indices: [], offsets: [0], columns: 4, targets: [] });
    const model = ff.train(rows, small);
    for (const own of [none, empty]) {
      expect(model.predictRows(own)).toHaveLength(0);
      expect(await thrown(() => ff.train(own, small))).toBeInstanceOf(ArgumentError);
      expect(await thrown(() => ff.evaluate(model, own))).toBeInstanceOf(ArgumentError);
    }
  });

  test("are split at random by a seed, or by number", async () => {
    const parts = ff.split(rows, { by: "random", testFraction: 0.25, seed: 5 });
    expect([parts.train.rowCount, parts.test.rowCount]).toEqual([225, 75]);
    const again = ff.split(rows, { by: "random", testFraction: 0.25, seed: 5 });
    expect(again.test.content()).toEqual(parts.test.content());
    expect(ff.split(rows, { by: "random", seed: 6 }).test.content()).not.toEqual(
      parts.test.content(),
    );
    const weighted = ff.rows({
      values: [1, 2, 3],
      columns: 1,
      targets: [4, 5, 6],
      weights: [7, 8, 9],
    });
    const { train, test } = ff.split(weighted, { by: "rows", testRows: [1, 1] });
    expect(test.content()).toMatchObject({
      values: Float32Array.of(2),
      targets: Float32Array.of(5),
      weights: Float32Array.of(8),
    });
    expect([...train.content().targets]).toEqual([4, 6]);
    for (const row of [3, 2 ** 32 - 2]) {
      const call = () => ff.split(weighted, { by: "rows", testRows: [row] });
      await expectFailure(call, ArgumentError, "OUT_OF_RANGE", "testRows");
    }
    const none = ff.rows({ values: [], columns: 1 });
    const call = () => ff.split(none, { by: "rows", testRows: [0] });
    await expectFailure(call, ArgumentError, "OUT_OF_RANGE", "testRows");
    expect(ff.split(none, { by: "random" }).test.rowCount).toBe(0);
  });

  test("once closed are of no use", async () => {
    const own = ff.rows(input);
    const model = ff.train(own, small);
    own.close();
    own.close();
    for (const call of [
      () => own.content(),
      () => own.toLibsvm(),
      () => ff.split(own, { by: "random" }),
      () => ff.train(own, small),
      () => ff.train(rows, { ...small, validation: own }),
      () => ff.evaluate(model, own),
      () => ff.fitPartial(model, own),
      () => model.predictRows(own),
    ]) {
      await expectFailure(call, ClosedError, "CLOSED");
    }
    expect(own.rowCount).toBe(300);
    expect(model.predictRows(rows)).toHaveLength(300);
    const used = ff.rows(input);
    (used as unknown as Disposable)[Symbol.dispose]();
    await expectFailure(() => used.content(), ClosedError, "CLOSED");
  });
});

describe("a model of rows", () => {
  const { train, test: held } = ff.split(rows, { by: "random", seed: 2 });
  const model = ff.train(train, { ...small, epochs: 60, regularization: 0.01, validation: held });

  test("learns the rule, the pair in it included", () => {
    expect(ff.evaluate(model, held).rmse).toBeLessThan(0.15);
    const linear = ff.train(train, { ...small, factors: 0, epochs: 60, regularization: 0.01 });
    expect(ff.evaluate(linear, held).rmse).toBeGreaterThan(2 * ff.evaluate(model, held).rmse);
    expect(rmse(model.predictRows(rows), lists.targets)).toBeLessThan(0.15);
  });

  test.each(["als", "sgd", "adagrad", "adam", "ftrl", "sgda"] as const)(
    "trains by %s",
    (solver) => {
      const options = {
        ...small,
        solver,
        ...(solver === "adam" && { batchSize: 16 }),
      } as FmOptions;
      const trained = ff.train(train, { ...options, validation: held });
      const mean = lists.targets.reduce((sum, t) => sum + t / 300, 0);
      expect(ff.evaluate(trained, held).rmse).toBeLessThan(rmse(lists.targets, lists.targets.map(() => mean))); // prettier-ignore
      expect(ff.train(train, { ...options, validation: held }).save()).toEqual(trained.save());
    },
  );

  test("predicts what its parameters say", () => {
    const plain = new PlainMachine(model);
    model.predictRows(rows, { clip: false }).forEach((p, k) => {
      const row = at(dense, k).flatMap((x, c): [number, number][] => (x === 0 ? [] : [[c, x]]));
      expect(p).toBeCloseTo(plain.scoreOf(row), 4);
    });
    const [low, high] = model.valueRange;
    expect(model.predictRows(rows).every((p) => p >= low && p <= high)).toBe(true);
  });

  test("agrees with evaluate, weights included", () => {
    const weights = lists.targets.map((_, k) => k % 3);
    const own = ff.rows({ ...input, weights });
    const predicted = model.predictRows(own);
    let [squared, absolute, total] = [0, 0, 0];
    lists.targets.forEach((t, k) => {
      const weight = at(weights, k);
      squared += weight * (t - at(predicted, k)) ** 2;
      absolute += weight * Math.abs(t - at(predicted, k));
      total += weight;
    });
    const errors = ff.evaluate(model, own);
    expect(errors.rmse).toBeCloseTo(Math.sqrt(squared / total), 5);
    expect(errors.mae).toBeCloseTo(absolute / total, 5);
  });

  test("has fields of its columns, which may be penalised each for itself", () => {
    expect(model.fields()).toMatchObject([
      { name: "row", side: "context", begin: 0, columns: 4, used: 4 },
    ]);
    const fields = [{ name: "ab", columns: 2 }, { name: "none", columns: 0 }, { name: "cd", columns: 2 }]; // prettier-ignore
    const grouped = ff.rows({ ...input, fields });
    const trained = ff.train(grouped, { ...small, regularization: { fields: { ab: 1e6 } } });
    expect(trained.fields().map(({ name, begin, columns }) => [name, begin, columns])).toEqual([
      ["ab", 0, 2],
      ["none", 2, 0],
      ["cd", 2, 2],
    ]);
    expect(at(trained.fields(), 0).linear).toBeLessThan(1e-3);
    expect(at(trained.fields(), 2).linear).toBeGreaterThan(1e-2);
    expect(ff.train(grouped, small).parameters()).toEqual(ff.train(rows, small).parameters());
    const parts = ff.split(grouped, { by: "random" });
    expect(ff.train(parts.train, small).fields()).toHaveLength(3);
  });

  test("knows nothing of a column that no row uses", () => {
    const wide = ff.rows({ ...compressed(lists), columns: 6 });
    const trained = ff.train(wide, small);
    expect(trained.fields()[0]).toMatchObject({ columns: 6, used: 4 });
    const { linear, factors } = trained.parameters();
    expect([...linear.slice(4), ...factors.slice(12)].every((x) => x === 0)).toBe(true);
    const beyond = ff.rows({ values: [5], indices: [5], offsets: [0, 1, 1], columns: 6 });
    expect(new Set(trained.predictRows(beyond))).toHaveProperty("size", 1);
  });

  test("predicts rows with fewer columns, and refuses those with more", async () => {
    const narrow = ff.rows({ values: [1, 0, 0, 1], columns: 2 });
    const wide = ff.rows({ values: [1, 0, 0, 0, 0, 1, 0, 0], columns: 4 });
    expect(model.predictRows(narrow)).toEqual(model.predictRows(wide));
    const more = ff.rows({ values: [1, 0, 0, 0, 5], columns: 5, targets: [1] });
    for (const call of [
      () => model.predictRows(more),
      () => ff.evaluate(model, more),
      () => ff.train(train, { ...small, validation: more }),
    ]) {
      const error = await expectFailure(call, ArgumentError, "SIZE_MISMATCH");
      expect(error.message).toContain("5 columns");
    }
  });

  test("may be continued, with the same columns", async () => {
    const start = ff.train(train, { ...small, epochs: 2, regularization: 0.01 });
    const more = ff.fitPartial(start, held, { epochs: 20, validation: train, patience: 20 });
    expect(ff.evaluate(more, held).rmse).toBeLessThan(ff.evaluate(start, held).rmse);
    expect(ff.fitPartial(ff.loadModel(start.save()), held, { epochs: 3 }).save()).toEqual(
      ff.fitPartial(start, held, { epochs: 3 }).save(),
    );
    expect((await ff.fitPartialAsync(start, held, { epochs: 3 })).summary.epochs).toHaveLength(3);
    const other = ff.rows({ values: [1, 2], columns: 2, targets: [1] });
    expect(await thrown(() => ff.fitPartial(start, other))).toBeInstanceOf(ArgumentError);
  });

  test("comes back from a file bit for bit", () => {
    const loaded = ff.loadModel(model.save());
    expect(loaded.save()).toEqual(model.save());
    expect(loaded.predictRows(rows)).toEqual(model.predictRows(rows));
    expect(loaded.parameters()).toEqual(model.parameters());
    expect(loaded.fields()).toEqual(model.fields());
    expect(loaded).toMatchObject({ family: "fm", userCount: 0, itemCount: 0, factors: 3 });
  });

  test("has no users and items, and says so rather than break", async () => {
    expect(model.userIds()).toEqual([]);
    expect(model.recommendAll()).toEqual([]);
    expect(model.predict([], [])).toHaveLength(0);
    expect(await thrown(() => model.recommend("u1"))).toMatchObject({ code: "UNKNOWN_ID" });
    expect(await thrown(() => model.similarItems(1))).toMatchObject({ code: "UNKNOWN_ID" });
    expect(model.foldInUser([]).recommend()).toEqual([]);
    expect(model.foldInItem({}).topUsers()).toEqual([]);
    expect(model.foldInItem({}).similarItems()).toEqual([]);
  });

  test.each(["als", "sgd", "adagrad", "adam", "ftrl"] as const)(
    "says so when values are too large to compute with by %s",
    async (solver) => {
      for (const huge of [1e30, 3e38, -3e38]) {
        const own = ff.rows({ values: [huge, 1, 1, 0, 0, 1], columns: 2, targets: [1, 2, 3] });
        const call = () => ff.train(own, { ...small, solver });
        const error = await expectFailure(call, DivergedError, "DIVERGED");
        expect(error.message).toContain("large");
        expect(error.model).toBeUndefined();
      }
      // Large ones that squares still hold are served.
      const own = ff.rows({ values: [1e6, 1, 1, 0, 0, 1], columns: 2, targets: [1, 2, 3] });
      try {
        const trained = ff.train(own, { ...small, solver });
        expect(trained.predictRows(own).every(Number.isFinite)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(DivergedError);
      }
    },
  );
});

test("a model from elsewhere gives the golden predictions", () => {
  // fastFM's own example; factors are there by factor, here by column.
  const matrix = (shape: number[], ...values: number[]) => ({
    dtype: "F32",
    shape,
    bytes: float32(...values),
  });
  const none = { dtype: "U32", shape: [0], bytes: new Uint8Array() };
  const offsets = { dtype: "U32", shape: [1], bytes: new Uint8Array(4) };
  const file = writeSafetensors(
    {
      factors: matrix([2, 2], 6, 5, 0, 8),
      linear: matrix([2], 9, 2),
      constant: matrix([1], 2),
      user_row_offsets: offsets,
      user_row_columns: none,
      user_row_values: matrix([0]),
      item_row_offsets: offsets,
      item_row_columns: none,
      item_row_values: matrix([0]),
    },
    {
      family: "fm",
      fields: "1",
      field_0_name: "row",
      field_0_side: "context",
      field_0_columns: "2",
      units_per_day: "86400",
    },
  );
  const model = ff.loadModel(file);
  const own = ff.rows({ values: [6, 1, 2, 3, 3, 0, 6, 1, 4, 5], columns: 2 });
  expect([...model.predictRows(own)]).toEqual([298, 266, 29, 298, 848]);
  expect(model.parameters()).toEqual({
    constant: 2,
    linear: Float32Array.of(9, 2),
    factors: Float32Array.of(6, 5, 0, 8),
  });
  expect(model.fields()).toMatchObject([{ name: "row", columns: 2, used: 2 }]);
  expect(ff.loadModel(model.save()).save()).toEqual(model.save());
});
