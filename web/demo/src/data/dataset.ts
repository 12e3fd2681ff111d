/** A table as the engine takes it, with what is known of people and films. */
import type { DatasetInput, FeatureRecord } from "featherfm";
import { ageEdges } from "./ages.js";
import type { Film, Id, Person, RatingTable } from "./table.js";

/** Fields that come with the data. */
export type DataField = "age" | "gender" | "occupation" | "genres" | "year";

/** Films of about the same age share a column of the field "year": this many, at the most. */
const yearBuckets = 12;

/** The fields that this data says something about. */
export function dataFields({ people, films }: RatingTable): DataField[] {
  const person = (name: "age" | "gender" | "occupation") =>
    people.some((one) => one[name] !== null);
  const known: Record<DataField, boolean> = {
    genres: films.some(({ genres }) => genres.length > 0),
    year: films.some(({ year }) => year !== null),
    age: person("age"),
    gender: person("gender"),
    occupation: person("occupation"),
  };
  return (Object.keys(known) as DataField[]).filter((name) => known[name]);
}

/** `ratings` takes the place of the table's own. */
export function datasetInput(table: RatingTable, ratings = table.ratings): DatasetInput {
  const { users, items, timestamps, people, films } = table;
  const known = dataFields(table);
  const has = (...names: DataField[]) => names.some((name) => known.includes(name));
  return {
    users,
    items,
    ratings,
    ...(timestamps !== null && { timestamps }),
    ...(has("age", "gender", "occupation") && { userFeatures: records(people, known) }),
    ...(has("genres", "year") && { itemFeatures: records(films, known) }),
    fields: {
      ...(has("age") && { age: { type: "number", buckets: ageEdges } }),
      ...(has("genres") && { genres: { type: "set" } }),
      ...(has("year") && { year: { type: "number", buckets: yearBuckets } }),
    },
  };
}

function records(
  list: readonly (Person | Film)[],
  known: readonly DataField[],
): Map<Id, FeatureRecord> {
  const own = (one: Person | Film) => Object.entries(one) as [DataField, FeatureRecord[string]][];
  return new Map(
    list.map((one) => [
      one.id,
      Object.fromEntries(own(one).filter(([name]) => known.includes(name))),
    ]),
  );
}
