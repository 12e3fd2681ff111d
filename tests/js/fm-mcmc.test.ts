/** Bayesian factorization machines: what they learn, say and serve. */
import { load, type EpochReport, type Model } from "featherfm";
import { describe, expect, test, vi } from "vitest";
import {
  groups,
  planted,
  ratedFor as rated,
  ratingsFor,
  sampling,
  tasks,
  type Task,
} from "./fm-support.js";
import { at, ids } from "./support.js";

vi.spyOn(console, "warn").mockImplementation(() => undefined);
const ff = await load();
const lists = planted({ luck: 1.5 });
const byTask = <T>(make: (task: Task) => T) =>
  Object.fromEntries(tasks.map((task) => [task, make(task)])) as Record<Task, T>;
const ratingsOf = byTask((task) => ratingsFor(task, lists.ratings));
const data = byTask((task) => ff.dataset({ ...lists, ratings: ratingsOf[task] }));
const models = byTask((task) => ff.train(data[task], sampling(task)));
const features = { group: "red", age: 30 };
const close = (list: ArrayLike<number>, expected: ArrayLike<number>, digits = 5) => {
  expect(list.length).toBe(expected.length);
  Array.from(expected).forEach((value, k) => expect(at(list, k)).toBeCloseTo(value, digits));
};
const rms = (errors: readonly number[]) =>
  Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
const column = (model: Model, field: string) => model.fields().find(({ name }) => name === field);

/** All a model says to a few questions. */
const answers = (model: Model, task: Task) => [
  model.predict(lists.users, lists.items, { context: lists.context }),
  model.predictDistribution(["u1", "u2"], [101, 102], { context: { time: "evening" } }),
  model.recommend("u1", { filterSeen: false, optimism: 1, context: { time: "morning" } }),
  model.recommendAll({ users: ["u3", "u4"], n: 3 }),
  model.similarItems(100),
  model.foldInUser(rated(task), { features }).predictDistribution([101, 102]),
  model.foldInUser(rated(task)).recommend(),
  model.foldInItem({ kind: "red" }).topUsers(),
  model.fields(),
];

