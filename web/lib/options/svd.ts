/** Options of the truncated singular value decomposition. */
import { checkChoice, checkFinite } from "./checks.js";
import { integer, type Option, type OptionsOf, seed, valueRange } from "./option.js";

export const svd = {
  /** Number of singular vectors kept, 1 to 1024; never more than the smaller side of the matrix. @defaultValue 16 */
  factors: integer(16, { min: 1, max: 1024 }),
  /** What stands where there is no rating: a number, or a mean. @defaultValue "item-mean" */
  fill: {
    default: "item-mean",
    parse: (value, name) =>
      typeof value === "number"
        ? checkFinite(value, name)
        : checkChoice(value, name, ["global-mean", "user-mean", "item-mean"]),
  } as Option<number | "global-mean" | "user-mean" | "item-mean">,
  /** Extra random directions (Halko, Martinsson, Tropp 2011), 0 to 1024. @defaultValue 10 */
  oversampling: integer(10, { min: 0, max: 1024 }),
  /** Passes that sharpen the subspace; each reads the ratings twice. 0 to 100. @defaultValue 4 */
  powerIterations: integer(4, { min: 0, max: 100 }),
  valueRange,
  seed,
};

/** Truncated singular value decomposition of the filled rating matrix. */
export type SvdOptions = { model: "svd" } & OptionsOf<typeof svd>;
