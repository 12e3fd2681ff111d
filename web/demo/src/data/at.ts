/** The entry at `index`, where the caller knows that there is one. */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const entry = list[index];
  if (entry === undefined)
    throw new RangeError(`There is no entry ${index} in a list of ${list.length}.`);
  return entry;
}
