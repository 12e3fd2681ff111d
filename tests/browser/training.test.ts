/** Training under way: it can be cancelled, it can fail, and the page stays alive meanwhile. */
import { describe, expect, it } from "vitest";
import { browsers } from "./support/browsers.js";
import type { Visit } from "./support/visit.js";
import { visiting } from "./support/visiting.js";

describe.each(browsers)("training in $name", ({ name, found }) => {
  describe.skipIf(!found)("on the synthetic sample", () => {
    let visit: Visit;
    visiting(name, { withMovieLens: false }, (...started) => {
      [visit] = started;
    });

    const inUse = async () => [
      await visit.text("#result-what"),
      await visit.text(".figures"),
      await visit.text("#recommended"),
      await visit.text("#progress-text"),
    ];
    const startLongTraining = async () => {
      await visit.fill("factors", 256);
      await visit.fill("epochs", 2000);
      await visit.press("#train-button");
      await visit.untilText("#progress-text", /^Epoch \d+ of 2000/);
    };

    it("says that the data is made up", async () => {
      expect(await visit.text("#data-name")).toBe("Synthetic sample");
      expect(await visit.page.$eval("#data-tag", (tag) => (tag as HTMLElement).hidden)).toBe(false);
      expect(await visit.text("#data-note")).toContain("these people and films do not exist");
      expect(
        await visit.page.$eval("#use-movielens", (button) => (button as HTMLElement).hidden),
      ).toBe(true);
    });

    it("has learned the tastes that the sample was made of", async () => {
      const rmse = async (row: string) =>
        Number(await visit.text(`.figures [data-row=${row}] td:nth-of-type(1)`));
      expect(await rmse("model")).toBeLessThan((await rmse("biases")) - 0.02);
    });

    it("leaves the page alive while it runs, and ends when cancelled with the old model in place", async () => {
      const before = await inUse();
      await startLongTraining();
      const frames = await visit.page.evaluate(async () => {
        let count = 0;
        while (count < 20) {
          await new Promise(requestAnimationFrame);
          count++;
        }
        return count;
      });
      expect(frames).toBe(20);
      // Other work is answered meanwhile, from the model in use.
      await visit.press("#theme");
      expect(await visit.text("#progress-text")).toMatch(/^Epoch \d+ of 2000/);

      await visit.press("#cancel-button");
      await visit.untilText(
        "#train-problem",
        /Training was cancelled\. The model before it stays in use\./,
      );
      expect(await inUse()).toEqual(before);
      await visit.press("#train-form button[type=reset]");
    });

    it("can be stopped with what it has until then", async () => {
      expect(
        await visit.page.$eval("#stop-button", (button) => (button as HTMLButtonElement).disabled),
      ).toBe(true);
      await startLongTraining();
      await visit.page.waitForSelector("#stop-button:enabled");
      await visit.press("#stop-button");
      await visit.untilText("#progress-text", /^Stopped after \d+ epochs? in/);
      expect(await visit.text("#train-problem")).toBe("");
      expect(await visit.text("#keep-note")).toMatch(/^In use: 256 factors/);
      await visit.untilMeasured();
      await visit.press("#train-form button[type=reset]");
      await visit.train();
    });

    it("that runs away is stopped with advice, and the old model stays", async () => {
      const before = await inUse();
      await visit.fill("learningRate", 1000);
      await visit.press("#train-button");
      const message = await visit.untilText("#train-problem", /diverged/);
      expect(message).toMatch(/lower learningRate/i);
      expect(message).toContain("The model before it stays in use.");
      expect(await inUse()).toEqual(before);
      await visit.press("#train-form button[type=reset]");
    });

    it("does not begin with a value that will not do, and says which", async () => {
      await visit.fill("factors", "");
      await visit.press("#train-button");
      expect(await visit.text("#train-problem")).toBe(
        "Factors must be a whole number from 0 to 256.",
      );
      const focused = () =>
        visit.page.evaluate(() => (document.activeElement as HTMLInputElement).name);
      expect(await focused()).toBe("factors");
      await visit.fill("factors", 8);
      expect(await visit.text("#train-problem")).toBe("");
      await visit.press("#train-form button[type=reset]");
    });

    it("replaced by other data stops, and the new data is trained", async () => {
      await startLongTraining();
      await visit.press("#train-form button[type=reset]");
      await visit.drop(
        "tiny.csv",
        "user,item,rating\nann,Alien,5\nann,Brazil,4\nbob,Alien,1\nbob,Clue,5\ncleo,Clue,4\n",
      );
      await visit.untilText("#data-name", /tiny\.csv/);
      await visit.untilText("#result-what", /Trained on \d ratings/);
      expect(await visit.text("#recommend-problem")).toBe("");
    });
  });
});
