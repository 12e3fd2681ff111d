/** A prediction: stars where the model predicts ratings, a percentage where it predicts that somebody likes a film. */
import { toStars, type Scale } from "../scale.js";
import type { Outlook } from "../shares.js";
import type { Prediction } from "../train/run.js";
import { h } from "./dom.js";
import { meter } from "./meter.js";
import { starRow } from "./stars.js";

/** `outlook` is what else the model holds possible, where it knows. */
export function predicted(
  score: number,
  predicts: Prediction,
  scale: Scale,
  outlook?: Outlook,
): HTMLElement {
  if (predicts === "rating") {
    const [stars, shown] = [toStars(score, scale), score.toFixed(1)];
    if (outlook === undefined) return starRow(stars, shown, `predicted ${shown}`);
    const spread = outlook.deviation.toFixed(1);
    const spoken = `predicted ${shown}, give or take ${spread}: ${inWords(outlook.shares)}`;
    return starRow(stars, `${shown} ± ${spread}`, spoken, outlook.shares);
  }
  const row = meter(score, percent(score));
  row.append(h("span", { class: "unseen" }, " chance of liking it"));
  return row;
}

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
export const predictionName: Record<Prediction, string> = {
  rating: "Predicted stars",
  liking: "Chance of 4 stars or more",
};
