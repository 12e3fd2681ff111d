// Features for the best error known on MovieLens-100K: coarser side data, and what a user's ratings around the same time say. Chosen by
// cross-validation within the training part of u1, its folds the rows of u2 to u5.
import { sideFeatures } from "./support.mjs";

/**
 * The side data as in myFM's published example (examples/ml-100k-extended.ipynb): age and year in ten buckets, one digit of the zip code, no
 * gender. Null when there is no data.
 */
export async function coarseFeatures() {
  const features = await sideFeatures();
  if (features === null) return null;
  const each = (table, change) => new Map([...table].map(([id, record]) => [id, change(record)]));
  return {
    userFeatures: each(features.userFeatures, ({ age, occupation, zip }) => ({
      age,
      occupation,
      zip: zip.slice(0, 1),
    })),
    itemFeatures: each(features.itemFeatures, ({ genres, year }) => ({
      genres,
      year: year === null ? null : Number(year),
    })),
    fields: { age: { type: "number", buckets: 10 }, year: { type: "number", buckets: 10 } },
  };
}

// Seconds within which ratings count as given together: a page of films submitted at once, and a sitting.
const spans = { page: 5, sitting: 200 };
// Pseudo-counts that draw means of few ratings to 0.
const ofItem = 3,
  ofUser = 5,
  ofSpan = 3;

/**
 * Context of each interaction, `{ page, sitting }`: by how much the user's other training ratings around the same time lie above what the
 * films usually get and the user usually gives. It stands in for bias terms of a user that change with time (Koren 2009, "Collaborative
 * Filtering with Temporal Dynamics"), by a kernel exp(-|difference| / span) in place of days.
 *
 * A rating never enters its own features, and those of the test rows never enter any: row k of the test set brings its user, item and
 * timestamp. Training ratings that were given at the same moment or later do count, as they do everywhere in a random split.
 *
 * @param {{ users: number[], items: number[], ratings: number[], timestamps: number[] }} lists Timestamps in seconds.
 * @param {number[]} testRows
 * @returns {{ context: Record<string, Float64Array>, fields: object }} For ff.dataset().
 */
export function ratingsAround({ users, items, ratings, timestamps }, testRows) {
  const isTest = new Uint8Array(users.length);
  for (const row of testRows) isTest[row] = 1;
  const train = users.map((_, row) => row).filter((row) => !isTest[row]);

  const mean = train.reduce((sum, row) => sum + ratings[row] / train.length, 0);
  const sums = new Map();
  for (const row of train) {
    const sum = sums.get(items[row]) ?? { n: 0, above: 0 };
    sum.n++;
    sum.above += ratings[row] - mean;
    sums.set(items[row], sum);
  }
  /** Above what the item usually gets. */
  const aboveItem = (row) => {
    const { n, above } = sums.get(items[row]);
    return ratings[row] - mean - above / (n + ofItem);
  };
  const ofUsers = new Map();
  for (const row of train) {
    if (!ofUsers.has(users[row])) ofUsers.set(users[row], []);
    ofUsers.get(users[row]).push({ row, time: timestamps[row], above: aboveItem(row) });
  }

  const context = Object.fromEntries(
    Object.keys(spans).map((name) => [name, new Float64Array(users.length)]),
  );
  for (let row = 0; row < users.length; row++) {
    const others = (ofUsers.get(users[row]) ?? []).filter((other) => other.row !== row);
    const usual = others.reduce((sum, { above }) => sum + above, 0) / (others.length + ofUser);
    for (const [name, span] of Object.entries(spans)) {
      let weight = ofSpan,
        sum = 0;
      for (const { time, above } of others) {
        const w = Math.exp(-Math.abs(time - timestamps[row]) / span);
        weight += w;
        sum += w * (above - usual);
      }
      context[name][row] = sum / weight;
    }
  }
  const number = { type: "number", scale: "none" };
  return { context, fields: Object.fromEntries(Object.keys(spans).map((name) => [name, number])) };
}
