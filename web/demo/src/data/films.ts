/** The films of one data set: by id, by title, and by what somebody types. */
import type { Film, Id, RatingTable } from "./table.js";
import { searchable } from "./titles.js";

export class Films {
  /** Most rated first. */
  readonly byPopularity: readonly Film[];
  /** Ratings from which on a film is well known: what a model knows of a film with fewer is mostly chance. */
  readonly wellKnownFrom: number;
  readonly #byId: ReadonlyMap<Id, Film>;
  readonly #byTitle = new Map<string, Film>();
  readonly #counts: ReadonlyMap<Id, number>;
  readonly #search: readonly { film: Film; text: string }[];

  constructor(table: RatingTable) {
    const counts = new Map<Id, number>();
    for (const item of table.items) counts.set(item, (counts.get(item) ?? 0) + 1);
    this.#counts = counts;
    // A third of the mean, so that small data sets have well-known films, too.
    this.wellKnownFrom = Math.min(20, Math.ceil(table.items.length / table.films.length / 3));
    this.#byId = new Map(table.films.map((film) => [film.id, film]));
    this.byPopularity = [...table.films].sort((a, b) => this.ratingsOf(b) - this.ratingsOf(a));
    this.#search = this.byPopularity.map((film) => ({
      film,
      text: searchable(`${film.title} ${film.year ?? ""}`),
    }));
    // Where a title occurs twice, the film with more ratings stands for it.
    for (const film of this.byPopularity) {
      if (!this.#byTitle.has(titleKey(film))) this.#byTitle.set(titleKey(film), film);
    }
  }

  get(id: Id): Film {
    return this.#byId.get(id) ?? { id, title: String(id), year: null, genres: [] };
  }

  wellKnown(film: Film): boolean {
    return this.ratingsOf(film) >= this.wellKnownFrom;
  }

  ratingsOf(film: Film): number {
    return this.#counts.get(film.id) ?? 0;
  }

  /** The same film in this data set, whatever its number here: ids differ between editions of MovieLens, titles agree. */
  match(known: { id: Id; title: string; year: number | null }): Film | undefined {
    const sameId = this.#byId.get(known.id);
    if (sameId !== undefined && titleKey(sameId) === titleKey(known)) return sameId;
    return this.#byTitle.get(titleKey(known));
  }

  /** Titles that begin with the words typed come first, then titles with a word that does, then any that contain them. */
  search(typed: string, limit: number): Film[] {
    const wanted = searchable(typed);
    if (wanted === "") return [];
    const [beginnings, wordBeginnings, others]: [Film[], Film[], Film[]] = [[], [], []];
    for (const { film, text } of this.#search) {
      const at = text.indexOf(wanted);
      if (at === -1) continue;
      const plain = text.replace(/^(the|a|an) /, "");
      if (at === 0 || plain.startsWith(wanted)) beginnings.push(film);
      else if (text.includes(` ${wanted}`)) wordBeginnings.push(film);
      else others.push(film);
    }
    return [...beginnings, ...wordBeginnings, ...others].slice(0, limit);
  }
}

function titleKey(film: { title: string; year: number | null }): string {
  return `${searchable(film.title)} ${film.year ?? ""}`;
}
