/** What the page says about privacy, held to what browsers report. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browsers, launchBrowser, type Launched } from "./support/browsers.js";
import {
  buildPage,
  movieLens,
  serveDevelopment,
  servePlainFiles,
  servePreview,
  type Site,
} from "./support/site.js";
import { Visit } from "./support/visit.js";

let page: { folder: string; close: () => void };

beforeAll(async () => {
  page = await buildPage();
});
afterAll(() => {
  page.close();
});

/** Trains, recommends, rates, reads a file: everything that a curious visitor might do. Tells what it requested. */
async function useEverything(visit: Visit): Promise<void> {
  await visit.train();
  await visit.press("#random-person");
  await visit.rate(1, 5);
  await visit.untilText("#for-you-note", /From 1 rating/);
  await visit.trainMachine();
  await visit.untilText("#film-people", /Person/);
  await visit.choose("#about-you [name=age]", "25");
  await visit.untilText("#for-you-note", /and what you said/);
  await visit.press("#theme");
  await visit.drop(
    "tiny.csv",
    "user,item,rating\nann,Alien,5\nann,Brazil,4\nbob,Alien,1\nbob,Clue,5\ncleo,Clue,4\n",
  );
  await visit.untilText("#data-name", /tiny\.csv/);
  await visit.untilText("#result-what", /Trained on \d ratings/);
}

describe("the built page", () => {
  it("contains no file of MovieLens", () => {
    const files = readdirSync(page.folder, { recursive: true, encoding: "utf8" });
    expect(files.filter((file) => /u\.(data|item|user)|\.zip$|\.dat$/.test(file))).toEqual([]);
    expect(readFileSync(join(page.folder, "local-data.json"), "utf8").trim()).toBe(
      '{ "files": [] }',
    );
  });

  it("carries its content security policy, and names no other host in its code", () => {
    const html = readFileSync(join(page.folder, "index.html"), "utf8");
    const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(html)?.[1];
    expect(policy?.replaceAll("&#39;", "'")).toMatch(
      /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/,
    );
    expect(html).not.toContain("unsafe-inline");
    expect(html).not.toMatch(
      /<script>|<style|<link[^>]+href="https?:|<script[^>]+src="https?:| style="/,
    );
  });
});

describe.each(browsers)("privacy in $name", ({ name, found }) => {
  describe.skipIf(!found)("of a visitor", () => {
    let launched: Launched;

    beforeAll(async () => {
      launched = await launchBrowser(name);
    });
    afterAll(async () => {
      await launched.close();
    });

    const servers: [string, () => Promise<Site>][] = [
      ["the preview server", () => servePreview(page.folder, movieLens !== null)],
      ["the development server", () => serveDevelopment(movieLens !== null)],
      ["a plain file server in a sub-folder", () => servePlainFiles(page.folder)],
    ];

    it.each(servers)("requests nothing once loaded from %s", async (_, serve) => {
      const site = await serve();
      try {
        const visit = await Visit.start(launched, site.url);
        const atReady = [...visit.requests];
        const entries = () =>
          visit.page.evaluate(() => performance.getEntriesByType("resource").length);
        const before = await entries();
        await useEverything(visit);
        expect(visit.requests).toEqual(atReady);
        expect(await entries()).toBe(before);
        expect(await visit.text("#request-count")).toBe("0");
        const { origin } = new URL(site.url);
        expect(atReady.filter((url) => new URL(url).origin !== origin)).toEqual([]);
        await visit.close();
      } finally {
        await site.close();
      }
    });

    it("counts a request when there is one", async () => {
      const site = await servePreview(page.folder, false);
      try {
        const visit = await Visit.start(launched, site.url);
        await visit.page.evaluate(async () => {
          await fetch("feather.svg");
        });
        await visit.untilText("#request-count", /^1$/);
        await visit.close();
      } finally {
        await site.close();
      }
    });

    it("is guarded by a policy without eval, on the page and in its workers", async () => {
      const site = await servePreview(page.folder, false);
      try {
        const response = await fetch(site.url);
        const policy = response.headers.get("content-security-policy");
        expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'");
        expect(policy).not.toContain("'unsafe-eval'");
        expect(policy).not.toContain("unsafe-inline");
        const visit = await Visit.start(launched, site.url);
        for (const url of visit.requests) {
          const header = (await fetch(url)).headers.get("content-security-policy");
          expect(header, url).toBe(policy);
        }
        // Firefox says on its console what it refuses.
        visit.tolerate("blocked a JavaScript eval");
        const evaluated = await visit.page.evaluate(() => {
          // In a timer, out of reach of the privileges that a test's own code has.
          return new Promise<string>((resolve) => {
            setTimeout(() => {
              try {
                // eslint-disable-next-line @typescript-eslint/no-implied-eval
                const compiled = new Function("return 'ran'") as () => string;
                resolve(compiled());
              } catch (error) {
                resolve((error as Error).name);
              }
            });
          });
        });
        expect(evaluated).toBe("EvalError");
        await visit.close();
      } finally {
        await site.close();
      }
    });
  });
});
