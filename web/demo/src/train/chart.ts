/** Training and held-out error by epoch, drawn as they come in. */
import uPlot from "uplot";
import type { EpochReport } from "featherfm";
import type { Prediction } from "./run.js";

export interface LearningCurve {
  draw: (reports: readonly EpochReport[], epochs: number, predicts: Prediction) => void;
}

interface ErrorOf {
  training: (report: EpochReport) => number;
  heldOut: (report: EpochReport) => number | undefined;
}

const errors: Record<Prediction, ErrorOf> = {
  rating: {
    training: ({ trainRmse }) => trainRmse,
    heldOut: ({ validation }) => validation?.rmse,
  },
  liking: {
    training: ({ trainLoss }) => trainLoss,
    heldOut: ({ validation }) => validation?.loss,
  },
};

/** `probe` finds the colours: canvas cannot read CSS variables, so they are taken from elements that use them. */
export function learningCurve(
  place: HTMLElement,
  probe: (name: "train" | "validation" | "axis" | "grid") => string,
): LearningCurve {
  let reports: readonly EpochReport[] = [];
  let lastEpoch = 1;
  let error = errors.rating;

  const axis = (): uPlot.Axis => ({
    stroke: () => probe("axis"),
    font: "13px system-ui, sans-serif",
    grid: { stroke: () => probe("grid"), width: 1 },
    ticks: { show: false },
  });
  const plot = new uPlot(
    {
      width: Math.max(place.clientWidth, 200),
      height: place.clientHeight,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: () => [1, Math.max(lastEpoch, 2)] } },
      series: [
        {},
        { stroke: () => probe("train"), width: 2, dash: [5, 5], points: { show: false } },
        { stroke: () => probe("validation"), width: 3, points: { show: false } },
      ],
      axes: [
        { ...axis(), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
        { ...axis(), size: 52, values: (_, ticks) => ticks.map((tick) => tick.toFixed(2)) },
      ],
    },
    [[], [], []],
    place,
  );

  let due = false;
  // Several epochs can end between two frames: drawing once is enough.
  const schedule = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      plot.setData([
        reports.map(({ epoch }) => epoch),
        reports.map((report) => error.training(report)),
        reports.map((report) => error.heldOut(report) ?? null),
      ]);
    });
  };

  new ResizeObserver(() => {
    plot.setSize({ width: Math.max(place.clientWidth, 200), height: place.clientHeight });
  }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plot.redraw();
  });
  new MutationObserver(() => {
    plot.redraw();
  }).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });

  return {
    draw(next, epochs, predicts) {
      reports = next;
      error = errors[predicts];
      lastEpoch = epochs;
      place.setAttribute("aria-label", describe(next, error));
      schedule();
    },
  };
}

function describe(reports: readonly EpochReport[], { training, heldOut }: ErrorOf): string {
  const [first, last] = [reports[0], reports[reports.length - 1]];
  if (first === undefined || last === undefined) return "No training to show";
  const [from, to] = [heldOut(first), heldOut(last)];
  const elsewhere =
    from === undefined || to === undefined
      ? ""
      : `, on held-out ratings from ${from.toFixed(3)} to ${to.toFixed(3)}`;
  return (
    `Line chart over ${last.epoch} epochs: the training error went from ${training(first).toFixed(3)} ` +
    `to ${training(last).toFixed(3)}${elsewhere}.`
  );
}
