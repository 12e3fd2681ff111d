import { ArgumentError, ClosedError, load, UnknownIdError } from "featherfm";
import { describe, expect, test } from "vitest";
import { at, expectFailure, sample } from "./support.js";

const ff = await load();

describe("the ids of a dataset", () => {
  test("come back as they were given, in order of first appearance", () => {
    const data = ff.dataset({
      users: ["zoë", "bob", "zoë"],
      items: [50, 7, 7.5],
      ratings: [3, 4, 5],
    });
    expect(data.userIds()).toEqual(["zoë", "bob"]);
    expect(data.itemIds()).toEqual([50, 7, 7.5]);
    expect(data).toMatchObject({ userCount: 2, itemCount: 3, interactionCount: 3 });
  });

  test('keep their type: 1 and "1" are two users', () => {
    const data = ff.dataset({ users: [1, "1", 1], items: ["a", "a", "b"], ratings: [1, 2, 3] });
    expect(data.userIds()).toEqual([1, "1"]);
    expect(data.ratingsOf(1)).toEqual([
      { item: "a", rating: 1 },
      { item: "b", rating: 3 },
    ]);
    expect(data.ratingsOf("1")).toEqual([{ item: "a", rating: 2 }]);
  });

  test("may be any string, the empty one and names of object members included", () => {
    const users = ["", "__proto__", "constructor", "a\0b", "\ud800", "👩‍🚀", "null"];
    const data = ff.dataset({ users, items: users.map(() => "x") });
    expect(data.userIds()).toEqual(users);
    for (const user of users) expect(data.ratingsOf(user)).toEqual([{ item: "x", rating: 1 }]);
  });

  test("may be any finite number", () => {
    const users = [-1, 0.5, 2 ** 40, Number.MIN_VALUE, -Number.MAX_VALUE];
    expect(ff.dataset({ users, items: users }).userIds()).toEqual(users);
  });

  test("may come as typed arrays", () => {
    const data = ff.dataset({
      users: Int32Array.of(5, -5, 5),
      items: Float64Array.of(0.1, 0.2, 0.2),
      ratings: Uint8Array.of(1, 2, 3),
    });
    expect(data.userIds()).toEqual([5, -5]);
    expect(data.itemIds()).toEqual([0.1, 0.2]);
  });

  test("that are unknown are named, with a hint when the other type is there", async () => {
    const data = ff.dataset({ users: [196], items: ["a"] });
    const error = await expectFailure(
      () => data.ratingsOf("196"),
      UnknownIdError,
      "UNKNOWN_ID",
      "user",
    );
    expect(error.message).toContain('"196"');
    expect(error.message).toContain("there is 196");
  });
});

describe("the ratings of a dataset", () => {
  test.each([
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
  ])("may come as $name", (Type) => {
    const data = ff.dataset({
      users: Type.of(1, 1, 2),
      items: Type.of(10, 20, 10),
      ratings: Type.of(5, 3, 4),
      weights: Type.of(1, 2, 0),
      timestamps: Type.of(7, 8, 9),
    });
    expect(data.ratingsOf(1)).toEqual([
      { item: 10, rating: 5, weight: 1, timestamp: 7 },
      { item: 20, rating: 3, weight: 2, timestamp: 8 },
    ]);
    expect(data.ratingRange).toEqual([3, 5]);
  });

  test("are all 1 when left out", () => {
    const data = ff.dataset({ users: ["a"], items: ["x"] });
    expect(data.ratingsOf("a")).toEqual([{ item: "x", rating: 1 }]);
    expect(data.ratingRange).toEqual([1, 1]);
    expect(data).toMatchObject({ hasWeights: false, hasTimestamps: false });
  });

  test("are listed by user in the order of the item map", () => {
    const data = ff.dataset({
      users: ["a", "b", "b", "b"],
      items: ["x", "y", "z", "x"],
      ratings: [1, 2, 3, 4],
    });
    expect(data.ratingsOf("b")).toEqual([
      { item: "x", rating: 4 },
      { item: "y", rating: 2 },
      { item: "z", rating: 3 },
    ]);
    expect([...data.itemCounts()]).toEqual([2, 1, 1]);
  });

  test("keep timestamps in full precision", () => {
    const timestamps = [1_700_000_000_123.5, 1_700_000_000_123.25];
    const data = ff.dataset({ users: [1, 2], items: [1, 1], timestamps });
    expect(data.ratingsOf(1)[0]?.timestamp).toBe(timestamps[0]);
    expect(data.ratingsOf(2)[0]?.timestamp).toBe(timestamps[1]);
    expect(data.hasTimestamps).toBe(true);
  });

  test("may be none at all", () => {
    const data = ff.dataset({ users: [], items: [], ratings: [] });
    expect(data).toMatchObject({ userCount: 0, itemCount: 0, interactionCount: 0 });
    expect(data.ratingRange).toEqual([0, 0]);
    expect(data.userIds()).toEqual([]);
    expect(data.itemCounts()).toHaveLength(0);
  });
});

