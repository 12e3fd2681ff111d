import {
  ArgumentError,
  load,
  type Dataset,
  type Id,
  type Metric,
  type Model,
  type Rows,
} from "featherfm";
import { describe, expect, test } from "vitest";
import { at, expectFailure, ids, PlainModel, sample } from "./support.js";

const ff = await load();
const { train, test: held } = ff.split(ff.dataset(sample()), {
  by: "random",
  testFraction: 0.3,
  seed: 4,
});
const model = ff.train(train, { model: "mf", factors: 4, epochs: 15, learningRate: 0.05 });

const kinds = ["precision", "recall", "ndcg", "map", "mrr", "hit-rate", "coverage"] as const;

/** Rating errors by their definition. */
function ratingErrors(plain: PlainModel, test: Dataset): Record<string, number> {
  let [squared, absolute, rounded, total] = [0, 0, 0, 0];
  for (const user of test.userIds()) {
    for (const { item, rating, weight = 1 } of test.ratingsOf(user)) {
      const predicted = plain.value(plain.score(user, item));
      squared += weight * (predicted - rating) ** 2;
      absolute += weight * Math.abs(predicted - rating);
      rounded += weight * Math.abs(Math.floor(predicted + 0.5) - rating);
      total += weight;
    }
  }
  return {
    rmse: Math.sqrt(squared / total),
    mae: absolute / total,
    "mae-rounded": rounded / total,
  };
}

/** Ranking metrics by their definitions: sort everything, ties against the relevant items. */
function rankingMetrics(
  of: Model,
  test: Dataset,
  k: number,
  { barred, relevantFrom = -Infinity }: { barred?: Dataset; relevantFrom?: number } = {},
): Record<string, number> {
  const plain = new PlainModel(of);
  const sums: Record<string, number> = { auc: 0 };
  const shown = new Set<Id>();
  let users = 0;
  let withPairs = 0;
  const hidden = (user: Id) =>
    barred?.userIds().includes(user) === true ? ids(barred.ratingsOf(user)) : [];
  for (const user of test.userIds().filter((id) => of.hasUser(id))) {
    const relevant = ids(test.ratingsOf(user).filter(({ rating }) => rating >= relevantFrom));
    if (relevant.length === 0) continue;
    users++;
    const ranked = plain
      .ranking((item) => Math.fround(plain.score(user, item)))
      .filter(({ item }) => relevant.includes(item) || !hidden(user).includes(item))
      .sort(
        (a, b) =>
          b.score - a.score ||
          Number(relevant.includes(a.item)) - Number(relevant.includes(b.item)),
      );
    const hits = ranked.map(({ item }) => relevant.includes(item));
    const ranks = hits.flatMap((hit, r) => (hit ? [r + 1] : []));
    const top = ranks.filter((rank) => rank <= k);
    const gain = (rank: number) => 1 / Math.log2(rank + 1);
    const possible = Math.min(k, relevant.length);
    let best = 0;
    for (let rank = 1; rank <= possible; rank++) best += gain(rank);
    const add = (name: string, value: number) => (sums[name] = (sums[name] ?? 0) + value);
    add("precision", top.length / k);
    add("recall", top.length / relevant.length);
    add("ndcg", top.reduce((sum, rank) => sum + gain(rank), 0) / best);
    add("map", top.reduce((sum, rank, hit) => sum + (hit + 1) / rank, 0) / possible);
    add("mrr", top[0] === undefined ? 0 : 1 / top[0]);
    add("hit-rate", top.length > 0 ? 1 : 0);
    const others = hits.filter((hit) => !hit).length;
    if (others > 0 && ranks.length > 0) {
      withPairs++;
      let ordered = 0;
      hits.forEach((hit, r) => {
        if (hit) ordered += hits.slice(r).filter((later) => !later).length;
      });
      add("auc", ordered / (others * ranks.length));
    }
    for (const { item } of of.recommend(user, {
      n: k,
      filterSeen: false,
      exclude: hidden(user) as string[],
    })) {
      shown.add(item);
    }
  }
  const result: Record<string, number> = { auc: (sums["auc"] as number) / (withPairs || 1) };
  for (const kind of kinds) result[`${kind}@${k}`] = (sums[kind] ?? 0) / (users || 1);
  result[`coverage@${k}`] = shown.size / of.itemCount;
  return result;
}

const all = (k: number): Metric[] => ["auc", ...kinds.map((kind) => `${kind}@${k}` as const)];

function expectClose(got: Record<string, number>, expected: Record<string, number>): void {
  expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected))
    expect(got[name], name).toBeCloseTo(value, 5);
}

test("a test set without any interaction is refused: it would look perfect", async () => {
  const empty = ff.dataset({ users: [], items: [] });
  await expectFailure(() => ff.evaluate(model, empty), ArgumentError, "EMPTY", "test");
});

