import { ArgumentError, load, type Dataset, type Model } from "featherfm";
import { describe, expect, test } from "vitest";
import { planted, ratingOf } from "./fm-support.js";
import { at, expectFailure, thrown } from "./support.js";

const ff = await load();
const lists = planted();
const data = ff.dataset(lists);
const regularization = { linear: 0.1, factors: 0.1, features: 1 };
const options = { model: "fm", factors: 4, epochs: 15, regularization } as const;
const base = ff.train(data, options);
const day = 86_400;

/** A new user, a new item, a new group, kind and tag, a new time, a new day. */
const newsInput = {
  users: ["u1", "zoë", "zoë", "zoë"],
  items: [101, 100, 105, 999],
  ratings: [3, 1, 1, 4],
  timestamps: [1, 2, 3, 9].map((k) => k * day),
  userFeatures: { zoë: { group: "gold", age: 50 } },
  itemFeatures: { 999: { kind: "gold", tags: ["fresh", "t1"] } },
  context: { time: ["noon", "noon", "evening", "noon"] },
};
const news = ff.dataset(newsInput);
const columns = (model: Model) =>
  Object.fromEntries(model.fields().map(({ name, columns }) => [name, columns]));
const everyScore = (model: Model) =>
  model.predict(lists.users, lists.items, { clip: false, context: { time: lists.context.time } });

