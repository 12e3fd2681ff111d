/** Hybrid models: users and items known by features, trained to rank. */
import {
  ArgumentError,
  DivergedError,
  FileFormatError,
  load,
  UnknownIdError,
  type EpochReport,
  type Id,
  type TrainOptions,
} from "featherfm";
import { FeatherClient } from "featherfm/client";
import { afterAll, describe, expect, test, vi } from "vitest";
import { expectRefused, type Loose } from "./bad-values.js";
import { itemRecord, planted, userRecord } from "./fm-support.js";
import { at, expectFailure, ids, sample, thrown } from "./support.js";

vi.spyOn(console, "warn").mockImplementation(() => undefined);
const ff = await load();
const { context, ...lists } = planted({ users: 60, items: 30 });
const data = ff.dataset(lists);
/** Ratings are 1 to 4; 3 and more are of the user's own colour. */
const options = { model: "hybrid", positiveFrom: 3, factors: 8, epochs: 15 } as const;
const model = ff.train(data, options);
const losses = ["warp", "bpr", "warp-kos", "logistic"] as const;
const everything = { n: 1000, filterSeen: false } as const;
const ownColour = (user: number, list: readonly { item: Id }[]) =>
  list.filter(({ item }) => ((item as number) - 100) % 3 === user % 3).length;

