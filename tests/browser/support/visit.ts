/** One visitor's tab, with a record of what it requested and of everything that went wrong in it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ElementHandle, Page } from "puppeteer-core";
import { expect } from "vitest";
import type { Launched } from "./browsers.js";

export interface VisitOptions {
  width?: number;
  height?: number;
  scheme?: "light" | "dark";
  /** Runs in the page before its own scripts. */
  before?: () => void;
}

export class Visit {
  readonly requests: string[] = [];
  readonly problems: string[] = [];
  readonly #tolerated: string[] = [];
  readonly #uploads = mkdtempSync(join(tmpdir(), "featherfm-uploads-"));

  private constructor(
    readonly page: Page,
    private readonly end: () => Promise<void>,
  ) {}

  /** Opens the page in a storage of its own and waits until data is loaded and the first model trained and measured. */
  static async start(
    { browser, name, downloads }: Launched,
    url: string,
    options: VisitOptions = {},
  ): Promise<Visit> {
    // Firefox takes the folder from its preferences.
    const context = await browser.createBrowserContext(
      name === "chromium" ? { downloadBehavior: { policy: "allow", downloadPath: downloads } } : {},
    );
    const page = await context.newPage();
    const visit = new Visit(page, () => context.close());
    page.on("request", (request) => visit.requests.push(request.url()));
    page.on("pageerror", (error) =>
      visit.problems.push(error instanceof Error ? error.message : String(error)),
    );
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warn")
        visit.problems.push(message.text());
    });
    await page.setViewport({ width: options.width ?? 1280, height: options.height ?? 900 });
    if (options.scheme !== undefined) await visit.chooseScheme(options.scheme);
    if (options.before !== undefined) await page.evaluateOnNewDocument(options.before);
    await page.goto(url);
    await visit.untilReady();
    return visit;
  }

  /** Ends the visit; whatever the page complained about on the way fails the test. */
  async close(): Promise<void> {
    await this.end();
    rmSync(this.#uploads, { recursive: true, force: true });
    const tolerated = (problem: string) => this.#tolerated.some((part) => problem.includes(part));
    expect(this.problems.filter((problem) => !tolerated(problem))).toEqual([]);
  }

  /** A complaint with these words in it is part of the test. */
  tolerate(words: string): void {
    this.#tolerated.push(words);
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.untilReady();
  }

  async untilReady(): Promise<void> {
    try {
      await this.page.waitForSelector("html[data-ready]");
    } catch (cause) {
      const told = await this.texts("#result-what, .problem");
      throw new Error(`The page did not get ready: ${[...told, ...this.problems].join(" ")}`, {
        cause,
      });
    }
    await this.untilMeasured();
  }

  /** The last of the figures are those of the popularity baseline. */
  async untilMeasured(): Promise<void> {
    await this.page.waitForFunction(() => {
      const cells = document.querySelectorAll(".figures tr[data-row=popularity] td");
      return (
        /\d/.test(cells[3]?.textContent ?? "") &&
        !document.querySelector<HTMLButtonElement>("#train-button")?.disabled
      );
    });
  }

  async chooseScheme(scheme: "light" | "dark"): Promise<void> {
    // The theme button's memory works in both browsers; emulated media features are Chromium's only.
    await this.page.evaluateOnNewDocument((value) => {
      localStorage.setItem("featherfm-theme", value);
    }, scheme);
  }

  text(selector: string): Promise<string> {
    return this.page.$eval(selector, (element) => element.textContent.replace(/\s+/g, " ").trim());
  }

  texts(selector: string): Promise<string[]> {
    return this.page.$$eval(selector, (elements) =>
      elements.map((element) => element.textContent.replace(/\s+/g, " ").trim()),
    );
  }

  /** Waits until the text of an element matches, and returns it. */
  async untilText(selector: string, pattern: RegExp): Promise<string> {
    await this.page.waitForFunction(
      (where, source, flags) =>
        new RegExp(source, flags).test(document.querySelector(where)?.textContent ?? ""),
      {},
      selector,
      pattern.source,
      pattern.flags,
    );
    return this.text(selector);
  }

  /** Clicks without moving a mouse: headers that stick to the top cannot come in between. */
  async press(selector: string): Promise<void> {
    await this.page.$eval(selector, (element) => {
      (element as HTMLElement).click();
    });
  }

  /** Types into a field of the training form, with the events that a person's typing causes. */
  async fill(name: string, value: string | number): Promise<void> {
    await this.page.$eval(
      `#train-form [name="${name}"]`,
      (element, text) => {
        const field = element as HTMLInputElement;
        field.value = text;
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.dispatchEvent(new Event("change", { bubbles: true }));
      },
      String(value),
    );
  }

  async train(): Promise<void> {
    await this.page.evaluate(async () => {
      const button = document.querySelector<HTMLButtonElement>("#train-button");
      button?.click();
      while (button?.disabled) await new Promise(requestAnimationFrame);
    });
    await this.untilMeasured();
  }

  /** Trains a factorization machine with what the form says otherwise. */
  async trainMachine(): Promise<void> {
    await this.press("#train-form [name=model][value=fm]");
    await this.train();
  }

  /** Chooses in a list, with the events that a person causes. */
  async choose(list: string, value: string): Promise<void> {
    await this.page.select(list, value);
  }

  /** Rates the film in a row of the list to rate. */
  async rate(row: number, stars: number): Promise<void> {
    await this.press(`#rate-list li:nth-child(${row}) input[value="${stars}"]`);
  }

  /** Hands a file to one of the page's file fields. */
  async upload(
    field: "data-file" | "model-file" | "ratings-file",
    name: string,
    content: Uint8Array | string,
  ): Promise<void> {
    const file = join(this.#uploads, name);
    writeFileSync(file, content);
    const input = (await this.page.$(`#${field}`)) as ElementHandle<HTMLInputElement>;
    await input.uploadFile(file);
  }

  /** Drops a text file onto the page. */
  async drop(name: string, content: string): Promise<void> {
    await this.page.evaluate(
      (fileName, text) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([text], fileName));
        for (const type of ["dragover", "drop"]) {
          document.body.dispatchEvent(
            new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }),
          );
        }
      },
      name,
      content,
    );
  }
}

/** The file that the browser has downloaded, when it is complete. */
export async function downloaded(folder: string, name: string): Promise<Uint8Array> {
  const file = join(folder, name);
  await expect
    .poll(() => existsSync(file) && !existsSync(`${file}.part`) && readFileSync(file).length > 0, {
      timeout: 20_000,
    })
    .toBe(true);
  const content = new Uint8Array(readFileSync(file));
  rmSync(file);
  return content;
}