describe("rating errors", () => {
  test("are what their definitions say", () => {
    const metrics = ["rmse", "mae", "mae-rounded"] as const;
    expectClose(ff.evaluate(model, held, { metrics }), ratingErrors(new PlainModel(model), held));
  });

  test("are rmse and mae unless others are asked for", () => {
    expect(Object.keys(ff.evaluate(model, held))).toEqual(["rmse", "mae"]);
  });

  test("are weighted by the test weights", () => {
    const { users, items, ratings } = sample();
    const weighted = ff.dataset({ users, items, ratings, weights: ratings.map((r) => r % 3) });
    const metrics = ["rmse", "mae", "mae-rounded"] as const;
    expectClose(
      ff.evaluate(model, weighted, { metrics }),
      ratingErrors(new PlainModel(model), weighted),
    );
  });

  test("count unknown users and items as average ones", () => {
    const test = ff.dataset({
      users: ["nobody", "u1", "nobody", "u1"],
      items: [100, "nothing", "nothing", 100],
      ratings: [1, 2, 3, 4],
    });
    const { rmse, mae } = ratingErrors(new PlainModel(model), test);
    expectClose(ff.evaluate(model, test), { rmse: rmse as number, mae: mae as number });
  });
});

describe("metrics of classification", () => {
  const labels = [1, 0, 1, 1, 0, 0, 1, 0];
  const pairs = {
    users: ["a", "a", "b", "b", "c", "c", "d", "d"],
    items: [1, 2, 1, 3, 2, 3, 1, 2],
  };
  const weights = [1, 2, 0.5, 1, 3, 0, 1, 1];
  const fm = { model: "fm", task: "classification", factors: 2, epochs: 4 } as const;
  const metrics = ["accuracy", "log-loss"] as const;

  /** By hand from predicted probabilities. */
  function byHand(probabilities: ArrayLike<number>, values: number[], weight: number[]) {
    let [right, loss, total] = [0, 0, 0];
    values.forEach((value, k) => {
      const [p, w] = [at(probabilities, k), at(weight, k)];
      right += w * Number(p >= 0.5 === value > 0);
      loss -= w * Math.log(value > 0 ? p : 1 - p);
      total += w;
    });
    return { accuracy: right / total, "log-loss": loss / total };
  }

  test.each([
    ["0 and 1", labels],
    ["-1 and 1", labels.map((y) => 2 * y - 1)],
  ])("are what their definitions say, for labels %s", (_, ratings) => {
    const data = ff.dataset({ ...pairs, ratings, weights });
    const classifier = ff.train(data, fm);
    const probabilities = classifier.predict(pairs.users, pairs.items);
    expectClose(
      ff.evaluate(classifier, data, { metrics }),
      byHand(probabilities, ratings, weights),
    );
    const input = { values: labels.map((_, k) => k % 3), columns: 1, targets: ratings, weights };
    const rows = ff.rows(input);
    const byRows = ff.train(rows, fm);
    const predicted = byRows.predictRows(rows);
    expectClose(ff.evaluate(byRows, rows, { metrics }), byHand(predicted, ratings, weights));
  });

  test("count, for models of ratings, which half of the range a prediction lies in", () => {
    const values = [5, 1, 4, 2, 5, 1, 3, 3];
    const data = ff.dataset({ ...pairs, ratings: values });
    const rated = ff.train(data, { model: "mf", factors: 2, epochs: 5 });
    const predicted = rated.predict(pairs.users, pairs.items);
    const right = values.filter((r, k) => r >= 3 === at(predicted, k) >= 3).length;
    expect(ff.evaluate(rated, data, { metrics: ["accuracy"] })).toEqual({ accuracy: right / 8 });
  });

  test("of a logistic factorization take the range for 0 to 1", () => {
    const values = [5, 1, 4, 2, 5, 1, 3, 2];
    const data = ff.dataset({ ...pairs, ratings: values });
    const logistic = ff.train(data, { model: "mf", loss: "logistic", factors: 2, epochs: 5 });
    const [low, high] = logistic.valueRange;
    const share = (r: number) => (r - low) / (high - low);
    const loss = [...logistic.predict(pairs.users, pairs.items)].reduce((sum, prediction, k) => {
      const [p, y] = [share(prediction), share(at(values, k))];
      return sum - (y * Math.log(p) + (1 - y) * Math.log(1 - p)) / 8;
    }, 0);
    expectClose(ff.evaluate(logistic, data, { metrics: ["log-loss"] }), { "log-loss": loss });
  });

  test("are refused where there are no probabilities", async () => {
    const data = ff.dataset({ ...pairs, ratings: labels });
    const rows = ff.rows({ values: labels, columns: 1, targets: labels });
    const cases: [Model, Dataset | Rows][] = [
      [ff.train(data, { model: "mf", epochs: 1 }), data],
      [ff.train(data, { model: "fm", epochs: 1 }), data],
      [ff.train(rows, { model: "fm", epochs: 1 }), rows],
      [ff.train(data, { model: "svd", factors: 1 }), data],
      [ff.train(data, { model: "popularity" }), data],
    ];
    for (const [of, test] of cases) {
      const call = () => ff.evaluate(of, test, { metrics: ["log-loss"] });
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "metrics");
    }
  });
});

