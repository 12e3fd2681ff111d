/** Models that rank: their figures, why a film is there, lists with more variety, and two models side by side. */
import { describe, expect, it } from "vitest";
import { browsers, type Launched } from "./support/browsers.js";
import { downloaded, type Visit } from "./support/visit.js";
import { visiting } from "./support/visiting.js";

describe.each(browsers)("models that rank in $name", ({ name, found }) => {
  describe.skipIf(!found)("on the synthetic sample", () => {
    let visit: Visit;
    let launched: Launched;
    visiting(name, { withMovieLens: false }, (...started) => {
      [visit, launched] = started;
    });

    const films = (list: string) => visit.texts(`#${list} .film`);
    // Titles of the recommended can be pressed, and have words for screen readers before them.
    const titles = async (list: string) =>
      (await visit.texts(`#${list} .film-title`)).map((title) => title.replace("More like ", ""));
    const columns = () => visit.texts("#figures-head th");
    const figures = async (row: string) =>
      (await visit.texts(`#figures-rows [data-row=${row}] td`)).map(Number);
    const choose = (field: string, value: string) =>
      visit.press(`#train-form [name=${field}][value=${value}]`);
    const slide = (section: string, option: string, position: number) =>
      visit.page.$eval(
        `#${section}-ranking-${option}`,
        (element, value) => {
          (element as HTMLInputElement).value = value;
          element.dispatchEvent(new Event("input", { bubbles: true }));
        },
        String(position),
      );
    const disabled = (selector: string) =>
      visit.page.$eval(selector, (element) => (element as HTMLInputElement).disabled);
    const selected = (side: string) =>
      visit.page.$eval(
        `#compare-${side}`,
        (list) => (list as HTMLSelectElement).selectedOptions[0]?.textContent,
      );

    it("are compared with a model of ratings, from the beginning", async () => {
      expect(await selected("left")).toBe("1: Matrix factorization, SGD (in use)");
      await expect.poll(() => selected("right")).toBe("Item neighbours");
      expect(await visit.text("#compare-left-title")).toBe("1: Matrix factorization, SGD");
      expect(await columns()).toEqual(["Model", "RMSE", "MAE", "P@10", "NDCG@10"]);
    });

    it.each([
      ["item-knn", "Error (RMSE)", /^Counted in/, /^No training to show$/],
      [
        "implicit-als",
        "NDCG@10",
        /^10 epochs in/,
        /training loss went from .+, NDCG@10 on held-out/,
      ],
      [
        "hybrid",
        "AUC",
        /^20 epochs in/,
        /training loss went from .+, AUC on held-out ratings from/,
      ],
    ])(
      "%s is measured by its lists, and better than popularity",
      async (model, curve, progress, chart) => {
        await choose("model", model);
        await visit.train();
        expect(await visit.text("#train-problem")).toBe("");
        expect(await columns()).toEqual(["Model", "P@10", "R@10", "NDCG@10", "AUC", "Coverage"]);
        const own = await figures("model");
        const popularity = await figures("popularity");
        expect(own).toHaveLength(5);
        for (const k of [0, 1, 2, 3]) expect(own[k]).toBeGreaterThan(popularity[k] ?? 1);
        expect(own[4]).toBeLessThanOrEqual(1);
        expect(await visit.text("#progress-text")).toMatch(progress);
        if (model !== "item-knn") expect(await visit.text("#chart-error")).toBe(curve);
        expect(
          await visit.page.$eval("#chart", (place) => place.getAttribute("aria-label")),
        ).toMatch(chart);
      },
    );

    it("say why each film is there, to people of the data and to the visitor", async () => {
      await expect
        .poll(async () =>
          (await films("recommended")).filter((row) => /because they rated/.test(row)),
        )
        .toHaveLength(10);
      expect((await films("recommended"))[0]).toMatch(/because they rated .+ -?\d\.\d\d$|\d$/);
      await visit.rate(1, 5);
      await visit.untilText("#for-you-note", /From 1 rating/);
      const rated = (await titles("rate-list"))[0]?.replace(/ \d{4}$/, "");
      await expect
        .poll(async () =>
          (await films("for-you")).filter((row) => row.includes(`because you rated ${rated}`)),
        )
        .not.toHaveLength(0);
    });

    it("name features where these carry the score", async () => {
      await choose("model", "fm");
      await choose("solver", "als");
      for (const field of ["user", "item"]) await visit.press(`#field-choice [value=${field}]`);
      await visit.train();
      await expect
        .poll(async () =>
          (await films("recommended")).filter((row) =>
            /for ([A-Z]|the (years|age|occupation))/.test(row),
          ),
        )
        .not.toHaveLength(0);
      for (const field of ["user", "item"]) await visit.press(`#field-choice [value=${field}]`);
    });

    it("learn from fields as well, and so know newcomers", async () => {
      await choose("model", "hybrid");
      const checked = await visit.page.$$eval("#field-choice input:checked", (boxes) =>
        boxes.map((box) => box.value),
      );
      expect(checked).toEqual(["user", "item"]);
      // What is made from the ratings is not for them.
      expect(await disabled("#field-choice [value=user-items]")).toBe(true);
      for (const field of ["genres", "occupation"])
        await visit.press(`#field-choice [value=${field}]`);
      await visit.train();
      await visit.untilText("#film-people", /Person/);
      expect(await films("viewer-films")).toHaveLength(5);
      expect(await visit.text("#viewer-note")).toBe("Score");
      await visit.press("#compare-fields");
      await visit.untilText("#compare-text", /^5 of 5 models trained and measured$/);
      expect(await visit.text("#fields-note")).toMatch(/^NDCG@10 on .+; higher is better$/);
      expect(await visit.text("#fields-problem")).toBe("");
    });

    it("make lists with more variety, or of films that few know, where that is wanted", async () => {
      for (const [section, list] of [
        ["recommend", "recommended"],
        ["you", "for-you"],
      ] as const) {
        for (const option of ["diversity", "novelty"]) {
          const plain = await titles(list);
          await slide(section, option, 4);
          await expect.poll(() => titles(list)).not.toEqual(plain);
          expect(await titles(list)).toHaveLength(10);
          await slide(section, option, 0);
          await expect.poll(() => titles(list)).toEqual(plain);
        }
        expect(await visit.text(`#${section}-ranking`)).toMatch(
          /^Surprise meoff.+Varietyoff.+Little knownoff/,
        );
      }
      await choose("model", "popularity");
      await visit.train();
      expect(await disabled("#you-ranking-diversity")).toBe(true);
      expect(await disabled("#you-ranking-novelty")).toBe(false);
    });

    it("stand side by side for one person, with marks on what is in both lists", async () => {
      expect(await selected("left")).toMatch(/^\d+: Popularity \(in use\)$/);
      expect(await selected("right")).toMatch(/^\d+: Hybrid ranking, WARP$/);
      await visit.untilText("#compare-left-title", /Popularity/);
      const [left, right] = [
        await titles("compare-left-films"),
        await titles("compare-right-films"),
      ];
      expect(left).toEqual(await titles("recommended"));
      const shared = left.filter((title) => right.includes(title));
      expect(await visit.text("#compare-shared")).toBe(
        shared.length === 0
          ? "No film is in both lists"
          : `${shared.length} ${shared.length === 1 ? "film" : "films"} in both lists`,
      );
      for (const [list, here, there] of [
        ["compare-left-films", left, right],
        ["compare-right-films", right, left],
      ] as const) {
        const rows = await films(list);
        for (const [k, title] of here.entries()) {
          const place = there.indexOf(title) + 1;
          const mark = new RegExp(`in both, ${place}(st|nd|rd|th) there`);
          if (place === 0) expect(rows[k]).not.toContain("in both");
          else expect(rows[k]).toMatch(mark);
        }
      }
      // The figures are those of the table in "Train".
      const cell = (row: number) => visit.text(`#compare-figures tr:nth-child(${row}) td`);
      const own = await figures("model");
      for (const [k, row] of [3, 4, 5, 6, 7].entries())
        expect(Number.parseFloat(await cell(row))).toBe(own[k]);
      expect(await visit.text("#compare-figures-note")).toBe("On the same held-out ratings");
    });

    it("follow the person, and keep what the visitor compares with when another model is trained", async () => {
      const before = await titles("compare-right-films");
      const person = await visit.text("#compare-person");
      await visit.press("#compare-person-button");
      await expect.poll(() => visit.text("#compare-person")).not.toBe(person);
      expect(await visit.text("#compare-person")).toBe(await visit.text("#person"));
      await expect.poll(() => titles("compare-right-films")).not.toEqual(before);

      await visit.choose("#compare-right", "biases");
      await visit.untilText("#compare-right-title", /^Averages$/);
      await choose("model", "mf");
      await visit.fill("split", "user");
      await visit.train();
      await visit.untilText("#compare-left-title", /Matrix factorization/);
      await visit.untilText("#compare-right-title", /^Averages$/);
      expect(await visit.text("#compare-figures tr:first-child")).toMatch(/^RMSE0\.\d{3}/);
      // The first model held other ratings out.
      const earlier = await visit.page.$$eval("#compare-right option", (options) =>
        options
          .find(({ textContent }) => textContent.includes("Popularity"))
          ?.getAttribute("value"),
      );
      await visit.choose("#compare-right", earlier ?? "");
      await visit.untilText("#compare-figures-note", /different held-out ratings/);
      await visit.press("#train-form button[type=reset]");
    });

    it("saved and loaded rank the same, give reasons, and can be compared without figures", async () => {
      await choose("model", "hybrid");
      await visit.train();
      const unmarked = (rows: string[]) =>
        rows.map((row) => row.replace(/held out: gave it \d ?/, ""));
      await expect.poll(async () => (await films("recommended"))[0]).toMatch(/because they rated/);
      const before = unmarked(await films("recommended"));
      await visit.press("#save-model");
      const model = await downloaded(launched.downloads, "featherfm-sample.safetensors");
      await visit.upload("model-file", "hybrid.safetensors", model);
      await visit.untilText("#result-what", /Loaded from hybrid\.safetensors/);
      await expect.poll(async () => unmarked(await films("recommended"))).toEqual(before);
      expect(await selected("left")).toMatch(/^\d+: from hybrid\.safetensors \(in use\)$/);
      // The same model again, as it was trained.
      const [, original] = await visit.page.$$eval("#compare-right option", (options) =>
        options.map((option) => option.value),
      );
      await visit.choose("#compare-right", original ?? "");
      await visit.untilText("#compare-shared", /^10 films in both lists$/);
      expect(await visit.text("#compare-figures-note")).toBe(
        "A model from a file brings no figures",
      );
    });
  });
});
