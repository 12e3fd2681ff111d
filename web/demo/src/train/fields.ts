/** The fields a factorization machine can learn from: those of the data, the identities, and some made from the ratings. */
import { dataFields, type DataField } from "../data/dataset.js";
import type { RatingTable } from "../data/table.js";

export type Identity = "user" | "item";
export type DerivedField = "user-items" | "item-users" | "day";
export type FieldName = Identity | DataField | DerivedField;

/** In the order in which the page lists them. */
export const fieldLabels: Readonly<Record<FieldName, string>> = {
  user: "Person",
  item: "Film",
  genres: "Genres",
  year: "Year",
  age: "Age",
  gender: "Gender",
  occupation: "Occupation",
  day: "Day of rating",
  "user-items": "What they rated",
  "item-users": "Who rated it",
};

export const fieldNames = Object.keys(fieldLabels) as FieldName[];

const derived: readonly FieldName[] = ["user-items", "item-users", "day"] satisfies DerivedField[];

export const isDerived = (name: FieldName): name is DerivedField => derived.includes(name);
export const isIdentity = (name: FieldName): name is Identity => name === "user" || name === "item";

/** The fields that a data set allows. */
export function offeredFields(table: RatingTable): FieldName[] {
  const known: FieldName[] = ["user", "item", "user-items", "item-users", ...dataFields(table)];
  if (table.timestamps !== null) known.push("day");
  return fieldNames.filter((name) => known.includes(name));
}
