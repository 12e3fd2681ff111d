import {
  ArgumentError,
  load,
  UnknownIdError,
  type Explanation,
  type Id,
  type Model,
} from "featherfm";
import { FeatherClient } from "featherfm/client";
import { describe, expect, test } from "vitest";
import { planted } from "./fm-support.js";
import {
  at,
  expectFailure,
  ids,
  PlainModel,
  readSafetensors,
  sample,
  writeSafetensors,
} from "./support.js";

const ff = await load();
const data = ff.dataset(sample());
const rich = ff.dataset(planted());

/** Score before link and limits. */
const scoreOf = (model: Model, user: Id, item: Id): number => {
  const { vectors, dimensions, offsets, ids: users } = model.userVectors();
  const items = model.itemVectors();
  const [u, i] = [users.indexOf(user), items.ids.indexOf(item)];
  let score = at(offsets, u);
  for (let f = 0; f < dimensions; f++)
    score += at(vectors, u * dimensions + f) * at(items.vectors, i * dimensions + f);
  return score;
};

const sum = ({ base, contributions }: Explanation) =>
  contributions.reduce((total, { contribution }) => total + contribution, base);
/** What of the base is no feature's. */
const rest = ({ base, features = [] }: Explanation) =>
  features.reduce((left, { contribution }) => left - contribution, base);

