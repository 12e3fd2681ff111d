/** Why a film is recommended, in a few words: own ratings that carried its score, or features. */
import type { Contribution, Explanation, FeatureContribution } from "featherfm";
import type { Films } from "./data/films.js";

/** Whose list it is: the visitor's, or somebody's of the data. */
export type Whose = "you" | "they";

/** Reasons named at most. */
const most = 2;

/** Letters of a title that is not cut. */
const longest = 30;

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
  const features = inFavour((explanation.features ?? []).filter(isNameable));
  const rated = (list: readonly Contribution[]) =>
    `because ${whose} rated ${list.map(({ item }) => short(films.get(item).title)).join(" and ")}`;
  const known = (list: readonly FeatureContribution[]) => `for ${list.map(nameOf).join(" and ")}`;
  const [byRatings, byFeatures] = [weight(ratings), weight(features)];
  const parts =
    byFeatures > byRatings
      ? [
          known(features),
          weight(ratings.slice(0, 1)) > byFeatures / 2 && rated(ratings.slice(0, 1)),
        ]
      : [
          byRatings > 0 && rated(ratings),
          weight(features.slice(0, 1)) > byRatings / 2 && known(features.slice(0, 1)),
        ];
  return parts.filter((part) => part !== false).join("; ");
}

/** The largest that are positive. */
function inFavour<T extends { contribution: number }>(list: readonly T[]): T[] {
  return list
    .filter(({ contribution }) => contribution > 0)
    .sort((a, b) => b.contribution - a.contribution)
    .slice(0, most);
}

const weight = (list: readonly { contribution: number }[]) =>
  list.reduce((sum, { contribution }) => sum + contribution, 0);

/** A title without what stands in brackets, and cut where it is long: two have to fit. */
function short(title: string): string {
  const bare = title.replace(/ \(.*\)$/, "");
  return bare.length <= longest ? bare : `${bare.slice(0, longest).replace(/\s+\S*$/, "")} …`;
}

const isNameable = ({ field, category }: FeatureContribution) =>
  category !== undefined && field in featureNames;

const nameOf = ({ field, category = "" }: FeatureContribution) =>
  featureNames[field]?.(category) ?? "";