describe("a pair that occurs twice", () => {
  const twice = {
    users: ["a", "a", "a", "b"],
    items: ["x", "x", "x", "x"],
    ratings: [1, 2, 4, 5],
    weights: [1, 3, 2, 1],
  };

  test("keeps its later row when there are no timestamps", () => {
    const data = ff.dataset(twice);
    expect(data.interactionCount).toBe(2);
    expect(data.ratingsOf("a")).toEqual([{ item: "x", rating: 4, weight: 2 }]);
  });

  test("keeps its latest row when there are", () => {
    const data = ff.dataset({ ...twice, timestamps: [10, 30, 20, 40] });
    expect(data.ratingsOf("a")).toEqual([{ item: "x", rating: 2, weight: 3, timestamp: 30 }]);
  });

  test("keeps the later row of two at the same time", () => {
    const data = ff.dataset({ ...twice, timestamps: [30, 30, 30, 30], duplicates: "last" });
    expect(data.ratingsOf("a")).toEqual([{ item: "x", rating: 4, weight: 2, timestamp: 30 }]);
  });

  test("is added up on request, with the larger weight and the latest time", () => {
    const data = ff.dataset({ ...twice, timestamps: [10, 30, 20, 40], duplicates: "sum" });
    expect(data.ratingsOf("a")).toEqual([{ item: "x", rating: 7, weight: 3, timestamp: 30 }]);
    expect(data.ratingsOf("b")).toEqual([{ item: "x", rating: 5, weight: 1, timestamp: 40 }]);
  });

  test("is refused on request, with both rows named", async () => {
    const error = await expectFailure(
      () => ff.dataset({ ...twice, duplicates: "error" }),
      ArgumentError,
      "DUPLICATE",
      "items",
    );
    expect(error.message).toContain("rows 0 and 1");
  });
});

describe("the caller's arrays", () => {
  test("are not modified", () => {
    const { users, items, ratings, timestamps } = sample();
    const typed = Float64Array.from(ratings);
    Object.freeze(users);
    Object.freeze(items);
    const before = typed.slice();
    ff.dataset({ users, items, ratings: typed, timestamps: Object.freeze(timestamps) });
    expect(typed).toEqual(before);
  });

  test("may change later without effect", () => {
    const users = ["a", "b"];
    const ratings = Float32Array.of(1, 2);
    const data = ff.dataset({ users, items: [1, 1], ratings });
    users[0] = "c";
    ratings.fill(9);
    expect(data.userIds()).toEqual(["a", "b"]);
    expect(data.ratingsOf("b")).toEqual([{ item: 1, rating: 2 }]);
  });

  test("that come out are copies", () => {
    const data = ff.dataset({ users: ["a", "b"], items: [1, 1] });
    data.userIds().push("c");
    data.itemCounts().fill(7);
    expect(data.userIds()).toEqual(["a", "b"]);
    expect([...data.itemCounts()]).toEqual([2]);
  });

  test("may be parts of larger buffers", () => {
    const whole = Float32Array.of(9, 9, 1, 2, 9);
    const data = ff.dataset({ users: [1, 2], items: [1, 1], ratings: whole.subarray(2, 4) });
    expect(data.ratingRange).toEqual([1, 2]);
  });
});

describe("a closed dataset", () => {
  test("answers nothing any more, and may be closed again", async () => {
    const data = ff.dataset({ users: ["a"], items: ["x"] });
    data.close();
    data.close();
    for (const call of [
      () => data.ratingsOf("a"),
      () => data.itemCounts(),
      () => data.userIds(),
      () => data.itemIds(),
      () => ff.split(data, { by: "random" }),
      () => ff.train(data, { model: "mf" }),
      () => ff.train(data, { model: "popularity" }),
    ]) {
      await expectFailure(call, ClosedError, "CLOSED");
    }
  });

  test("does not take its splits with it", () => {
    const data = ff.dataset(sample());
    const { train, test } = ff.split(data, { by: "random", testFraction: 0.25 });
    const count = data.interactionCount;
    data.close();
    expect(train.interactionCount + test.interactionCount).toBe(count);
    expect(train.ratingsOf(at(train.userIds(), 0)).length).toBeGreaterThan(0);
  });

  test("is closed by `using`", async () => {
    const data = ff.dataset({ users: ["a"], items: ["x"] });
    (data as unknown as Disposable)[Symbol.dispose]();
    await expectFailure(() => data.itemCounts(), ClosedError, "CLOSED");
  });
});
