/** MovieLens 100K, where it is to be had. */
import fs from "node:fs";
import path from "node:path";
import { unpackMovieLens } from "../../tools/movielens.mjs";
import { at, type Lists } from "./support.js";

/** The folder of MovieLens 100K, or null: tests that need it are then skipped, and say so. */
export const movieLensFolder = await unpackMovieLens();
if (movieLensFolder === null) {
  console.warn(
    "MovieLens 100K is not here (see MOVIELENS_DIR): the tests that need it are SKIPPED",
  );
}

/** The columns of u.data, in its order. */
export function readMovieLens(file = "u.data"): Record<keyof Lists, number[]> {
  const text = fs.readFileSync(path.join(movieLensFolder as string, file), "utf8");
  const rows = text
    .trim()
    .split("\n")
    .map((line) => line.split("\t").map(Number));
  const column = (k: number) => rows.map((row) => at(row, k));
  return { users: column(0), items: column(1), ratings: column(2), timestamps: column(3) };
}
