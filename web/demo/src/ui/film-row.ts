/** One line of a list of films. */
import type { Film } from "../data/table.js";
import { showRating } from "../scale.js";
import { h } from "./dom.js";

export interface FilmRow {
  film: Film;
  /** Stars, a star control, a bar: whatever stands at the end of the line. */
  side: Node;
  /** Makes the title a button. */
  pick?: { label: string; run: () => void; current?: boolean };
  /** In place of the genres. */
  more?: (Node | string)[];
  /** Lines that `more` may take; with two, the title keeps to one. */
  moreLines?: 1 | 2;
}

export function fullTitle({ title, year }: { title: string; year: number | null }): string {
  return year === null ? title : `${title} (${year})`;
}

export function filmRow({ film, side, pick, more, moreLines = 1 }: FilmRow): HTMLLIElement {
  const words = [
    film.title,
    film.year !== null && h("span", { class: "film-year" }, ` ${film.year}`),
  ];
  const title =
    pick === undefined
      ? h("span", { class: "film-title" }, ...words)
      : h(
          "button",
          {
            type: "button",
            class: "film-title",
            "aria-current": pick.current === true && "true",
            onclick: pick.run,
          },
          h("span", { class: "unseen" }, `${pick.label} `),
          ...words,
        );
  const genres = more ?? [film.genres.slice(0, 3).join(", ")];
  return h(
    "li",
    { class: moreLines === 2 ? "film explained" : "film" },
    h("div", { class: "film-words" }, title, h("span", { class: "film-more" }, ...genres)),
    side,
  );
}

/** Before the reason of a recommendation: what somebody really gave the film, which the model did not know. */
export function heldOutMark(rating: number | undefined): (Node | string)[] {
  return rating === undefined ? [] : [h("b", {}, `held out: gave it ${showRating(rating)}`), " "];
}

/** Stands in the middle of a list that has nothing to show yet. */
export function emptyRow(text: string): HTMLLIElement {
  return h("li", { class: "films-empty" }, text);
}
