/** The section "You": rate films, see what follows from it, take the ratings along or throw them away. */
import type { App, Session } from "../app.js";
import type { Film } from "../data/table.js";
import { offersFor, reasonText } from "../offers.js";
import { fromStars, liked } from "../scale.js";
import { announce, byId, download, h, icon, plural, replace } from "../ui/dom.js";
import { combobox } from "../ui/combobox.js";
import { emptyRow, filmRow, fullTitle } from "../ui/film-row.js";
import { personForm } from "../ui/person-form.js";
import { predicted } from "../ui/predicted.js";
import { rankControls } from "../ui/rank-controls.js";
import { setStars, starControl } from "../ui/stars.js";
import { toast } from "../ui/toast.js";
import { contentFromJson, nothingSaid, Profile, saysSomething, type Content } from "./profile.js";

export interface YouView {
  /** Ratings exported before. Trouble is shown on the page. */
  importFile: (file: File) => Promise<void>;
}

/** Rows of the list of films to rate. */
const offered = 10;

export async function mountYou(app: App): Promise<YouView> {
  const profile = new Profile();
  const problem = byId("you-problem");
  const file = byId<HTMLInputElement>("ratings-file");
  let toRate: Film[] = [];
  let page = 0;
  let request = 0;

  if (!(await profile.restore())) {
    problem.textContent =
      "This browser stores nothing for this page: your ratings last until the tab is closed.";
  }

  combobox({
    input: byId<HTMLInputElement>("film-search"),
    list: byId("film-list"),
    suggest: (typed) =>
      (app.session.value?.films.search(typed, 8) ?? []).map((film) => ({
        film,
        label: film.title,
        note: String(film.year ?? ""),
      })),
    choose: ({ film }) => {
      toRate = [film, ...toRate.filter(({ id }) => id !== film.id)].slice(0, offered);
      showToRate();
      byId("rate-list").querySelector<HTMLInputElement>("input:checked, input")?.focus();
    },
  });
  byId("other-films").addEventListener("click", () => {
    page++;
    offerFilms();
    announce("Other films to rate are listed.");
  });

  const ranking = rankControls(byId("you-ranking"), () => {
    refreshList();
  });
  const about = personForm(byId<HTMLFieldSetElement>("about-you"), (said) => {
    profile.tell(said);
  });

  byId("export-ratings").addEventListener("click", () => {
    download("featherfm-ratings.json", "application/json", profile.toJson());
  });
  byId("import-ratings").addEventListener("click", () => {
    file.click();
  });
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (chosen !== undefined) void importFile(chosen);
  });
  byId("delete-ratings").addEventListener("click", () => {
    const also = saysSomething(profile.about) ? ", and what you said about yourself," : "";
    change(
      { ratings: [], about: nothingSaid },
      `${plural(profile.ratings.length, "rating")}${also} deleted.`,
    );
    byId("own-title").focus();
  });

  profile.content.follow(() => {
    refresh();
  });
  app.session.follow((session, before) => {
    byId<HTMLInputElement>("film-search").disabled = byId<HTMLButtonElement>(
      "other-films",
    ).disabled = session === null;
    if (session !== null && (session.table !== before?.table || session === before)) {
      page = 0;
      offerFilms();
    }
    refresh();
  });

  return { importFile };

  async function importFile(chosen: File): Promise<void> {
    problem.textContent = "";
    try {
      const content = contentFromJson(chosen.name, await chosen.text());
      change(content, `${plural(content.ratings.length, "rating")} imported.`);
    } catch (error) {
      problem.textContent = (error as Error).message;
    }
  }

  /** Replaces what is kept in a way that can be taken back. */
  function change(content: Content, text: string): void {
    const before = profile.content.value;
    profile.replaceAll(content);
    toast(text, {
      run: () => {
        profile.replaceAll(before);
      },
    });
  }

  /** The next films that most people know and that are not rated yet. */
  function offerFilms(): void {
    const films = app.session.value?.films;
    if (films === undefined) return;
    const open = films.byPopularity.filter((film) => profile.starsOf(film) === 0);
    const start = open.length === 0 ? 0 : (page * offered) % open.length;
    toRate = open.slice(start, start + offered);
    showToRate();
  }

  function showToRate(): void {
    replace(
      byId("rate-list"),
      ...toRate.map((film) =>
        filmRow({
          film,
          side: starControl(fullTitle(film), profile.starsOf(film), (stars) => {
            profile.rate(film, stars);
          }),
        }),
      ),
    );
  }

  function refresh(): void {
    const session = app.session.value;
    byId<HTMLButtonElement>("export-ratings").disabled = profile.empty;
    byId<HTMLButtonElement>("delete-ratings").disabled = profile.empty;
    about.show(session, profile.about);
    ranking.show(session?.trained ?? null);
    if (session === null) return;
    byId("rate-list")
      .querySelectorAll("fieldset")
      .forEach((field, k) => {
        if (toRate[k] !== undefined) setStars(field, profile.starsOf(toRate[k]));
      });
    showOwn(session);
    refreshList();
  }

  function refreshList(): void {
    const session = app.session.value;
    if (session === null) return;
    recommend(session).catch((error: unknown) => {
      if (app.session.value === session) problem.textContent = (error as Error).message;
    });
  }

  function showOwn({ films }: Session): void {
    const { here, setAside } = profile.sort(films);
    const list = byId("own-list");
    // A star that is pressed here changes this very list: what stays the same is left alone, with its focus.
    const shape = JSON.stringify([
      here.map(({ film }) => film.id),
      setAside.map(({ title }) => title),
    ]);
    if (list.dataset["shape"] === shape) {
      list.querySelectorAll("fieldset").forEach((field, k) => {
        setStars(field, here[k]?.stars ?? 0);
      });
      return;
    }
    list.dataset["shape"] = shape;
    replace(
      list,
      ...here.map(({ film, stars }, k) =>
        filmRow({
          film,
          side: h(
            "div",
            { class: "own-tools" },
            starControl(fullTitle(film), stars, (changed) => {
              profile.rate(film, changed);
            }),
            removeButton(film, k),
          ),
        }),
      ),
      setAside.length > 0 &&
        h(
          "li",
          { class: "set-aside" },
          h("b", {}, `${setAside.length} set aside: not in this data. `),
          setAside.map(fullTitle).join(", "),
        ),
      here.length + setAside.length === 0 && emptyRow("What you rate is listed here"),
    );
  }

  function removeButton(film: Film, position: number): HTMLButtonElement {
    const remove = () => {
      const ratings = profile.ratings.filter(
        (rating) => app.session.value?.films.match(rating)?.id !== film.id,
      );
      change({ ratings, about: profile.about }, `Your rating of ${film.title} is deleted.`);
      const left = byId("own-list").querySelectorAll<HTMLButtonElement>(".icon-button");
      (left[Math.min(position, left.length - 1)] ?? byId("own-title")).focus();
    };
    const label = `Delete your rating of ${fullTitle(film)}`;
    return h(
      "button",
      { type: "button", class: "icon-button", "aria-label": label, onclick: remove },
      icon("close"),
    );
  }

  async function recommend(session: Session): Promise<void> {
    const mine = ++request;
    const { films, scale, trained } = session;
    const { here } = profile.sort(films);
    const show = (note: string, ...rows: HTMLLIElement[]) => {
      byId("for-you-note").textContent = note;
      replace(byId("for-you"), ...rows);
    };
    if (trained === null) {
      show("", emptyRow("Train a model first"));
      return;
    }
    const features = about.features();
    const said = Object.keys(features);
    if (here.length === 0 && said.length === 0) {
      show("", emptyRow("Rate one film, and ten for you appear here"));
      return;
    }

    const began = performance.now();
    const you = await trained.model.foldInUser(
      here.map(({ film, stars }) => {
        const rating = fromStars(stars, scale);
        const liking = liked(rating, scale) ? 1 : 0;
        return { item: film.id, rating: trained.labels ? liking : rating };
      }),
      said.length > 0 ? { features } : {},
    );
    const candidates = films.byPopularity.filter((film) => films.wellKnown(film));
    const options = {
      n: 10,
      candidates: candidates.map(({ id }) => id),
      ...ranking.options(trained),
    };
    const offers = await offersFor(you, trained, session, options, "you");
    const elapsed = performance.now() - began;
    // Stars can be given faster than answers come back: only the last question is answered.
    if (mine !== request || app.session.value !== session) return;
    show(
      basis(here.length, said.length > 0, elapsed),
      ...offers.map(({ film, score, outlook, reason }) =>
        filmRow({
          film,
          side: predicted(score, trained.predicts, scale, { outlook, best: offers[0]?.score ?? 0 }),
          more: [reasonText(reason)],
          moreLines: 2,
        }),
      ),
    );
  }
}

/** Where the recommendations come from, in a line. */
function basis(ratings: number, said: boolean, elapsed: number): string {
  const from = [
    ...(ratings > 0 ? [plural(ratings, "rating")] : []),
    ...(said ? ["what you said"] : []),
  ];
  const time = `${elapsed.toFixed(elapsed < 10 ? 1 : 0)} ms`;
  return `From ${from.join(" and ")}, in ${time}${said ? "" : ", without training"}`;
}
