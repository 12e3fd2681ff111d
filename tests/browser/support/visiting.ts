/** What most files of page tests begin with: the page built and served, a browser, and a visitor in it. */
import { afterAll, beforeAll } from "vitest";
import { launchBrowser, type BrowserName, type Launched } from "./browsers.js";
import { buildPage, servePreview } from "./site.js";
import { Visit } from "./visit.js";

/** Called in a `describe`: `ready` gets one tab for all its tests, before the first of them; all is closed after the last. */
export function visiting(
  name: BrowserName,
  options: { withMovieLens: boolean },
  ready: (visit: Visit, launched: Launched) => void,
): void {
  // What did not start has nothing to end.
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    const page = await buildPage();
    ends.unshift(page.close);
    const site = await servePreview(page.folder, options.withMovieLens);
    ends.unshift(site.close);
    const launched = await launchBrowser(name);
    ends.unshift(launched.close);
    const visit = await Visit.start(launched, site.url);
    ends.unshift(() => visit.close());
    ready(visit, launched);
  });
  afterAll(async () => {
    const failures: unknown[] = [];
    for (const end of ends) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
}
