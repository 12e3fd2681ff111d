import {
  ArgumentError,
  load,
  type Dataset,
  type DatasetInput,
  type EpochReport,
  type FmAlsOptions,
  type FmOptions,
  type Model,
  type Progress,
} from "featherfm";
import { describe, expect, test } from "vitest";
import { bare, itemRecord, one, PlainMachine, planted } from "./fm-support.js";
import { at, expectFailure, fingerprint, thrown } from "./support.js";

const ff = await load();
const lists = planted({ luck: 0.5 });
const data = ff.dataset(lists);
const { train: half, test: held } = ff.split(data, { by: "random", testFraction: 0.2, seed: 1 });
const small = { model: "fm", factors: 4, epochs: 6 } as const;
const solvers: [string, FmOptions][] = [
  ["als", small],
  ["sgd", { ...small, solver: "sgd" }],
  ["adagrad", { ...small, solver: "adagrad" }],
  ["adam", { ...small, solver: "adam", batchSize: 32 }],
  ["ftrl", { ...small, solver: "ftrl" }],
  ["sgda", { ...small, solver: "sgda" }],
];
/** Only the solver "sgda" needs validation, and it must not be in the way of the others. */
const controls = (options: FmOptions, validation: Dataset = held) =>
  options.solver === "sgda" ? { validation } : {};

const scores = (model: Model) =>
  model.predict(lists.users, lists.items, { clip: false, context: { time: lists.context.time } });
const rmseOf = (model: Model, of = lists.ratings) =>
  Math.sqrt(of.reduce((sum, r, k) => sum + (r - at(scores(model), k)) ** 2, 0) / of.length);

