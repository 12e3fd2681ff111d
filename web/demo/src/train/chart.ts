/** Training and held-out error by epoch, drawn as they come in. */
import type uPlot from "uplot";
import type { EpochReport } from "featherfm";
import { colorOf, livePlot } from "./plot.js";
import type { Prediction } from "./run.js";

export interface LearningCurve {
  /** `sampled`: the first tenth, in which a chain finds its place, does not stretch the scale. */
  draw: (
    reports: readonly EpochReport[],
    epochs: number,
    predicts: Prediction,
    sampled: boolean,
  ) => void;
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

/** The colours are those of the elements that explain the lines. */
export function learningCurve(place: HTMLElement): LearningCurve {
  let reports: readonly EpochReport[] = [];
  let lastEpoch = 1;
  let leadIn = 0;
  let error = errors.rating;

  const color = (selector: string) => () => colorOf(document.querySelector(selector) ?? place);
  const axis: uPlot.Axis = {
    stroke: color(".note"),
    font: "13px system-ui, sans-serif",
    grid: { stroke: color(".chart"), width: 1 },
    ticks: { show: false },
  };
  const plot = livePlot(
    place,
    {
      padding: [8, 12, 0, 0],
      scales: {
        x: { time: false, range: () => [1, Math.max(lastEpoch, 2)] },
        y: { range: () => spanOf(reports.slice(leadIn), error) },
      },
      series: [
        {},
        { stroke: color(".train-key"), width: 2, dash: [5, 5], points: { show: false } },
        { stroke: color(".validation-key"), width: 3, points: { show: false } },
      ],
      axes: [
        { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
        { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => tick.toFixed(2)) },
      ],
    },
    () => [
      reports.map(({ epoch }) => epoch),
      reports.map((report) => error.training(report)),
      reports.map((report) => error.heldOut(report) ?? null),
    ],
  );

  return {
    draw(next, epochs, predicts, sampled) {
      reports = next;
      leadIn = sampled ? Math.floor(next.length / 10) : 0;
      error = errors[predicts];
      lastEpoch = epochs;
      place.setAttribute("aria-label", describe(next, error));
      plot.redraw();
    },
  };
}

/** What the errors of these epochs span, with a little room. */
function spanOf(reports: readonly EpochReport[], { training, heldOut }: ErrorOf): [number, number] {
  const values = reports.flatMap((report) => [training(report), heldOut(report) ?? []].flat());
  if (values.length === 0) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.08 * (high - low) || 0.01;
  return [Math.max(0, low - room), high + room];
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
