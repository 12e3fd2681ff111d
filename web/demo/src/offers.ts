/** A list of recommendations with all that is said about each film: how sure the model is, and why it is there. */
import type { RecommendOptions } from "featherfm";
import type { RemoteFoldedUser } from "featherfm/client";
import type { Films } from "./data/films.js";
import type { Film, Id } from "./data/table.js";
import { reasonFor, type Whose } from "./reasons.js";
import type { Scale } from "./scale.js";
import { type Outlook, outlooks } from "./shares.js";
import { type Contender, knowsTastes } from "./train/run.js";
import { h } from "./ui/dom.js";

export interface Offer {
  film: Film;
  score: number;
  /** Of models that know how sure they are. */
  outlook: Outlook | undefined;
  /** In words; may come later than the rest. */
  reason: Promise<string>;
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

/** Milliseconds that a list waits for its reasons; with many samples and ratings they take longer. */
const patience = 150;

export async function offersFor(
  asker: Asker,
  contender: Contender,
  { films, scale }: { films: Films; scale: Scale },
  options: RecommendOptions,
  whose: Whose,
): Promise<Offer[]> {
  const listed = await asker.recommend(options);
  const items = listed.map(({ item }) => item);
  const { sure, ranks } = contender;
  const possible = sure ? await asker.predictDistribution(items) : null;
  const outlook = possible === null ? [] : outlooks(possible, scale);
  const otherwise = ranks ? "liked by many" : "rated high by most";
  const offers = listed.map(({ item, score }, k) => {
    const film = films.get(item);
    const reason = knowsTastes(contender)
      ? asker.explain(item).then(
          (explanation) => reasonFor(explanation, films, whose) || otherwise,
          // Of a model from a file that does not say what its users rated.
          () => film.genres.slice(0, 3).join(", "),
        )
      : Promise.resolve(otherwise);
    return { film, score, outlook: outlook[k], reason };
  });
  const pause = new Promise((resolve) => setTimeout(resolve, patience));
  await Promise.race([Promise.all(offers.map(({ reason }) => reason)), pause]);
  return offers;
}

/** A reason as a part of a row, filled in when it is known. */
export function reasonText(reason: Offer["reason"]): HTMLElement {
  const words = h("span", {}, "\u00a0");
  void reason.then((text) => (words.textContent = text));
  return words;
}
