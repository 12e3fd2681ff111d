/** Stars: a group of radio buttons to give them, and a row of shapes with a spoken value to show them. */
import { h, icon } from "./dom.js";

const words = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"];
let groups = 0;

/** `value` 0 means not rated yet. Arrow keys move as in any group of radio buttons. */
export function starControl(
  title: string,
  value: number,
  rate: (stars: number) => void,
): HTMLFieldSetElement {
  const name = `stars-${++groups}`;
  const field = h(
    "fieldset",
    { class: "star-control" },
    h("legend", { class: "unseen" }, `Your rating of ${title}`),
  );
  for (const [k, word] of words.entries()) {
    const input = h("input", {
      type: "radio",
      name,
      value: k + 1,
      onchange: () => {
        paint(field, k + 1);
        rate(k + 1);
      },
    });
    input.checked = value === k + 1;
    field.append(h("label", {}, input, icon("star"), h("span", { class: "unseen" }, word)));
  }
  paint(field, value);
  return field;
}

/** Shows another value without a `change` event. */
export function setStars(field: HTMLFieldSetElement, value: number): void {
  for (const input of field.querySelectorAll("input"))
    input.checked = Number(input.value) === value;
  paint(field, value);
}

function paint(field: HTMLFieldSetElement, value: number): void {
  field.dataset["value"] = String(value);
  [...field.querySelectorAll("label")].forEach((label, k) =>
    label.classList.toggle("lit", k < value),
  );
}

/**
 * A rating to read: five shapes filled as far as it goes, and the number. `spoken` is what a screen reader says. `shares` are
 * the probabilities of one to five stars, and stand as columns on the shapes.
 */
export function starRow(
  stars: number,
  shown: string,
  spoken: string,
  shares?: readonly number[],
): HTMLElement {
  const fill = h("span", { class: "star-fill" }, ...starShapes());
  fill.style.setProperty("inline-size", `${(100 * stars) / 5}%`);
  return h(
    "span",
    { class: "star-row" },
    shares && h("span", { class: "star-shares", "aria-hidden": "true" }, ...shares.map(column)),
    h("span", { class: "star-shapes", "aria-hidden": "true" }, ...starShapes(), fill),
    h("span", { class: "star-value", "aria-hidden": "true" }, shown),
    h("span", { class: "unseen" }, spoken),
  );
}

/** The column of a probability: 80 % fill the height. */
function column(share: number): HTMLElement {
  const bar = h("span");
  bar.style.setProperty("block-size", `${Math.min(100, 125 * share).toFixed(1)}%`);
  return bar;
}

function starShapes(): SVGSVGElement[] {
  return Array.from({ length: 5 }, () => icon("star"));
}