describe("a hybrid model", () => {
  test.each(
    losses.flatMap((loss) =>
      (["adagrad", "adadelta"] as const).map((optimizer) => [loss, optimizer] as const),
    ),
  )("learns by %s and %s what everybody likes", (loss, optimizer) => {
    const reports: EpochReport[] = [];
    const trained = ff.train(data, {
      ...options,
      loss,
      optimizer,
      epochs: 40,
      validation: data,
      onEpoch: (report: EpochReport) => reports.push(report),
    });
    expect(reports).toHaveLength(40);
    expect(trained.summary.bestEpoch).toBeGreaterThan(1);
    // Items of one's own colour that one has not met are no positives, and do not stand behind them.
    expect(at(reports, 39).validation?.auc).toBeGreaterThan(0.8);
    if (loss !== "logistic") expect(at(reports, 39).validation?.rmse).toBeNaN();
    for (const user of [0, 1, 2, 33]) {
      expect(ownColour(user, trained.recommend(`u${user}`, { n: 8, filterSeen: false }))).toBe(8);
    }
  });

  test("knows somebody new by their features alone", () => {
    const byFeatures = ff.train(data, { ...options, identity: false });
    for (const user of [0, 1, 2]) {
      const somebody = byFeatures.foldInUser([], { features: userRecord(user) });
      expect(ownColour(user, somebody.recommend({ n: 8 }))).toBe(8);
    }
  });

  test("knows an item nobody has met by its features", () => {
    const byFeatures = ff.train(data, { ...options, identity: false });
    const film = byFeatures.foldInItem({ ...itemRecord(1), kind: "green" });
    const likely = film.topUsers({ n: 10 }).map(({ user }) => Number(String(user).slice(1)) % 3);
    expect(likely.filter((colour) => colour === 1)).toHaveLength(10);
    expect(film.similarItems({ n: 3 }).every(({ item }) => (Number(item) - 100) % 3 === 1)).toBe(
      true,
    );
  });

  test("places somebody new by what they like, the same way every time", () => {
    const likes = [100, 103, 106, 109].map((item) => ({ item, rating: 4 }));
    const dislikes = [101, 104, 108].map((item) => ({ item, rating: 1 }));
    const somebody = model.foldInUser([...likes, ...dislikes]);
    const list = somebody.recommend({ n: 6 });
    expect(ownColour(0, list)).toBeGreaterThan(4);
    expect(list.map(({ item }) => item)).not.toContain(100);
    expect(model.foldInUser([...likes, ...dislikes]).vector).toEqual(somebody.vector);
    const { score, base, contributions } = somebody.explain(112);
    const sum = contributions.reduce((total, { contribution }) => total + contribution, base);
    expect(sum).toBeCloseTo(score, 4);
    expect(score).toBeCloseTo(at(somebody.predict([112], { clip: false }), 0), 4);
  });

  test("has rows of features that sum to one: scores are those of their embeddings", () => {
    const { linear, factors } = model.parameters();
    const fields = model.fields();
    expect(fields.map(({ name, side }) => [name, side])).toEqual([
      ["user", "user"],
      ["group", "user"],
      ["age", "user"],
      ["item", "item"],
      ["kind", "item"],
      ["tags", "item"],
    ]);
    // A dataset with one category for each side leaves no doubt which columns a row has.
    const plain = ff.train(
      ff.dataset({
        users: ["a", "a", "b", "b"],
        items: ["x", "y", "y", "z"],
        userFeatures: { a: { group: "red" }, b: { group: "blue" } },
        itemFeatures: { x: { kind: "k" }, y: { kind: "k" }, z: { kind: "l" } },
      }),
      { model: "hybrid", factors: 3, epochs: 2 },
    );
    const p = plain.parameters();
    const k = 3;
    const column = (name: string, place: number) =>
      (plain.fields().find((field) => field.name === name)?.begin as number) + place;
    const row = (columns: number[]) => ({
      bias: columns.reduce((sum, c) => sum + at(p.linear, c) / columns.length, 0),
      vector: Array.from({ length: k }, (_, f) =>
        columns.reduce((sum, c) => sum + at(p.factors, c * k + f) / columns.length, 0),
      ),
    });
    const user = row([column("user", 1), column("group", 1)]);
    const item = row([column("item", 2), column("kind", 1)]);
    const score = user.vector.reduce((sum, x, f) => sum + x * at(item.vector, f), 0);
    expect(at(plain.predict(["b"], ["z"]), 0)).toBeCloseTo(score + user.bias + item.bias, 5);
    expect(linear).toHaveLength(factors.length / 8);
  });

  test("without features is an embedding for each user and item", () => {
    const { users, items, ratings } = lists;
    const bare = ff.train(ff.dataset({ users, items, ratings }), options);
    expect(bare.fields().map(({ name }) => name)).toEqual(["user", "item"]);
    expect(ownColour(0, bare.recommend("u0", { n: 5, filterSeen: false }))).toBeGreaterThan(3);
  });

  test("takes chosen fields", () => {
    const chosen = ff.train(data, {
      ...options,
      fields: ["kind"],
      identity: { user: true, item: false },
    });
    expect(chosen.fields().map(({ name }) => name)).toEqual(["user", "kind"]);
  });

  test("leaves the context out, and says so where it is asked for", async () => {
    const withContext = ff.dataset({ ...lists, context });
    const trained = ff.train(withContext, options);
    expect(trained.fields().some(({ side }) => side === "context")).toBe(false);
    await expectFailure(
      () => ff.train(withContext, { ...options, fields: ["time"] }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "fields",
    );
    await expectFailure(
      () => trained.recommend("u0", { context: { time: "evening" } }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "context",
    );
  });

  test("counts values above 0 as likes where nothing else is said", () => {
    const users = ["a", "a", "b", "b", "c", "c"];
    const items = ["x", "y", "x", "y", "x", "z"];
    const likes = ff.dataset({ users, items, ratings: [1, -1, 1, -1, 1, -1] });
    for (const loss of losses) {
      const trained = ff.train(likes, {
        model: "hybrid",
        loss,
        factors: 4,
        epochs: 50,
      } as TrainOptions);
      expect(at(trained.recommend("b", { n: 3, filterSeen: false }), 0).item, loss).toBe("x");
    }
  });

  test("gives probabilities after the loss logistic, and errors of labels", () => {
    const labels = ff.dataset({ ...lists, ratings: lists.ratings.map((r) => (r >= 3 ? 1 : -1)) });
    const trained = ff.train(labels, { ...options, positiveFrom: 1, loss: "logistic", epochs: 60 });
    const all = trained.predict(["u0", "u0"], [100, 101]);
    expect(at(all, 0)).toBeGreaterThan(0.7);
    expect(at(all, 1)).toBeLessThan(0.3);
    const { accuracy } = ff.evaluate(trained, labels, { metrics: ["accuracy"] });
    expect(accuracy).toBeGreaterThan(0.9);
  });
});

describe("ranks", () => {
  test("are places in the list", () => {
    const list = ids(model.recommend("u4", everything));
    const users = list.map(() => "u4");
    expect([...model.predictRank(users, list)]).toEqual(list.map((_, k) => k));
    const unseen = ids(model.recommend("u4", { n: 1000 }));
    const among = model.predictRank(
      unseen.map(() => "u4"),
      unseen,
      { filterSeen: true },
    );
    expect([...among]).toEqual(unseen.map((_, k) => k));
  });

  test("count ties against the item", () => {
    const popular = ff.train(ff.dataset({ users: ["a", "b", "c"], items: [1, 1, 2] }), {
      model: "mf",
      factors: 0,
      epochs: 1,
    });
    expect([...popular.predictRank(["a", "a"], [1, 2])]).toEqual([1, 1]);
  });

  test("refuse what is not there, naming it", async () => {
    await expectFailure(
      () => model.predictRank(["nobody"], [100]),
      UnknownIdError,
      "UNKNOWN_ID",
      /user/,
    );
    await expectFailure(
      () => model.predictRank(["u0"], [-5]),
      UnknownIdError,
      "UNKNOWN_ID",
      /item/,
    );
    await expectFailure(
      () => model.predictRank(["u0", "u1"], [100]),
      ArgumentError,
      "SIZE_MISMATCH",
      "items",
    );
    const loose = model as unknown as Loose;
    await expectRefused(
      () => loose["predictRank"]?.(["u0"], [100], { filterSeen: 1 }),
      "filterSeen",
    );
    expect([...model.predictRank([], [])]).toEqual([]);
  });
});

describe("going on with a hybrid model", () => {
  const further = ff.dataset({
    users: ["u0", "new", "new"],
    items: [100, 101, 999],
    ratings: [4, 4, 4],
    userFeatures: { new: { group: "violet", age: 30 } },
    itemFeatures: { 999: { kind: "green", tags: ["fresh"] } },
  });

  test("takes users, items and categories that were not there", () => {
    const grown = ff.fitPartial(model, further, { epochs: 3 });
    expect(grown.userCount).toBe(model.userCount + 1);
    expect(grown.itemCount).toBe(model.itemCount + 1);
    expect(grown.hasUser("new")).toBe(true);
    const columns = (m: typeof model, name: string) =>
      m.fields().find((field) => field.name === name)?.columns;
    expect(columns(grown, "group")).toBe((columns(model, "group") as number) + 1);
    expect(grown.recommend("new", { n: 3 })).toHaveLength(3);
  });

  test("leaves what is not trained bit for bit as it was", () => {
    // Items of the further data are old ones, and everybody in it is new: old users have no part.
    const strangers = ff.dataset({ users: ["s", "t"], items: [7001, 7002], ratings: [4, 4] });
    const grown = ff.fitPartial(model, strangers, { epochs: 1, learningRate: 1e-9 });
    const users = ["u1", "u2", "u3"];
    const items = [100, 105, 110];
    const before = model.predict(users, items);
    grown.predict(users, items).forEach((score, k) => expect(score).toBeCloseTo(at(before, k), 5));
  });

  test("goes on where it stopped: the memory of its steps is in the file", () => {
    const loaded = ff.loadModel(model.save());
    expect(ff.fitPartial(loaded, data, { epochs: 2 }).save()).toEqual(
      ff.fitPartial(model, data, { epochs: 2 }).save(),
    );
  });

  test("refuses a rate where there is none", async () => {
    const adadelta = ff.train(data, { ...options, optimizer: "adadelta", epochs: 1 });
    await expectFailure(
      () => ff.fitPartial(adadelta, data, { learningRate: 0.1 }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "learningRate",
    );
  });
});

describe("the file of a hybrid model", () => {
  test("serves what the model serves", () => {
    const loaded = ff.loadModel(model.save());
    expect(loaded.family).toBe("hybrid");
    expect(loaded.options).toEqual(model.options);
    expect(loaded.recommend("u7")).toEqual(model.recommend("u7"));
    const likes = [{ item: 100, rating: 4 }];
    expect(loaded.foldInUser(likes, { features: { group: "red" } }).vector).toEqual(
      model.foldInUser(likes, { features: { group: "red" } }).vector,
    );
    expect(loaded.save()).toEqual(model.save());
  });

  test("is refused when it is called what it is not", async () => {
    const bytes = model.save();
    const text = new TextDecoder("latin1").decode(bytes);
    const where = text.indexOf('"family":"hybrid"');
    expect(where).toBeGreaterThan(0);
    const other = bytes.slice();
    other.set(new TextEncoder().encode('"family":"fm"    '), where);
    await expectFailure(() => ff.loadModel(other), FileFormatError, "MALFORMED_FILE");
  });
});

describe("training a hybrid model", () => {
  test("gives the same bits for the same seed, and others for another", () => {
    expect(ff.train(data, options).save()).toEqual(model.save());
    expect(ff.train(data, { ...options, seed: 2 }).save()).not.toEqual(model.save());
  });

  test.each(losses)("that diverges by %s says so and keeps the last good epoch", async (loss) => {
    const error = (await thrown(() =>
      ff.train(data, { ...options, loss, learningRate: 1e7, epochs: 50 }),
    )) as DivergedError;
    expect(error).toBeInstanceOf(DivergedError);
    expect(error.argument).toBe("learningRate");
  });

  test("stops early by the validation's ranking", () => {
    const { train, test: held } = ff.split(data, { by: "random", seed: 1 });
    const stopped = ff.train(train, {
      ...options,
      epochs: 200,
      validation: held,
      patience: 3,
    });
    expect(stopped.summary.stoppedEarly).toBe(true);
    expect(stopped.summary.epochs).toHaveLength(stopped.summary.bestEpoch + 3);
  });

  test("works with two items and ten draws", () => {
    const two = ff.dataset({ users: ["a", "b", "b"], items: ["x", "x", "y"] });
    for (const loss of losses) {
      const trained = ff.train(two, {
        model: "hybrid",
        loss,
        factors: 2,
        epochs: 5,
      } as TrainOptions);
      expect(trained.recommend("b", { n: 5, filterSeen: false })).toHaveLength(2);
    }
  });

  test("needs something that is liked", async () => {
    const dull = ff.dataset({ ...sample(), ratings: sample().ratings.map(() => -1) });
    for (const loss of ["warp", "bpr", "warp-kos"] as const) {
      const error = (await thrown(() =>
        ff.train(dull, { model: "hybrid", loss } as TrainOptions),
      )) as ArgumentError;
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error.code).toBe("EMPTY");
    }
  });

  test("refuses rows, rating metrics and a k beyond n", async () => {
    const rows = ff.rows({ values: [1, 2], columns: 1, targets: [1, 2] });
    await expectFailure(
      () => ff.train(rows, options as never),
      ArgumentError,
      "INVALID_ARGUMENT",
      "data",
    );
    await expectFailure(
      () => ff.evaluate(model, data, { metrics: ["rmse"] }),
      ArgumentError,
      "INVALID_ARGUMENT",
      "metrics",
    );
    await expectFailure(
      () => ff.train(data, { ...options, loss: "warp-kos", k: 11, n: 10 }),
      ArgumentError,
      "OUT_OF_RANGE",
      "k",
    );
    await expectFailure(() => model.predictRows(rows), ArgumentError, "INVALID_ARGUMENT", "rows");
    const empty = ff.dataset({ users: [], items: [] });
    await expectFailure(() => ff.train(empty, options), ArgumentError, "EMPTY", "data");
  });
});

describe("a hybrid model in a worker", async () => {
  const client = new FeatherClient();
  afterAll(() => {
    client.close();
  });
  const remote = await client.dataset(lists);

  test("is bit for bit that of this thread", async () => {
    const trained = await client.train(remote, options);
    expect(await trained.save()).toEqual(model.save());
    expect(await trained.predictRank(["u0"], [100])).toEqual(model.predictRank(["u0"], [100]));
    const likes = [{ item: 100, rating: 4 }];
    const there = await trained.foldInUser(likes, { features: { group: "red" } });
    const here = model.foldInUser(likes, { features: { group: "red" } });
    expect(await there.recommend()).toEqual(here.recommend());
    const grown = await client.fitPartial(trained, remote, { epochs: 1 });
    expect(await grown.save()).toEqual(ff.fitPartial(model, data, { epochs: 1 }).save());
  });
});
