/** The controls of the training form: what they are called, what can be chosen, and between which bounds. */
import { h } from "../ui/dom.js";
import { modelNames, spelled } from "./models.js";
import type { Settings } from "./settings.js";

/** One of a few, all in view. */
interface Segments {
  name: keyof Settings;
  legend: string;
  choices: Readonly<Record<string, string>>;
  /** Number of columns; one for each choice when left out. */
  columns?: 2 | 4;
}

/** A number that has bounds. */
interface NumberField {
  name: keyof Settings;
  label: string;
  min: number;
  max: number;
  /** Any number and not only whole ones. */
  fractions?: true;
}

/** Algorithms under the names that they are known by. */
const named = (...values: string[]) =>
  Object.fromEntries(values.map((value) => [value, spelled[value] ?? value]));

const choices: readonly Segments[] = [
  { name: "model", legend: "Model", choices: modelNames, columns: 2 },
  { name: "optimizer", legend: "Optimizer", choices: named("sgd", "adagrad", "adam", "als") },
  { name: "loss", legend: "Loss", choices: named("squared", "logistic") },
  {
    name: "solver",
    legend: "Solver",
    choices: named("als", "sgd", "adagrad", "adam", "ftrl", "sgda", "vb", "mcmc"),
    columns: 4,
  },
  {
    name: "task",
    legend: "Predict",
    choices: { regression: "the rating", classification: "liking it", ordinal: "each star" },
  },
  {
    name: "rankingLoss",
    legend: "Loss",
    choices: named("warp", "bpr", "warp-kos", "logistic"),
    columns: 2,
  },
  { name: "steps", legend: "Optimizer", choices: named("adagrad", "adadelta") },
  { name: "implicitSolver", legend: "Solver", choices: named("cg", "cholesky", "subspace") },
  { name: "similarity", legend: "Similarity", choices: named("cosine", "tf-idf", "bm25") },
  {
    name: "likes",
    legend: "A like is",
    choices: { high: "4 stars or more", any: "every rating" },
  },
];

const numbers: readonly NumberField[] = [
  { name: "factors", label: "Factors", min: 0, max: 256 },
  { name: "epochs", label: "Epochs", min: 1, max: 2000 },
  { name: "burnIn", label: "Burn-in", min: 0, max: 2000 },
  { name: "samples", label: "Samples", min: 1, max: 2000 },
  { name: "regularization", label: "Regularization", min: 0, max: 1000, fractions: true },
  { name: "learningRate", label: "Learning rate", min: 0.000001, max: 1000, fractions: true },
  { name: "maxSampled", label: "Draws at most", min: 1, max: 10_000 },
  { name: "unobservedWeight", label: "Weight of unseen", min: 0, max: 1000, fractions: true },
  { name: "neighbours", label: "Neighbours", min: 1, max: 10_000 },
  { name: "shrink", label: "Shrink", min: 0, max: 10_000, fractions: true },
];

const splitNumbers: readonly NumberField[] = [
  { name: "testPercent", label: "Held out, %", min: 1, max: 90 },
  { name: "lastCount", label: "Per person", min: 1, max: 50 },
  { name: "seed", label: "Seed", min: 0, max: 999_999_999 },
];

/** In the order of the form. The fields to learn from and the splits are offered later: they depend on the data. */
export function trainControls(): HTMLElement[] {
  return [
    ...choices.map(segments),
    h(
      "fieldset",
      { class: "checks", "data-field": "fields" },
      h("legend", {}, "Learn from"),
      h("div", { class: "check-grid", id: "field-choice" }),
    ),
    ...numbers.map(numberField),
    h(
      "label",
      { class: "field wide", "data-field": "split" },
      "Hold out",
      h("select", { name: "split", id: "split" }),
    ),
    ...splitNumbers.map(numberField),
  ];
}

function segments({ name, legend, choices, columns }: Segments): HTMLElement {
  const width = columns === undefined ? "" : ` in-${columns === 2 ? "twos" : "fours"}`;
  return h(
    "fieldset",
    { class: "segments", "data-field": name },
    h("legend", {}, legend),
    h(
      "div",
      { class: `segment-row${width}` },
      ...Object.entries(choices).map(([value, label]) =>
        h("label", {}, h("input", { type: "radio", name, value }), h("span", {}, label)),
      ),
    ),
  );
}

function numberField({ name, label, min, max, fractions }: NumberField): HTMLElement {
  const step = fractions ? "any" : 1;
  const inputmode = fractions ? "decimal" : "numeric";
  return h(
    "label",
    { class: "field", "data-field": name },
    label,
    h("input", { name, type: "number", inputmode, min, max, step, required: true }),
  );
}