describe("continuing a factorization machine", () => {
  const model = ff.fitPartial(base, news, { epochs: 10 });

  test("knows the users, items and categories of both, the old ones first", () => {
    expect(model.userIds()).toEqual([...base.userIds(), "zoë"]);
    expect(model.itemIds()).toEqual([...base.itemIds(), 999]);
    const before = columns(base);
    expect(columns(model)).toEqual({
      user: 31,
      group: 4,
      age: 1,
      item: 19,
      kind: 4,
      tags: (before["tags"] as number) + 1,
      time: 3,
    });
    expect(model.foldInUser([], { features: { group: "gold" } }).unseen).toEqual([]);
    expect(model.foldInItem({ kind: "gold", tags: ["fresh"] }).unseen).toEqual([]);
    expect(base.hasUser("zoë")).toBe(false);
    expect(columns(base)).toEqual(before);
  });

  test("learns from the new interactions", () => {
    const of = (m: Model) => {
      const scores = m.predict(newsInput.users, newsInput.items, { context: newsInput.context });
      return newsInput.ratings.reduce((sum, r, k) => sum + (r - at(scores, k)) ** 2, 0);
    };
    const untouched = ff.fitPartial(base, news, { epochs: 1 });
    expect(of(model)).toBeLessThan(0.5);
    expect(of(model)).toBeLessThan(of(untouched));
    const [first, last] = [at(model.summary.epochs, 0), at(model.summary.epochs, 9)];
    expect(last.trainLoss).toBeLessThan(first.trainLoss);
  });

  test("keeps what is known of old users and items where the new data says nothing of them", () => {
    // With steps too small to matter everything must be as it was.
    const sgd = ff.train(data, { ...options, solver: "sgd" });
    const still = ff.fitPartial(sgd, news, { epochs: 1, learningRate: 1e-9 });
    const before = everyScore(sgd);
    everyScore(still).forEach((score, k) => expect(score).toBeCloseTo(at(before, k), 4));
    expect(still.recommend("u2", { n: 3 }).length).toBe(3);
    // New features take the place of old ones.
    const turned = ff.dataset({
      users: ["u0"],
      items: [100],
      ratings: [2],
      userFeatures: { u0: { group: "blue", age: 20 } },
    });
    const moved = ff.fitPartial(sgd, turned, { epochs: 1, learningRate: 1e-9 });
    const blue = [102, 105, 108, 111];
    const likes = (m: Model) => m.predict(blue.map(() => "u0"), blue).reduce((a, b) => a + b, 0); // prettier-ignore
    expect(likes(moved)).toBeGreaterThan(likes(sgd) + 1);
  });

  test("scales numbers as the model learned to, not as the new data would", () => {
    const linear = ff.train(data, { ...options, solver: "sgd", factors: 0, fields: ["age"] });
    const far = ff.dataset({
      users: ["old", "older"],
      items: [100, 101],
      ratings: [2, 2],
      userFeatures: { old: { age: 80 }, older: { age: 90 } },
    });
    const next = ff.fitPartial(linear, far, { epochs: 1, learningRate: 1e-9 });
    const [a, b] = ["old", "older"].map((user) =>
      at(next.predict([user], [100], { clip: false }), 0),
    );
    const ages = Array.from({ length: 30 }, (_, u) => 20 + ((u * 7) % 40));
    const mean = ages.reduce((sum, x) => sum + x / 30, 0);
    const deviation = Math.sqrt(ages.reduce((sum, x) => sum + (x - mean) ** 2 / 30, 0));
    const { begin } = next.fields().find(({ name }) => name === "age") ?? { begin: 0 };
    const weight = at(next.parameters().linear, begin);
    expect((b as number) - (a as number)).toBeCloseTo((weight * 10) / deviation, 4);
  });

  test("may be told new epochs, seed and rate, and nothing else", async () => {
    const sgd = ff.train(data, { ...options, solver: "sgd" });
    const next = ff.fitPartial(sgd, news, { epochs: 2, seed: 7, learningRate: 0.01 });
    expect(next.options).toMatchObject({ ...sgd.options, epochs: 2, seed: 7, learningRate: 0.01 });
    for (const name of ["factors", "solver", "fields", "identity", "derived", "task", "context"]) {
      const call = () => ff.fitPartial(sgd, news, { [name]: 1 });
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", name);
    }
    const call = () => ff.fitPartial(base, news, { learningRate: 0.1 });
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "learningRate");
  });

  test.each(["als", "sgd", "adagrad", "adam", "ftrl", "sgda"] as const)(
    "works with %s",
    (solver) => {
      const validation = ff.split(data, { by: "random" }).test;
      const controls = solver === "sgda" ? { validation } : {};
      const start = ff.train(data, { ...options, epochs: 2, solver, ...controls });
      const next = ff.fitPartial(start, data, { epochs: 5, ...controls });
      expect(at(next.summary.epochs, 4).trainRmse).toBeLessThan(
        at(start.summary.epochs, 0).trainRmse,
      );
      expect(next.options["solver"]).toBe(solver);
      const again = ff.fitPartial(ff.loadModel(start.save()), data, { epochs: 5, ...controls });
      expect(again.save()).toEqual(next.save());
    },
  );

  test("goes on with days: known ones keep their columns, new ones follow", () => {
    const timely = ff.train(data, { ...options, derived: ["day", "user-items"] });
    const next = ff.fitPartial(timely, news);
    expect(columns(timely)["day"]).toBe(5);
    expect(columns(next)).toMatchObject({ day: 6, "user-items": 19 });
    // In milliseconds the same days are the same days.
    const later = 631_152_000;
    const of = (unit: number) => {
      const start = ff.dataset({
        ...lists,
        timestamps: lists.timestamps.map((t) => (later + t) * unit),
      });
      return ff.train(start, { ...options, derived: ["day"] });
    };
    const more = ff.dataset({
      ...newsInput,
      timestamps: newsInput.timestamps.map((t) => (later + t) * 1000),
    });
    expect(columns(ff.fitPartial(of(1000), more))["day"]).toBe(6);
    expect(ff.fitPartial(of(1000), more).parameters()).toEqual(
      ff.fitPartial(of(1), more).parameters(),
    );
  });

  test("without timestamps is refused by a model that knows days", async () => {
    const timely = ff.train(data, { ...options, derived: ["day"] });
    const { timestamps, ...rest } = newsInput;
    const call = () => ff.fitPartial(timely, ff.dataset(rest));
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "derived");
    expect(timestamps).toHaveLength(4);
  });

  test("keeps filtering what was seen in both trainings", () => {
    const next = ff.fitPartial(base, news, { epochs: 1 });
    const seen = [...data.ratingsOf("u1"), ...news.ratingsOf("u1")].map(({ item }) => item);
    const list = next.recommend("u1", { n: 1000 }).map(({ item }) => item);
    expect(list.filter((item) => seen.includes(item))).toEqual([]);
    expect(new Set([...list, ...seen]).size).toBe(19);
  });

  test("keeps the task, and refuses labels that do not fit it", async () => {
    const labelled = ff.dataset({ ...lists, ratings: lists.ratings.map((r) => (r > 2 ? 1 : 0)) });
    const classifier = ff.train(labelled, { ...options, task: "classification" });
    const call = () => ff.fitPartial(classifier, news);
    await expectFailure(call, ArgumentError, "OUT_OF_RANGE", "ratings");
    const right = ff.dataset({ ...newsInput, ratings: [1, 0, 0, 1] });
    const next = ff.fitPartial(classifier, right);
    expect(next.options["task"]).toBe("classification");
    expect([...next.valueRange]).toEqual([0, 1]);
  });

  test("takes the range of both trainings", () => {
    expect([
      ...ff.fitPartial(base, ff.dataset({ ...newsInput, ratings: [9, 1, 1, -2] })).valueRange,
    ]).toEqual([-2, 9]);
  });
});

