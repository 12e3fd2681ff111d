/** The section "Newcomers": somebody without ratings and a film that nobody has seen, known by their features alone. */
import type { FeatureRecord } from "featherfm";
import type { App, Session } from "../app.js";
import type { Film } from "../data/table.js";
import { announce, byId, h, replace } from "../ui/dom.js";
import { emptyRow, filmRow } from "../ui/film-row.js";
import { meter } from "../ui/meter.js";
import { personForm } from "../ui/person-form.js";
import { personRow } from "../ui/person-row.js";
import { predicted, predictionName } from "../ui/predicted.js";
import { nothingSaid, type About } from "../you/profile.js";
import type { Trained } from "../train/run.js";

/** Rows of each list. */
const listed = 5;
const genreNames = ["genre-1", "genre-2", "genre-3"] as const;

export function mountNewcomers(app: App, trainMachine: () => Promise<void>): void {
  const problem = byId("newcomers-problem");
  const filmForm = byId<HTMLFieldSetElement>("made-up-film");
  const control = (name: string) =>
    filmForm.elements.namedItem(name) as HTMLSelectElement | HTMLInputElement;
  const trainButton = byId<HTMLButtonElement>("train-machine");
  let about: About = nothingSaid;
  let request = 0;

  const viewer = personForm(byId<HTMLFieldSetElement>("made-up-viewer"), (said) => {
    about = said;
    void show().then(() => {
      announce("The films recommended follow.");
    });
  });
  filmForm.addEventListener("input", () => {
    void show().then(() => {
      announce("The films like it and the people for it follow.");
    });
  });
  trainButton.addEventListener("click", () => void trainMachine());

  app.run.follow((run) => {
    trainButton.disabled = app.session.value === null || run !== null;
  });
  app.session.follow((session, before) => {
    trainButton.disabled = session === null || app.run.value !== null;
    if (session !== null && session.table !== before?.table) {
      offerGenres(session);
      about = firstPerson(session);
    }
    viewer.show(session, about);
    const fields = session?.trained?.fields ?? [];
    const has = (name: string) => fields.some((field) => field.name === name);
    for (const name of genreNames) control(name).disabled = !has("genres");
    control("year").disabled = !has("year");
    void show();
  });

  async function show(): Promise<void> {
    const session = app.session.value;
    const mine = ++request;
    // Choices can be made faster than answers come back: only the last one is answered.
    const isCurrent = () => mine === request && app.session.value === session;
    problem.textContent = "";
    try {
      await Promise.all([showViewer(session, isCurrent), showFilm(session, isCurrent)]);
    } catch (error) {
      if (isCurrent()) problem.textContent = (error as Error).message;
    }
  }

  async function showViewer(session: Session | null, isCurrent: () => boolean): Promise<void> {
    const trained = session?.trained ?? null;
    const features = viewer.features();
    if (session === null || trained === null || !knows(trained, "age", "gender", "occupation")) {
      byId("viewer-note").textContent = "";
      replace(
        byId("viewer-films"),
        emptyRow(missing(session, "people", "age, gender or occupation")),
      );
      return;
    }
    const { films, scale } = session;
    const { model, predicts } = trained;
    const said = Object.keys(features).length > 0;
    const candidates = wellKnownIds(session);
    const [somebody, nobody] = await Promise.all([
      model.foldInUser([], { features }),
      model.foldInUser([]),
    ]);
    const offers = await somebody.recommend({ n: listed, candidates });
    const plain = await nobody.predict(offers.map(({ item }) => item));
    if (!isCurrent()) return;
    byId("viewer-note").textContent = predictionName[predicts];
    replace(
      byId("viewer-films"),
      ...offers.map(({ item, score }, k) => {
        const more = score - (plain[k] ?? score);
        const size = Math.abs(more);
        const amount =
          predicts === "liking" ? `${(100 * size).toFixed(0)} points` : size.toFixed(2);
        return filmRow({
          film: films.get(item),
          side: predicted(score, predicts, scale, { best: offers[0]?.score ?? 0 }),
          ...(said && { more: [`${amount} ${more < 0 ? "less" : "more"} than for anybody`] }),
        });
      }),
    );
  }

  async function showFilm(session: Session | null, isCurrent: () => boolean): Promise<void> {
    const trained = session?.trained ?? null;
    if (session === null || trained === null || !knows(trained, "genres", "year")) {
      const words = missing(session, "films", "genres or year");
      for (const list of ["film-similar", "film-people"]) replace(byId(list), emptyRow(words));
      byId("film-people-note").textContent = "";
      return;
    }
    const { films, scale, table } = session;
    const { model, predicts } = trained;
    const film = await model.foldInItem(filmFeatures());
    const [similar, people] = await Promise.all([
      model.factors === 0 ? null : film.similarItems({ n: model.itemCount }),
      film.topUsers({ n: listed }),
    ]);
    if (!isCurrent()) return;
    const neighbours = (similar ?? [])
      .map(({ item, score }) => ({ neighbour: films.get(item), score }))
      .filter(({ neighbour }) => films.wellKnown(neighbour))
      .slice(0, listed);
    replace(
      byId("film-similar"),
      ...neighbours.map(({ neighbour, score }) =>
        filmRow({ film: neighbour, side: meter(score, score.toFixed(2)) }),
      ),
      similar === null && emptyRow("A model without factors knows no likeness"),
    );
    byId("film-people-note").textContent = predictionName[predicts];
    const notes = new Map(table.people.map(({ id, note }) => [id, note]));
    replace(
      byId("film-people"),
      ...people.map(({ user, score }) =>
        personRow(
          user,
          notes.get(user) ?? "",
          predicted(score, predicts, scale, { best: people[0]?.score ?? 0 }),
        ),
      ),
    );
  }

  /** What is chosen of the film, of the fields that the model has. */
  function filmFeatures(): FeatureRecord {
    const chosen = genreNames.map((name) => control(name));
    const genres = [
      ...new Set(
        chosen.flatMap(({ disabled, value }) => (disabled || value === "" ? [] : [value])),
      ),
    ];
    const year = control("year") as HTMLInputElement;
    return {
      ...(genres.length > 0 && { genres }),
      ...(!year.disabled && Number.isFinite(year.valueAsNumber) && { year: year.valueAsNumber }),
    };
  }

  /** The genres of this data, beginning with those of the film that most people know. */
  function offerGenres({ films, table }: Session): void {
    const genres = [...new Set(table.films.flatMap((film) => film.genres))].sort();
    const [example] = films.byPopularity;
    genreNames.forEach((name, k) => {
      const select = control(name);
      replace(
        select,
        h("option", { value: "" }, "–"),
        ...genres.map((genre) => h("option", { value: genre }, genre)),
      );
      select.value = example?.genres[k] ?? "";
    });
    control("year").value = String(latestYear(table.films));
  }
}

/** Somebody to begin with, like a person of the data, so that the lists show something at once. */
function firstPerson({ table }: Session): About {
  const { age, gender, occupation } = table.people[0] ?? nothingSaid;
  return { age, gender, occupation };
}

function latestYear(films: readonly Film[]): number | "" {
  const latest = films.reduce((last, { year }) => Math.max(last, year ?? 0), 0);
  return latest === 0 ? "" : latest;
}

function knows({ fields }: Trained, ...names: string[]): boolean {
  return fields.some(({ name }) => names.includes(name));
}

function wellKnownIds({ films }: Session) {
  return films.byPopularity.filter((film) => films.wellKnown(film)).map(({ id }) => id);
}

/** Why there is nothing to show, and how to get it. */
function missing(session: Session | null, whom: "people" | "films", what: string): string {
  if (session === null) return "No data yet";
  const { people, films } = session.table;
  const known =
    whom === "people"
      ? people.some(({ age, gender, occupation }) => (age ?? gender ?? occupation) !== null)
      : films.some(({ genres, year }) => genres.length > 0 || year !== null);
  return known
    ? `Train a factorization machine that learns from ${what}`
    : `This data says nothing about ${whom}`;
}
