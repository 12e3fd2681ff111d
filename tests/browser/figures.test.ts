/** The page's own arithmetic: stars of a scale, shares of a distribution, the pace of a training, reasons in words. */
import type { Distribution, EpochReport, Explanation } from "featherfm";
import { describe, expect, it } from "vitest";
import { Films } from "../../web/demo/src/data/films.js";
import { makeSample } from "../../web/demo/src/data/sample.js";
import { reasonFor } from "../../web/demo/src/reasons.js";
import { starOf } from "../../web/demo/src/scale.js";
import { outlooks } from "../../web/demo/src/shares.js";
import { paceOf } from "../../web/demo/src/train/pace.js";

const distribution = (parts: Record<keyof Distribution, number[]>) =>
  Object.fromEntries(
    Object.entries(parts).map(([name, values]) => [name, Float32Array.from(values)]),
  ) as unknown as Distribution;

describe("whole stars", () => {
  it.each([
    [{ low: 1, high: 5 }, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]],
    [{ low: 0.5, high: 5 }, [0.5, 1, 1.5, 2.5, 4.5, 5], [1, 1, 2, 3, 5, 5]],
    [{ low: 0, high: 1 }, [0, 0.2, 0.6, 1], [1, 1, 3, 5]],
    [{ low: -10, high: 10 }, [-10, -4, 0, 10], [1, 2, 3, 5]],
  ])("of the scale %o: %o are %o", (scale, ratings, stars) => {
    expect(ratings.map((rating) => starOf(rating, scale))).toEqual(stars);
  });
});

describe("shares of one to five stars", () => {
  it("are the probabilities of the ratings that there are, row by row", () => {
    const halves = { mean: [3, 4], deviation: [1, 0.5], classes: [1, 1.5, 2, 4.5, 5] };
    const probabilities = [0.1, 0.2, 0.3, 0.2, 0.2, 0, 0, 0.25, 0.25, 0.5];
    const [first, second] = outlooks(distribution({ ...halves, probabilities }), {
      low: 0.5,
      high: 5,
    });
    expect(first?.shares.map((share) => share.toFixed(2))).toEqual([
      "0.10",
      "0.50",
      "0.00",
      "0.00",
      "0.40",
    ]);
    expect(second?.shares.map((share) => share.toFixed(2))).toEqual([
      "0.00",
      "0.25",
      "0.00",
      "0.00",
      "0.75",
    ]);
    expect(second?.deviation).toBe(0.5);
  });

  it("of a rating as a number lie around it as its deviation says, at the ends of the scale too", () => {
    const shares = (mean: number, deviation: number) =>
      outlooks(
        distribution({ mean: [mean], deviation: [deviation], classes: [], probabilities: [] }),
        { low: 1, high: 5 },
      )[0]?.shares ?? [];
    for (const [mean, deviation] of [
      [3, 1],
      [4.9, 0.8],
      [1, 1.2],
      [5, 0],
    ] as const) {
      const sum = shares(mean, deviation).reduce((total, share) => total + share, 0);
      expect(sum).toBeCloseTo(1, 6);
    }
    const middle = shares(3, 1);
    // Of a standard normal density: exp(-1/2) of its height one deviation away.
    expect((middle[3] ?? 0) / (middle[2] ?? 1)).toBeCloseTo(Math.exp(-0.5), 6);
    expect(middle[1]).toBeCloseTo(middle[3] ?? 0, 9);
    expect((shares(4.9, 0.8)[3] ?? 0) / (shares(4.9, 0.8)[4] ?? 1)).toBeCloseTo(
      Math.exp(-0.5 * ((0.9 / 0.8) ** 2 - (0.1 / 0.8) ** 2)),
      5,
    );
    expect(shares(5, 0)[4]).toBeCloseTo(1, 9);
  });
});

describe("the pace of a training", () => {
  const reports = (times: number[]) =>
    times.map((elapsedMs, k) => ({ epoch: k + 1, elapsedMs }) as EpochReport);

  it("is not known from one epoch", () => {
    expect(paceOf([], 10)).toBeNull();
    expect(paceOf(reports([100]), 10)).toBeNull();
    expect(paceOf(reports([100, 100]), 10)).toBeNull();
  });

  it("is that of the last seconds, and tells how long the rest takes", () => {
    expect(paceOf(reports([500, 1000, 1500]), 10)).toEqual({ perSecond: 2, left: 3.5 });
    // After a pause of a minute, the machine is slower.
    const slower = [100, 200, 60_000, 61_000, 62_000, 63_000, 64_000];
    expect(paceOf(reports(slower), 27)).toEqual({ perSecond: 1, left: 20 });
  });
});

describe("the reason for a recommendation", () => {
  const table = makeSample();
  const [first, second, third] = table.films;
  const films = new Films({
    ...table,
    films: [
      { ...first, title: "Mrs. Brown (Her Majesty, Mrs. Brown)" },
      { ...second, title: "The Adventures of Priscilla, Queen of the Desert" },
      { ...third, title: "Ran" },
    ] as typeof table.films,
  });
  const ids = [first?.id ?? "", second?.id ?? "", third?.id ?? ""];
  const reason = (ratings: number[], features?: Explanation["features"]) =>
    reasonFor(
      {
        score: 0,
        base: 0,
        contributions: ratings.map((contribution, k) => ({ item: ids[k] ?? "", contribution })),
        ...(features !== undefined && { features }),
      },
      films,
      "you",
    );
  const drama = { side: "item", field: "genres", category: "Drama" } as const;
  const student = { side: "user", field: "occupation", category: "student" } as const;

  it("is the two ratings that carried most, with titles that fit", () => {
    expect(reason([0.1, 0.3, 0.2])).toBe(
      "because you rated The Adventures of Priscilla, … and Ran",
    );
    expect(reason([0.4, -0.3, -0.2])).toBe("because you rated Mrs. Brown");
  });

  it("is a feature where that weighs more, and both where they weigh about as much", () => {
    expect(reason([0.1, 0, 0], [{ ...drama, contribution: 0.5 }])).toBe("for Drama");
    expect(
      reason(
        [0.3, 0, 0],
        [
          { ...drama, contribution: 0.3 },
          { ...student, contribution: 0.1 },
        ],
      ),
    ).toBe("for Drama and the occupation student; because you rated Mrs. Brown");
    expect(reason([0, 0, 0.4], [{ ...drama, contribution: 0.3 }])).toBe(
      "because you rated Ran; for Drama",
    );
  });

  it("is nothing that speaks against a film, is the film itself, or has no name", () => {
    expect(reason([-0.1, 0, 0], [{ ...drama, contribution: -0.5 }])).toBe("");
    expect(
      reason(
        [0, 0, 0],
        [
          { side: "item", field: "item", contribution: 0.7 },
          { side: "item", field: "item-users", contribution: 0.5 },
        ],
      ),
    ).toBe("");
  });
});
