/** A visitor's way through the page with MovieLens 100K: data, training, recommendations, own ratings, model file. */
import { describe, expect, it } from "vitest";
import { browsers, type Launched } from "./support/browsers.js";
import { movieLens } from "./support/site.js";
import { downloaded, type Visit } from "./support/visit.js";
import { visiting } from "./support/visiting.js";

const number = (text: string) => Number(text.replace(/,/g, ""));

describe.each(browsers)("with MovieLens 100K in $name", ({ name, found }) => {
  describe.skipIf(!found || movieLens === null)("a visitor", () => {
    let visit: Visit;
    let launched: Launched;
    visiting(name, { withMovieLens: true }, (...started) => {
      [visit, launched] = started;
    });

    const films = (list: string) => visit.texts(`#${list} .film`);

    it("finds the data loaded, counted and credited", async () => {
      expect(await visit.text("#data-name")).toBe("MovieLens 100K");
      expect(await visit.page.$eval("#data-tag", (tag) => (tag as HTMLElement).hidden)).toBe(true);
      expect((await visit.texts(".facts dd")).slice(0, 3)).toEqual(["943", "1,682", "100,000"]);
      // Shares published with the data: 6,110, 11,370, 27,145, 34,174 and 21,201 ratings from one to five.
      expect(await visit.texts("#histogram .histogram-share")).toEqual([
        "6 %",
        "11 %",
        "27 %",
        "34 %",
        "21 %",
      ]);
      expect(await visit.text(".citation")).toContain("Harper and Joseph A. Konstan. 2015");
    });

    it("finds a model trained, with its time and figures better than the averages", async () => {
      expect(await visit.text("#result-what")).toBe("Trained on 80,000 ratings in");
      expect(Number(await visit.text("#result-time"))).toBeGreaterThan(0);
      const rmse = async (row: string) =>
        Number(await visit.text(`.figures [data-row=${row}] td:nth-of-type(1)`));
      expect(await rmse("model")).toBeGreaterThan(0.85);
      expect(await rmse("model")).toBeLessThan(await rmse("biases"));
      expect(await rmse("biases")).toBeLessThan(1);
      expect(await visit.texts(".figures [data-row=popularity] > *")).toEqual([
        "Popularity",
        "–",
        "–",
        expect.stringMatching(/^0\.\d{3}$/),
        expect.stringMatching(/^0\.\d{3}$/),
      ]);
      expect(await visit.page.$eval("#chart", (chart) => chart.getAttribute("aria-label"))).toMatch(
        /over \d+ epochs/,
      );
    });

    it("gets the same model from the same seed and another from another", async () => {
      const first = await films("recommended");
      await visit.fill("seed", 2);
      await visit.train();
      const second = await films("recommended");
      expect(second).not.toEqual(first);
      await visit.fill("seed", 1);
      await visit.train();
      expect(await films("recommended")).toEqual(first);
    });

    it("trains with every optimizer and loss, and on an official split", async () => {
      for (const [optimizer, loss] of [
        ["adagrad", "squared"],
        ["adam", "squared"],
        ["sgd", "logistic"],
        ["als", ""],
      ]) {
        await visit.press("#train-form button[type=reset]");
        await visit.press(`#train-form [name=optimizer][value=${optimizer}]`);
        if (loss !== "") await visit.press(`#train-form [name=loss][value=${loss}]`);
        await visit.train();
        const rmse = Number(await visit.text(".figures [data-row=model] td:nth-of-type(1)"));
        expect(rmse, `${optimizer} ${loss}`).toBeGreaterThan(0.85);
        expect(rmse, `${optimizer} ${loss}`).toBeLessThan(1);
      }
      await visit.press("#train-form button[type=reset]");
      await visit.fill("split", "ua");
      await visit.train();
      expect(await visit.text("#progress-text")).toContain("9,430 ratings held out");
      await visit.press("#train-form button[type=reset]");
      await visit.train();
    });

    it("trains a factorization machine on what MovieLens says of people and films", async () => {
      await visit.trainMachine();
      expect(await visit.texts("#field-choice label")).toHaveLength(10);
      expect(await visit.text("#field-rows [data-field-row=gender] th")).toBe("Gender2 columns");
      expect(await visit.text("#field-rows [data-field-row=occupation] th")).toBe(
        "Occupation21 columns",
      );
      const rmse = Number(await visit.text(".figures [data-row=model] td:nth-of-type(1)"));
      expect(rmse).toBeGreaterThan(0.85);
      expect(rmse).toBeLessThan(1);
      await visit.choose("#made-up-viewer [name=occupation]", "librarian");
      await visit.untilText("#viewer-films", /than for anybody/);
      expect(await films("viewer-films")).toHaveLength(5);
      expect(await films("film-similar")).toHaveLength(5);
      expect((await films("film-people"))[0]).toMatch(/^Person \d+/);
      await visit.press("#train-form [name=model][value=mf]");
      await visit.train();
    });

    it("sees only the fields that apply", async () => {
      const shown = () =>
        visit.page.$$eval("#train-form [data-field]", (fields) =>
          fields
            .filter((field) => !(field as HTMLElement).hidden)
            .map((field) => (field as HTMLElement).dataset["field"]),
        );
      await visit.press("#train-form [name=optimizer][value=als]");
      await visit.fill("split", "leave-last-out");
      expect(await shown()).toEqual([
        "model",
        "optimizer",
        "factors",
        "epochs",
        "regularization",
        "split",
        "lastCount",
        "seed",
      ]);
      await visit.press("#train-form button[type=reset]");
      expect(await shown()).toContain("learningRate");
      expect(await shown()).toContain("testPercent");
      await visit.press("#train-form [name=model][value=fm]");
      expect(await shown()).toEqual([
        "model",
        "solver",
        "task",
        "fields",
        "factors",
        "epochs",
        "regularization",
        "split",
        "testPercent",
        "seed",
      ]);
      await visit.press("#train-form [name=solver][value=ftrl]");
      expect(await shown()).toContain("learningRate");
      await visit.press("#train-form [name=solver][value=mcmc]");
      expect(await shown()).toEqual([
        "model",
        "solver",
        "task",
        "fields",
        "factors",
        "burnIn",
        "samples",
        "split",
        "testPercent",
        "seed",
      ]);
      await visit.press("#train-form [name=model][value=mf]");
      await visit.press("#train-form button[type=reset]");
      expect(await shown()).toContain("optimizer");
    });

    it("looks up a person, sees what they rated and what is recommended, and follows a film to its like", async () => {
      await visit.page.focus("#person-search");
      await visit.page.keyboard.type("405");
      await visit.page.keyboard.press("Enter");
      await visit.untilText("#person", /^Person 405: 22, healthcare/);
      expect(await visit.text("#rated-note")).toMatch(/^737 films rated, \d+ of them held out$/);
      expect(await films("rated")).toHaveLength(10);
      expect(await films("recommended")).toHaveLength(10);
      const score = (await visit.texts("#recommended .star-value")).map(Number);
      expect(score).toEqual([...score].sort((a, b) => b - a));

      await visit.press("#recommended li:nth-child(3) button");
      const third = await visit.page.$eval(
        "#recommended li:nth-child(3) .film-title",
        (title) => title.childNodes[1]?.textContent,
      );
      await visit.untilText(
        "#similar-title",
        new RegExp(`^More like ${third?.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`),
      );
      expect(await films("similar")).toHaveLength(10);
    });

    it("rates films, is recommended others for a reason, and finds both again after a reload", async () => {
      expect(await visit.text("#for-you")).toContain("Rate one film");
      await visit.page.focus("#film-search");
      await visit.page.keyboard.type("les miser");
      await visit.untilText("#film-list", /Les Misérables/);
      // Once to close the list, once to empty the field.
      await visit.page.keyboard.press("Escape");
      await visit.page.keyboard.press("Escape");
      await visit.page.keyboard.type("aliens");
      await visit.page.keyboard.press("Enter");
      await visit.rate(1, 5);
      await visit.untilText("#for-you-note", /From 1 rating,/);
      await visit.rate(2, 4);
      await visit.rate(3, 2);
      await visit.untilText("#for-you-note", /From 3 ratings, in .+ ms, without training/);
      const before = await films("for-you");
      expect(before).toHaveLength(10);
      expect(before.filter((film) => film.includes("because you rated")).length).toBeGreaterThan(0);
      expect(await films("own-list")).toHaveLength(3);
      expect(await visit.text("#own-list li:last-child")).toContain("Aliens 1986");

      await visit.reload();
      await visit.untilText("#for-you-note", /From 3 ratings/);
      expect(await films("for-you")).toEqual(before);
    });

    it("saves the model, and loads it to the same recommendations", async () => {
      const recommended = await films("recommended");
      const forYou = await films("for-you");
      await visit.press("#save-model");
      const model = await downloaded(launched.downloads, "featherfm-ml-100k.safetensors");
      await visit.untilText("#toast", /Saved/);

      await visit.fill("seed", 7);
      await visit.train();
      expect(await films("recommended")).not.toEqual(recommended);

      await visit.upload("model-file", "kept.safetensors", model);
      await visit.untilText("#result-what", /Loaded from kept\.safetensors/);
      await expect.poll(() => visit.texts("#for-you .film-title")).toHaveLength(10);
      await expect
        .poll(() => visit.texts("#for-you .star-value"))
        .toEqual(forYou.map((film) => /\d\.\d$|\d\.\d(?=predicted)/.exec(film)?.[0] ?? ""));
      const titles = (rows: string[]) => rows.map((row) => row.replace(/held out.*|\d\.\d.*/, ""));
      expect(titles(await films("recommended")).map((t) => t.slice(0, 20))).toEqual(
        titles(recommended).map((t) => t.slice(0, 20)),
      );
    });

    it("is told when a model belongs to other data, and keeps the one in use", async () => {
      await visit.press("#save-model");
      const model = await downloaded(launched.downloads, "featherfm-ml-100k.safetensors");
      await visit.press("#use-sample");
      await visit.untilText("#data-name", /Synthetic sample/);
      await visit.untilMeasured();
      const before = await films("recommended");
      await visit.upload("model-file", "movielens.safetensors", model);
      const message = await visit.untilText("#keep-problem", /trained on other data/);
      expect(message).toContain("1682 films and 943 people do not occur here");
      await visit.upload("model-file", "broken.safetensors", model.slice(0, 1000));
      await visit.untilText("#keep-problem", /^broken\.safetensors: /);
      expect(await films("recommended")).toEqual(before);

      // The visitor's ratings are of films that this data does not have.
      expect(await visit.text("#own-list")).toContain("3 set aside: not in this data");
      await visit.press("#toast .toast-undo");
      await visit.untilText("#data-name", /MovieLens 100K/);
      await visit.untilText("#for-you-note", /From 3 ratings/);
    });

    it("stays counted: everything so far asked for nothing more", async () => {
      expect(await visit.text("#request-count")).toBe("0");
      expect(number(await visit.text("#data-ratings"))).toBe(100_000);
    });
  });
});
