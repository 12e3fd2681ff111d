/**
 * The visitor's own ratings: kept in this browser's IndexedDB, and nowhere else. A rating belongs to a film by title and
 * year, so that it survives a change of the data set; one without its film there is set aside, not lost.
 */
import { del, get, set } from "idb-keyval";
import type { Films } from "../data/films.js";
import type { Film, Id } from "../data/table.js";
import { Signal } from "../ui/signal.js";

export interface OwnRating {
  /** The film's id in the data set it was rated in. */
  id: Id;
  title: string;
  year: number | null;
  /** One to five. */
  stars: number;
}

export interface Sorted {
  here: { film: Film; stars: number }[];
  setAside: OwnRating[];
}

const key = "featherfm-ratings";

export class Profile {
  /** Newest first. */
  readonly ratings = new Signal<readonly OwnRating[]>([]);

  /** False when the browser keeps nothing, as in some private windows. */
  async restore(): Promise<boolean> {
    try {
      const kept = await get<unknown>(key);
      if (kept !== undefined) this.ratings.set(validRatings(kept));
      return true;
    } catch {
      return false;
    }
  }

  rate(film: Film, stars: number): void {
    const { id, title, year } = film;
    const others = this.ratings.value.filter((rating) => !isOf(rating, film));
    const known = this.ratings.value.length !== others.length;
    const rating = { id, title, year, stars };
    // A changed rating keeps its place, so that the list does not move under the visitor's hand.
    this.replaceAll(
      known
        ? this.ratings.value.map((old) => (isOf(old, film) ? rating : old))
        : [rating, ...others],
    );
  }

  remove(film: { id: Id; title: string; year: number | null }): void {
    this.replaceAll(this.ratings.value.filter((rating) => !isOf(rating, film)));
  }

  starsOf(film: Film): number {
    return this.ratings.value.find((rating) => isOf(rating, film))?.stars ?? 0;
  }

  replaceAll(ratings: readonly OwnRating[]): void {
    this.ratings.set(ratings);
    // A browser that refuses to store leaves the ratings good for this visit; the page says so at its start.
    void (ratings.length === 0 ? del(key) : set(key, { version: 1, ratings })).catch(() => {});
  }

  /** The ratings by whether the films occur in a data set. Two that meet in one film there count once, the newer one. */
  sort(films: Films): Sorted {
    const here = new Map<Id, { film: Film; stars: number }>();
    const setAside: OwnRating[] = [];
    for (const rating of this.ratings.value) {
      const film = films.match(rating);
      if (film === undefined) setAside.push(rating);
      else if (!here.has(film.id)) here.set(film.id, { film, stars: rating.stars });
    }
    return { here: [...here.values()], setAside };
  }

  toJson(): string {
    return JSON.stringify(
      { format: "featherfm-ratings", version: 1, ratings: this.ratings.value },
      null,
      2,
    );
  }
}

/** The ratings in an exported file. Throws an `Error` with a message for the visitor. */
export function ratingsFromJson(name: string, text: string): OwnRating[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${name} is not JSON. Nothing was changed.`, { cause });
  }
  if ((content as { format?: unknown } | null)?.format !== "featherfm-ratings") {
    throw new Error(
      `${name} is JSON, but not a file of ratings exported here. Nothing was changed.`,
    );
  }
  try {
    return validRatings(content);
  } catch (cause) {
    throw new Error(`${name}: ${(cause as Error).message} Nothing was changed.`, { cause });
  }
}

function validRatings(content: unknown): OwnRating[] {
  const { version, ratings } = (content ?? {}) as { version?: unknown; ratings?: unknown };
  if (version !== 1) throw new Error(`version ${String(version)} is not known here.`);
  if (!Array.isArray(ratings) || ratings.length > 10_000)
    throw new Error("there is no list of ratings of a sensible length.");
  return ratings.map((entry: unknown, k) => {
    const { id, title, year, stars } = (entry ?? {}) as Record<string, unknown>;
    const where = `rating ${k + 1}`;
    if (typeof id !== "string" && !Number.isSafeInteger(id)) throw new Error(`${where} has no id.`);
    if (typeof title !== "string" || title === "" || title.length > 500)
      throw new Error(`${where} has no title.`);
    if (year !== null && !Number.isInteger(year))
      throw new Error(`${where} has a year that is not a whole number.`);
    if (![1, 2, 3, 4, 5].includes(stars as number))
      throw new Error(`${where} has stars other than 1 to 5.`);
    return { id: id as Id, title, year: year as number | null, stars: stars as number };
  });
}

function isOf(rating: OwnRating, film: { id: Id; title: string; year: number | null }): boolean {
  return rating.id === film.id
    ? rating.title === film.title
    : rating.title === film.title && rating.year === film.year;
}