describe.each(tasks)("sampling, %s", (task) => {
  const model = models[task];
  const validated = ff.split(data[task], { by: "random", seed: 2 });
  const seen: EpochReport[] = [];
  const withReports = ff.train(validated.train, {
    ...sampling(task),
    derived: ["user-items", "item-users", "day"],
    validation: validated.test,
    onEpoch: (report) => seen.push(report),
  });

  test("learns what is behind the ratings", () => {
    const { accuracy, rmse } = ff.evaluate(withReports, validated.test, {
      metrics: ["rmse", "accuracy"],
    });
    expect(accuracy).toBeGreaterThan(0.8);
    expect(rmse).toBeLessThan({ regression: 0.75, classification: 0.4, ordinal: 0.7 }[task]);
    expect(model.options).toMatchObject(sampling(task));
    expect(model).toMatchObject({ family: "fm", factors: 3 * 10, userCount: 30 });
  });

  test("reports every sweep, with its trace", () => {
    expect(seen).toEqual(withReports.summary.epochs);
    expect(withReports.summary).toMatchObject({ bestEpoch: 35, stoppedEarly: false });
    expect(seen.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 35 }, (_, k) => k + 1));
    const names = withReports.fields().map(({ name }) => name);
    for (const { epochs, fraction, epoch, trace, trainLoss, validation } of seen) {
      expect(epochs).toBe(35);
      expect(fraction).toBeCloseTo(epoch / 35, 9);
      expect(Object.keys(trace?.precisions ?? {})).toEqual(names);
      for (const { linear, factors } of Object.values(trace?.precisions ?? {})) {
        expect(linear).toBeGreaterThan(0);
        expect(factors).toBeGreaterThan(0);
      }
      if (task === "regression") expect(trace?.noise).toBeGreaterThan(0.05);
      else expect(trace?.noise).toBe(1);
      expect(trainLoss).toBeGreaterThan(0);
      expect(validation?.rmse).toBeGreaterThan(0);
    }
    const model = ff.train(data[task], { ...sampling(task), samples: 1, burnIn: 0 });
    expect(model.summary.epochs[0]?.validation).toBeUndefined();
  });

  test("samples from several chains, of which the last goes on", () => {
    const options = { ...sampling(task), chains: 3 };
    const several = ff.train(data[task], options);
    expect(several.summary.epochs).toHaveLength(3 * 5 + 30);
    expect(at(several.summary.epochs, 44)).toMatchObject({ epochs: 45, fraction: 1 });
    expect(several.options).toMatchObject({ chains: 3 });
    expect(several).toMatchObject({ factors: 3 * 10 });
    expect(several.predict(["u1"], [100])).not.toEqual(model.predict(["u1"], [100]));
    const more = ff.fitPartial(several, data[task], { samples: 4 });
    expect(more.summary.epochs).toHaveLength(4);
  });

  test("validates the running average over the samples", () => {
    // With every sample kept, the model is that average.
    const options = { ...sampling(task), keep: 30, validation: validated.test };
    const all = ff.train(validated.train, options);
    const errors = ff.evaluate(all, validated.test);
    const last = at(all.summary.epochs, 34).validation;
    expect(last?.rmse).toBeCloseTo(errors.rmse, 4);
    expect(last?.mae).toBeCloseTo(errors.mae, 4);
    const first = ff.train(validated.train, { ...options, samples: 1, keep: 1 });
    expect(at(all.summary.epochs, 5).validation?.rmse).toBeCloseTo(
      ff.evaluate(first, validated.test).rmse,
      4,
    );
    expect(last?.rmse).toBeLessThan(at(all.summary.epochs, 5).validation?.rmse as number);
  });

  test("gives the same bytes for the same seed, in slices too", async () => {
    const file = model.save();
    expect(ff.train(data[task], sampling(task)).save()).toEqual(file);
    expect((await ff.trainAsync(data[task], sampling(task))).save()).toEqual(file);
    expect(ff.train(data[task], { ...sampling(task), seed: 2 }).predict(["u1"], [100])).not.toEqual(model.predict(["u1"], [100])); // prettier-ignore
  });

  test("serves the same from a file", () => {
    const loaded = ff.loadModel(model.save());
    expect(answers(loaded, task)).toEqual(answers(model, task));
    expect(loaded.options).toEqual(model.options);
    expect(loaded.save()).toEqual(model.save());
    const more = { samples: 5, keep: 8 };
    expect(ff.fitPartial(loaded, data[task], more).save()).toEqual(
      ff.fitPartial(model, data[task], more).save(),
    );
  });

  test("knows how sure it is", () => {
    const context = { time: lists.context.time };
    const { mean, deviation, classes, probabilities } = model.predictDistribution(
      lists.users,
      lists.items,
      { context },
    );
    expect(mean).toEqual(model.predict(lists.users, lists.items, { context }));
    expect(deviation.length).toBe(mean.length);
    expect(deviation.every((d) => d > 0)).toBe(true);
    const { noise } = at(model.summary.epochs, 34).trace as { noise: number };
    if (task === "regression") expect(Math.min(...deviation)).toBeGreaterThan(0.7 * noise);
    if (task !== "ordinal") {
      expect([classes.length, probabilities.length]).toEqual([0, 0]);
      if (task === "classification")
        close(deviation, mean.map((p) => Math.sqrt(p * (1 - p)))); // prettier-ignore
      return;
    }
    expect([...classes]).toEqual([1, 2, 3, 4]);
    expect(probabilities.length).toBe(4 * mean.length);
    mean.forEach((m, k) => {
      const row = [...probabilities.subarray(4 * k, 4 * k + 4)];
      expect(row.every((p) => p >= 0 && p <= 1)).toBe(true);
      const expectation = (f: (c: number) => number) =>
        row.reduce((sum, p, c) => sum + p * f(at(classes, c)), 0);
      expect(expectation(() => 1)).toBeCloseTo(1, 5);
      expect(expectation((c) => c)).toBeCloseTo(m, 4);
      expect(Math.sqrt(expectation((c) => (c - m) ** 2))).toBeCloseTo(at(deviation, k), 2);
    });
  });

  test("ranks by the mean, or by what may be, with predictions for scores", () => {
    const pick = (optimism?: number, n = 18) =>
      model.recommend("u1", { n, filterSeen: false, ...(optimism !== undefined && { optimism }) });
    for (const list of [pick(), pick(2), model.recommend("u1")]) {
      const expected = model.predict(list.map(() => "u1"), ids(list)); // prettier-ignore
      expect(list.map(({ score }) => score)).toEqual([...expected]);
    }
    expect(pick(0)).toEqual(pick());
    expect(ids(pick(10))).not.toEqual(ids(pick()));
    expect(ids(pick(-10))).not.toEqual(ids(pick(10)));
    expect(ids(pick(2)).sort()).toEqual(ids(pick()).sort());
    expect(pick(2, 4)).toEqual(pick(2).slice(0, 4));
    const guest = model.foldInUser(rated(task));
    const optimistic = guest.recommend({ n: 18, optimism: 10 });
    expect(ids(optimistic)).not.toEqual(ids(guest.recommend({ n: 18 })));
    close(optimistic.map(({ score }) => score), guest.predict(ids(optimistic))); // prettier-ignore
    const all = model.recommendAll({ users: ["u1"], n: 18, filterSeen: false, optimism: 2 });
    expect(all).toEqual([{ user: "u1", items: pick(2) }]);
    expect(model.recommend("u1", { scan: "int8", n: 5 })).toEqual(model.recommend("u1", { n: 5 }));
  });

  test("follows the context", () => {
    const users = lists.users.slice(0, 100);
    const items = lists.items.slice(0, 100);
    const total = (time: string) =>
      model.predict(users, items, { context: { time } }).reduce((a, b) => a + b, 0);
    expect(total("evening")).toBeGreaterThan(total("morning"));
    const each = model.predict(["u1", "u1"], [101, 101], {
      context: { time: ["morning", "evening"] },
    });
    const one = (time: string) => at(model.predict(["u1"], [101], { context: { time } }), 0);
    expect([...each]).toEqual([one("morning"), one("evening")]);
    const list = model.recommend("u1", { context: { time: "evening" } });
    const expected = model.predict(list.map(() => "u1"), ids(list), { context: { time: "evening" } }); // prettier-ignore
    expect(list.map(({ score }) => score)).toEqual([...expected]);
  });

  test("places somebody new by ratings, features, both or nothing", () => {
    const all = model.itemIds();
    const nothing = model.foldInUser([]);
    const described = model.foldInUser([], { features });
    const byRatings = model.foldInUser(rated(task));
    const both = model.foldInUser(rated(task), { features });
    const seen = [nothing, described, byRatings, both].map((guest) => [...guest.predict(all)]);
    expect(new Set(seen.map((list) => JSON.stringify(list))).size).toBe(4);
    for (const guest of [nothing, described, byRatings, both]) {
      const { mean, deviation } = guest.predictDistribution(all);
      expect(mean).toEqual(guest.predict(all));
      expect(deviation.every((d) => d > 0)).toBe(true);
      expect(guest.vector.length).toBe(model.factors);
      expect(ids(guest.recommend({ n: 99 }))).toHaveLength(guest === byRatings || guest === both ? 16 : 18); // prettier-ignore
      const { mean: late } = guest.predictDistribution(all, { context: { time: "evening" } });
      expect(late).toEqual(guest.predict(all, { context: { time: "evening" } }));
    }
    // Red people like red items.
    const liked = all.filter((item) => (Number(item) - 100) % 3 === 0);
    const mean = (items: typeof all) =>
      described.predict(items).reduce((a, b) => a + b, 0) / items.length;
    expect(mean(liked)).toBeGreaterThan(mean(all));
    const [before, after] = [nothing, byRatings].map((guest) => guest.predict([100, 104]));
    expect(at(after ?? [], 0) - at(after ?? [], 1)).toBeGreaterThan(
      at(before ?? [], 0) - at(before ?? [], 1),
    );
    const held = model.foldInUser(rated(task), { regularization: 1e6 });
    close(held.predict(all), nothing.predict(all), 2);
  });

  test("explains a score by the ratings it comes from", () => {
    for (const given of [rated(task), []]) {
      const { score, base, contributions } = model.foldInUser(given, { features }).explain(102);
      const sum = contributions.reduce((total, { contribution }) => total + contribution, base);
      expect(sum).toBeCloseTo(score, 4);
      expect(ids(contributions).sort()).toEqual(given.map(({ item }) => item));
      if (task !== "regression") continue;
      expect(score).toBeCloseTo(at(model.foldInUser(given, { features }).predict([102]), 0), 3);
    }
  });

  test("places a new item in the units of the ratings", () => {
    const item = model.foldInItem({ kind: "red", tags: ["t1"] });
    const users = model.userIds();
    const predicted = item.predict(users);
    const [low, high] = model.valueRange;
    expect(predicted.every((p) => p >= low && p <= high)).toBe(true);
    if (task !== "regression") expect(predicted.some((p) => p === low || p === high)).toBe(false);
    const mean = (of: (u: number) => boolean) => {
      const list = [...predicted].filter((_, u) => of(u));
      return list.reduce((a, b) => a + b, 0) / list.length;
    };
    expect(mean((u) => u % 3 === 0)).toBeGreaterThan(mean((u) => u % 3 !== 0));
    const top = item.topUsers({ n: 5 });
    expect(top.map(({ score }) => score)).toEqual([...item.predict(top.map(({ user }) => user))]);
    expect(item.similarItems({ n: 3 })).toHaveLength(3);
    // What is known of an old item is all that an item without a column of its own has.
    const described = ff.train(data[task], { ...sampling(task), identity: { item: false } });
    close(
      described.foldInItem({ kind: at(groups, 1), tags: ["t1", "t3"] }).predict(users),
      described.predict(users, users.map(() => 101)), // prettier-ignore
    );
  });

  test("is measured by its predictions", () => {
    const metrics = ["rmse", "mae", "accuracy"] as const;
    const probabilities = task === "classification";
    const measured = ff.evaluate(model, data[task], {
      metrics: [...metrics, ...(probabilities ? (["log-loss"] as const) : [])],
    });
    const predicted = [...model.predict(lists.users, lists.items, { context: lists.context })];
    const actual = ratingsOf[task];
    const errors = predicted.map((p, k) => p - at(actual, k));
    expect(measured.rmse).toBeCloseTo(rms(errors), 5);
    expect(measured.mae).toBeCloseTo(
      errors.reduce((s, e) => s + Math.abs(e), 0) / errors.length,
      5,
    );
    const middle = (model.valueRange[0] + model.valueRange[1]) / 2;
    const right = predicted.filter((p, k) => p >= middle === at(actual, k) >= middle).length;
    expect(measured.accuracy).toBeCloseTo(right / errors.length, 6);
    if (probabilities) {
      const loss = predicted.map((p, k) => -Math.log(at(actual, k) === 1 ? p : 1 - p));
      const mean = loss.reduce((a, b) => a + b, 0) / loss.length;
      expect(measured["log-loss"]).toBeCloseTo(mean, 4);
    }
    const { auc } = ff.evaluate(model, data[task], { metrics: ["auc", "ndcg@5"] });
    expect(auc).toBeGreaterThan(0);
  });

  test("goes on where it stopped", async () => {
    const [whole, half] = [20, 10].map((samples) =>
      ff.train(data[task], { ...sampling(task), samples, keep: 100 }),
    ) as [Model, Model];
    const further = ff.fitPartial(half, data[task], { samples: 10 });
    expect(further.summary.epochs).toHaveLength(10);
    expect(further.factors).toBe(whole.factors);
    // The samples from before were rounded on their way.
    close(further.predict(lists.users, lists.items), whole.predict(lists.users, lists.items), 4);
    expect(ff.fitPartial(half, data[task], { samples: 10, keep: 5 }).factors).toBe(15);
    expect(ff.fitPartial(half, data[task]).summary.epochs).toHaveLength(10);
    const later = await ff.fitPartialAsync(half, data[task], { samples: 10 });
    expect(later.save()).toEqual(further.save());

    const news = ff.dataset({
      users: ["u1", "zoë", "zoë", "u2", "u3"],
      items: [999, 100, 101, 100, 103],
      ratings: task === "classification" ? [1, 0, 1, 0, 1] : [4, 1, 3, 2, 4],
      userFeatures: { zoë: { group: "gold", age: 50 } },
      itemFeatures: { 999: { kind: "gold", tags: ["fresh"] } },
    });
    const grown = ff.fitPartial(half, news, { samples: 5 });
    expect(grown.userIds()).toEqual([...half.userIds(), "zoë"]);
    expect(grown.itemIds()).toEqual([...half.itemIds(), 999]);
    expect(column(grown, "group")?.columns).toBe(4);
    const { mean, deviation } = grown.predictDistribution(["zoë", "u1"], [999, 999]);
    expect(mean.every(Number.isFinite) && deviation.every((d) => d > 0)).toBe(true);
    expect(half.hasUser("zoë")).toBe(false);
  });
});
