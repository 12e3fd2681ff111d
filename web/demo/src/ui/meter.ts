/** A figure with a bar below it. The bar is for the eye alone: the figure says the same. */
import { h } from "./dom.js";

/** `share` of the full length, 0 to 1; anything else is taken to the nearer end. `kind` is a class for the bar. */
export function meter(share: number, shown: string | (Node | string)[], kind = ""): HTMLElement {
  const bar = h("span", { class: `meter-bar ${kind}`.trim() });
  bar.style.setProperty("background-size", `${100 * Math.min(1, Math.max(0, share || 0))}% 100%`);
  return h("span", { class: "meter" }, ...[shown].flat(), bar);
}
