/** The section "Recommend": a person of the data set, what they rated, what the model offers, and what is like it. */
import type { App, Session } from "../app.js";
import type { Film, Id } from "../data/table.js";
import { type Offer, offersFor, personOf, reasonText } from "../offers.js";
import { showRating, toStars } from "../scale.js";
import { knowsTastes, type Trained } from "../train/run.js";
import { announce, byId, h, plural, replace } from "../ui/dom.js";
import { combobox } from "../ui/combobox.js";
import { emptyRow, filmRow, fullTitle, heldOutMark } from "../ui/film-row.js";
import { meter } from "../ui/meter.js";
import { predicted, predictionName } from "../ui/predicted.js";
import { rankControls } from "../ui/rank-controls.js";
import { starRow } from "../ui/stars.js";

export interface RecommendView {
  /** Shows the neighbours of a film; other sections offer it for theirs. */
  showSimilar: (film: Film) => Promise<void>;
  /** Chooses another person at random. */
  somebodyElse: () => void;
}

export function mountRecommend(app: App): RecommendView {
  const search = byId<HTMLInputElement>("person-search");
  const random = byId<HTMLButtonElement>("random-person");
  const problem = byId("recommend-problem");
  let people: Id[] = [];
  let notes = new Map<Id, string>();
  let person: Id | null = null;
  let picked: Film | null = null;
  let request = 0;

  const ranking = rankControls(byId("recommend-ranking"), () => {
    if (person !== null) void choose(person);
  });
  combobox({
    input: search,
    list: byId("person-list"),
    suggest: (typed) => {
      const wanted = typed.toLowerCase();
      const matches = people.filter(
        (id) => String(id).toLowerCase().startsWith(wanted) || notes.get(id)?.includes(wanted),
      );
      // The whole number before those that only begin with it.
      matches.sort((a, b) => Number(String(b) === typed) - Number(String(a) === typed));
      return matches
        .slice(0, 8)
        .map((id) => ({ id, label: String(id), note: notes.get(id) ?? "" }));
    },
    choose: ({ id }) => void choose(id),
  });
  const somebodyElse = () => {
    const others = people.filter((id) => id !== person);
    const next = others[Math.floor(Math.random() * others.length)];
    if (next !== undefined) void choose(next);
  };
  random.addEventListener("click", somebodyElse);

  app.session.follow((session, before) => void follow(session, before));

  async function follow(session: Session | null, before: Session | null): Promise<void> {
    search.disabled = random.disabled = session?.trained == null;
    ranking.show(session?.trained ?? null);
    if (session === null) return;
    if (session.table !== before?.table) {
      people = await session.dataset.userIds();
      if (app.session.value?.table !== session.table) return;
      notes = new Map(session.table.people.map((one) => [one.id, one.note]));
      search.placeholder = notes.size > 0 ? "Number or occupation" : "Number or name";
      person = people[0] ?? null;
      picked = null;
    }
    if (person !== null) await choose(person);
  }

  async function choose(id: Id): Promise<void> {
    const session = app.session.value;
    if (session === null) return;
    person = id;
    if (app.person.value !== id) app.person.set(id);
    problem.textContent = "";
    try {
      await show(session, id);
    } catch (error) {
      // A session that was replaced meanwhile may have been closed, and is not of interest any more.
      if (app.session.value === session) problem.textContent = (error as Error).message;
    }
  }

  async function show(session: Session, id: Id): Promise<void> {
    const { dataset, films, scale, trained } = session;
    const mine = ++request;
    const [ratings, held, offers] = await Promise.all([
      dataset.ratingsOf(id),
      trained?.test?.ratingsOf(id) ?? [],
      trained === null ? [] : listFor(trained, session, id),
    ]);
    // A slider moves faster than answers come back: only the last question is answered.
    if (app.session.value !== session || mine !== request) return;
    const heldItems = new Set(held.map(({ item }) => item));
    const heldOut = new Map(
      ratings.flatMap(({ item, rating }) => (heldItems.has(item) ? [[item, rating]] : [])),
    );
    const note = notes.get(id);
    byId("person").textContent = `Person ${id}${note === undefined ? "" : `: ${note}`}`;
    byId("rated-note").textContent =
      `${plural(ratings.length, "film")} rated` +
      (heldOut.size > 0 ? `, ${heldOut.size} of them held out` : "");

    const favourites = ratings
      .map(({ item, rating }) => ({ film: films.get(item), rating }))
      .sort((a, b) => b.rating - a.rating || films.ratingsOf(b.film) - films.ratingsOf(a.film));
    replace(
      byId("rated"),
      ...favourites.slice(0, 10).map(({ film, rating }) =>
        filmRow({
          film,
          side: starRow(toStars(rating, scale), showRating(rating), `rated ${showRating(rating)}`),
          pick: pickable(film),
          ...(heldOut.has(film.id)
            ? { more: [h("b", {}, "held out"), ` ${film.genres.slice(0, 2).join(", ")}`] }
            : {}),
        }),
      ),
    );

    const known = offers.filter(({ film }) => heldOut.has(film.id)).length;
    const predicts = trained?.predicts ?? "rating";
    const best = offers[0]?.score ?? 0;
    byId("recommended-note").textContent =
      predictionName[predicts] + (known > 0 ? `; ${known} of them held out` : "");
    replace(
      byId("recommended"),
      ...offers.map(({ film, score, outlook, reason }) =>
        filmRow({
          film,
          side: predicted(score, predicts, scale, { outlook, best }),
          pick: pickable(film),
          more: [...heldOutMark(heldOut.get(film.id)), reasonText(reason)],
          moreLines: 2,
        }),
      ),
      trained === null && emptyRow("No model yet"),
    );
    if (trained === null) replace(byId("similar"), emptyRow("No model yet"));
    else await showSimilar(picked ?? favourites[0]?.film ?? films.byPopularity[0]);
  }

  function listFor(trained: Trained, session: Session, id: Id): Promise<Offer[]> {
    const options = { n: 10, ...ranking.options(trained) };
    return offersFor(personOf(trained, id), trained, session, options, "they");
  }

  function pickable(film: Film): { label: string; run: () => void } {
    return {
      label: "More like",
      run: () => {
        picked = film;
        void showSimilar(film).then(() => {
          announce(`Films like ${film.title} are listed.`);
        });
      },
    };
  }

  async function showSimilar(film: Film | undefined): Promise<void> {
    const session = app.session.value;
    if (session?.trained == null || film === undefined) return;
    const { films, trained } = session;
    const list = byId("similar");
    const hadFocus = list.contains(document.activeElement);
    const title = byId("similar-title");
    title.textContent = `More like ${film.title}`;
    title.title = fullTitle(film);
    if (!knowsTastes(trained)) {
      replace(list, emptyRow("A model without factors knows no likeness"));
      return;
    }
    const all = await trained.model.similarItems(film.id, { n: trained.model.itemCount });
    if (app.session.value !== session) return;
    const neighbours = all
      .map(({ item, score }) => ({ neighbour: films.get(item), score }))
      .filter(({ neighbour }) => films.wellKnown(neighbour))
      .slice(0, 10);
    byId("similar-note").textContent =
      films.wellKnownFrom > 1
        ? `Closest in taste, of films with ${films.wellKnownFrom} ratings or more`
        : "Closest in taste";
    replace(
      list,
      ...neighbours.map(({ neighbour, score }) =>
        filmRow({
          film: neighbour,
          side: meter(score, score.toFixed(2)),
          pick: pickable(neighbour),
        }),
      ),
    );
    // The button that was pressed is gone from the list it stood in.
    if (hadFocus) title.focus();
  }

  return { showSimilar, somebodyElse };
}
