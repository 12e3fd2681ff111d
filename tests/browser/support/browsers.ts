/** The browsers that the tests drive: those of the system. CHROMIUM_PATH and FIREFOX_PATH name others. */
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { tmpdir } from "node:os";
import { launch, type Browser } from "puppeteer-core";

export type BrowserName = "chromium" | "firefox";

const usualNames: Record<BrowserName, string[]> = {
  chromium: ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
  firefox: ["firefox-esr", "firefox"],
};

function findBrowser(name: BrowserName): string | null {
  const given = process.env[name === "chromium" ? "CHROMIUM_PATH" : "FIREFOX_PATH"];
  if (given !== undefined && given !== "") return given;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  for (const file of usualNames[name].flatMap((usual) =>
    folders.map((folder) => join(folder, usual)),
  )) {
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here: on to the next place.
    }
  }
  console.warn(`\n  ${name} was not found: its tests are SKIPPED.\n`);
  return null;
}

const paths = { chromium: findBrowser("chromium"), firefox: findBrowser("firefox") };

/** For `describe.each`, with whether the browser is there. */
export const browsers: { name: BrowserName; found: boolean }[] = [
  { name: "chromium", found: paths.chromium !== null },
  { name: "firefox", found: paths.firefox !== null },
];

export interface Launched {
  name: BrowserName;
  browser: Browser;
  /** Where downloads end up. */
  downloads: string;
  close: () => Promise<void>;
}

export async function launchBrowser(name: BrowserName): Promise<Launched> {
  const executablePath = paths[name];
  if (executablePath === null) throw new Error(`${name} was not found`);
  const downloads = mkdtempSync(join(tmpdir(), "featherfm-downloads-"));
  const browser =
    name === "chromium"
      ? await launch({ executablePath, headless: true, args: chromiumFlags })
      : await launch({
          browser: "firefox",
          executablePath,
          headless: true,
          extraPrefsFirefox: firefoxPreferences(downloads),
        });
  return {
    name,
    browser,
    downloads,
    close: async () => {
      await browser.close();
      rmSync(downloads, { recursive: true, force: true });
    },
  };
}

// No sandbox: it needs privileges that containers do not give. No smooth scrolling, which would have tests wait for it. The
// rest keeps the browser from requests of its own.
const chromiumFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--force-prefers-reduced-motion",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const firefoxPreferences = (downloads: string) => ({
  "ui.prefersReducedMotion": 1,
  "browser.download.folderList": 2,
  "browser.download.dir": downloads,
  "browser.download.useDownloadDir": true,
  "browser.download.alwaysOpenPanel": false,
  "browser.helperApps.neverAsk.saveToDisk": "application/octet-stream,application/json",
});
