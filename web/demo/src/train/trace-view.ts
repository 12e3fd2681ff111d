/** What a sampler learns besides the model: how tightly it holds each field, and the noise, sweep after sweep. */
import type { EpochReport } from "featherfm";
import type { App, Session } from "../app.js";
import { byId, h, plural, replace } from "../ui/dom.js";
import type { Signal } from "../ui/signal.js";
import { fieldLabels, offeredFields, type FieldName } from "./fields.js";
import { colorOf, livePlot, type LivePlot } from "./plot.js";
import { type Choice, isBayesian } from "./models.js";
import { epochsOf } from "./settings.js";

type Reports = readonly EpochReport[];

/** One small chart: a field, or the noise. */
interface Trace {
  label: string;
  /** The lines, of which the second may be missing. */
  lines: readonly ((report: EpochReport) => number | undefined)[];
}

/** A trace with its place on the page. */
interface Drawn {
  trace: Trace;
  place: HTMLElement;
  value: HTMLElement;
  plot: LivePlot;
}

export function mountTraces(app: App, chosen: Signal<Choice>): void {
  let reports: Reports = [];
  let sweeps = 1;
  let drawn: Drawn[] = [];

  /** A chart for every field of the data, so that nothing moves when a model comes or goes. */
  const build = (session: Session) => {
    for (const { plot } of drawn) plot.destroy();
    drawn = tracesOf(session).map((trace) => {
      const place = h("div", { class: "trace", role: "img" });
      const value = h("span", { class: "trace-value" });
      return { trace, place, value, plot: plotOf(trace, place) };
    });
    replace(
      byId("traces"),
      ...drawn.map(({ trace, place, value }) =>
        h("li", {}, h("p", { class: "trace-name" }, h("span", {}, trace.label), value), place),
      ),
    );
  };
  const plotOf = ({ lines }: Trace, place: HTMLElement) =>
    livePlot(
      place,
      {
        padding: [3, 0, 3, 0],
        scales: {
          x: { time: false, range: () => [1, Math.max(sweeps, 2)] },
          y: { range: (_, low, high) => around(low, high) },
        },
        axes: [{ show: false }, { show: false }],
        series: [
          {},
          ...lines.map((_, k) => ({
            width: 1.5,
            points: { show: false },
            stroke: () =>
              colorOf(byId(k === 0 && lines.length > 1 ? "trace-linear" : "trace-factors")),
          })),
        ],
      },
      () => [
        reports.map(({ epoch }) => epoch),
        ...lines.map((line) => reports.map((report) => logOf(line(report)))),
      ],
    );
  const show = () => {
    const [run, trained] = [app.run.value, app.session.value?.trained ?? null];
    if (run !== null && isBayesian(run.settings)) {
      [reports, sweeps] = [run.reports, epochsOf(run.settings)];
    } else if (run === null) {
      reports = trained?.sure === true ? trained.model.summary.epochs : [];
      sweeps = reports.length;
    }
    byId("chain-note").textContent =
      reports.length === 0
        ? "Train a Bayesian machine to see it"
        : `After ${plural(reports.length, "sweep")}`;
    for (const { trace, place, value, plot } of drawn) {
      const last = trace.lines.flatMap((line) => {
        const latest = reports.length === 0 ? undefined : line(reports.at(-1) as EpochReport);
        return latest === undefined ? [] : [latest];
      });
      const shown = last.map(short).join(" · ");
      value.textContent = last.length > 0 ? shown : "–";
      place.setAttribute("aria-label", describe(trace, reports));
      plot.redraw();
    }
  };

  app.session.follow((session, before) => {
    if (session !== null && session.table !== before?.table) build(session);
    show();
  });
  app.run.follow((run, before) => {
    if (run?.reports !== before?.reports) show();
  });
  // Only what the visitor chooses shows or hides this part: training must not move the page.
  chosen.follow((choice) => {
    byId("chain").hidden = !isBayesian(choice);
  });
}

function tracesOf({ table }: Session): Trace[] {
  const field = (name: FieldName): Trace => ({
    label: fieldLabels[name],
    lines: [
      ({ trace }) => trace?.precisions[name]?.linear,
      ({ trace }) => trace?.precisions[name]?.factors,
    ],
  });
  const noise: Trace = {
    label: "Noise",
    lines: [({ trace }) => trace?.noise],
  };
  return [...offeredFields(table).map(field), noise];
}

/** Of logarithms: what is to be seen is whether a line has come to rest, and its value stands beside it. */
function around(low: number | null, high: number | null): [number, number] {
  const [from, to] = [low ?? 0, high ?? 1];
  const margin = Math.max(0.02, (narrowest - (to - from)) / 2);
  return [from - margin, to + margin];
}

/** Powers of ten that a chart spans at least, so that a line that hardly moves looks like one. */
const narrowest = 0.5;

const logOf = (value: number | undefined) => (value === undefined ? null : Math.log10(value));

function describe({ label, lines }: Trace, reports: Reports): string {
  const [first, last] = [reports[0], reports.at(-1)];
  const names = lines.length === 1 ? [label] : ["weights", "factors"];
  const spans = lines.flatMap((line, k) => {
    const [from, to] = [first && line(first), last && line(last)];
    if (from === undefined || to === undefined) return [];
    return [`${names[k] ?? ""} from ${short(from)} to ${short(to)}`];
  });
  if (spans.length === 0) return `${label}: nothing to show`;
  const what = lines.length === 1 ? "" : `Precision of ${label.toLowerCase()}: `;
  return `${what}${spans.join(", ")} over ${plural(reports.length, "sweep")}`;
}

/** Two digits that mean something: 0.97, 12, 590. */
function short(value: number): string {
  return String(Number(value.toPrecision(2)));
}