describe.each(solvers)("training a factorization machine by %s", (solver, options) => {
  const reports: EpochReport[] = [];
  const onEpoch = (report: EpochReport) => reports.push(report);
  const model = ff.train(data, { ...options, ...controls(options), onEpoch });

  test("learns what stands in the features", () => {
    expect(rmseOf(model)).toBeLessThan(0.8);
    expect(at(reports, 5).trainRmse).toBeLessThan(at(reports, 0).trainRmse);
  });

  test("predicts what its parameters say by the textbook formula", () => {
    const plain = new PlainMachine(model);
    const { users, items, context } = lists;
    const { mean, deviation } = momentsOf(model.userIds().map((u) => lists.userFeatures[u]?.age));
    scores(model).forEach((score, k) => {
      const [user, item] = [at(users, k), at(items, k)];
      const record = lists.userFeatures[user];
      const { kind, tags: named } = lists.itemFeatures[item] ?? itemRecord(0);
      const tags = [...new Set(named)];
      const row = {
        user: one(model.userIds(), user),
        group: one(groupNames, record?.group),
        age: { 0: ((record?.age ?? NaN) - mean) / deviation },
        item: one(model.itemIds(), item),
        kind: one(kinds, kind),
        tags: Object.fromEntries(tags.map((tag) => [tagNames.indexOf(tag), tags.length ** -0.5])),
        time: one(times, at(context.time, k)),
      };
      expect(score).toBeCloseTo(plain.score(row), 4);
    });
  });

  test("reports every epoch and says what it was trained with", () => {
    expect(reports.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(model.summary.epochs).toEqual(reports);
    expect(model).toMatchObject({ family: "fm", factors: 4, userCount: 30, itemCount: 18 });
    expect(model.options).toMatchObject({ model: "fm", solver, factors: 4, epochs: 6 });
    expect([...model.valueRange]).toEqual([...data.ratingRange]);
    expect("learnedRegularization" in model.summary).toBe(solver === "sgda");
  });

  test("gives the same bytes for the same seed, here and when it shares the thread", async () => {
    const again = ff.train(data, { ...options, ...controls(options) }).save();
    expect(again).toEqual(model.save());
    const shared = await ff.trainAsync(data, { ...options, ...controls(options) });
    expect(shared.save()).toEqual(again);
    const other = ff.train(data, { ...options, ...controls(options), seed: 2 });
    expect(fingerprint(other.save())).not.toBe(fingerprint(again));
  });

  test.each([
    ["0 and 1", (r: number) => (r > 2.5 ? 1 : 0)],
    ["-1 and 1", (r: number) => (r > 2.5 ? 1 : -1)],
  ])("classifies labels %s: predictions are probabilities", (_, label) => {
    const ratings = lists.ratings.map(label);
    const labelled = ff.dataset({ ...lists, ratings });
    const regularization = { linear: 0.1, factors: 0.1, features: 1 };
    const task = {
      ...options,
      task: "classification",
      regularization,
      ...controls(options, labelled),
    } as const;
    const classifier = ff.train(labelled, task);
    expect([...classifier.valueRange]).toEqual([0, 1]);
    const probabilities = scores(classifier);
    expect(probabilities.every((p) => p > 0 && p < 1)).toBe(true);
    const right = ratings.filter((r, k) => r > 0 === at(probabilities, k) > 0.5).length;
    expect(right / ratings.length).toBeGreaterThan(0.8);
    const { accuracy } = ff.evaluate(classifier, labelled, { metrics: ["accuracy"] });
    expect(accuracy).toBeCloseTo(right / ratings.length, 5);
  });

  test("without factors is linear regression, and without weights has none", () => {
    const linear = ff.train(data, { ...options, factors: 0, ...controls(options) });
    expect(linear.parameters().factors).toHaveLength(0);
    expect(linear.parameters().linear.some((w) => w !== 0)).toBe(true);
    const pairs = ff.train(data, { ...options, terms: false, ...controls(options) });
    expect(pairs.parameters().constant).toBe(0);
    expect(pairs.parameters().linear.every((w) => w === 0)).toBe(true);
    const constant = ff.train(data, { ...options, terms: { linear: false }, ...controls(options) });
    expect(constant.parameters().constant).not.toBe(0);
  });
});

// Categories stand in the order of the ids that have them first.
const groupNames = ["red", "green", "blue"];
const ofItems = data.itemIds().map((item) => lists.itemFeatures[item] ?? itemRecord(0));
const kinds = [...new Set(ofItems.map(({ kind }) => kind))];
const tagNames = [...new Set(ofItems.flatMap(({ tags }) => tags))];
const times = [...new Set(lists.context.time)];

function momentsOf(values: (number | undefined)[]) {
  const numbers = values.map((x) => x ?? NaN);
  const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  const variance = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length;
  return { mean, deviation: Math.sqrt(variance) };
}

const names = (options: object, of: Dataset = data) =>
  ff
    .train(of, { ...small, epochs: 1, ...options })
    .fields()
    .map(({ name }) => name);

describe("the columns of a model", () => {
  test("are those of ids and of every field, side by side", () => {
    expect(names({})).toEqual(["user", "group", "age", "item", "kind", "tags", "time"]);
    const fields = ff.train(data, small).fields();
    let end = 0;
    for (const { begin, columns } of fields) {
      expect(begin).toBe(end);
      end += columns;
    }
    const { linear, factors } = ff.train(data, small).parameters();
    expect([linear.length, factors.length]).toEqual([end, 4 * end]);
    expect(fields[0]).toMatchObject({ name: "user", side: "user", columns: 30, used: 30 });
    expect(fields.every(({ linear, factors }) => linear > 0 && factors > 0)).toBe(true);
  });

  test("are without ids on request", () => {
    expect(names({ identity: false })).toEqual(["group", "age", "kind", "tags", "time"]);
    expect(names({ identity: { user: false }, fields: [] })).toEqual(["item"]);
    expect(names({ identity: { item: false }, fields: [] })).toEqual(["user"]);
  });

  test("are those of the named fields", () => {
    expect(names({ fields: ["kind", "group", "kind"] })).toEqual(["user", "group", "item", "kind"]);
    expect(names({ fields: [] })).toEqual(["user", "item"]);
    const chosen = ff.train(data, { ...small, fields: ["kind"] });
    expect(chosen.save()).toEqual(
      ff
        .train(
          ff.dataset({
            ...bare(lists),
            timestamps: lists.timestamps,
            itemFeatures: Object.fromEntries(
              Object.entries(lists.itemFeatures).map(([id, { kind }]) => [id, { kind }]),
            ),
          }),
          { ...small, fields: ["kind"] },
        )
        .save(),
    );
  });

  test.each(["sqrt", "mean"] as const)(
    "may be made from who met what, and when: %s",
    (setScale) => {
      const derived = ["user-items", "item-users", "day"] as const;
      const trained = ff.train(data, { ...small, fields: [], derived, setScale });
      const model = ff.loadModel(trained.save());
      expect(model.fields().map(({ name, side, columns }) => [name, side, columns])).toEqual([
        ["user", "user", 30],
        ["user-items", "user", 18],
        ["item", "item", 18],
        ["item-users", "item", 30],
        ["day", "context", 5],
      ]);
      // The sets are those of training, each entry 1 / sqrt(size) or 1 / size.
      const plain = new PlainMachine(model);
      const [users, items] = [model.userIds(), model.itemIds()];
      const setOf = (ids: unknown[], all: unknown[]) =>
        Object.fromEntries(
          ids.map((id) => [all.indexOf(id), ids.length ** (setScale === "sqrt" ? -0.5 : -1)]),
        );
      const seen = (user: string) => data.ratingsOf(user).map(({ item }) => item);
      const row = {
        user: one(users, "u3"),
        "user-items": setOf(seen("u3"), items),
        item: one(items, 105),
        "item-users": setOf(
          users.filter((u) => seen(u as string).includes(105)),
          users,
        ),
      };
      expect(model.predict(["u3"], [105], { clip: false })[0]).toBeCloseTo(plain.score(row), 4);
      // Somebody new has a set, too: of the items they rate.
      const given = [{ item: 101, rating: 5 }, { item: 105, rating: 1 }]; // prettier-ignore
      expect(model.foldInUser(given).predict([105])).toEqual(
        trained.foldInUser(given).predict([105]),
      );
    },
  );

  test("that no interaction uses stay zero", () => {
    const more = ff.dataset({
      ...lists,
      userFeatures: { ...lists.userFeatures, new: { group: "grey" } },
    });
    const fields = ff.train(more, small).fields();
    expect(fields.find(({ name }) => name === "group")).toMatchObject({ columns: 4, used: 3 });
    expect(fields.find(({ name }) => name === "user")).toMatchObject({ columns: 31, used: 30 });
  });
});

describe("the day of an interaction", () => {
  const days = { ...small, fields: [], derived: ["day"] } as const;
  const at1990 = lists.timestamps.map((t) => 631_152_000 + t);
  const of = (timestamps: number[], timestampUnit?: "auto" | "seconds" | "milliseconds") => {
    const input: DatasetInput = { ...bare(lists), timestamps };
    return ff.train(ff.dataset(input), { ...days, ...(timestampUnit && { timestampUnit }) });
  };

  test("is found in validation and test data that count otherwise", () => {
    const seconds = ff.dataset({ ...lists, timestamps: lists.timestamps.map((t) => t * 86_400) });
    const milliseconds = ff.dataset({
      ...lists,
      timestamps: lists.timestamps.map((t) => 1000 * t * 86_400),
    });
    const trained = ff.train(seconds, {
      model: "fm",
      derived: ["day"],
      epochs: 3,
      validation: milliseconds,
    });
    const { rmse } = ff.evaluate(trained, seconds);
    expect(ff.evaluate(trained, milliseconds).rmse).toBe(rmse);
    expect(trained.summary.epochs.at(-1)?.validation?.rmse).toBeCloseTo(rmse, 5);
  });

  test("is the same for seconds and milliseconds, told or not", () => {
    const bySeconds = of(at1990);
    expect(bySeconds.fields().at(-1)).toMatchObject({ name: "day", columns: 5, used: 5 });
    const milliseconds = at1990.map((t) => 1000 * t);
    for (const model of [
      of(at1990, "seconds"),
      of(milliseconds),
      of(milliseconds, "milliseconds"),
    ]) {
      expect(model.parameters()).toEqual(bySeconds.parameters());
    }
    // Told wrongly: a thousandth of a day each.
    expect(of(at1990, "milliseconds").fields().at(-1)?.columns).toBe(1);
  });

  test("is needed for the field", async () => {
    const call = () => ff.train(ff.dataset(bare(lists)), days);
    const error = await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "derived");
    expect(error.message).toContain("timestamps");
  });

  test("counts in evaluation, where it is a known one", () => {
    const byDay = ff.dataset({
      users: lists.users,
      items: lists.items,
      ratings: lists.timestamps.map((t) => Math.floor(t / 86_400)),
      timestamps: lists.timestamps,
    });
    const { train, test } = ff.split(byDay, { by: "random", seed: 3 });
    const options = { ...days, identity: false, regularization: 0.01 } as const;
    expect(ff.evaluate(ff.train(train, options), test).rmse).toBeLessThan(0.1);
  });
});

