/**
 * The verbs that travel by name. The lists are checked against the interfaces: a method that is missing here, or is not
 * there, does not compile.
 */
import type {
  Dataset,
  FoldedItem,
  FoldedUser,
  FoldInOptions,
  Model,
  Rating,
  Rows,
  UnseenCategory,
} from "../types.js";

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

export const rowsVerbs = all<Exclude<MethodsOf<Rows>, "close">>()(["content", "toLibsvm"]);

/** Without those that take or give objects of the worker. */
export const modelVerbs = all<
  Exclude<
    MethodsOf<Model>,
    "close" | "foldInUser" | "foldInItem" | "predictRows" | "updateUser" | "updateItem" | "compress"
  >
>()([
  "userIds",
  "itemIds",
  "hasUser",
  "hasItem",
  "predict",
  "predictRank",
  "predictDistribution",
  "recommend",
  "recommendAll",
  "explain",
  "similarItems",
  "similarUsers",
  "userVectors",
  "itemVectors",
  "singularValues",
  "fields",
  "parameters",
  "featureVectors",
  "save",
]);

/** Those that change what a client knows of a model. */
export const updateVerbs = ["updateUser", "updateItem"] as const;

export const guestVerbs = all<MethodsOf<FoldedUser>>()([
  "recommend",
  "predict",
  "predictDistribution",
  "explain",
]);

export const guestItemVerbs = all<MethodsOf<FoldedItem>>()(["similarItems", "topUsers", "predict"]);

/** The verbs of guests go to the model, under these prefixes. */
export const guestPrefix = "guest.";
export const guestItemPrefix = "guestItem.";

/** A folded-in user travels whole; the worker keeps nothing of it. */
export interface GuestData {
  vector: Float32Array;
  bias: number;
  parts: Float32Array | undefined;
  unseen: readonly UnseenCategory[];
  ratings: readonly Rating[];
  options: FoldInOptions | undefined;
}

/** So does an item that is known by its features. */
export interface GuestItemData {
  vector: Float32Array;
  bias: number;
  parts: Float32Array | undefined;
  unseen: readonly UnseenCategory[];
}