describe("ranking metrics", () => {
  test.each([1, 3, 10, 1000])("are what their definitions say, at %d", (k) => {
    expectClose(ff.evaluate(model, held, { metrics: all(k) }), rankingMetrics(model, held, k));
  });

  test("leave out what was rated in training", () => {
    const options = { metrics: all(5), train };
    expectClose(
      ff.evaluate(model, held, options),
      rankingMetrics(model, held, 5, { barred: train }),
    );
  });

  test("count test ratings from a value on as relevant", () => {
    const options = { metrics: all(4), train, relevantFrom: 3 };
    expectClose(
      ff.evaluate(model, held, options),
      rankingMetrics(model, held, 4, { barred: train, relevantFrom: 3 }),
    );
    const none = ff.evaluate(model, held, { metrics: all(4), relevantFrom: 99 });
    for (const value of Object.values(none)) expect(value).toBe(0);
  });

  test("work on other ids than the model's: unknown users are left out, unknown items never found", () => {
    const test = ff.dataset({
      users: ["nobody", "u2", "u2", "u3", "nobody"],
      items: ["nothing", 107, "nothing", 101, 100],
    });
    const barred = ff.dataset({ users: ["u3", "u3", "somebody"], items: [102, "nothing", 101] });
    expectClose(ff.evaluate(model, test, { metrics: all(5) }), rankingMetrics(model, test, 5));
    expectClose(
      ff.evaluate(model, test, { metrics: all(5), train: barred }),
      rankingMetrics(model, test, 5, { barred }),
    );
  });

  test("give a model that cannot tell items apart nothing", () => {
    const flat = ff.train(train, { model: "mf", factors: 0, epochs: 1, biases: false });
    const { auc, ...rest } = ff.evaluate(flat, held, { metrics: ["auc", "precision@3", "mrr@3"] });
    expect(auc).toBe(0);
    expect(rest).toEqual({ "precision@3": 0, "mrr@3": 0 });
  });

  test("give a perfect model 1", () => {
    const test = ff.dataset({ users: ["a", "b"], items: ["x", "y"] });
    const wishes = ff.dataset({
      users: ["a", "a", "b", "b"],
      items: ["x", "y", "x", "y"],
      ratings: [5, 1, 1, 5],
    });
    const perfect = ff.train(wishes, { model: "svd", factors: 2 });
    const got = ff.evaluate(perfect, test, { metrics: all(1) });
    expect(Object.values(got)).toEqual(all(1).map(() => 1));
  });

  test("work for every family, popularity included", () => {
    for (const options of [{ model: "popularity" }, { model: "svd", factors: 4 }] as const) {
      const other = ff.train(train, options);
      expectClose(
        ff.evaluate(other, held, { metrics: all(5), train }),
        rankingMetrics(other, held, 5, { barred: train }),
      );
    }
  });
});

describe("asking for metrics", () => {
  test("gives exactly those, in their order", () => {
    const metrics = ["ndcg@7", "rmse", "precision@3", "auc", "precision@12"] as const;
    expect(Object.keys(ff.evaluate(model, held, { metrics }))).toEqual([...metrics]);
    expect(ff.evaluate(model, held, { metrics: [] })).toEqual({});
  });

  test.each([
    "precision",
    "precision@",
    "precision@0",
    "precision@-1",
    "precision@1.5",
    "precision@ten",
    "precision@010",
    "precision@4294967296",
    "precision@99999999999",
    " rmse",
    "RMSE",
    "auc@5",
    "",
    "__proto__",
    null,
    undefined,
    5,
    ["rmse"],
  ])("refuses %j", async (metric) => {
    const metrics = ["rmse", metric] as Metric[];
    await expectFailure(
      () => ff.evaluate(model, held, { metrics }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "metrics",
    );
  });

  test("for ratings is refused for a model that predicts none", async () => {
    const popular = ff.train(train, { model: "popularity" });
    for (const options of [{}, { metrics: ["ndcg@3", "mae"] as const }]) {
      const call = () => ff.evaluate(popular, held, options);
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "metrics");
    }
  });

  test("does not change model or data", () => {
    const before = [model.recommend("u1"), held.interactionCount, train.itemCounts()];
    ff.evaluate(model, held, { metrics: all(5), train });
    expect([model.recommend("u1"), held.interactionCount, train.itemCounts()]).toEqual(before);
    expect(at(model.userIds(), 0)).toBe(at(train.userIds(), 0));
  });
});
