/**
 * The splits published with MovieLens 100K, rebuilt from u.data: u1 to u5 are fifths of the file in its order, ua and ub
 * take each user's first and second ten ratings in file order.
 */
import type { RatingTable } from "./table.js";

export const officialSplits = ["u1", "u2", "u3", "u4", "u5", "ua", "ub"] as const;
export type OfficialSplit = (typeof officialSplits)[number];

/** Rows of the table that belong to the test set. */
export function officialTestRows(split: OfficialSplit, table: RatingTable): Int32Array {
  if (split === "ua" || split === "ub") {
    const first = split === "ua" ? 0 : 10;
    const met = new Map<string | number, number>();
    const rows: number[] = [];
    table.users.forEach((user: string | number, row: number) => {
      const before = met.get(user) ?? 0;
      met.set(user, before + 1);
      if (before >= first && before < first + 10) rows.push(row);
    });
    return Int32Array.from(rows);
  }
  const fifth = table.ratings.length / 5;
  const start = (Number(split[1]) - 1) * fifth;
  return Int32Array.from({ length: fifth }, (_, k) => start + k);
}
