/** Models with fewer factors that score as nearly alike as they can. */
import { ArgumentError, load, type Model } from "featherfm";
import { FeatherClient } from "featherfm/client";
import { describe, expect, test, vi } from "vitest";
import { planted, ratingsFor, sampling } from "./fm-support.js";
import { at, expectFailure, sample, thrown } from "./support.js";

vi.spyOn(console, "warn").mockImplementation(() => undefined);
const ff = await load();
const lists = sample();
const data = ff.dataset(lists);
const world = ff.dataset(planted({ luck: 1 }));
const wide = [-1e6, 1e6] as const; // nothing is clipped
const models: Record<string, Model> = {
  mf: ff.train(data, { model: "mf", factors: 8, valueRange: wide }),
  logistic: ff.train(data, { model: "mf", loss: "logistic", factors: 8 }),
  svd: ff.train(data, { model: "svd", factors: 8, valueRange: wide }),
  fm: ff.train(world, { model: "fm", factors: 6, valueRange: wide }),
  mcmc: ff.train(world, { ...sampling("regression"), valueRange: wide }),
  vb: ff.train(world, { model: "fm", solver: "vb", valueRange: wide }),
};

const scoresOf = (model: Model) => {
  const users = model.userVectors();
  const items = model.itemVectors();
  return users.ids.flatMap((_, u) =>
    items.ids.map((_, i) => {
      let sum = at(users.offsets, u);
      for (let f = 0; f < users.dimensions; f++) {
        sum +=
          at(users.vectors, u * users.dimensions + f) * at(items.vectors, i * items.dimensions + f);
      }
      return sum;
    }),
  );
};
const squaredDifference = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, k) => sum + (x - at(b, k)) ** 2, 0);

describe.each(Object.entries(models))("compressing %s", (_, model) => {
  const scores = scoresOf(model);

  test("to as many factors as there are changes no score", () => {
    const whole = model.compress({ factors: 1024 });
    expect(whole.family).toBe("mf");
    const largest = Math.max(...scores.map(Math.abs));
    scoresOf(whole).forEach((score, k) => {
      expect(Math.abs(score - at(scores, k))).toBeLessThan(1e-5 * (1 + largest));
    });
    expect(whole.userIds()).toEqual(model.userIds());
    expect(whole.itemIds()).toEqual(model.itemIds());
    expect(whole.valueRange).toEqual(model.valueRange);
    const [user] = model.userIds();
    expect(whole.recommend(user as string, { n: 5 }).map(({ item }) => item)).toEqual(
      model.recommend(user as string, { n: 5 }).map(({ item }) => item),
    );
  });

  test("leaves out what the squares of the smallest singular values say", () => {
    const whole = [...model.compress({ factors: 1024 }).singularValues()];
    for (const factors of [1, 2, 4]) {
      const small = model.compress({ factors });
      expect(small.factors).toBe(factors);
      const left = whole.slice(factors).reduce((sum, s) => sum + s * s, 0);
      const difference = squaredDifference(scoresOf(small), scores);
      expect(Math.abs(difference - left)).toBeLessThan(1e-3 * left + 1e-3);
      [...small.singularValues()].forEach((s, k) => expect(s).toBeCloseTo(at(whole, k), 3));
    }
  });

  test("gives a model like any other", () => {
    const small = model.compress({ factors: 3 });
    const loaded = ff.loadModel(small.save());
    const users = small.userIds().slice(0, 2);
    const items = small.itemIds().slice(0, 2);
    expect(loaded.predict(users, items)).toEqual(small.predict(users, items));
    expect(loaded.singularValues()).toEqual(small.singularValues());
    if (model.family === "mf" || model.family === "svd") {
      const continued = ff.fitPartial(small, data, { epochs: 1 });
      expect(continued.singularValues()).toHaveLength(0); // they are no more those of its scores
      continued.close();
    }
    const item = at(small.itemIds(), 0);
    const guest = small.foldInUser([{ item, rating: 4 }]);
    expect(guest.recommend({ n: 3 })).toHaveLength(3);
    expect(small.similarItems(item, { n: 2 })).toHaveLength(2);
    // A copy: closing one leaves the other.
    small.close();
    expect(model.predict(users, items)).toHaveLength(2);
    expect(loaded.recommend(at(users, 0), { n: 2 })).toHaveLength(2);
  });
});

describe("compressing", () => {
  test("makes the files of sampled machines small", () => {
    const model = at(Object.values(models), 4);
    expect(model.factors).toBe(30);
    expect(model.compress({ factors: 4 }).save().length).toBeLessThan(0.3 * model.save().length);
  });

  test("travels to a worker and back", async () => {
    const client = new FeatherClient();
    const there = await client.loadModel(at(Object.values(models), 0).save());
    const small = await there.compress({ factors: 2 });
    expect(small).toMatchObject({ family: "mf", factors: 2 });
    expect(await small.save()).toEqual(
      at(Object.values(models), 0).compress({ factors: 2 }).save(),
    );
    await expectFailure(
      () => there.compress({ factors: 0 }),
      ArgumentError,
      "OUT_OF_RANGE",
      "factors",
    );
    small.close();
    client.close();
  });

  test("refuses what cannot be, by name", async () => {
    const { mf } = models as { mf: Model };
    const refused = (model: Model, given: unknown, code: string, argument: string) =>
      expectFailure(() => model.compress(given as never), ArgumentError, code, argument);
    for (const factors of [0, -1, 1025]) {
      await refused(mf, { factors }, "OUT_OF_RANGE", "factors");
    }
    for (const factors of [undefined, null, "4", NaN, 1.5, Infinity]) {
      const error = await thrown(() => mf.compress({ factors } as never));
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error).toMatchObject({ argument: "factors" });
    }
    await refused(mf, { factors: 2, seed: 1 }, "INVALID_ARGUMENT", "seed");
    const popularity = ff.train(data, { model: "popularity" });
    await refused(popularity, { factors: 2 }, "INVALID_ARGUMENT", "model");
    const classes = ff.dataset({
      ...lists,
      ratings: ratingsFor("classification", lists.ratings),
    });
    const labels = ff.train(classes, sampling("classification"));
    await refused(labels, { factors: 2 }, "INVALID_ARGUMENT", "model");
    const rows = ff.rows({ values: [1, 0, 2, 3, 0, 4], columns: 2, targets: [1, 2, 3] });
    const plain = ff.train(rows, { model: "fm", factors: 2 });
    await refused(plain, { factors: 2 }, "INVALID_ARGUMENT", "model");
  });
});
