/** The section "The ratings": what data is in use, and ways to bring other. */
import type { App, Session } from "../app.js";
import { byId, count, h, plural, replace } from "../ui/dom.js";
import { toast } from "../ui/toast.js";
import { showRating } from "../scale.js";
import type { RatingTable } from "./table.js";

export interface DataView {
  /** A file the visitor brought. Trouble is shown on the page. */
  loadFile: (file: File) => Promise<void>;
  /** MovieLens where the page's own server offers it, else the sample. */
  loadFirst: () => Promise<void>;
}

export function mountData(app: App, afterLoad: () => Promise<void>): DataView {
  const problem = byId("data-problem");
  const file = byId<HTMLInputElement>("data-file");
  const movieLensButton = byId<HTMLButtonElement>("use-movielens");
  let movieLens: RatingTable | null = null;

  const load = async (read: () => Promise<RatingTable>) => {
    problem.textContent = "";
    try {
      const table = await read();
      const first = app.session.value === null;
      await app.useTable(table);
      if (!first)
        toast(`${table.name} is loaded: ${plural(table.ratings.length, "rating")}.`, {
          run: () => {
            app.undo();
          },
        });
    } catch (error) {
      const kept = app.session.value;
      const still = kept === null ? "" : ` ${kept.table.name} stays in use.`;
      problem.textContent = `${(error as Error).message}${still}`;
      return;
    }
    await afterLoad();
  };
  const loadFile = (chosen: File) => load(() => app.reader.file(chosen));

  byId("choose-file").addEventListener("click", () => {
    file.click();
  });
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    // Emptied, so that the same file can be chosen again.
    file.value = "";
    if (chosen !== undefined) void loadFile(chosen);
  });
  byId("use-sample").addEventListener("click", () => void load(() => app.reader.sample()));
  movieLensButton.addEventListener("click", () => {
    const table = movieLens;
    if (table !== null) void load(() => Promise.resolve(table));
  });

  app.session.follow((session, before) => {
    if (session !== null && session.table !== before?.table) describe(session);
  });

  return {
    loadFile,
    async loadFirst() {
      let trouble = "";
      const table = await readLocalMovieLens(app).catch((error: unknown) => {
        trouble = `The local MovieLens could not be read: ${(error as Error).message}`;
        return null;
      });
      movieLens = table;
      movieLensButton.hidden = table === null;
      await load(() => (table === null ? app.reader.sample() : Promise.resolve(table)));
      if (trouble !== "") problem.textContent = trouble;
    },
  };
}

/** The list is empty on a plain web server; the development server puts the files of this machine on it. */
async function readLocalMovieLens(app: App): Promise<RatingTable | null> {
  const { files } = (await (await fetch("local-data.json")).json()) as { files: string[] };
  if (files.length === 0) return null;
  const contents = await Promise.all(
    files.map(async (path): Promise<[string, ArrayBuffer]> => {
      const response = await fetch(path);
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      return [path.slice(path.lastIndexOf("/") + 1), await response.arrayBuffer()];
    }),
  );
  const [[name, bytes] = ["", new ArrayBuffer()], ...others] = contents;
  if (others.length === 0) return app.reader.file(new File([bytes], name));
  return app.reader.folder(contents);
}

function describe({ table, dataset }: Session): void {
  const { userCount, itemCount, interactionCount } = dataset;
  byId("data-name").textContent = table.name;
  byId("data-tag").hidden = table.kind !== "sample";
  byId("data-users").textContent = count(userCount);
  byId("data-items").textContent = count(itemCount);
  byId("data-ratings").textContent = count(interactionCount);
  const density = (100 * interactionCount) / (userCount * itemCount);
  byId("data-density").textContent = `${density < 10 ? density.toFixed(1) : density.toFixed(0)} %`;
  byId("data-note").textContent = note(table, interactionCount);
  replace(byId("histogram"), ...histogram(table.ratings));
}

function note(table: RatingTable, interactionCount: number): string {
  if (table.kind === "sample") {
    return "A synthetic sample from a seeded generator: these people and films do not exist. Bring MovieLens for real ones.";
  }
  const repeated = table.ratings.length - interactionCount;
  const parts: string[] = [];
  if (table.timestamps !== null) {
    const [from, to] = [earliest(table.timestamps), -earliest(table.timestamps.map((t) => -t))];
    // Other numbers than seconds since 1970 say when in some way of their own.
    if (from > 0 && to < 5e9) parts.push(`Rated from ${month(from)} to ${month(to)}.`);
  }
  if (repeated > 0)
    parts.push(`${plural(repeated, "rating")} of a film rated before: the latest counts.`);
  return parts.join(" ");
}

function earliest(times: Float64Array): number {
  return times.reduce((low, time) => Math.min(low, time), Infinity);
}

function month(seconds: number): string {
  const format = { month: "long", year: "numeric", timeZone: "UTC" } as const;
  return new Intl.DateTimeFormat("en", format).format(seconds * 1000);
}

/** A column for every rating that occurs, or ten equal classes where there are more than ten. */
function histogram(ratings: Float32Array): HTMLLIElement[] {
  const byValue = new Map<number, number>();
  for (const rating of ratings) byValue.set(rating, (byValue.get(rating) ?? 0) + 1);
  let classes = [...byValue]
    .sort(([a], [b]) => a - b)
    .map(([value, size]) => ({ label: showRating(value), size }));
  if (classes.length > 10) {
    const low = Math.min(...byValue.keys());
    const width = (Math.max(...byValue.keys()) - low) / 10;
    const sizes = new Array<number>(10).fill(0);
    for (const [value, size] of byValue) {
      const k = Math.min(9, Math.floor((value - low) / width));
      sizes[k] = (sizes[k] ?? 0) + size;
    }
    classes = sizes.map((size, k) => ({ label: showRating(low + k * width), size }));
  }
  const tallest = Math.max(...classes.map(({ size }) => size));
  return classes.map(({ label, size }) => {
    const bar = h("span", { class: "histogram-bar" });
    // 72 of 100: room for the share above and the value below.
    bar.style.setProperty("block-size", `${(72 * size) / tallest}%`);
    const share = `${((100 * size) / ratings.length).toFixed(0)} %`;
    return h(
      "li",
      {},
      h("span", { class: "histogram-share", "aria-hidden": "true" }, share),
      bar,
      h("span", { class: "histogram-value", "aria-hidden": "true" }, label),
      h("span", { class: "unseen" }, `Rating ${label}: ${share}, ${count(size)} times`),
    );
  });
}
