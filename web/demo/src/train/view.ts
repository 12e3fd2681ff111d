/** The section "Train": the run under way, its curve, and the figures at the end. */
import type { EpochReport } from "featherfm";
import type { App, Run, Session } from "../app.js";
import { relevantFrom, showRating } from "../scale.js";
import { announce, byId, plural, seconds, sentence } from "../ui/dom.js";
import { clearToast, toast } from "../ui/toast.js";
import { learningCurve } from "./chart.js";
import { mountFields } from "./field-view.js";
import { trainForm } from "./form.js";
import { paceOf } from "./pace.js";
import {
  predictionOf,
  type Contestant,
  type Figures,
  type Prediction,
  type Scores,
  type Trained,
} from "./run.js";
import { bestAccuracy, epochsOf, isSampled, type Settings } from "./settings.js";
import { mountTraces } from "./trace-view.js";

export interface TrainView {
  /** Trains with what the form says. Never rejects: trouble is shown on the page. */
  start: () => Promise<void>;
  /** The same with a factorization machine chosen in the form. */
  startMachine: () => Promise<void>;
}

const errorNames: Record<Prediction, { short: string; long: string; second: string }> = {
  rating: { short: "RMSE", long: "Error (RMSE)", second: "MAE" },
  liking: { short: "Log loss", long: "Error (log loss)", second: "Right" },
};

export function mountTrain(app: App): TrainView {
  const problem = byId("train-problem");
  const trainButton = byId<HTMLButtonElement>("train-button");
  const heroButton = byId<HTMLButtonElement>("hero-train");
  const cancelButton = byId<HTMLButtonElement>("cancel-button");
  const bestButton = byId<HTMLButtonElement>("best-accuracy");
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

  heroButton.addEventListener("click", () => void start());
  bestButton.addEventListener("click", () => {
    const table = app.session.value?.table;
    if (table === undefined) return;
    form.write(bestAccuracy(table));
    void start();
  });
  cancelButton.addEventListener("click", () => {
    app.cancel();
  });

  const showState = () => {
    const [session, run] = [app.session.value, app.run.value];
    const trained = session?.trained ?? null;
    const focused = document.activeElement;
    for (const button of [trainButton, heroButton, bestButton])
      button.disabled = session === null || run !== null;
    cancelButton.disabled = run === null;
    // A button that goes out under the finger must not take the focus with it.
    if (focused === cancelButton && cancelButton.disabled) trainButton.focus();
    byId<HTMLProgressElement>("progress").value = run?.fraction ?? (trained === null ? 0 : 1);
    byId("progress-text").textContent = progressText(session, run);
    if (run !== null) {
      const { reports, settings } = run;
      draw(reports, epochsOf(settings), predictionOf(settings), isSampled(settings));
    } else drawSummary(trained);
  };
  const drawSummary = (trained: Trained | null) => {
    const epochs = trained?.model.summary.epochs ?? [];
    draw(epochs, epochs.length, trained?.predicts ?? "rating", trained?.sure === true);
  };
  const draw = (
    reports: readonly EpochReport[],
    epochs: number,
    predicts: Prediction,
    sampled: boolean,
  ) => {
    byId("chart-error").textContent = errorNames[predicts].long;
    byId("chart-when").textContent = sampled
      ? "of the mean of all samples so far"
      : "after each epoch";
    curve.draw(reports, epochs, predicts, sampled);
  };

  app.run.follow(showState);
  app.session.follow((session, before) => {
    if (session !== null && session.table !== before?.table) form.offer(session.table);
    if (session !== null) {
      byId("relevant-from").textContent =
        `${showRating(relevantFrom(session.scale))} of ${showRating(session.scale.high)}`;
    }
    const names = errorNames[session?.trained?.predicts ?? "rating"];
    byId("error-name").textContent = names.short;
    byId("second-name").textContent = names.second;
    showState();
  });
  app.scores.follow(showFigures);
  return {
    start,
    startMachine() {
      form.choose("fm");
      return start();
    },
  };
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
  const { epochs, bestEpoch, elapsedMs } = trained.model.summary;
  const best = bestEpoch < epochs.length ? `, the best was epoch ${bestEpoch}` : "";
  return `${plural(epochs.length, trained.sure ? "sweep" : "epoch")} in ${seconds(elapsedMs)} s${best}; ${plural(trained.testCount, "rating")} held out`;
}

/** "Sweep 212 of 512, 17 s: 12.4 a second, 24 s left". */
function underWay({ settings, reports, epoch, elapsedMs }: Run): string {
  const epochs = epochsOf(settings);
  const where = `${passName(settings)} ${Math.max(epoch, 1)} of ${epochs}, ${seconds(elapsedMs)} s`;
  const pace = isSampled(settings) ? paceOf(reports, epochs) : null;
  if (pace === null) return where;
  const speed = pace.perSecond.toFixed(pace.perSecond < 100 ? 1 : 0);
  return `${where}: ${speed} a second, ${Math.ceil(pace.left)} s left`;
}

const passName = (settings: Settings) => (isSampled(settings) ? "Sweep" : "Epoch");

function showFigures(scores: Scores): void {
  for (const row of document.querySelectorAll<HTMLElement>(".figures [data-row]")) {
    const figures: Figures = scores[row.dataset["row"] as Contestant] ?? {};
    const values = [figures.error, figures.second, figures.precision, figures.ndcg];
    row
      .querySelectorAll("td")
      .forEach((cell, k) => (cell.textContent = values[k]?.toFixed(3) ?? "–"));
  }
}
