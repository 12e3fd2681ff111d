// What the benchmarks share: medians, the core's own program, and MovieLens-100K as plain lists.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { unpackMovieLens } from "../tools/movielens.mjs";

export const root = path.join(import.meta.dirname, "..");

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Milliseconds that `work` takes, the median of `runs` after one that does not count. */
export function medianTime(runs, work) {
  work();
  return median(
    Array.from({ length: runs }, () => {
      const begin = performance.now();
      work();
      return performance.now() - begin;
    }),
  );
}

/** The lists for ff.dataset(), in the order of u.data; null (and said so) when there is no data. */
export async function movieLens() {
  const folder = await unpackMovieLens();
  if (folder === null) {
    console.log(
      "  SKIPPED: MovieLens-100K is not there; set MOVIELENS_DIR to the folder with ml-100k.zip",
    );
    return null;
  }
  const lists = { users: [], items: [], ratings: [], timestamps: [] };
  for (const line of fs.readFileSync(path.join(folder, "u.data"), "utf8").trim().split("\n")) {
    const [user, item, rating, timestamp] = line.split("\t").map(Number);
    lists.users.push(user);
    lists.items.push(item);
    lists.ratings.push(rating);
    lists.timestamps.push(timestamp);
  }
  return lists;
}

const genres =
  "unknown Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller War Western".split(
    " ",
  );

/** `userFeatures`, `itemFeatures` and `fields` for ff.dataset(): what MovieLens-100K says of its users and films. */
export async function sideFeatures() {
  const folder = await unpackMovieLens();
  if (folder === null) return null;
  const lines = (name, encoding) =>
    fs
      .readFileSync(path.join(folder, name), encoding)
      .trim()
      .split("\n")
      .map((line) => line.split("|"));
  return {
    userFeatures: new Map(
      lines("u.user", "utf8").map(([user, age, gender, occupation, zip]) => [
        Number(user),
        { age: Number(age), gender, occupation, zip: zip.slice(0, 2) },
      ]),
    ),
    itemFeatures: new Map(
      lines("u.item", "latin1").map(([item, , date, , , ...flags]) => [
        Number(item),
        {
          genres: genres.filter((_, k) => flags[k] === "1"),
          year: date === "" ? null : date.slice(-4),
        },
      ]),
    ),
    fields: { age: { type: "number", buckets: 8 } },
  };
}

/**
 * Milliseconds that the C++ core takes, natively and as wasm in turn: for each of the two a map from the name of a measurement that
 * begins with `wanted` to the times of all rounds. `ratings`: a file of the program's form to measure on instead of synthetic ratings.
 * `others` take their turn in every round, each a function of no arguments.
 */
export function coreTimes(wanted, { rounds = 3, ratings, others = [] } = {}) {
  const programs = {
    native: [path.join(root, "build", "native", "featherfm_bench")],
    wasm: [process.execPath, path.join(root, "build", "wasm", "featherfm_bench.cjs")],
  };
  const given = ratings === undefined ? [wanted] : [wanted, ratings];
  const times = { native: new Map(), wasm: new Map() };
  for (let round = 0; round < rounds; round++) {
    for (const [name, [command, ...args]] of Object.entries(programs)) {
      const lines = execFileSync(command, [...args, ...given], { encoding: "utf8" }).trim();
      for (const line of lines.split("\n")) {
        const [id, ms] = line.split(" ");
        times[name].set(id, [...(times[name].get(id) ?? []), Number(ms)]);
      }
    }
    for (const other of others) other();
  }
  return times;
}

/** Rows of the official test set u1 .. u5. */
export const foldRows = (fold) => Array.from({ length: 20_000 }, (_, k) => 20_000 * (fold - 1) + k);
