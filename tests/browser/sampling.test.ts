/** Sampled factorization machines on the page: the chain under way, how sure predictions are, and surprises. */
import { describe, expect, it } from "vitest";
import { browsers } from "./support/browsers.js";
import type { Visit } from "./support/visit.js";
import { visiting } from "./support/visiting.js";

describe.each(browsers)("a sampled machine in $name", ({ name, found }) => {
  describe.skipIf(!found)("on the synthetic sample", () => {
    let visit: Visit;
    visiting(name, { withMovieLens: false }, (...started) => {
      [visit] = started;
    });

    const titles = (list: string) => visit.texts(`#${list} .film-title`);
    const figure = async (row: string) =>
      Number(await visit.text(`.figures [data-row=${row}] td:nth-of-type(1)`));
    const chosen = (field: string) =>
      visit.page.$eval(`#train-form [name=${field}]:checked`, (input) =>
        input.getAttribute("value"),
      );
    const slide = (section: string, position: number) =>
      visit.page.$eval(
        `#${section}-ranking-optimism`,
        (element, value) => {
          (element as HTMLInputElement).value = value;
          element.dispatchEvent(new Event("input", { bubbles: true }));
        },
        String(position),
      );
    const disabled = (selector: string) =>
      visit.page.$eval(selector, (element) => (element as HTMLInputElement).disabled);

    it("is what surprises need: until there is one, the sliders say so", async () => {
      for (const section of ["recommend", "you"]) {
        expect(await disabled(`#${section}-ranking-optimism`)).toBe(true);
        expect(await visit.text(`#${section}-ranking`)).toMatch(
          /^Surprise meoffFor a model that knows how sure it is/,
        );
      }
    });

    it("is trained on everything for the best accuracy, with its pace and time left, until that is cancelled", async () => {
      const before = await titles("recommended");
      await visit.press("#best-accuracy");
      expect([await chosen("model"), await chosen("solver"), await chosen("task")]).toEqual([
        "fm",
        "mcmc",
        "ordinal",
      ]);
      expect(
        await visit.page.$$eval("#field-choice input", (boxes) =>
          boxes.every((box) => box.checked),
        ),
      ).toBe(true);
      await visit.untilText(
        "#progress-text",
        /^Sweep \d+ of 512, [\d.]+ s: [\d.]+ a second, \d+ s left$/,
      );
      expect(await visit.text("#chart-when")).toBe("of the mean of all samples so far");
      expect(await disabled("#best-accuracy")).toBe(true);
      await visit.press("#cancel-button");
      await visit.untilText("#train-problem", /Training was cancelled/);
      expect(await titles("recommended")).toEqual(before);
    });

    it("keeps what it has when it is stopped", async () => {
      await visit.press("#train-button");
      await visit.untilText("#progress-text", /^Sweep (2[5-9]|[3-9]\d|\d{3}) of 512/);
      await visit.press("#stop-button");
      const words = await visit.untilText("#progress-text", /^Stopped after \d+ sweeps in/);
      expect(Number(/\d+/.exec(words)?.[0])).toBeLessThan(512);
      await visit.untilMeasured();
      expect(await visit.text("#train-problem")).toBe("");
      expect(await figure("model")).toBeLessThan(await figure("biases"));
      expect(await visit.page.$$("#recommended .star-shares")).toHaveLength(10);
    });

    it("predicts better than the averages, and shows what its sampler learned of each field", async () => {
      await visit.fill("burnIn", 10);
      await visit.fill("samples", 50);
      await visit.train();
      expect(await visit.text("#train-problem")).toBe("");
      expect(await visit.text("#progress-text")).toMatch(/^60 sweeps in/);
      expect(await figure("model")).toBeLessThan((await figure("biases")) - 0.1);
      expect(await visit.text("#chain-note")).toBe("After 60 sweeps");
      const traces = await visit.page.$$eval("#traces .trace", (places) =>
        places.map((place) => place.getAttribute("aria-label")),
      );
      expect(traces).toHaveLength(10);
      expect(traces[0]).toMatch(
        /^Precision of person: weights from [\d.]+ to [\d.]+, factors from [\d.]+ to [\d.]+ over 60 sweeps$/,
      );
      expect(traces.at(-1)).toBe("Noise from 1 to 1 over 60 sweeps");
      expect(await visit.text("#keep-note")).toMatch(/^In use: 50 samples of 10 factors/);
    });

    it("says of each predicted star how probable it is", async () => {
      await visit.rate(1, 5);
      await visit.rate(2, 1);
      await visit.untilText("#for-you-note", /From 2 ratings/);
      for (const list of ["recommended", "for-you"]) {
        const spoken = await visit.texts(`#${list} .film .star-row .unseen`);
        expect(spoken).toHaveLength(10);
        for (const words of spoken) {
          expect(words).toMatch(/^predicted \d\.\d, give or take \d\.\d: (\d stars? \d+ %(, )?)+$/);
          const shares = [...words.matchAll(/(\d) stars? (\d+) %/g)].map(([, star, percent]) => ({
            star: Number(star),
            percent: Number(percent),
          }));
          const sum = shares.reduce((total, { percent }) => total + percent, 0);
          expect(sum).toBeGreaterThan(95);
          expect(sum).toBeLessThan(103);
          const mean = shares.reduce((total, { star, percent }) => total + star * percent, 0) / sum;
          expect(mean).toBeCloseTo(Number(/\d\.\d/.exec(words)?.[0]), 0);
        }
        expect(await visit.page.$$(`#${list} .star-shares`)).toHaveLength(10);
      }
    });

    it("ranks by what it holds possible when it is to surprise", async () => {
      for (const [section, list] of [
        ["recommend", "recommended"],
        ["you", "for-you"],
      ] as const) {
        const sober = await titles(list);
        await slide(section, 5);
        expect(await visit.text(`#${section}-ranking output`)).toBe("best 1 %");
        await expect.poll(() => titles(list)).not.toEqual(sober);
        expect(await titles(list)).toHaveLength(10);
        await slide(section, 0);
        expect(await visit.text(`#${section}-ranking output`)).toBe("off");
        await expect.poll(() => titles(list)).toEqual(sober);
      }
    });

    it("shows the same shares for ratings as numbers, and none for a chance", async () => {
      await visit.press("#train-form [name=task][value=regression]");
      await visit.fill("samples", 30);
      await visit.train();
      const [first] = await visit.texts("#recommended .film .star-row .unseen");
      expect(first).toMatch(/^predicted \d\.\d, give or take \d\.\d: (\d stars? \d+ %(, )?)+$/);
      const noise = await visit.page.$$eval("#traces .trace", (places) =>
        places.at(-1)?.getAttribute("aria-label"),
      );
      expect(noise).toMatch(/^Noise from [\d.]+ to 0\.\d+ over \d+ sweeps$/);

      await visit.press("#train-form [name=task][value=classification]");
      await visit.fill("samples", 30);
      await visit.train();
      expect((await visit.texts("#recommended .film"))[0]).toMatch(/\d+ % chance of liking it$/);
      expect(await visit.page.$$("#recommended .star-shares")).toHaveLength(0);
      expect(await disabled("#recommend-ranking-optimism")).toBe(false);
    });

    it("is trained by variational inference as well, which is as sure of itself", async () => {
      await visit.press("#train-form [name=solver][value=vb]");
      await visit.press("#train-form [name=task][value=ordinal]");
      await visit.train();
      expect(await visit.text("#progress-text")).toMatch(/^20 epochs in/);
      expect(await figure("model")).toBeLessThan(await figure("biases"));
      expect(await visit.page.$$("#recommended .star-shares")).toHaveLength(10);
      expect(await visit.text("#chain-note")).toBe("After 20 sweeps");
      expect(await disabled("#recommend-ranking-optimism")).toBe(false);
    });

    it("gives way to other solvers, which have no stars to tell apart and nothing to surprise with", async () => {
      await visit.press("#train-form [name=task][value=ordinal]");
      await visit.press("#train-form [name=solver][value=als]");
      expect(await chosen("task")).toBe("regression");
      expect(await visit.page.$eval("#chain", (chain) => (chain as HTMLElement).hidden)).toBe(true);
      await visit.train();
      expect(await disabled("#recommend-ranking-optimism")).toBe(true);
      expect(await visit.page.$$("#recommended .star-shares")).toHaveLength(0);
    });
  });
});
