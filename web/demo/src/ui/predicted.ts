/** A prediction: stars where the model predicts ratings, a percentage where it predicts that somebody likes a film. */
import { toStars, type Scale } from "../scale.js";
import type { Prediction } from "../train/run.js";
import { h } from "./dom.js";
import { meter } from "./meter.js";
import { starRow } from "./stars.js";

export function predicted(score: number, predicts: Prediction, scale: Scale): HTMLElement {
  if (predicts === "rating")
    return starRow(toStars(score, scale), score.toFixed(1), `predicted ${score.toFixed(1)}`);
  const row = meter(score, `${(100 * score).toFixed(0)} %`);
  row.append(h("span", { class: "unseen" }, " chance of liking it"));
  return row;
}

/** What `predicted` shows, in a heading. */
export const predictionName: Record<Prediction, string> = {
  rating: "Predicted stars",
  liking: "Chance of 4 stars or more",
};
