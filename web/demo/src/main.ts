/** Puts the sections together, loads the first data and trains once, so that a visitor sees results at once. */
import { App } from "./app.js";
import { mountCompare } from "./compare/view.js";
import { mountData } from "./data/view.js";
import { acceptDrops } from "./drop.js";
import { mountHero } from "./hero.js";
import { mountKeep } from "./keep.js";
import { mountNewcomers } from "./newcomers/view.js";
import { mountRecommend } from "./recommend/view.js";
import { countRequests } from "./requests.js";
import { mountTheme } from "./theme.js";
import { mountTrain } from "./train/view.js";
import { byId } from "./ui/dom.js";
import { closeToastOnEscape } from "./ui/toast.js";
import { mountYou } from "./you/view.js";

mountTheme();
mountSnippet();
closeToastOnEscape();

const app = new App();
mountHero(app);
const train = mountTrain(app);
const data = mountData(app, train.start);
const recommend = mountRecommend(app);
mountCompare(app, recommend.somebodyElse);
mountNewcomers(app, train.startMachine);
const keep = mountKeep(app);
const you = await mountYou(app);
acceptDrops({ data: data.loadFile, model: keep.loadFile, ratings: you.importFile });

try {
  byId("version").textContent = await app.ready();
  await data.loadFirst();
  countRequests(await app.memoryBytes());
  document.documentElement.dataset["ready"] = "";
} catch (error) {
  byId("result-what").textContent = "The engine could not be started.";
  byId("data-problem").textContent = (error as Error).message;
}

function mountSnippet(): void {
  const button = byId<HTMLButtonElement>("copy-code");
  button.addEventListener("click", () => {
    void navigator.clipboard.writeText(byId("snippet").textContent).then(
      () => (button.textContent = "Copied"),
      () => (button.textContent = "Select and copy by hand"),
    );
  });
}
