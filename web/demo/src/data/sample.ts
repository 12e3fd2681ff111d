/**
 * A made-up data set for visitors without MovieLens: people with one of a few tastes rate films that never existed. Ages,
 * occupations and genres go with the tastes, so that there is something to learn from them, too. Same seed, same table in every browser: only operations that IEEE 754 rounds the same everywhere are used.
 */
import { at } from "./at.js";
import type { Film, Person, RatingTable } from "./table.js";

const peopleCount = 600;
const filmCount = 300;

const tastes = [
  {
    genres: ["Sci-Fi", "Adventure", "Thriller"],
    nouns: ["Orbit", "Signal", "Meridian", "Machine", "Horizon"],
    age: 27,
    occupations: ["engineer", "programmer"],
  },
  {
    genres: ["Comedy", "Romance"],
    nouns: ["Wedding", "Neighbour", "Holiday", "Umbrella", "Letter"],
    age: 33,
    occupations: ["artist", "salesperson"],
  },
  {
    genres: ["Crime", "Mystery", "Film-Noir"],
    nouns: ["Alibi", "Harbour", "Witness", "Corridor", "Ledger"],
    age: 47,
    occupations: ["lawyer", "librarian"],
  },
  {
    genres: ["Animation", "Children's", "Fantasy"],
    nouns: ["Dragon", "Lantern", "Forest", "Balloon", "Otter"],
    age: 16,
    occupations: ["student"],
  },
  {
    genres: ["Drama", "War", "History"],
    nouns: ["Bridge", "Winter", "Promise", "Orchard", "Border"],
    age: 58,
    occupations: ["educator", "retired"],
  },
];

const occupations = tastes.flatMap(({ occupations }) => occupations);

const adjectives = [
  "Glass", "Silent", "Crooked", "Amber", "Distant", "Paper", "Second", "Hollow", "Northern", "Borrowed", "Electric",
  "Forgotten",
]; // prettier-ignore

export function makeSample(): RatingTable {
  const random = generator(20_250_301);
  // A stream of its own, so that the ratings do not hang on what is said about people.
  const lives = generator(7);
  const films = makeFilms(random);
  const quality = films.map(() => 0.5 * bell(random));
  // A few films are seen by most, most by few: the weight of film k falls off like 1 / (k + 12).
  const reach: number[] = [];
  for (let k = 0, total = 0; k < filmCount; k++) reach.push((total += 1 / (k + 12)));

  const users: string[] = [];
  const items: string[] = [];
  const ratings: number[] = [];
  const timestamps: number[] = [];
  const people: Person[] = [];
  for (let person = 0; person < peopleCount; person++) {
    const taste = Math.floor(random() * tastes.length);
    const second = Math.floor(random() * tastes.length);
    const mood = 0.4 * bell(random);
    people.push(makePerson(`p${person + 1}`, taste, lives));
    const seen = new Set<number>();
    const wanted = 18 + Math.floor(random() * random() * 110);
    for (let tries = 0; seen.size < wanted && tries < 20 * wanted; tries++) {
      const film = draw(reach, random());
      const of = tasteOf(film);
      // People mostly watch what they like, which is why the ratings lean to the top.
      if (seen.has(film) || (of !== taste && of !== second && random() < 0.55)) continue;
      seen.add(film);
      const liking = of === taste ? 1.05 : of === second ? 0.45 : -0.65;
      const rating = 3.3 + mood + at(quality, film) + liking + 0.65 * bell(random);
      users.push(`p${person + 1}`);
      items.push(at(films, film).id as string);
      ratings.push(Math.min(5, Math.max(1, Math.round(rating))));
      timestamps.push(1_700_000_000 + Math.floor(random() * 20_000_000));
    }
  }
  const rated = new Set(items);
  return {
    kind: "sample",
    name: "Synthetic sample",
    users,
    items,
    ratings: Float32Array.from(ratings),
    timestamps: Float64Array.from(timestamps),
    films: films.filter(({ id }) => rated.has(id as string)),
    people,
  };
}

function makePerson(id: string, taste: number, random: () => number): Person {
  const { age: usual, occupations: own, genres } = at(tastes, taste);
  const age = Math.min(80, Math.max(12, Math.round(usual + 7 * bell(random))));
  // Most people of a taste have one of its occupations, some have any.
  const trades = random() < 0.75 ? own : occupations;
  const occupation = at(trades, Math.floor(random() * trades.length));
  const note = `made up, ${age}, ${occupation}, likes ${at(genres, 0).toLowerCase()}`;
  return { id, age, gender: null, occupation, note };
}

function tasteOf(film: number): number {
  return film % tastes.length;
}

function makeFilms(random: () => number): Film[] {
  const order = shuffle(
    Array.from({ length: adjectives.length * at(tastes, 0).nouns.length }, (_, k) => k),
    random,
  );
  return Array.from({ length: filmCount }, (_, k) => {
    const { genres, nouns } = at(tastes, tasteOf(k));
    // Each taste begins elsewhere, or the best known films would all have the same first word.
    const name = at(order, (Math.floor(k / tastes.length) + 13 * tasteOf(k)) % order.length);
    const title = `The ${adjectives[name % adjectives.length]} ${nouns[Math.floor(name / adjectives.length)]}`;
    const second = 1 + Math.floor(random() * (genres.length - 1));
    return {
      id: `s${k + 1}`,
      title,
      year: 1960 + Math.floor(random() * 64),
      genres: random() < 0.6 ? [at(genres, 0), at(genres, second)] : [at(genres, 0)],
    };
  });
}

/** First position whose running total exceeds this share of the whole. */
function draw(totals: number[], share: number): number {
  const target = share * at(totals, totals.length - 1);
  let low = 0;
  let high = totals.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(totals, middle) > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

function shuffle<T>(list: T[], random: () => number): T[] {
  for (let k = list.length - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [list[k], list[other]] = [at(list, other), at(list, k)];
  }
  return list;
}

/** About normal, mean 0 and variance 1: the sum of twelve uniform draws (Irwin-Hall). */
function bell(random: () => number): number {
  let sum = -6;
  for (let k = 0; k < 12; k++) sum += random();
  return sum;
}

/** mulberry32: uniform in [0, 1) from 32 bits of state. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
