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

/** What u.user and u.item say: age, gender and occupation of people; year and genres of films. */
export function readMovieLensFeatures() {
  const lines = (file: string) =>
    fs
      .readFileSync(path.join(movieLensFolder as string, file), "latin1")
      .trim()
      .split("\n")
      .map((line) => line.split("|"));
  const userFeatures = new Map(
    lines("u.user").map(([id, age, gender, occupation]) => [
      String(id),
      { age: Number(age), gender: gender as string, occupation: occupation as string },
    ]),
  );
  const itemFeatures = new Map(
    lines("u.item").map((fields) => [
      Number(fields[0]),
      {
        year: Number(fields[2]?.slice(-4)) || null,
        genres: fields.slice(5).flatMap((flag, k) => (flag.trim() === "1" ? [k] : [])),
      },
    ]),
  );
  return { userFeatures, itemFeatures };
}