describe("penalties", () => {
  const weight = (model: Model, name: string) =>
    model.fields().find((field) => field.name === name)?.linear as number;

  test("may be one number, or parts", () => {
    const of = (regularization: FmAlsOptions["regularization"]) =>
      ff.train(data, { ...small, ...(regularization !== undefined && { regularization }) });
    expect(of(2).parameters()).toEqual(of({ linear: 2, factors: 2 }).parameters());
    expect(of({ linear: 2 }).options["regularization"]).toMatchObject({ linear: 2, fields: {} });
    expect(of({ linear: 9 }).fields()[0]?.linear).toBeLessThan(
      of({ linear: 1 }).fields()[0]?.linear as number,
    );
    expect(of({ constant: 1e6 }).parameters().constant).toBeLessThan(0.1);
  });

  test("may be different for a field", () => {
    for (const kind of [1e6, { linear: 1e6, factors: 1e6 }]) {
      const model = ff.train(data, { ...small, regularization: { fields: { kind } } });
      expect(weight(model, "kind")).toBeLessThan(1e-3);
      expect(weight(model, "group")).toBeGreaterThan(1e-2);
    }
    const own = ff.train(data, { ...small, regularization: { fields: { user: 1e6, item: 0 } } });
    expect(weight(own, "user")).toBeLessThan(1e-3);
  });

  test("that follow the validation data need some, and say where they arrived", async () => {
    const call = () => ff.train(half, { ...small, solver: "sgda" });
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "validation");
    const { learnedRegularization } = ff.train(half, {
      ...small,
      solver: "sgda",
      validation: held,
    }).summary;
    expect(Object.keys(learnedRegularization ?? {})).toEqual(names({}));
    for (const { linear, factors } of Object.values(learnedRegularization ?? {})) {
      expect(linear).toBeGreaterThanOrEqual(0);
      expect(factors).toBeGreaterThanOrEqual(0);
    }
  });
});

