/** The section "Train": the run under way, its curve, and the figures at the end. */
import type { App, Run, Session } from "../app.js";
import { relevantFrom, showRating } from "../scale.js";
import { announce, byId, plural, seconds, sentence } from "../ui/dom.js";
import { clearToast, toast } from "../ui/toast.js";
import { learningCurve } from "./chart.js";
import { trainForm } from "./form.js";
import type { Contestant, Figures, Scores, Trained } from "./run.js";

export interface TrainView {
  /** Trains with what the form says. Never rejects: trouble is shown on the page. */
  start: () => Promise<void>;
}

const probes = {
  train: ".train-key",
  validation: ".validation-key",
  axis: ".note",
  grid: ".chart",
};

export function mountTrain(app: App): TrainView {
  const problem = byId("train-problem");
  const trainButton = byId<HTMLButtonElement>("train-button");
  const heroButton = byId<HTMLButtonElement>("hero-train");
  const cancelButton = byId<HTMLButtonElement>("cancel-button");
  const place = byId("chart");
  const curve = learningCurve(
    place,
    (name) => getComputedStyle(document.querySelector(probes[name]) ?? place).color,
  );

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

  heroButton.addEventListener("click", () => void start());
  cancelButton.addEventListener("click", () => {
    app.cancel();
  });

  const showState = () => {
    const [session, run] = [app.session.value, app.run.value];
    const trained = session?.trained ?? null;
    const hadFocus = document.activeElement === cancelButton;
    trainButton.disabled = heroButton.disabled = session === null || run !== null;
    cancelButton.disabled = run === null;
    // A button that goes out under the finger must not take the focus with it.
    if (hadFocus && cancelButton.disabled) trainButton.focus();
    byId<HTMLProgressElement>("progress").value = run?.fraction ?? (trained === null ? 0 : 1);
    byId("progress-text").textContent = progressText(session, run);
    if (run !== null) curve.draw(run.reports, run.settings.epochs);
    else drawSummary(trained);
  };
  const drawSummary = (trained: Trained | null) => {
    const epochs = trained?.model.summary.epochs ?? [];
    curve.draw(epochs, epochs.length);
  };

  app.run.follow(showState);
  app.session.follow((session, before) => {
    if (session !== null && session.table !== before?.table) form.offerSplits(session.table);
    if (session !== null) {
      byId("relevant-from").textContent =
        `${showRating(relevantFrom(session.scale))} of ${showRating(session.scale.high)}`;
    }
    showState();
  });
  app.scores.follow(showFigures);
  return { start };
}

function reason(error: unknown): string {
  if (error instanceof DOMException && error.name === "AbortError")
    return "Training was cancelled.";
  return sentence((error as Error).message);
}

function progressText(session: Session | null, run: Run | null): string {
  if (run !== null)
    return `Epoch ${Math.max(run.epoch, 1)} of ${run.settings.epochs}, ${seconds(run.elapsedMs)} s`;
  if (session === null) return "Waiting for data";
  const { trained } = session;
  if (trained === null) return "Ready to train";
  if (trained.origin.by === "file")
    return `Model from ${trained.origin.name}: no training here, so no figures`;
  const { epochs, bestEpoch, elapsedMs } = trained.model.summary;
  const best = bestEpoch < epochs.length ? `, the best was epoch ${bestEpoch}` : "";
  return `${plural(epochs.length, "epoch")} in ${seconds(elapsedMs)} s${best}; ${plural(trained.testCount, "rating")} held out`;
}

function showFigures(scores: Scores): void {
  for (const row of document.querySelectorAll<HTMLElement>(".figures tbody tr")) {
    const figures: Figures = scores[row.dataset["row"] as Contestant] ?? {};
    const values = [figures.rmse, figures.mae, figures.precision, figures.ndcg];
    row
      .querySelectorAll("td")
      .forEach((cell, k) => (cell.textContent = values[k]?.toFixed(3) ?? "–"));
  }
}
