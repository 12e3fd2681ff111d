/** What training and held-out ratings say after every epoch, drawn as it comes in. */
import type uPlot from "uplot";
import type { EpochReport } from "featherfm";
import type { Nature } from "./nature.js";
import { colorOf, livePlot } from "./plot.js";

/** What is drawn of a kind of model. */
interface Curves {
  /** In a heading. */
  name: string;
  training: (report: EpochReport) => number;
  heldOut: (report: EpochReport) => number | undefined;
  /** The loss that training makes small is another thing than what is measured, and has its own scale. */
  apart: boolean;
}

export interface LearningCurve {
  draw: (drawing: Drawing) => void;
}

export interface Drawing {
  reports: readonly EpochReport[];
  /** Number of epochs asked for. */
  epochs: number;
  curves: Curves;
  /** The first tenth, in which a chain finds its place, does not stretch the scale. */
  sampled: boolean;
}

const errors: Curves = {
  name: "Error (RMSE)",
  training: ({ trainRmse }) => trainRmse,
  heldOut: ({ validation }) => validation?.rmse,
  apart: false,
};

const logLosses: Curves = {
  name: "Error (log loss)",
  training: ({ trainLoss }) => trainLoss,
  heldOut: ({ validation }) => validation?.loss,
  apart: false,
};

/** Of a model that is trained to rank, the validation loss is one less what its lists are worth. */
const worth = (name: string): Curves => ({
  name,
  training: ({ trainLoss }) => trainLoss,
  heldOut: ({ validation }) => (validation === undefined ? undefined : 1 - validation.loss),
  apart: true,
});

/** What to draw for a model that is trained with these options. */
export function curvesOf(nature: Nature, options: Readonly<Record<string, unknown>>): Curves {
  const { model, loss, solver } = options;
  if (model === "implicit-als") return worth("NDCG@10");
  if (model === "hybrid") {
    return loss === "logistic"
      ? { ...worth("AUC"), heldOut: ({ validation }) => validation?.auc }
      : worth("AUC");
  }
  if (!nature.labels) return errors;
  // The bound that variational inference raises is not the loss of labels.
  return solver === "vb" ? { ...logLosses, apart: true } : logLosses;
}

/** Between the lines of the grid: such as can be written with two or three digits. */
const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

/** The colours are those of the elements that explain the lines. */
export function learningCurve(place: HTMLElement): LearningCurve {
  let drawing: Drawing = { reports: [], epochs: 1, curves: errors, sampled: false };

  const color = (selector: string) => () => colorOf(document.querySelector(selector) ?? place);
  const inScale = () => {
    const { reports, sampled } = drawing;
    return reports.slice(sampled ? Math.floor(reports.length / 10) : 0);
  };
  const axis: uPlot.Axis = {
    stroke: color(".note"),
    font: "13px system-ui, sans-serif",
    grid: { stroke: color(".chart"), width: 1 },
    ticks: { show: false },
  };
  const numbers: uPlot.Axis.Values = (_, ticks, _axis, _space, step) =>
    ticks.map((tick) => tick.toFixed(step < 0.01 ? 3 : 2));
  const plot = livePlot(
    place,
    {
      padding: [8, 12, 0, 0],
      scales: {
        x: { time: false, range: () => [1, Math.max(drawing.epochs, 2)] },
        y: { range: () => spanOf(inScale(), drawing.curves) },
        loss: { range: () => lossSpan(inScale(), drawing.curves) },
      },
      series: [
        {},
        {
          stroke: color(".train-key"),
          width: 2,
          dash: [5, 5],
          points: { show: false },
          scale: "loss",
        },
        { stroke: color(".validation-key"), width: 3, points: { show: false } },
      ],
      axes: [
        { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
        { ...axis, size: 52, values: numbers, incrs: steps },
      ],
    },
    () => [
      drawing.reports.map(({ epoch }) => epoch),
      drawing.reports.map((report) => drawing.curves.training(report)),
      drawing.reports.map((report) => drawing.curves.heldOut(report) ?? null),
    ],
  );

  return {
    draw(next) {
      drawing = next;
      place.setAttribute("aria-label", describe(next));
      plot.redraw();
    },
  };
}

function spanOf(reports: readonly EpochReport[], curves: Curves): [number, number] {
  const measured = reports.flatMap((report) => curves.heldOut(report) ?? []);
  return span(curves.apart ? measured : [...measured, ...reports.map(curves.training)]);
}

/** The scale of the training loss: that of the figures, unless it is another thing. */
function lossSpan(reports: readonly EpochReport[], curves: Curves): [number, number] {
  return curves.apart ? span(reports.map(curves.training)) : spanOf(reports, curves);
}

/** With a little room. */
function span(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [0, 1];
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const room = 0.08 * (high - low) || 0.01;
  return [low - room, high + room];
}

function describe({ reports, curves }: Drawing): string {
  const { training, heldOut, name, apart } = curves;
  const [first, last] = [reports[0], reports[reports.length - 1]];
  if (first === undefined || last === undefined) return "No training to show";
  const [from, to] = [heldOut(first), heldOut(last)];
  const elsewhere =
    from === undefined || to === undefined
      ? ""
      : `, ${apart ? `${name} ` : ""}on held-out ratings from ${from.toFixed(3)} to ${to.toFixed(3)}`;
  return (
    `Line chart over ${last.epoch} epochs: the training ${apart ? "loss" : "error"} went from ${training(first).toFixed(3)} ` +
    `to ${training(last).toFixed(3)}${elsewhere}.`
  );
}
