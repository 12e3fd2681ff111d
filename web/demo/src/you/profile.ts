/**
 * The visitor's own ratings, and what they say about themselves: kept in this browser's IndexedDB, and nowhere else. A rating belongs to a film by title and
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

/** What the visitor says about themselves; null is not said. */
export interface About {
  age: number | null;
  gender: string | null;
  occupation: string | null;
}

export interface Content {
  readonly ratings: readonly OwnRating[];
  readonly about: About;
}

export const nothingSaid: About = { age: null, gender: null, occupation: null };

export interface Sorted {
  here: { film: Film; stars: number }[];
  setAside: OwnRating[];
}

const key = "featherfm-ratings";

export class Profile {
  /** Ratings newest first. */
  readonly content = new Signal<Content>({ ratings: [], about: nothingSaid });

  get ratings(): readonly OwnRating[] {
    return this.content.value.ratings;
  }

  get about(): About {
    return this.content.value.about;
  }

  get empty(): boolean {
    return this.ratings.length === 0 && !saysSomething(this.about);
  }

  /** False when the browser keeps nothing, as in some private windows. */
  async restore(): Promise<boolean> {
    try {
      const kept = await get<unknown>(key);
      if (kept !== undefined) this.content.set(validContent(kept));
      return true;
    } catch {
      return false;
    }
  }

  rate(film: Film, stars: number): void {
    const { id, title, year } = film;
    const others = this.ratings.filter((rating) => !isOf(rating, film));
    const known = this.ratings.length !== others.length;
    const rating = { id, title, year, stars };
    // A changed rating keeps its place, so that the list does not move under the visitor's hand.
    const ratings = known
      ? this.ratings.map((old) => (isOf(old, film) ? rating : old))
      : [rating, ...others];
    this.replaceAll({ ratings, about: this.about });
  }

  tell(about: About): void {
    this.replaceAll({ ratings: this.ratings, about });
  }

  starsOf(film: Film): number {
    return this.ratings.find((rating) => isOf(rating, film))?.stars ?? 0;
  }

  replaceAll(content: Content): void {
    this.content.set(content);
    // A browser that refuses to store leaves the ratings good for this visit; the page says so at its start.
    void (this.empty ? del(key) : set(key, { version: 1, ...content })).catch(() => {});
  }

  /** The ratings by whether the films occur in a data set. Two that meet in one film there count once, the newer one. */
  sort(films: Films): Sorted {
    const here = new Map<Id, { film: Film; stars: number }>();
    const setAside: OwnRating[] = [];
    for (const rating of this.ratings) {
      const film = films.match(rating);
      if (film === undefined) setAside.push(rating);
      else if (!here.has(film.id)) here.set(film.id, { film, stars: rating.stars });
    }
    return { here: [...here.values()], setAside };
  }

  toJson(): string {
    return JSON.stringify(
      { format: "featherfm-ratings", version: 1, ...this.content.value },
      null,
      2,
    );
  }
}

/** What an exported file holds. Throws an `Error` with a message for the visitor. */
export function contentFromJson(name: string, text: string): Content {
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
    return validContent(content);
  } catch (cause) {
    throw new Error(`${name}: ${(cause as Error).message} Nothing was changed.`, { cause });
  }
}

export function saysSomething(about: About): boolean {
  return Object.values(about).some((value) => value !== null);
}

function validContent(content: unknown): Content {
  const { version, ratings, about } = (content ?? {}) as Record<string, unknown>;
  if (version !== 1) throw new Error(`version ${String(version)} is not known here.`);
  // Files from before there were features have no such entry.
  return { ratings: validRatings(ratings), about: validAbout(about ?? nothingSaid) };
}

function validAbout(about: unknown): About {
  const { age = null, gender = null, occupation = null } = about as Record<string, unknown>;
  if (age !== null && !(typeof age === "number" && age > 0 && age < 130))
    throw new Error("the age is no number of years.");
  const word = (value: unknown): value is string | null =>
    value === null || (typeof value === "string" && value !== "" && value.length <= 100);
  if (!word(gender) || !word(occupation))
    throw new Error("gender and occupation must be words or null.");
  return { age, gender, occupation };
}

function validRatings(ratings: unknown): OwnRating[] {
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
