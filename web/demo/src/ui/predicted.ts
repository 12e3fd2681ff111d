/** A prediction: stars where the model predicts ratings, a percentage where it predicts that somebody likes a film. */
import { toStars, type Scale } from "../scale.js";
import type { Outlook } from "../shares.js";
import type { Nature } from "../train/nature.js";
import { count, h } from "./dom.js";
import { meter } from "./meter.js";
import { starRow } from "./stars.js";

/** `outlook` is what else the model holds possible, where it knows; `best` the score that fills the bar of a score. */
export function predicted(
  score: number,
  predicts: Nature["predicts"],
  scale: Scale,
  { outlook, best = score }: { outlook?: Outlook | undefined; best?: number } = {},
): HTMLElement {
  switch (predicts) {
    case "rating":
      return predictedStars(score, scale, outlook);
    case "liking": {
      const row = meter(score, percent(score));
      row.append(h("span", { class: "unseen" }, " chance of liking it"));
      return row;
    }
    case "score":
      return meter(score / best, scoreText(score));
  }
}

function predictedStars(score: number, scale: Scale, outlook: Outlook | undefined): HTMLElement {
  const [stars, shown] = [toStars(score, scale), score.toFixed(1)];
  if (outlook === undefined) return starRow(stars, shown, `predicted ${shown}`);
  const spread = outlook.deviation.toFixed(1);
  const spoken = `predicted ${shown}, give or take ${spread}: ${inWords(outlook.shares)}`;
  return starRow(stars, `${shown} ± ${spread}`, spoken, outlook.shares);
}

/** A count as it is, any other score with two decimals. */
const scoreText = (score: number) => (Number.isInteger(score) ? count(score) : score.toFixed(2));

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

/** "5 stars 61 %, 4 stars 30 %, 3 stars 8 %": what is at all likely, most stars first. */
function inWords(shares: readonly number[]): string {
  return shares
    .map((share, k) => ({
      share,
      text: `${k + 1} ${k === 0 ? "star" : "stars"} ${percent(share)}`,
    }))
    .filter(({ share }) => share >= 0.01)
    .map(({ text }) => text)
    .reverse()
    .join(", ");
}

/** What `predicted` shows, in a heading. */
export const predictionName: Record<Nature["predicts"], string> = {
  rating: "Predicted stars",
  liking: "Chance of 4 stars or more",
  score: "Score",
};