describe("controls", () => {
  test("validation is measured with features and context, and agrees with evaluate", () => {
    const model = ff.train(half, { ...small, validation: held });
    const { rmse, mae } = ff.evaluate(model, held);
    const { bestEpoch, epochs } = model.summary;
    expect(at(epochs, bestEpoch - 1).validation?.rmse).toBeCloseTo(rmse, 5);
    expect(at(epochs, bestEpoch - 1).validation?.mae).toBeCloseTo(mae, 5);
  });

  test("patience ends training, with the best epoch's parameters", () => {
    const noisy = ff.split(ff.dataset(planted({ luck: 4 })), { by: "random", seed: 1 });
    const options = { ...small, regularization: 0, factors: 16 } as const;
    const limited = { validation: noisy.test, patience: 2, epochs: 100 } as const;
    const { summary } = ff.train(noisy.train, { ...options, ...limited });
    expect(summary).toMatchObject({ stoppedEarly: true });
    expect(summary.epochs).toHaveLength(summary.bestEpoch + 2);
  });

  test("progress, exceptions and signals work as for every model", async () => {
    const seen: Progress[] = [];
    ff.train(data, { ...small, onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toMatchObject({ epoch: 6, epochs: 6, fraction: 1 });
    const fault = new Error("mine");
    const onEpoch = () => {
      throw fault;
    };
    expect(await thrown(() => ff.train(data, { ...small, onEpoch }))).toBe(fault);
    const controller = new AbortController();
    let last = 0;
    const training = ff.trainAsync(data, {
      ...small,
      epochs: 100_000,
      signal: controller.signal,
      onEpoch({ epoch }) {
        last = epoch;
        controller.abort("enough");
      },
    });
    expect(await thrown(() => training)).toBe("enough");
    expect(last).toBeLessThan(50_000);
  });
});

describe("labels that are none", () => {
  test.each([[[0, 1, 2]], [[-1, 0, 1]], [[0.5, 1, 0]], [[1, 1, 3]]])(
    "are refused: %j",
    async (ratings) => {
      const wrong = ff.dataset({ users: [1, 2, 3], items: [1, 2, 3], ratings });
      const classify = { ...small, task: "classification" } as const;
      await expectFailure(
        () => ff.train(wrong, classify),
        ArgumentError,
        "OUT_OF_RANGE",
        "ratings",
      );
      const right = ff.dataset({ users: [1, 2, 3], items: [1, 2, 3], ratings: [0, 1, 1] });
      const measured = () => ff.train(right, { ...classify, validation: wrong });
      await expectFailure(measured, ArgumentError, "OUT_OF_RANGE", "ratings");
      const model = ff.train(right, classify);
      await expectFailure(
        () => ff.evaluate(model, wrong),
        ArgumentError,
        "OUT_OF_RANGE",
        "ratings",
      );
      const rows = (targets: number[]) => ff.rows({ values: [1, 2, 3], columns: 1, targets });
      const call = () => ff.train(rows(ratings), classify);
      await expectFailure(call, ArgumentError, "OUT_OF_RANGE", "targets");
      const byRows = ff.train(rows([0, 1, 1]), classify);
      const evaluated = () => ff.evaluate(byRows, rows(ratings));
      await expectFailure(evaluated, ArgumentError, "OUT_OF_RANGE", "targets");
    },
  );
});
