/** The table of figures: the model in use, and the baselines beside it. */
import type { App } from "../app.js";
import { byId, h, replace } from "../ui/dom.js";
import { figuresOf, natureOf, type Figure, type Nature } from "./nature.js";
import type { Contestant, Scores } from "./run.js";

const rows: Readonly<Record<Contestant, string>> = {
  model: "This model",
  biases: "Averages only",
  "item-knn": "Item neighbours",
  popularity: "Popularity",
};

/** Of matrix factorization, which the page begins with. */
const first = natureOf({ model: "mf" });

export function mountFigures(app: App): void {
  let nature: Nature = first;
  const show = () => {
    nature = app.session.value?.trained ?? nature;
    const columns = figuresOf(nature);
    replace(
      byId("figures-head"),
      h("th", { scope: "col" }, h("span", { class: "unseen" }, "Model")),
      ...columns.map(({ name, metric }) =>
        h("th", { scope: "col", "data-metric": metric }, ...breakable(name)),
      ),
    );
    replace(byId("figures-rows"), ...figureRows(columns, app.scores.value));
  };
  app.session.follow(show);
  app.scores.follow(show);
}

function figureRows(columns: readonly Figure[], scores: Scores): HTMLTableRowElement[] {
  return (Object.keys(rows) as Contestant[]).map((contestant) =>
    h(
      "tr",
      { "data-row": contestant, class: contestant === "model" && "own" },
      h("th", { scope: "row" }, rows[contestant]),
      ...columns.map(({ metric }) => {
        const value = scores[contestant]?.[metric];
        return h("td", {}, value === undefined ? "–" : value.toFixed(3));
      }),
    ),
  );
}

/** "NDCG@10" takes two lines where the window is narrow. */
function breakable(name: string): (Node | string)[] {
  const [metric = "", cutOff] = name.split("@");
  return cutOff === undefined ? [metric] : [metric, h("wbr"), `@${cutOff}`];
}
