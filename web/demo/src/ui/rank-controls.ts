/** How lists of recommendations are made beyond the prediction: sliders, each with what it does in words. */
import type { RecommendOptions } from "featherfm";
import type { Contender } from "../train/run.js";
import { h } from "./dom.js";

/** What the sliders decide, as options of `recommend`; what is off is left out. */
export type Ranking = Pick<RecommendOptions, "optimism" | "diversity" | "novelty">;

export interface RankControls {
  /** What is chosen and means something to this model. */
  options: (contender: Contender) => Ranking;
  /** Offers what this model can do. */
  show: (contender: Contender | null) => void;
}

interface Position {
  shown: string;
  spoken: string;
  value: number;
}

interface Control {
  option: keyof Ranking;
  label: string;
  /** From off to the most. */
  positions: readonly Position[];
  words: string;
  /** Whether the model can do this, and what to say where it cannot. */
  works: (contender: Contender) => boolean;
  otherwise: string;
}

const off = { shown: "off", spoken: "Off", value: 0 };

/** The upper share of what the model holds possible, and the normal distribution's quantile for it. */
const quantiles = [
  { percent: 30, value: 0.524 },
  { percent: 20, value: 0.842 },
  { percent: 10, value: 1.282 },
  { percent: 5, value: 1.645 },
  { percent: 1, value: 2.326 },
].map(({ percent, value }) => ({
  shown: `best ${percent} %`,
  spoken: `Ranked by the best ${percent} percent of what is possible`,
  value,
}));

const shares = [20, 40, 60, 80].map((percent) => ({
  shown: `${percent} %`,
  spoken: `${percent} percent`,
  value: percent / 100,
}));

const controls: readonly Control[] = [
  {
    option: "optimism",
    label: "Surprise me",
    positions: [off, ...quantiles],
    words:
      "Ranks by how good a film may turn out, not by what is most likely: bolder, with more misses.",
    works: ({ sure }) => sure,
    otherwise: "For a model that knows how sure it is: train one with “Best accuracy”.",
  },
  {
    option: "diversity",
    label: "Variety",
    positions: [off, ...shares],
    words: "Passes over films that are much like those above them, for others nearly as good.",
    works: ({ model }) => model.factors > 0,
    otherwise: "For a model with factors, by which it can tell which films are alike.",
  },
  {
    option: "novelty",
    label: "Little known",
    positions: [off, ...shares],
    words: "Weighs against the score how few people know a film, among the hundred best.",
    works: () => true,
    otherwise: "No model yet",
  },
];

/** Fills `place`; `changed` is called whenever the visitor wants another list. */
export function rankControls(place: HTMLElement, changed: () => void): RankControls {
  const sliders = controls.map((control) => ({
    control,
    ...slider(`${place.id}-${control.option}`, control, changed),
  }));
  place.append(...sliders.map(({ element }) => element));
  return {
    show(contender) {
      for (const { offer } of sliders) offer(contender);
    },
    options(contender) {
      const chosen = sliders.flatMap(({ control, value }) =>
        control.works(contender) && value() !== 0 ? [[control.option, value()]] : [],
      );
      return Object.fromEntries(chosen) as Ranking;
    },
  };
}

interface Slider {
  element: HTMLElement;
  value: () => number;
  offer: (contender: Contender | null) => void;
}

function slider(id: string, control: Control, changed: () => void): Slider {
  const { label, positions, words, works, otherwise } = control;
  const input = h("input", {
    type: "range",
    id,
    min: 0,
    max: positions.length - 1,
    step: 1,
    "aria-describedby": `${id}-words`,
    oninput: () => {
      tell();
      changed();
    },
  });
  input.value = "0";
  const output = h("output", { for: id });
  const note = h("p", { class: "note", id: `${id}-words` });
  const position = () => (input.disabled ? off : (positions[input.valueAsNumber] ?? off));
  const tell = () => {
    output.textContent = position().shown;
    input.setAttribute("aria-valuetext", position().spoken);
  };
  const offer = (contender: Contender | null) => {
    input.disabled = contender === null || !works(contender);
    note.textContent = input.disabled ? otherwise : words;
    tell();
  };
  offer(null);
  const element = h(
    "div",
    { class: "rank-control" },
    h("label", { for: id }, label),
    output,
    input,
    note,
  );
  return { element, value: () => position().value, offer };
}