describe("a field that changed its kind", () => {
  const years = (values: (string | number)[], type?: "category") =>
    ff.dataset({
      users: values.map((_, k) => k),
      items: values.map((_, k) => k),
      ratings: values.map((_, k) => k % 5),
      userFeatures: new Map(values.map((year, k) => [k, { year }])),
      ...(type && { fields: { year: { type } } }),
    });
  const model = ff.train(years([1990, 1991, 1992], "category"), options);

  test("is refused wherever it is met, with the way out", async () => {
    const numbers = years([1990, 1991, 1992]);
    const cases: [() => unknown, string][] = [
      [() => ff.fitPartial(model, numbers), "data"],
      [() => ff.evaluate(model, numbers), "test"],
      [
        () => ff.train(years([1990], "category"), { ...options, validation: numbers }),
        "validation",
      ],
      [() => ff.evaluate(ff.train(numbers, options), years(["1990"])), "test"],
    ];
    for (const [call, argument] of cases) {
      const error = await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", argument);
      expect(error.message).toContain('fields: { "year": { type:');
    }
  });

  test("is none where it has no values, or is not there at all", () => {
    const numbers = ff.train(years([1990, 1991, 1992]), options);
    const nothing = ff.dataset({
      users: [0],
      items: [0],
      ratings: [1],
      userFeatures: { 0: { year: null } },
    });
    const absent = ff.dataset({ users: [0], items: [0], ratings: [1] });
    for (const test of [nothing, absent]) {
      for (const of of [model, numbers])
        expect(ff.evaluate(of, test).rmse).toBeGreaterThanOrEqual(0);
      expect(ff.fitPartial(model, test).userCount).toBe(3);
    }
  });
});

describe("evaluating with features", () => {
  const guests = (described: boolean): Dataset => {
    const users = Array.from({ length: 60 }, (_, k) => `new${k % 9}`);
    const items = users.map((_, k) => 100 + ((k * 5) % 18));
    const groups = ["red", "green", "blue"];
    return ff.dataset({
      users,
      items,
      ratings: users.map((user, k) => ratingOf(Number(user.slice(3)), at(items, k) - 100)),
      ...(described && {
        userFeatures: Object.fromEntries(
          users.map((user) => [user, { group: at(groups, Number(user.slice(3)) % 3) }]),
        ),
      }),
      context: { time: users.map(() => "morning") },
    });
  };

  test("predicts users the model never met by what their features say", () => {
    const [blind, seeing] = [ff.evaluate(base, guests(false)), ff.evaluate(base, guests(true))];
    expect(seeing.rmse).toBeLessThan(0.65);
    expect(blind.rmse).toBeGreaterThan(0.8);
    expect(ff.evaluate(base, guests(true), { metrics: ["mae"] }).mae).toBe(seeing.mae);
  });

  test("gives what folding them in gives", () => {
    const test = guests(true);
    let squared = 0;
    for (const user of test.userIds()) {
      const features = { group: at(["red", "green", "blue"], Number(String(user).slice(3)) % 3) };
      const guest = base.foldInUser([], { features });
      for (const { item, rating } of test.ratingsOf(user)) {
        squared += (at(guest.predict([item], { context: { time: "morning" } }), 0) - rating) ** 2;
      }
    }
    expect(ff.evaluate(base, test).rmse).toBeCloseTo(Math.sqrt(squared / test.interactionCount), 4);
  });

  test("takes the context of each interaction", () => {
    expect(ff.evaluate(base, data).rmse).toBeLessThan(0.3);
    const { context, ...rest } = lists;
    expect(ff.evaluate(base, ff.dataset(rest)).rmse).toBeGreaterThan(
      ff.evaluate(base, data).rmse + 0.1,
    );
    expect(context.time.length).toBe(lists.users.length);
  });
});

test("a continued training that fails leaves the model as it was", async () => {
  const before = base.save();
  const fault = new Error("mine");
  const onEpoch = () => {
    throw fault;
  };
  expect(await thrown(() => ff.fitPartial(base, news, { onEpoch }))).toBe(fault);
  expect(base.save()).toEqual(before);
});