describe("model.explain(user, item)", () => {
  test.each([
    { model: "mf", factors: 4, optimizer: "als" },
    { model: "mf", factors: 4 },
    { model: "mf", factors: 4, loss: "logistic" },
    { model: "mf", factors: 4, biases: false },
    { model: "mf", factors: 0 },
    { model: "svd", factors: 4 },
    { model: "svd", factors: 4, fill: 0 },
    { model: "svd", factors: 4, fill: "user-mean" },
    { model: "popularity" },
    { model: "biases" },
    { model: "implicit-als", factors: 4 },
    { model: "hybrid", factors: 4 },
    { model: "hybrid", factors: 4, loss: "logistic", positiveFrom: 3 },
    { model: "fm", factors: 4 },
    { model: "fm", factors: 4, solver: "vb" },
    { model: "fm", factors: 4, solver: "mcmc", samples: 6, burnIn: 2, keep: 3 },
    { model: "fm", factors: 4, solver: "mcmc", task: "ordinal", samples: 6, burnIn: 2, keep: 3 },
  ] as const)("sums to the score of %j", (options) => {
    const model = ff.train(data, options);
    for (const user of ["u0", "u7", "u39"]) {
      for (const item of [100, 112, 124]) {
        const explanation = model.explain(user, item);
        expect(explanation.score).toBeCloseTo(scoreOf(model, user, item), 4);
        expect(sum(explanation)).toBeCloseTo(explanation.score, 4);
        expect(new Set(ids(explanation.contributions))).toEqual(new Set(ids(data.ratingsOf(user))));
        const sizes = explanation.contributions.map(({ contribution }) => Math.abs(contribution));
        expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
      }
    }
    model.close();
  });

  test("says what predict() shows before limits", () => {
    const model = ff.train(data, { model: "mf", factors: 4 });
    const [shown] = model.predict(["u3"], [105], { clip: false });
    expect(model.explain("u3", 105).score).toBeCloseTo(shown as number, 5);
  });

  test("gives each rating its part in the least-squares solution", () => {
    const model = ff.train(data, { model: "mf", factors: 3, optimizer: "als" });
    const plain = new PlainModel(model);
    const ratings = data.ratingsOf("u4");
    const whole = plain.foldInUser(ratings);
    for (const { item, contribution } of model.explain("u4", 111).contributions) {
      // The solution is linear in the ratings: one more point moves it by what one point carries.
      const more = ratings.map((given) =>
        given.item === item ? { ...given, rating: given.rating + 1 } : given,
      );
      const perPoint = plain.foldInUser(more).score(111) - whole.score(111);
      const rating = ratings.find((given) => given.item === item)?.rating as number;
      const base = plain.globalBias + at(plain.itemBiases, plain.items.indexOf(item));
      expect(contribution).toBeCloseTo(perPoint * (rating - base), 3);
    }
  });

  test("of a machine also gives the features, by category and side", () => {
    const model = ff.train(rich, {
      model: "fm",
      solver: "als",
      derived: ["user-items", "item-users"],
    });
    const user = at(rich.userIds(), 2);
    const item = at(rich.itemIds(), 5);
    const explanation = model.explain(user, item);
    expect(sum(explanation)).toBeCloseTo(explanation.score, 4);
    expect(explanation.score).toBeCloseTo(scoreOf(model, user, item), 4);
    const features = explanation.features ?? [];
    const fields = new Set(features.map(({ side, field }) => `${side} ${field}`));
    expect(fields).toContain("item item");
    expect(fields).toContain("item item-users");
    expect(fields).not.toContain("user user");
    // What the set of rated items gives belongs to the ratings.
    expect(fields).not.toContain("user user-items");
    for (const { name, side } of rich.fields) {
      if (side === "context") continue;
      expect(fields).toContain(`${side} ${name}`);
    }
    for (const { field, category } of features) {
      const own = rich.fields.find(({ name }) => name === field);
      expect(category !== undefined).toBe(own !== undefined && own.type !== "number");
    }
    expect(
      new Set(features.map(({ field, category }) => JSON.stringify([field, category]))).size,
    ).toBe(features.length);
  });

  test("of neighbours is what each rating counts", () => {
    const model = ff.train(data, { model: "item-knn" });
    for (const item of [100, 117]) {
      const explanation = model.explain("u3", item);
      expect(explanation.base).toBe(0);
      expect(sum(explanation)).toBeCloseTo(at(model.predict(["u3"], [item]), 0), 4);
    }
  });

  test("of a hybrid model gives the features too", () => {
    const model = ff.train(rich, { model: "hybrid", factors: 3, epochs: 3 });
    const [user, item] = [at(rich.userIds(), 4), at(rich.itemIds(), 2)];
    const explanation = model.explain(user, item);
    expect(sum(explanation)).toBeCloseTo(scoreOf(model, user, item), 4);
    expect(explanation.features?.map(({ side }) => side)).toContain("user");
    expect(explanation.features?.map(({ field }) => field)).toContain("item");
    const guest = model.foldInUser([{ item, rating: 5 }]).explain(at(rich.itemIds(), 3));
    expect(rest(guest)).toBeCloseTo(model.parameters().constant, 4);
  });

  test("follows a user who is brought up to date", () => {
    const model = ff.train(ff.dataset(sample()), { model: "implicit-als", factors: 3 });
    model.updateUser("u5", [{ item: 103, rating: 5 }]);
    const explanation = model.explain("u5", 104);
    expect(ids(explanation.contributions)).toEqual([103]);
    expect(sum(explanation)).toBeCloseTo(scoreOf(model, "u5", 104), 4);
    // With the items held, that is all there is of the user.
    expect(explanation.base).toBeCloseTo(0, 4);
  });

  test("names the buckets of numbers", () => {
    const aged = ff.dataset({
      ...sample({ users: 12, items: 6 }),
      userFeatures: Object.fromEntries(
        Array.from({ length: 12 }, (_, k) => [`u${k}`, { age: 10 + 5 * k }]),
      ),
      fields: { age: { type: "number", buckets: [20, 40] } },
    });
    const model = ff.train(aged, { model: "fm", factors: 2 });
    const bucket = (user: string) =>
      model.explain(user, 102).features?.find(({ field }) => field === "age")?.category;
    expect([bucket("u0"), bucket("u4"), bucket("u11")]).toEqual([
      "below 20",
      "20 to 40",
      "from 40",
    ]);
  });

  test("of somebody folded in gives the features too", () => {
    const model = ff.train(rich, { model: "fm" });
    const guest = model.foldInUser([{ item: at(rich.itemIds(), 0), rating: 4 }]);
    const explanation = guest.explain(at(rich.itemIds(), 3));
    expect(explanation.features?.length).toBeGreaterThan(1);
    expect(sum(explanation)).toBeCloseTo(explanation.score, 4);
    expect(rest(explanation)).toBeCloseTo(model.parameters().constant, 4);
  });

  test("works without the dataset, after a file, and after training went on", () => {
    const own = ff.dataset(sample({ seed: 5 }));
    const model = ff.train(own, { model: "mf", factors: 4 });
    const before = model.explain("u1", 103);
    own.close();
    expect(model.explain("u1", 103)).toEqual(before);
    const loaded = ff.loadModel(model.save());
    expect(loaded.explain("u1", 103)).toEqual(before);
    const again = ff.dataset({ users: ["u1", "new"], items: [103, 103], ratings: [1, 5] });
    const more = ff.fitPartial(loaded, again, { epochs: 2 });
    expect(sum(more.explain("u1", 104))).toBeCloseTo(more.explain("u1", 104).score, 4);
    expect(ids(more.explain("new", 104).contributions)).toEqual([103]);
    const rated = ids(more.explain("u1", 104).contributions);
    expect(new Set(rated).size).toBe(rated.length);
  });

  test("is refused where a model does not know what its users rated", async () => {
    const model = ff.train(data, { model: "mf", factors: 2 });
    const without = ff.loadModel(model.save({ seen: false }));
    await expectFailure(
      () => without.explain("u1", 103),
      ArgumentError,
      "INVALID_ARGUMENT",
      "model",
    );
    // A file from before ratings were kept.
    const { metadata, tensors } = readSafetensors(model.save());
    expect(tensors.delete("seen_values")).toBe(true);
    const old = ff.loadModel(writeSafetensors(Object.fromEntries(tensors), metadata));
    expect(old.recommend("u1")).toEqual(model.recommend("u1"));
    await expectFailure(() => old.explain("u1", 103), ArgumentError, "INVALID_ARGUMENT", "model");
  });

  test("names what it does not know", async () => {
    const model = ff.train(data, { model: "mf", factors: 2 });
    await expectFailure(() => model.explain("nobody", 103), UnknownIdError, "UNKNOWN_ID", "user");
    await expectFailure(() => model.explain("u1", 999), UnknownIdError, "UNKNOWN_ID", "item");
    const loose = model as unknown as { explain: (...args: unknown[]) => unknown };
    await expectFailure(() => loose.explain(null, 103), ArgumentError, "INVALID_ARGUMENT", "user");
    await expectFailure(() => loose.explain("u1"), ArgumentError, "INVALID_ARGUMENT", "item");
  });

  test("is the same in a worker", async () => {
    const client = new FeatherClient();
    try {
      const there = await client.train(await client.dataset(planted()), {
        model: "fm",
        factors: 3,
      });
      const here = ff.train(rich, { model: "fm", factors: 3 });
      const [user, item] = [at(rich.userIds(), 1), at(rich.itemIds(), 1)];
      expect(await there.explain(user, item)).toEqual(here.explain(user, item));
    } finally {
      client.close();
    }
  });
});
