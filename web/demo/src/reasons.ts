/** Why a film is recommended, in a few words: own ratings that carried its score, or features. */
import type { Contribution, Explanation, FeatureContribution } from "featherfm";
import type { Films } from "./data/films.js";

/** Whose list it is: the visitor's, or somebody's of the data. */
export type Whose = "you" | "they";

/** Reasons named at most. */
const most = 2;

/** How the category of a field is named after "for"; others are not named. */
const featureNames: Readonly<Record<string, (category: string | number) => string>> = {
  genres: String,
  year: (years) => `the years ${years}`,
  age: (years) => `the age ${years}`,
  gender: (gender) => `being ${gender}`,
  occupation: (occupation) => `the occupation ${occupation}`,
};

/**
 * The largest contributions that speak for the film, ratings or features, whichever weigh more; of the others the largest one where
 * it weighs half as much. Empty where neither says anything.
 */
export function reasonFor(explanation: Explanation, films: Films, whose: Whose): string {
  const ratings = inFavour(explanation.contributions);
  const features = inFavour(explanation.features ?? []).filter(isNameable);
  const rated = (list: readonly Contribution[]) =>
    `because ${whose} rated ${list.map(({ item }) => films.get(item).title).join(" and ")}`;
  const known = (list: readonly FeatureContribution[]) => `for ${list.map(nameOf).join(" and ")}`;
  const [rating, feature] = [strongest(ratings), strongest(features)];
  const parts =
    feature > rating
      ? [known(features.slice(0, most)), rating > feature / 2 && rated(ratings.slice(0, 1))]
      : [
          rating > 0 && rated(ratings.slice(0, most)),
          feature > rating / 2 && known(features.slice(0, 1)),
        ];
  return parts.filter((part) => part !== false).join("; ");
}

function inFavour<T extends { contribution: number }>(list: readonly T[]): T[] {
  return list
    .filter(({ contribution }) => contribution > 0)
    .sort((a, b) => b.contribution - a.contribution);
}

const strongest = (list: readonly { contribution: number }[]) => list[0]?.contribution ?? 0;

const isNameable = ({ field, category }: FeatureContribution) =>
  category !== undefined && field in featureNames;

const nameOf = ({ field, category = "" }: FeatureContribution) =>
  featureNames[field]?.(category) ?? "";
