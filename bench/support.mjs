// What the benchmarks share: medians, and MovieLens-100K as plain lists.
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

/** Rows of the official test set u1 .. u5. */
export const foldRows = (fold) => Array.from({ length: 20_000 }, (_, k) => 20_000 * (fold - 1) + k);
