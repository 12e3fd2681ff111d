/** Ratings as stars. Stars always run from one to five; a data set's ratings may run from anything to anything. */
export interface Scale {
  readonly low: number;
  readonly high: number;
}

/** Most scales start at or just above zero, and there the highest rating is five stars and half of it two and a half. */
export function toStars(rating: number, { low, high }: Scale): number {
  const stars = low >= 0 ? (5 * rating) / high : 1 + (4 * (rating - low)) / (high - low);
  return Math.min(5, Math.max(0, stars));
}

/** Whole stars, one to five: the fifth of the scale that a rating lies in. */
export function starOf(rating: number, scale: Scale): number {
  const stars = toStars(rating, scale);
  return Math.min(5, Math.max(1, scale.low >= 0 ? Math.ceil(stars - 1e-6) : Math.round(stars)));
}

export function fromStars(stars: number, { low, high }: Scale): number {
  const rating = low >= 0 ? (high * stars) / 5 : low + ((high - low) * (stars - 1)) / 4;
  return Math.min(high, Math.max(low, rating));
}

/** From here on a rating counts as a recommendation that was right: four stars of five. */
export function relevantFrom(scale: Scale): number {
  return fromStars(4, scale);
}

export function showRating(rating: number): string {
  return Number.isInteger(rating) ? String(rating) : rating.toFixed(1);
}

/** Four stars or more: what counts as liking a film. */
export function liked(rating: number, scale: Scale): boolean {
  return rating >= relevantFrom(scale);
}
