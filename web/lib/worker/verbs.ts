/**
 * The verbs that travel by name. The lists are checked against the interfaces: a method that is missing here, or is not
 * there, does not compile.
 */
import type { Dataset, FoldedUser, FoldInOptions, Model, Rating } from "../types.js";

/** By string names: `Symbol.dispose` cannot travel, and goes with `close`. */
type MethodsOf<T> = {
  [K in keyof T & string]: T[K] extends (...args: never[]) => unknown ? K : never;
}[keyof T & string];

/** Every name of `Names` must stand in the list. */
const all =
  <Names extends PropertyKey>() =>
  <const List extends readonly Names[]>(
    list: Exclude<Names, List[number]> extends never ? List : never,
  ): List =>
    list;

export const datasetVerbs = all<Exclude<MethodsOf<Dataset>, "close">>()([
  "userIds",
  "itemIds",
  "ratingsOf",
  "itemCounts",
]);

export const modelVerbs = all<Exclude<MethodsOf<Model>, "close" | "foldInUser">>()([
  "userIds",
  "itemIds",
  "hasUser",
  "hasItem",
  "predict",
  "recommend",
  "recommendAll",
  "similarItems",
  "similarUsers",
  "userVectors",
  "itemVectors",
  "singularValues",
  "save",
]);

export const guestVerbs = all<MethodsOf<FoldedUser>>()(["recommend", "predict", "explain"]);

/** A guest's verbs go to the model, under this prefix. */
export const guestPrefix = "guest.";

/** A folded-in user travels whole; the worker keeps nothing of it. */
export interface GuestData {
  vector: Float32Array;
  bias: number;
  ratings: readonly Rating[];
  options: FoldInOptions | undefined;
}
