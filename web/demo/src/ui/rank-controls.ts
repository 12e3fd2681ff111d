/** How a list of recommendations is ranked beyond the prediction: a slider, with what it does in words. */
import type { Trained } from "../train/run.js";
import { h } from "./dom.js";

export interface Ranking {
  /** Standard deviations that count on top of the prediction. */
  optimism?: number;
}

export interface RankControls {
  /** What is chosen and means something to the model in use, as options of `recommend`. */
  options: () => Ranking;
  /** Offers what this model can do. */
  show: (trained: Trained | null) => void;
}

/** Positions of the slider: the upper share of what the model holds possible, and the normal distribution's quantile for it. */
const positions = [
  { shown: "off", spoken: "Off: ranked by the prediction", optimism: 0 },
  ...[
    { percent: 30, optimism: 0.524 },
    { percent: 20, optimism: 0.842 },
    { percent: 10, optimism: 1.282 },
    { percent: 5, optimism: 1.645 },
    { percent: 1, optimism: 2.326 },
  ].map(({ percent, optimism }) => ({
    shown: `best ${percent} %`,
    spoken: `Ranked by the best ${percent} percent of what is possible`,
    optimism,
  })),
];

/** Fills `place`; `changed` is called whenever the visitor wants another ranking. */
export function rankControls(place: HTMLElement, changed: () => void): RankControls {
  const id = `${place.id}-surprise`;
  const slider = h("input", {
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
  slider.value = "0";
  slider.disabled = true;
  const output = h("output", { for: id });
  const words = h("p", { class: "note", id: `${id}-words` });
  place.append(
    h(
      "div",
      { class: "rank-control" },
      h("label", { for: id }, "Surprise me"),
      output,
      slider,
      words,
    ),
  );

  const position = () => positions[slider.disabled ? 0 : slider.valueAsNumber] ?? positions[0];
  const tell = () => {
    output.textContent = position()?.shown ?? "";
    slider.setAttribute("aria-valuetext", position()?.spoken ?? "");
  };
  const show = (trained: Trained | null) => {
    slider.disabled = trained?.sure !== true;
    words.textContent = slider.disabled
      ? "For a model that knows how sure it is: train one with “Best accuracy”."
      : "Ranks by how good a film may turn out, not by what is most likely: bolder, with more misses.";
    tell();
  };
  show(null);
  return {
    show,
    options() {
      const optimism = position()?.optimism ?? 0;
      return optimism === 0 ? {} : { optimism };
    },
  };
}
