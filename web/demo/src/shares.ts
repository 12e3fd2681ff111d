/** What a model that knows how sure it is holds possible, as shares of one to five stars. */
import type { Distribution } from "featherfm";
import { starOf, toStars, type Scale } from "./scale.js";

export interface Outlook {
  /** Standard deviation of the rating around its prediction, in the units of the ratings. */
  deviation: number;
  /** Probabilities of one to five stars. */
  shares: readonly number[];
}

/** One for each prediction of the distribution. */
export function outlooks(
  { mean, deviation, classes, probabilities }: Distribution,
  scale: Scale,
): Outlook[] {
  return Array.from(mean, (value, k) => {
    const spread = deviation[k] ?? 0;
    const shares =
      classes.length === 0
        ? bell(value, spread, scale)
        : summed(classes, probabilities.subarray(k * classes.length), scale);
    return { deviation: spread, shares };
  });
}

/** Probabilities of the ratings there are, by the stars they amount to. */
function summed(classes: Float32Array, probabilities: Float32Array, scale: Scale): number[] {
  const shares = [0, 0, 0, 0, 0];
  classes.forEach((rating, c) => {
    const k = starOf(rating, scale) - 1;
    shares[k] = (shares[k] ?? 0) + (probabilities[c] ?? 0);
  });
  return shares;
}

/** A model of ratings as numbers: a normal distribution, at the five stars. */
function bell(mean: number, deviation: number, scale: Scale): number[] {
  const { low, high } = scale;
  const center = toStars(mean, scale);
  const width = Math.max(0.1, (deviation * (5 - toStars(low, scale))) / (high - low) || 0);
  const heights = [1, 2, 3, 4, 5].map((star) => Math.exp(-0.5 * ((star - center) / width) ** 2));
  const sum = heights.reduce((total, height) => total + height, 0);
  return heights.map((height) => height / sum);
}
