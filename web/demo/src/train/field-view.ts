/** What the fields of a factorization machine bring: their weight in the model, and the error without each of them. */
import type { FieldStrength } from "featherfm";
import type { App, Session } from "../app.js";
import { announce, byId, count, h, plural, replace, sentence } from "../ui/dom.js";
import { meter } from "../ui/meter.js";
import type { Signal } from "../ui/signal.js";
import { variantsOf, type Ablation, type Variant } from "./ablation.js";
import { fieldLabels, fieldNames, offeredFields } from "./fields.js";
import { type Choice, hasFields } from "./models.js";
import { type Figure, leadingFigure, natureOf } from "./nature.js";
import { splitText, type Settings } from "./settings.js";

export function mountFields(app: App, chosen: Signal<Choice>): void {
  const compare = byId<HTMLButtonElement>("compare-fields");
  const cancel = byId<HTMLButtonElement>("cancel-compare");
  const problem = byId("fields-problem");

  compare.addEventListener("click", () => void start());
  cancel.addEventListener("click", () => {
    app.cancel();
  });

  async function start(): Promise<void> {
    const session = app.session.value;
    problem.textContent = "";
    try {
      await app.compareFields();
      announce("Every field has been left out once.");
    } catch (error) {
      // Something else has begun, and says what there is to say.
      if (app.session.value !== session || app.run.value !== null) return;
      problem.textContent =
        error instanceof DOMException && error.name === "AbortError"
          ? "Cancelled. What was measured until then stays."
          : sentence((error as Error).message);
    }
  }

  let drawn: readonly unknown[] = [];
  const drawRows = (session: Session | null, ablation: Ablation | null) => {
    const trained = session?.trained;
    const whole =
      trained == null ? undefined : app.scores.value.model?.[leadingFigure(trained).metric];
    // Progress comes many times a second: a table that somebody reads is not to be rebuilt for it.
    const next = [session, ablation?.figures, whole];
    if (drawn.length > 0 && next.every((part, k) => part === drawn[k])) return;
    drawn = next;
    replace(byId("field-rows"), ...rows(session, ablation, whole));
  };
  const show = () => {
    const [session, ablation] = [app.session.value, app.ablation.value];
    const busy = ablation?.current != null;
    const hadFocus = document.activeElement === cancel;
    compare.disabled = busy || app.run.value !== null || !comparable(session);
    cancel.disabled = !busy;
    // A button that goes out under the finger must not take the focus with it.
    if (hadFocus && cancel.disabled) compare.focus();
    byId<HTMLProgressElement>("compare-progress").value = fractionOf(ablation);
    byId("compare-text").textContent = progressText(session, ablation);
    byId("fields-note").textContent = note(session);
    drawRows(session, ablation);
  };

  app.session.follow((session, before) => {
    if (session !== before) problem.textContent = "";
    show();
  });
  for (const signal of [app.run, app.scores, app.ablation]) {
    (signal as Signal<unknown>).follow(show);
  }
  // Only what the visitor chooses shows or hides this part: training must not move the page.
  chosen.follow((choice) => {
    byId("fields-result").hidden = !hasFields(choice);
  });
}

function trainedHere(session: Session | null): Settings | null {
  const origin = session?.trained?.origin;
  return origin?.by === "training" && hasFields(origin.settings) ? origin.settings : null;
}

function comparable(session: Session | null): boolean {
  const settings = trainedHere(session);
  if (settings === null || variantsOf(settings).length === 0) return false;
  return (session?.trained?.testCount ?? 0) > 0;
}

function fractionOf(ablation: Ablation | null): number {
  if (ablation === null) return 0;
  return ablation.current?.fraction ?? Object.keys(ablation.figures).length / ablation.count;
}

