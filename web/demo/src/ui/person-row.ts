/** One line of a list of people. */
import type { Id } from "../data/table.js";
import { h } from "./dom.js";

export function personRow(id: Id, note: string, side: Node): HTMLLIElement {
  return h(
    "li",
    { class: "film" },
    h(
      "div",
      { class: "film-words" },
      h("span", { class: "film-title" }, `Person ${id}`),
      h("span", { class: "film-more" }, note),
    ),
    side,
  );
}
