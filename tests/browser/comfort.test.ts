/** Keyboard, screen reader, small windows, both colour schemes, and nothing that jumps. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults, RunOptions } from "axe-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browsers, launchBrowser, type Launched } from "./support/browsers.js";
import { buildPage, servePreview, type Site } from "./support/site.js";
import { Visit } from "./support/visit.js";

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

/** Every fault that axe finds, as "rule: element". */
async function faults(visit: Visit): Promise<string[]> {
  await visit.page.evaluate(axeSource);
  const options: RunOptions = {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  };
  const results = await visit.page.evaluate(
    (run) =>
      (globalThis as unknown as { axe: { run: (o: RunOptions) => Promise<AxeResults> } }).axe.run(
        run,
      ),
    options,
  );
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`),
  );
}

/** Trains a sampled machine that has not seen much. */
async function sampleBriefly(visit: Visit): Promise<void> {
  await visit.press("#train-form [name=model][value=fm]");
  await visit.press("#train-form [name=solver][value=mcmc]");
  await visit.press("#train-form [name=task][value=ordinal]");
  await visit.fill("burnIn", 2);
  await visit.fill("samples", 8);
  await visit.train();
}

describe.each(browsers)("comfort in $name", ({ name, found }) => {
  describe.skipIf(!found)("on the synthetic sample", () => {
    let page: { folder: string; close: () => void };
    let site: Site;
    let launched: Launched;

    beforeAll(async () => {
      page = await buildPage();
      site = await servePreview(page.folder, false);
      launched = await launchBrowser(name);
    });
    afterAll(async () => {
      await launched.close();
      await site.close();
      page.close();
    });

    it.each([
      { scheme: "light", width: 1280 },
      { scheme: "dark", width: 1280 },
      { scheme: "light", width: 360 },
      { scheme: "dark", width: 360 },
    ] as const)(
      "is accessible in $scheme at $width pixels, and does not scroll sideways",
      async ({ scheme, width }) => {
        const visit = await Visit.start(launched, site.url, { scheme, width });
        // As it stands at first; what turns up in use, below, is looked at in every size.
        if (width === 1280) expect(await faults(visit)).toEqual([]);
        // What a factorization machine brings along, and a sampled one.
        await sampleBriefly(visit);
        await visit.press("#compare-fields");
        await visit.untilText("#compare-text", /trained and measured/);
        // Figures of a model that ranks.
        await visit.press("#train-form [name=model][value=hybrid]");
        await visit.train();
        await visit.untilText("#compare-left-title", /Hybrid/);
        // Own ratings, a message with an undo, an error, an open list.
        await visit.rate(1, 5);
        await visit.rate(3, 2);
        await visit.untilText("#for-you-note", /From 2 ratings/);
        await visit.press("#own-list li:first-child .icon-button");
        await visit.untilText("#toast", /deleted/);
        await visit.upload("data-file", "bad.csv", "user,item\na,b\n");
        await visit.untilText("#data-problem", /no column/);
        await visit.page.focus("#film-search");
        await visit.page.keyboard.type("the");
        await visit.page.waitForSelector("#film-list li");
        expect(await faults(visit)).toEqual([]);
        const [content, frame] = await visit.page.evaluate(() => [
          document.documentElement.scrollWidth,
          innerWidth,
        ]);
        expect(content).toBeLessThanOrEqual(frame as number);
        await visit.close();
      },
    );

    it.each([1280, 360])(
      "moves nothing at %i pixels while it loads, trains and fills in",
      async (width) => {
        const visit = await Visit.start(launched, site.url, {
          width,
          before: () => {
            const shifts: string[] = [];
            Object.assign(globalThis, { shifts });
            if (!PerformanceObserver.supportedEntryTypes.includes("layout-shift")) return;
            new PerformanceObserver((list) => {
              for (const entry of list.getEntries()) {
                const shift = entry as PerformanceEntry & {
                  value: number;
                  sources: { node?: Element }[];
                };
                shifts.push(
                  `${shift.value}: ${shift.sources.map(({ node }) => node?.id ?? node?.className).join(", ")}`,
                );
              }
            }).observe({ type: "layout-shift", buffered: true });
          },
        });
        // Where the sections lie must not depend on what they show; this holds in browsers without the observer, too.
        const places = () =>
          visit.page.$$eval("main > section", (sections) =>
            sections.map((section) => section.getBoundingClientRect().top + scrollY),
          );
        // Heights of table rows differ by fractions of a pixel that nobody sees.
        const movedFrom = async (before: number[]) =>
          (await places())
            .map((top, k) => top - (before[k] ?? 0))
            .filter((by) => Math.abs(by) > 0.5);
        const before = await places();
        await visit.train();
        await visit.rate(1, 5);
        await visit.untilText("#for-you-note", /From 1 rating/);
        expect(await movedFrom(before)).toEqual([]);
        expect(
          await visit.page.evaluate(() => (globalThis as unknown as { shifts: string[] }).shifts),
        ).toEqual([]);

        // To choose a factorization machine shows more of the form; to train and take it apart moves nothing again.
        await visit.press("#train-form [name=model][value=fm]");
        const withMachine = await places();
        await visit.train();
        await visit.press("#compare-fields");
        await visit.untilText("#compare-text", /trained and measured/);
        await visit.untilText("#film-people", /Person/);
        expect(await movedFrom(withMachine)).toEqual([]);

        // So does a sampled one, which shows more, and in the lists as well.
        await visit.press("#train-form [name=solver][value=mcmc]");
        const withChain = await places();
        await sampleBriefly(visit);
        await visit.page.waitForSelector("#recommended .star-shares");
        expect(await movedFrom(withChain)).toEqual([]);

        // And one that ranks, with figures of its own, beside the one before it.
        await visit.press("#train-form [name=model][value=implicit-als]");
        const ranking = await places();
        await visit.train();
        await visit.untilText("#compare-left-title", /Implicit ALS/);
        await visit.press("#compare-person-button");
        await visit.page.select("#compare-right", "popularity");
        await visit.untilText("#compare-right-title", /Popularity/);
        expect(await movedFrom(ranking)).toEqual([]);
        await visit.close();
      },
    );

    it("can be used from end to end by keyboard alone", async () => {
      const visit = await Visit.start(launched, site.url);
      const { keyboard } = visit.page;
      const focused = () =>
        visit.page.evaluate(() => {
          const element = document.activeElement as HTMLElement;
          const { top, bottom } = element.getBoundingClientRect();
          return {
            id: element.id,
            text: element.textContent.trim(),
            inList: element.closest("ol, ul")?.id ?? "",
            visible: bottom > 0 && top < innerHeight,
          };
        });
      const tabTo = async (wanted: (element: Awaited<ReturnType<typeof focused>>) => boolean) => {
        for (let presses = 0; presses < 120; presses++) {
          await keyboard.press("Tab");
          const element = await focused();
          expect(element.visible, `focus on ${element.id || element.text} is in view`).toBe(true);
          if (wanted(element)) return;
        }
        throw new Error("Tab never came to the element");
      };

      await keyboard.press("Tab");
      expect((await focused()).text).toBe("Skip to the content");
      await keyboard.press("Enter");
      expect((await focused()).id).toBe("main");

      await tabTo(({ id }) => id === "hero-train");
      await keyboard.press("Enter");
      await visit.untilText("#announcer", /Trained in/);
      await visit.untilMeasured();

      await tabTo(({ id }) => id === "person-search");
      await keyboard.type("p2");
      await keyboard.press("ArrowDown");
      await keyboard.press("Enter");
      await visit.untilText("#person", /^Person p2:/);
      await tabTo(({ inList }) => inList === "recommended");
      await keyboard.press("Enter");
      await visit.untilText("#announcer", /^Films like .+ are listed\.$/);

      await tabTo(({ id }) => id === "film-search");
      await keyboard.type("the");
      await keyboard.press("ArrowDown");
      await keyboard.press("ArrowDown");
      await keyboard.press("Enter");
      // The film is in the first row, with the focus on its stars.
      expect((await focused()).inList).toBe("rate-list");
      await keyboard.press(" ");
      await keyboard.press("ArrowRight");
      await keyboard.press("ArrowRight");
      await visit.untilText("#for-you-note", /From 1 rating/);
      expect(
        await visit.page.$eval(
          "#own-list fieldset",
          (field) => (field as HTMLElement).dataset["value"],
        ),
      ).toBe("3");

      await tabTo(({ id }) => id === "delete-ratings");
      await keyboard.press("Enter");
      await visit.untilText("#own-list", /What you rate is listed here/);
      await tabTo(({ text }) => text === "Undo");
      await keyboard.press("Enter");
      expect(await visit.texts("#own-list .film")).toHaveLength(1);
      await visit.close();
    });
  });
});
