/** The section "Train": the run under way, its curve, and the figures at the end. */
import type { App, Run, Session } from "../app.js";
import { relevantFrom, showRating } from "../scale.js";
import { announce, byId, plural, seconds, sentence } from "../ui/dom.js";
import { clearToast, toast } from "../ui/toast.js";
import { curvesOf, learningCurve, type Drawing } from "./chart.js";
import { mountFields } from "./field-view.js";
import { trainForm } from "./form.js";
import { isSampled } from "./models.js";
import { natureOf } from "./nature.js";
import { paceOf } from "./pace.js";
import { bestAccuracy, epochsOf, modelOptions, type Settings } from "./settings.js";
import { mountFigures } from "./table.js";
import { mountTraces } from "./trace-view.js";

export interface TrainView {
  /** Trains with what the form says. Never rejects: trouble is shown on the page. */
  start: () => Promise<void>;
  /** The same with a factorization machine chosen in the form. */
  startMachine: () => Promise<void>;
}

export function mountTrain(app: App): TrainView {
  const problem = byId("train-problem");
  const trainButton = byId<HTMLButtonElement>("train-button");
  const heroButton = byId<HTMLButtonElement>("hero-train");
  const bestButton = byId<HTMLButtonElement>("best-accuracy");
  const stopButton = byId<HTMLButtonElement>("stop-button");
  const cancelButton = byId<HTMLButtonElement>("cancel-button");
  const curve = learningCurve(byId("chart"));

  let runs = 0;

  const start = async () => {
    const mine = ++runs;
    problem.textContent = "";
    const settings = form.read();
    if (settings === null) return;
    const before = app.session.value?.trained?.origin;
    try {
      await app.train(settings);
      // What was trained here comes back with its settings; what came from a file would be lost.
      if (before?.by === "file") {
        toast(`The model from ${before.name} was replaced.`, {
          run: () => {
            app.undo();
          },
        });
      } else if (before !== undefined) clearToast();
      announce(
        `Trained in ${seconds(app.session.value?.trained?.model.summary.elapsedMs ?? 0)} seconds.`,
      );
    } catch (error) {
      // A run that another one has replaced has nothing to report.
      if (mine !== runs) return;
      const kept = app.session.value?.trained == null ? "" : " The model before it stays in use.";
      problem.textContent = `${reason(error)}${kept}`;
    }
  };
  const form = trainForm(() => void start());
  mountFields(app, form.choice);
  mountTraces(app, form.choice);
  mountFigures(app);

  heroButton.addEventListener("click", () => void start());
  bestButton.addEventListener("click", () => {
    const table = app.session.value?.table;
    if (table === undefined) return;
    form.write(bestAccuracy(table));
    void start();
  });
  stopButton.addEventListener("click", () => {
    app.stop();
  });
  cancelButton.addEventListener("click", () => {
    app.cancel();
  });

  const showState = () => {
    const [session, run] = [app.session.value, app.run.value];
    const focused = document.activeElement;
    for (const button of [trainButton, heroButton, bestButton])
      button.disabled = session === null || run !== null;
    cancelButton.disabled = run === null;
    // Before the first epoch is over there is nothing to keep.
    stopButton.disabled = run === null || run.reports.length === 0;
    // A button that goes out under the finger must not take the focus with it.
    if (run === null && (focused === cancelButton || focused === stopButton)) trainButton.focus();
    const trained = session?.trained ?? null;
    byId<HTMLProgressElement>("progress").value = run?.fraction ?? (trained === null ? 0 : 1);
    byId("progress-text").textContent = progressText(session, run);
    draw(session, run);
  };
  const draw = (session: Session | null, run: Run | null) => {
    const drawing = drawingOf(session, run);
    byId("chart-error").textContent = drawing.curves.name;
    byId("chart-when").textContent = drawing.sampled
      ? "of the mean of all samples so far"
      : "after each epoch";
    byId("chart-training").textContent = drawing.curves.apart
      ? "training loss, on a scale of its own"
      : "training";
    curve.draw(drawing);
  };

  app.run.follow(showState);
  app.session.follow((session, before) => {
    if (session !== null && session.table !== before?.table) form.offer(session.table);
    if (session !== null) {
      byId("relevant-from").textContent =
        `${showRating(relevantFrom(session.scale))} of ${showRating(session.scale.high)}`;
    }
    showState();
  });
  return {
    start,
    startMachine() {
      form.choose("fm");
      return start();
    },
  };
}

/** The run under way, or what led to the model in use. */
function drawingOf(session: Session | null, run: Run | null): Drawing {
  if (run !== null && session !== null) {
    const { reports, settings } = run;
    const options = { ...modelOptions(settings, session.scale) };
    const curves = curvesOf(natureOf(options), options);
    return { reports, epochs: epochsOf(settings), curves, sampled: isSampled(settings) };
  }
  const trained = session?.trained ?? null;
  const reports = trained?.model.summary.epochs ?? [];
  const options = { ...trained?.model.options, model: trained?.model.family ?? "mf" };
  const curves = curvesOf(natureOf(options), options);
  const sampled = trained !== null && trained.model.options["solver"] === "mcmc";
  return { reports, epochs: reports.length, curves, sampled };
}

function reason(error: unknown): string {
  if (error instanceof DOMException && error.name === "AbortError")
    return "Training was cancelled.";
  return sentence((error as Error).message);
}

function progressText(session: Session | null, run: Run | null): string {
  if (run !== null) return underWay(run);
  if (session === null) return "Waiting for data";
  const { trained } = session;
  if (trained === null) return "Ready to train";
  if (trained.origin.by === "file")
    return `Model from ${trained.origin.name}: no training here, so no figures`;
  const { epochs, bestEpoch, elapsedMs, aborted } = trained.model.summary;
  const heldOut = `${plural(trained.testCount, "rating")} held out`;
  if (epochs.length === 0) return `Counted in ${seconds(elapsedMs)} s; ${heldOut}`;
  const best = bestEpoch < epochs.length ? `, the best was epoch ${bestEpoch}` : "";
  const passes = plural(epochs.length, passName(trained.origin.settings));
  const stopped = aborted === true ? "Stopped after " : "";
  return `${stopped}${passes} in ${seconds(elapsedMs)} s${best}; ${heldOut}`;
}

/** "Sweep 212 of 512, 17 s: 12.4 a second, 24 s left". */
function underWay({ settings, reports, epoch, elapsedMs }: Run): string {
  const epochs = epochsOf(settings);
  const pass = isSampled(settings) ? "Sweep" : "Epoch";
  const where = `${pass} ${Math.max(epoch, 1)} of ${epochs}, ${seconds(elapsedMs)} s`;
  const pace = isSampled(settings) ? paceOf(reports, epochs) : null;
  if (pace === null) return where;
  const speed = pace.perSecond.toFixed(pace.perSecond < 100 ? 1 : 0);
  return `${where}: ${speed} a second, ${Math.ceil(pace.left)} s left`;
}

const passName = (settings: Settings) => (isSampled(settings) ? "sweep" : "epoch");
