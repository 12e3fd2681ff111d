/** What a score is made of, in the caller's ids, fields and categories. */
import type { CoreExplanation, CoreField } from "./core.js";
import type { Encoder } from "./features.js";
import type { IdMap } from "./ids.js";
import type { Contribution, Explanation, FeatureContribution } from "./types.js";

/** The fields of a machine and how values became their columns; none of other models. */
export interface ColumnNames {
  fields: readonly CoreField[];
  encoders: readonly Encoder[];
}

const byWeight = (a: { contribution: number }, b: { contribution: number }) =>
  Math.abs(b.contribution) - Math.abs(a.contribution);

export function explanation(
  given: CoreExplanation,
  items: IdMap,
  names: ColumnNames | undefined,
): Explanation {
  const contributions: Contribution[] = Array.from(given.contributions, (contribution, k) => ({
    item: items.at(given.items[k] as number),
    contribution,
  }));
  contributions.sort(byWeight);
  const { score, base } = given;
  if (names === undefined) return { score, base, contributions };
  return { score, base, contributions, features: featuresOf(given, names) };
}

/** One entry for each category; what has no categories of its own is one entry for its field. */
function featuresOf(
  { columns, shares }: CoreExplanation,
  { fields, encoders }: ColumnNames,
): FeatureContribution[] {
  const features = new Map<string, FeatureContribution>();
  for (const [k, column] of columns.entries()) {
    const field = fields.find(({ begin, columns: width }) => column < begin + width) as CoreField;
    const encoder = encoders.find(({ name, side }) => name === field.name && side === field.side);
    const category = encoder?.categoryAt(column - field.begin);
    const key = JSON.stringify([field.name, typeof category, category]);
    const known = features.get(key);
    const share = shares[k] as number;
    if (known !== undefined) {
      known.contribution += share;
      continue;
    }
    features.set(key, {
      side: field.side as "user" | "item",
      field: field.name,
      ...(category !== undefined && { category }),
      contribution: share,
    });
  }
  return [...features.values()].sort(byWeight);
}