function progressText(session: Session | null, ablation: Ablation | null): string {
  if (ablation?.current != null) {
    const { variant, number } = ablation.current;
    const what =
      variant === "identities"
        ? "with the identities only"
        : `without ${fieldLabels[variant].toLowerCase()}`;
    return `Training ${what}, ${number} of ${ablation.count}`;
  }
  if (ablation !== null) {
    return `${count(Object.keys(ablation.figures).length)} of ${plural(ablation.count, "model")} trained and measured`;
  }
  if (comparable(session)) return "Trains the model once more for each field";
  const trained = session?.trained;
  if (trained == null || trained.fields.length === 0)
    return "Train a factorization machine or hybrid model first";
  if (trained.origin.by === "file")
    return "A model from a file brings no held-out ratings to measure on";
  return trained.testCount === 0
    ? "No rating is held out to measure on"
    : "There is only one field";
}

function note(session: Session | null): string {
  const settings = trainedHere(session);
  if (settings === null) return "Measured on the held-out ratings";
  const { name, better } = leadingFigure(session?.trained ?? natureOf({}));
  const where = `${plural(session?.trained?.testCount ?? 0, "held-out rating")} (${splitText(settings)})`;
  return `${name} on ${where}; ${better === "low" ? "lower" : "higher"} is better`;
}

/** A row for every field of the data, so that nothing moves when a model comes or goes. */
function rows(
  session: Session | null,
  ablation: Ablation | null,
  whole: number | undefined,
): HTMLTableRowElement[] {
  const strengths = session?.trained?.fields ?? [];
  const figures = ablation?.figures ?? {};
  const differences = Object.values(figures).map((figure) => Math.abs(figure - (whole ?? figure)));
  const better = leadingFigure(session?.trained ?? natureOf({})).better;
  const scales: Scales = {
    linear: Math.max(...strengths.map(({ linear }) => linear)),
    factors: Math.max(...strengths.map(({ factors }) => factors)),
    difference: Math.max(...differences),
  };
  const offered = session === null ? [] : offeredFields(session.table);
  const figureCell = (variant: Variant) =>
    withoutCell(figures[variant], whole, scales.difference, better);
  return [
    h(
      "tr",
      { "data-field-row": "whole", class: "own" },
      h("th", { scope: "row", colspan: 3 }, "This model"),
      h("td", {}, strengths.length === 0 ? "–" : (whole?.toFixed(4) ?? "–")),
    ),
    ...fieldNames
      .filter((name) => offered.includes(name))
      .map((name) => {
        const strength = strengths.find((field) => field.name === name);
        const cells = strengthCells(fieldLabels[name], strength, scales, strengths.length > 0);
        return h("tr", { "data-field-row": name }, ...cells, figureCell(name));
      }),
    h(
      "tr",
      { "data-field-row": "identities" },
      h("th", { scope: "row", colspan: 3 }, "Person and film only, nothing else"),
      figureCell("identities"),
    ),
  ];
}

interface Scales {
  linear: number;
  factors: number;
  difference: number;
}

function strengthCells(
  label: string,
  strength: FieldStrength | undefined,
  scales: Scales,
  trained: boolean,
): HTMLTableCellElement[] {
  if (strength === undefined) {
    return [
      h(
        "th",
        { scope: "row" },
        label,
        h("span", { class: "field-columns" }, trained ? "not chosen" : "\u00a0"),
      ),
      h("td", {}, "–"),
      h("td", {}, "–"),
    ];
  }
  const { used, linear, factors } = strength;
  return [
    h("th", { scope: "row" }, label, h("span", { class: "field-columns" }, plural(used, "column"))),
    h("td", {}, meter(linear / scales.linear, linear.toFixed(3))),
    h("td", {}, meter(factors / scales.factors, factors.toFixed(3))),
  ];
}

/** The figure without a field, and how much worse (or better) that is. */
function withoutCell(
  figure: number | undefined,
  whole: number | undefined,
  largest: number,
  better: Figure["better"],
): HTMLTableCellElement {
  if (figure === undefined) return h("td", {}, "–");
  const more = figure - (whole ?? figure);
  const isBetter = better === "low" ? more < 0 : more > 0;
  return h(
    "td",
    {},
    meter(
      Math.abs(more) / largest,
      [
        figure.toFixed(4),
        " ",
        h("span", { class: "difference" }, `${more < 0 ? "−" : "+"}${Math.abs(more).toFixed(4)}`),
      ],
      isBetter ? "better" : "worse",
    ),
  );
}
