/** What the tests of factorization machines share: data with a rule in it, and the formula in plain JavaScript. */
import type { FmMcmcOptions, Id, Model } from "featherfm";
import { at, randomFrom } from "./support.js";

export const groups = ["red", "green", "blue"] as const;

/** Values that stand in the columns of one field, by the place of the column in its field. */
export type FieldRow = Readonly<Record<number, number>>;

/**
 * People like the items of their own colour, and everybody likes everything better in the evening: the rating is
 * 1, 2 more for the colour, 1 more for the evening, and sometimes a little luck.
 */
export function planted({ users = 30, items = 18, seed = 3, luck = 0 } = {}) {
  const random = randomFrom(seed);
  const rows: { user: string; item: number; rating: number; time: string; at: number }[] = [];
  for (let u = 0; u < users; u++) {
    for (let i = 0; i < items; i++) {
      if (random() > 0.6) continue;
      const time = random() < 0.5 ? "morning" : "evening";
      const rating = ratingOf(u, i, time) + luck * (random() - 0.5);
      rows.push({ user: `u${u}`, item: 100 + i, rating, time, at: 86_400 * (u % 5) + 60 * i });
    }
  }
  const table = <T>(count: number, name: (k: number) => Id, record: (k: number) => T) =>
    Object.fromEntries(Array.from({ length: count }, (_, k) => [name(k), record(k)]));
  return {
    users: rows.map(({ user }) => user),
    items: rows.map(({ item }) => item),
    ratings: rows.map(({ rating }) => rating),
    timestamps: rows.map(({ at }) => at),
    userFeatures: table(users, (u) => `u${u}`, userRecord),
    itemFeatures: table(items, (i) => 100 + i, itemRecord),
    context: { time: rows.map(({ time }) => time) },
  };
}

export const ratingOf = (user: number, item: number, time?: string): number =>
  1 + (user % 3 === item % 3 ? 2 : 0) + (time === "evening" ? 1 : 0);

export const userRecord = (u: number): { group: string; age: number } => ({
  group: at(groups, u % 3),
  age: 20 + ((u * 7) % 40),
});

export const itemRecord = (i: number): { kind: string; tags: string[] } => ({
  kind: at(groups, i % 3),
  tags: [`t${i % 4}`, `t${(i * 3) % 5}`, "all"].slice(0, 1 + (i % 3)),
});

/** Without features, context and timestamps. */
export function bare({ users, items, ratings }: ReturnType<typeof planted>) {
  return { users, items, ratings };
}

/** The parameters of a model, and its formula in double precision and straight from the definition. */
export class PlainMachine {
  readonly fields: ReturnType<Model["fields"]>;
  readonly constant: number;
  readonly linear: Float32Array;
  readonly factors: Float32Array;
  readonly width: number;

  constructor(model: Pick<Model, "fields" | "parameters" | "factors">) {
    this.fields = model.fields();
    ({ constant: this.constant, linear: this.linear, factors: this.factors } = model.parameters());
    this.width = model.factors;
  }

  field(name: string) {
    const found = this.fields.find((field) => field.name === name);
    if (found === undefined) throw new Error(`no field ${name}`);
    return found;
  }

  /** The score of the row that has these values, by field. */
  score(row: Readonly<Record<string, FieldRow>>): number {
    return this.scoreOf(
      Object.entries(row).flatMap(([name, values]) =>
        Object.entries(values).map(([column, x]): [number, number] => [
          this.field(name).begin + Number(column),
          x,
        ]),
      ),
    );
  }

  /** The score of a row of (column, value). */
  scoreOf(row: readonly (readonly [number, number])[]): number {
    let sum = this.constant;
    row.forEach(([j, x], k) => {
      sum += at(this.linear, j) * x;
      for (const [l, y] of row.slice(k + 1)) {
        for (let f = 0; f < this.width; f++) {
          sum +=
            at(this.factors, j * this.width + f) * at(this.factors, l * this.width + f) * x * y;
        }
      }
    });
    return sum;
  }
}

/** The column of an id, a category: its place in the order of first appearance. */
export const one = (list: readonly unknown[], value: unknown): FieldRow => ({
  [list.indexOf(value)]: 1,
});

/** What a sampler can be asked to do. */
export const tasks = ["regression", "classification", "ordinal"] as const;
export type Task = (typeof tasks)[number];

/** Ratings that suit the task: as they are, above the middle or not, or 1 to 4. */
export const ratingsFor = (task: Task, ratings: readonly number[]): number[] =>
  ratings.map((r) => {
    if (task === "regression") return r;
    return task === "classification" ? Number(r > 2.5) : Math.min(Math.max(Math.round(r), 1), 4);
  });

/** A short chain that keeps every third sample. */
export const sampling = (task: Task): FmMcmcOptions => ({
  model: "fm",
  solver: "mcmc",
  task,
  factors: 3,
  burnIn: 5,
  samples: 30,
  keep: 10,
});

/** Two ratings that somebody new may give. */
export const ratedFor = (task: Task): { item: number; rating: number }[] => [
  { item: 100, rating: task === "classification" ? 1 : 4 },
  { item: 104, rating: task === "classification" ? 0 : 1 },
];
