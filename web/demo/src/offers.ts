/** A list of recommendations with all that is said about each film: how sure the model is, and why it is there. */
import type { Explanation, RecommendOptions } from "featherfm";
import type { RemoteFoldedUser } from "featherfm/client";
import type { Films } from "./data/films.js";
import type { Film, Id } from "./data/table.js";
import { reasonFor, type Whose } from "./reasons.js";
import type { Scale } from "./scale.js";
import { type Outlook, outlooks } from "./shares.js";
import type { Contender } from "./train/run.js";

export interface Offer {
  film: Film;
  score: number;
  /** Of models that know how sure they are. */
  outlook: Outlook | undefined;
  /** In words. */
  reason: string;
}

/** Somebody to recommend to: a person of the data, or somebody placed among them. */
export type Asker = Pick<RemoteFoldedUser, "recommend" | "predictDistribution" | "explain">;

/** A person of the data. */
export function personOf({ model }: Contender, id: Id): Asker {
  return {
    recommend: (options) => model.recommend(id, options),
    predictDistribution: (items, options) =>
      model.predictDistribution(
        Array.from(items, () => id),
        items,
        options,
      ),
    explain: (item) => model.explain(id, item),
  };
}

export async function offersFor(
  asker: Asker,
  { sure, ranks }: Contender,
  { films, scale }: { films: Films; scale: Scale },
  options: RecommendOptions,
  whose: Whose,
): Promise<Offer[]> {
  const listed = await asker.recommend(options);
  const items = listed.map(({ item }) => item);
  const [reasons, possible] = await Promise.all([
    Promise.all(items.map((item) => asker.explain(item))),
    sure ? asker.predictDistribution(items) : null,
  ]);
  const outlook = possible === null ? [] : outlooks(possible, scale);
  return listed.map(({ item, score }, k) => ({
    film: films.get(item),
    score,
    outlook: outlook[k],
    reason:
      reasonFor(reasons[k] as Explanation, films, whose) ||
      (ranks ? "liked by many" : "rated high by most"),
  }));
}
