import { load, type Dataset, type Split } from "featherfm";
import { describe, expect, test } from "vitest";
import { movieLensFolder, readMovieLens } from "./movielens.js";
import { at, sample } from "./support.js";

const ff = await load();
const lists = sample();
const data = ff.dataset(lists);

/** Every interaction as one string. */
function rows(part: Dataset): string[] {
  return part
    .userIds()
    .flatMap((user) =>
      part
        .ratingsOf(user)
        .map(({ item, rating, timestamp }) => [user, item, rating, timestamp].join()),
    )
    .sort();
}

function expectPartition({ train, test }: Split, whole = data): void {
  expect([...rows(train), ...rows(test)].sort()).toEqual(rows(whole));
  expect(rows(train)).toHaveLength(train.interactionCount);
}

describe("every split", () => {
  test.each([
    { by: "random" },
    { by: "random", testFraction: 0.5, seed: 3 },
    { by: "user", testFraction: 0.3 },
    { by: "leave-last-out", count: 2 },
    { by: "time", testFraction: 0.1 },
    { by: "rows", testRows: [0, 5, 7] },
  ] as const)("cuts the dataset in two without loss: %o", (options) => {
    const split = ff.split(data, options);
    expectPartition(split);
    expect(split.test.interactionCount).toBeGreaterThan(0);
  });

  test("keeps the id maps of the whole in both halves", () => {
    const { train, test } = ff.split(data, { by: "random", testFraction: 0.01 });
    expect(test.userIds()).toEqual(data.userIds());
    expect(test.itemIds()).toEqual(data.itemIds());
    expect(train.userIds()).toEqual(data.userIds());
    expect(test.itemCounts()).toHaveLength(data.itemCount);
  });

  test("of nothing gives nothing twice", () => {
    const empty = ff.dataset({ users: [], items: [] });
    for (const by of ["random", "user", "leave-last-out", "time"] as const) {
      const { train, test } = ff.split(empty, { by });
      expect([train.interactionCount, test.interactionCount]).toEqual([0, 0]);
    }
  });
});

describe("a random split", () => {
  test("takes a fifth by default, rounded to the nearest", () => {
    const { test } = ff.split(data, { by: "random" });
    expect(test.interactionCount).toBe(Math.round(0.2 * data.interactionCount));
  });

  test.each([0, 0.123, 1])("takes the share %d", (testFraction) => {
    const { test } = ff.split(data, { by: "random", testFraction });
    expect(test.interactionCount).toBe(Math.round(testFraction * data.interactionCount));
  });

  test("is the same for the same seed and another for another", () => {
    const of = (seed?: number) =>
      rows(ff.split(data, { by: "random", ...(seed !== undefined && { seed }) }).test);
    expect(of(5)).toEqual(of(5));
    expect(of(5)).not.toEqual(of(6));
    expect(of()).toEqual(of(1));
    expect(of(Number.MAX_SAFE_INTEGER)).not.toEqual(of(0));
  });
});

describe("a split by user", () => {
  test("takes the share of each user and leaves at least one in training", () => {
    for (const testFraction of [0.3, 1]) {
      const { train, test } = ff.split(data, { by: "user", testFraction, seed: 2 });
      for (const user of data.userIds()) {
        const count = data.ratingsOf(user).length;
        const expected = Math.min(Math.round(testFraction * count), count - 1);
        expect(test.ratingsOf(user)).toHaveLength(expected);
        expect(train.ratingsOf(user)).toHaveLength(count - expected);
      }
    }
  });

  test("follows its seed", () => {
    const of = (seed: number) => rows(ff.split(data, { by: "user", seed }).test);
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });
});

describe("leaving the last out", () => {
  test("takes each user's latest interactions", () => {
    const { test } = ff.split(data, { by: "leave-last-out", count: 3 });
    for (const user of data.userIds()) {
      const times = data.ratingsOf(user).map(({ timestamp }) => timestamp as number);
      const latest = times.sort((a, b) => b - a).slice(0, 3);
      const taken = test.ratingsOf(user).map(({ timestamp }) => timestamp as number);
      expect(taken.sort((a, b) => b - a)).toEqual(latest);
    }
  });

  test("leaves a user with no more than that whole", () => {
    const few = ff.dataset({
      users: ["a", "a", "b", "b", "b"],
      items: [1, 2, 1, 2, 3],
      timestamps: [1, 2, 3, 4, 5],
    });
    const { test } = ff.split(few, { by: "leave-last-out", count: 2 });
    expect(test.ratingsOf("a")).toEqual([]);
    expect(test.ratingsOf("b").map(({ item }) => item)).toEqual([2, 3]);
  });

  test("takes the later row of two at the same time", () => {
    const tied = ff.dataset({ users: [1, 1, 1], items: ["c", "b", "a"], timestamps: [7, 7, 7] });
    const { test } = ff.split(tied, { by: "leave-last-out" });
    expect(test.ratingsOf(1).map(({ item }) => item)).toEqual(["a"]);
  });
});

describe("a split by time", () => {
  test("takes the latest of all", () => {
    const { train, test } = ff.split(data, { by: "time", testFraction: 0.25 });
    const times = (part: Dataset) =>
      part.userIds().flatMap((user) => part.ratingsOf(user).map((r) => r.timestamp as number));
    expect(test.interactionCount).toBe(Math.round(0.25 * data.interactionCount));
    expect(Math.max(...times(train))).toBeLessThanOrEqual(Math.min(...times(test)));
  });
});

describe("a split by rows", () => {
  test("takes exactly the rows of the caller's lists", () => {
    const chosen = [3, 0, 11, 3];
    for (const testRows of [chosen, Uint16Array.from(chosen), Float64Array.from(chosen)]) {
      const { test } = ff.split(data, { by: "rows", testRows });
      expect(rows(test)).toEqual(
        [0, 3, 11]
          .map((k) =>
            [lists.users, lists.items, lists.ratings, lists.timestamps]
              .map((list) => at<string | number>(list, k))
              .join(),
          )
          .sort(),
      );
    }
  });

  test("counts rows as they were given, duplicates included", () => {
    const twice = ff.dataset({ users: ["a", "a", "b"], items: [1, 1, 1], ratings: [1, 2, 3] });
    const { train, test } = ff.split(twice, { by: "rows", testRows: [2] });
    expect(train.ratingsOf("a")).toEqual([{ item: 1, rating: 2 }]);
    expect(test.ratingsOf("b")).toEqual([{ item: 1, rating: 3 }]);
    // Row 0 gave way to row 1, so there is nothing of it to take.
    expect(ff.split(twice, { by: "rows", testRows: [0] }).test.interactionCount).toBe(0);
  });

  test("works on the half of a split too", () => {
    const { train } = ff.split(data, { by: "rows", testRows: [0] });
    expect(ff.split(train, { by: "rows", testRows: [0] }).test.interactionCount).toBe(0);
    expect(ff.split(train, { by: "rows", testRows: [1] }).test.interactionCount).toBe(1);
  });

  test.skipIf(movieLensFolder === null)("gives MovieLens's own u1 from u.data", () => {
    const all = ff.dataset(readMovieLens());
    const testRows = Array.from({ length: 20_000 }, (_, k) => k);
    const { train, test } = ff.split(all, { by: "rows", testRows });
    expect(rows(test)).toEqual(rows(ff.dataset(readMovieLens("u1.test"))));
    expect(train.interactionCount).toBe(80_000);
    expect(rows(train)).toEqual(rows(ff.dataset(readMovieLens("u1.base"))));
  });
});
