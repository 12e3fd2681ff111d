/** Options of the models that others are compared to. */
import { checkFinite } from "./checks.js";
import { choice, finite, integer, type OptionsOf, perPart, valueRange } from "./option.js";

export const popularity = {};

/** The baseline that recommends what most users met. */
export type PopularityOptions = { model: "popularity" } & OptionsOf<typeof popularity>;

export const biases = {
  /** Number of sweeps over items and users, 1 to 100,000. @defaultValue 10 */
  epochs: integer(10, { min: 1, max: 100_000 }),
  /**
   * How far biases of few ratings are drawn to 0: the mean deviation of n ratings counts n / (n + regularization). One number or
   * `{ user, item }`, 0 to 1e6. @defaultValue 4
   */
  regularization: perPart({ user: 4, item: 4 }, ["user", "item"], (value, name) =>
    checkFinite(value, name, { min: 0, max: 1e6 }),
  ),
  valueRange,
};

/** The baseline that knows how high each user and each item is rated, and nothing of tastes. */
export type BiasesOptions = { model: "biases" } & OptionsOf<typeof biases>;

export const itemKnn = {
  /** Neighbours kept of each item, 1 to 100,000. @defaultValue 200 */
  neighbours: integer(200, { min: 1, max: 100_000 }),
  /**
   * How alike two items are by who met them: the `"cosine"` of what their users gave them; the same with the weight of users who
   * met few items raised (`"tf-idf"`); or `"bm25"`, in which popular items count less, too. @defaultValue "tf-idf"
   */
  similarity: choice("tf-idf", ["cosine", "tf-idf", "bm25"]),
  /** A similarity that n users vouch for is multiplied by n / (n + shrink), 0 to 1e6. @defaultValue 0 */
  shrink: finite(0, { min: 0, max: 1e6 }),
};

/** The items most like those that a user met. Ratings are what an interaction counts; those not above 0 say nothing. */
export type ItemKnnOptions = { model: "item-knn" } & OptionsOf<typeof itemKnn>;
