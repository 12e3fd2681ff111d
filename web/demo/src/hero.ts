/** The stopwatch at the top: how long training took, against the blink of an eye. */
import type { App } from "./app.js";
import type { Trained } from "./train/run.js";
import { isSampled } from "./train/models.js";
import { epochsOf } from "./train/settings.js";
import { byId, count, h, plural, replace, seconds } from "./ui/dom.js";

/** Blinks last 100 to 400 milliseconds (Milo and Phillips, Cell Biology by the Numbers). */
const blink = { from: 100, to: 400 };

export function mountHero(app: App): void {
  const what = byId("result-what");
  const where = byId("result-where");

  const show = () => {
    const [session, run] = [app.session.value, app.run.value];
    if (run !== null) {
      showTime(run.elapsedMs);
      replace(what, "Training …");
      const pass = isSampled(run.settings) ? "sweep" : "epoch";
      replace(where, `seconds, ${pass} ${Math.max(run.epoch, 1)} of ${epochsOf(run.settings)}`);
    } else if (session?.trained != null) {
      showResult(session.trained);
    } else if (session !== null) {
      replace(what, `Ready: ${plural(session.dataset.interactionCount, "rating")}`);
      replace(where, "press Train");
    }
  };
  const showResult = ({ model, trainCount, origin }: Trained) => {
    if (origin.by === "file") {
      showTime(0);
      replace(what, "Loaded from ", h("b", {}, origin.name), ", trained in");
      replace(where, "seconds: it brought along what it had learned");
      return;
    }
    const { epochs, elapsedMs } = model.summary;
    showTime(elapsedMs);
    replace(what, "Trained on ", h("b", {}, count(trainCount)), " ratings in");
    const inThisTab = h("b", {}, "seconds, in this tab");
    if (epochs.length === 0) {
      replace(where, inThisTab, ": counted in a single pass");
      return;
    }
    if (isSampled(origin.settings)) {
      const sweeps = plural(epochs.length, "sweep");
      replace(where, inThisTab, `: ${sweeps} of a sampler over all of them, averaged`);
      return;
    }
    const perSecond = (trainCount * epochs.length) / elapsedMs / 1000;
    const rate = perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toFixed(1);
    replace(
      where,
      inThisTab,
      `: ${plural(epochs.length, "pass", "passes")}: ${rate} million ratings a second`,
    );
  };
  app.session.follow(show);
  app.run.follow(show);
}

function showTime(milliseconds: number): void {
  byId("result-time").textContent = seconds(milliseconds);
  const end = Math.max(500, milliseconds * 1.1);
  const share = (time: number) => `${(100 * time) / end}%`;
  // A background, because an element that changes its place counts as a jump of the page.
  const eye = byId("blink-eye").style;
  eye.setProperty("background-size", `${share(blink.to - blink.from)} 100%`);
  eye.setProperty(
    "background-position-x",
    `${(100 * blink.from) / (end - (blink.to - blink.from))}%`,
  );
  byId("blink-mark").style.setProperty("inline-size", share(milliseconds));
}
