/** Factorization machines on the page: what they learn from, what each field brings, newcomers, and a model kept. */
import { describe, expect, it } from "vitest";
import { browsers, type Launched } from "./support/browsers.js";
import { downloaded, type Visit } from "./support/visit.js";
import { visiting } from "./support/visiting.js";

const decimals = /^\d\.\d{3,4}/;

describe.each(browsers)("a factorization machine in $name", ({ name, found }) => {
  describe.skipIf(!found)("on the synthetic sample", () => {
    let visit: Visit;
    let launched: Launched;
    visiting(name, { withMovieLens: false }, (...started) => {
      [visit, launched] = started;
    });

    const films = (list: string) => visit.texts(`#${list} .film`);
    const titles = (list: string) => visit.texts(`#${list} .film-title`);
    const figure = async (row: string) =>
      Number(await visit.text(`.figures [data-row=${row}] td:nth-of-type(1)`));
    const fieldRow = (field: string) => visit.texts(`#field-rows [data-field-row=${field}] > *`);
    const toggle = (field: string) => visit.press(`#field-choice [value=${field}]`);
    const disabled = (where: string) =>
      visit.page.$$eval(`${where} select, ${where} input`, (controls) =>
        controls.map((control) => (control as HTMLInputElement).disabled),
      );
    const viewer = async (age: string, occupation: string) => {
      await visit.choose("#made-up-viewer [name=age]", age);
      await visit.choose("#made-up-viewer [name=occupation]", occupation);
    };

    it("is asked for where there is none, with the way to get it", async () => {
      expect(await visit.text("#viewer-films")).toMatch(/^Train a factorization machine that/);
      expect(await visit.text("#film-similar")).toMatch(/^Train a factorization machine that/);
      expect(new Set(await disabled("#newcomers"))).toEqual(new Set([true]));
      expect(new Set(await disabled("#about-you"))).toEqual(new Set([true]));
      await visit.page.evaluate(async () => {
        const button = document.querySelector<HTMLButtonElement>("#train-machine");
        button?.click();
        while (button?.disabled) await new Promise(requestAnimationFrame);
      });
      await visit.untilMeasured();
      await visit.untilText("#film-people", /Person/);
      expect(await films("viewer-films")).toHaveLength(5);
    });

    it("offers the fields that the data has, and shows the weight of those it learned from", async () => {
      expect(await visit.texts("#field-choice label")).toEqual([
        "Person",
        "Film",
        "Genres",
        "Year",
        "Age",
        "Occupation",
        "Day of rating",
        "What they rated",
        "Who rated it",
      ]);
      await toggle("year");
      await toggle("day");
      await visit.train();
      expect(await figure("model")).toBeLessThan((await figure("biases")) - 0.1);
      expect(await fieldRow("genres")).toEqual([
        expect.stringMatching(/^Genres\d+ columns$/),
        expect.stringMatching(decimals),
        expect.stringMatching(decimals),
        "–",
      ]);
      expect((await fieldRow("day"))[0]).toMatch(/^Day of rating\d+ columns$/);
      expect(await fieldRow("year")).toEqual(["Yearnot chosen", "–", "–", "–"]);
      expect((await fieldRow("whole"))[1]).toMatch(decimals);
      await visit.press("#train-form button[type=reset]");
      await visit.train();
    });

    it("says what each field brings, on which split", async () => {
      await visit.press("#compare-fields");
      await visit.untilText("#compare-text", /^7 of 7 models trained and measured$/);
      expect(await visit.text("#fields-note")).toMatch(
        /^RMSE on [\d,]+ held-out ratings \(random ratings, 20 %\); lower is better$/,
      );
      const whole = Number((await fieldRow("whole"))[1]);
      expect(whole).toBeCloseTo(await figure("model"), 2);
      const without = async (field: string) =>
        Number.parseFloat((await fieldRow(field)).at(-1) ?? "");
      // The sample is made of tastes: that is what people's and films' own columns hold, and then the genres.
      expect(await without("user")).toBeGreaterThan(whole + 0.05);
      expect(await without("genres")).toBeGreaterThan(whole);
      expect(await without("identities")).toBeGreaterThan(whole);
      for (const field of ["item", "year", "age", "occupation"])
        expect(await without(field), field).toBeGreaterThan(0.5);
      expect(await fieldRow("day")).toEqual(["Day of ratingnot chosen", "–", "–", "–"]);
    });

    it("is left as it was when that is cancelled, with what was measured until then", async () => {
      const before = [await visit.text("#result-what"), await films("recommended")];
      await visit.page.evaluate(async () => {
        const text = document.querySelector("#compare-text");
        document.querySelector<HTMLButtonElement>("#compare-fields")?.click();
        while (!/^Training without/.test(text?.textContent ?? ""))
          await new Promise(requestAnimationFrame);
        document.querySelector<HTMLButtonElement>("#cancel-compare")?.click();
      });
      await visit.untilText(
        "#fields-problem",
        /^Cancelled\. What was measured until then stays\.$/,
      );
      expect(await visit.text("#compare-text")).toMatch(/^[0-6] of 7 models trained and measured$/);
      expect([await visit.text("#result-what"), await films("recommended")]).toEqual(before);
      await visit.train();
      expect(await visit.text("#fields-problem")).toBe("");
      expect(await films("recommended")).toEqual(before[1]);
    });

    it("needs something to learn from", async () => {
      const fields = ["user", "item", "genres", "year", "age", "occupation"];
      for (const field of fields) await toggle(field);
      await visit.press("#train-button");
      expect(await visit.text("#train-problem")).toBe("Choose at least one field to learn from.");
      for (const field of fields) await toggle(field);
      expect(await visit.text("#train-problem")).toBe("");
    });

    it("recommends to a made-up viewer without a single rating", async () => {
      // In the sample, students like animation, and lawyers crime.
      await viewer("1", "student");
      await visit.untilText("#viewer-films", /Dragon|Lantern|Forest|Balloon|Otter/);
      const forStudent = await titles("viewer-films");
      await viewer("45", "lawyer");
      await visit.untilText("#viewer-films", /Alibi|Harbour|Witness|Corridor|Ledger/);
      const forLawyer = await titles("viewer-films");
      expect(forStudent).toHaveLength(5);
      expect(forLawyer).toHaveLength(5);
      expect(forLawyer).not.toEqual(forStudent);
      expect(await visit.text("#viewer-films")).toContain("more than for anybody");
    });

    it("finds the like of a made-up film, and the people for it", async () => {
      for (const k of [2, 3]) await visit.choose(`#made-up-film [name=genre-${k}]`, "");
      await visit.choose("#made-up-film [name=genre-1]", "Crime");
      await visit.untilText("#film-people", /likes crime/);
      const [similar, people] = [await films("film-similar"), await films("film-people")];
      expect(similar).toHaveLength(5);
      expect(similar.filter((film) => film.includes("Crime")).length).toBeGreaterThan(3);
      expect(people).toHaveLength(5);
      expect(people.filter((person) => person.includes("likes crime")).length).toBeGreaterThan(3);
    });

    it("takes what visitors say about themselves, which goes where their ratings go", async () => {
      await visit.choose("#about-you [name=age]", "1");
      await visit.choose("#about-you [name=occupation]", "student");
      await visit.untilText("#for-you-note", /^From what you said, in/);
      expect(await films("for-you")).toHaveLength(10);
      await visit.rate(1, 5);
      await visit.untilText("#for-you-note", /^From 1 rating and what you said, in/);
      const forYou = await titles("for-you");

      await visit.press("#export-ratings");
      const file = await downloaded(launched.downloads, "featherfm-ratings.json");
      expect(JSON.parse(new TextDecoder().decode(file))).toMatchObject({
        about: { age: 1, gender: null, occupation: "student" },
      });
      await visit.press("#delete-ratings");
      await visit.untilText("#toast", /1 rating, and what you said about yourself, deleted/);
      await visit.untilText("#for-you", /Rate one film/);
      await visit.upload("ratings-file", "mine.json", file);
      await visit.untilText("#for-you-note", /^From 1 rating and what you said, in/);

      // After a reload, matrix factorization is in use, which asks for ratings alone.
      await visit.reload();
      await visit.untilText("#for-you-note", /^From 1 rating, in/);
      await visit.trainMachine();
      await visit.untilText("#for-you-note", /^From 1 rating and what you said, in/);
      expect(await titles("for-you")).toEqual(forYou);
      await visit.press("#delete-ratings");
    });

    it("saved and loaded recommends the same, to newcomers too", async () => {
      const everything = async () => [
        await films("recommended"),
        await films("similar"),
        await films("viewer-films"),
        await films("film-similar"),
        await films("film-people"),
      ];
      // Held-out ratings are marked in the lists, and a model from a file has none.
      const unmarked = (lists: string[][]) =>
        lists.map((rows) => rows.map((row) => /^\D+ (\d{4}|p\d+)/.exec(row)?.[0]));
      await visit.untilText("#film-people", /Person/);
      const before = unmarked(await everything());
      await visit.press("#save-model");
      const model = await downloaded(launched.downloads, "featherfm-sample.safetensors");
      await visit.press("#train-form [name=model][value=mf]");
      await visit.train();
      await visit.untilText("#viewer-films", /^Train a factorization machine/);
      await visit.upload("model-file", "kept.safetensors", model);
      await visit.untilText("#result-what", /Loaded from kept\.safetensors/);
      await expect.poll(async () => unmarked(await everything())).toEqual(before);
      // What its fields weigh is in the file; what they bring cannot be measured without held-out ratings.
      await visit.press("#train-form [name=model][value=fm]");
      expect((await fieldRow("age"))[1]).toMatch(decimals);
      expect(await visit.text("#compare-text")).toMatch(/no held-out ratings/);
    });

    it("predicts how probably somebody likes a film", async () => {
      await visit.press("#train-form [name=task][value=classification]");
      await visit.train();
      expect(await visit.text("#figures-head th:nth-child(2)")).toBe("Log loss");
      expect(await figure("model")).toBeLessThan(await figure("biases"));
      expect(await figure("model")).toBeLessThan(Math.LN2);
      expect(await visit.text("#recommended-note")).toMatch(/^Chance of 4 stars or more/);
      for (const list of ["recommended", "viewer-films", "film-people"])
        expect((await films(list))[0], list).toMatch(/\d+ % chance of liking it$/);
      await visit.rate(1, 5);
      await visit.untilText("#for-you-note", /From 1 rating/);
      expect((await films("for-you"))[0]).toMatch(/\d+ % chance of liking it$/);
      await visit.press("#train-form [name=task][value=regression]");
    });

    it("trains with every solver", async () => {
      for (const solver of ["sgd", "adagrad", "adam", "ftrl", "sgda", "als"]) {
        await visit.press(`#train-form [name=solver][value=${solver}]`);
        await visit.train();
        expect(await visit.text("#train-problem"), solver).toBe("");
        expect(await figure("model"), solver).toBeLessThan(await figure("biases"));
      }
    });

    it("learns from the ratings alone where a table says nothing else", async () => {
      await visit.drop(
        "tiny.csv",
        "user,item,rating\nann,Alien,5\nann,Brazil,4\nbob,Alien,1\nbob,Clue,5\ncleo,Clue,4\n",
      );
      await visit.untilText("#data-name", /tiny\.csv/);
      await visit.untilText("#result-what", /Trained on \d ratings/);
      expect(await visit.texts("#field-choice label")).toEqual([
        "Person",
        "Film",
        "What they rated",
        "Who rated it",
      ]);
      await visit.untilText("#viewer-films", /^This data says nothing about people$/);
      await visit.untilText("#film-similar", /^This data says nothing about films$/);
    });
  });
});
