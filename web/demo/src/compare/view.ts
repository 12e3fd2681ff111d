/** The section "Compare": two models side by side for the same person, and what both of them are worth. */
import type { App, Session } from "../app.js";
import type { Id } from "../data/table.js";
import { type Offer, offersFor, personOf, reasonText } from "../offers.js";
import { rankingFigures, errorFiguresOf, type Figure } from "../train/nature.js";
import type { Contender, Figures, Trained } from "../train/run.js";
import { sameSplit } from "../train/settings.js";
import { byId, h, plural, replace } from "../ui/dom.js";
import { emptyRow, filmRow, heldOutMark } from "../ui/film-row.js";
import { predicted, predictionName } from "../ui/predicted.js";

/** Films in each list. */
const listed = 10;

/** A model that can be chosen. */
interface Candidate {
  /** Tells candidates apart, of one session and the next. */
  key: string;
  title: string;
  /** In the list of models. */
  label: string;
  contender: Contender;
  figures: Figures;
  /** The training whose held-out ratings it was measured on; null for a model from a file. */
  trained: Trained | null;
}

/** `somebodyElse` chooses another person for this section and "Recommend". */
export function mountCompare(app: App, somebodyElse: () => void): void {
  const selects = [
    byId<HTMLSelectElement>("compare-left"),
    byId<HTMLSelectElement>("compare-right"),
  ] as const;
  const problem = byId("compare-problem");
  const numbers = new WeakMap<Trained, number>();
  let models = 0;
  let request = 0;
  /** What the visitor chose to compare with: that stays when another model is trained. */
  let chosen: string | null = null;

  for (const select of selects) select.addEventListener("change", () => void show());
  selects[1].addEventListener("change", () => {
    chosen = selects[1].value;
  });
  byId("compare-person-button").addEventListener("click", somebodyElse);

  app.session.follow((session, before) => {
    if (session?.trained != null && session.trained !== before?.trained) number(session.trained);
    if (session?.table !== before?.table) chosen = null;
    offer(session, session?.trained !== before?.trained);
    void show();
  });
  app.scores.follow(() => {
    // A baseline may have come, and with it something to compare with; else there are figures alone to show.
    const before = selects.map(({ value }) => value).join();
    offer(app.session.value, false);
    if (selects.map(({ value }) => value).join() === before) showFigures(pairOf(app.session.value));
    else void show();
  });
  app.person.follow(() => void show());

  function number(trained: Trained): number {
    const known = numbers.get(trained) ?? ++models;
    numbers.set(trained, known);
    return known;
  }

  function candidatesOf(session: Session | null): Candidate[] {
    if (session?.trained == null) return [];
    const { trained, earlier } = session;
    const own = [trained, ...earlier].map((one, k) => {
      const title = `${number(one)}: ${one.name}`;
      return {
        key: `model-${number(one)}`,
        title,
        label: k === 0 ? `${title} (in use)` : title,
        contender: one,
        figures: app.scoresOf(one).model ?? {},
        trained: one.origin.by === "training" ? one : null,
      };
    });
    const baselines = Object.entries(trained.baselines).map(([name, contender]) => ({
      key: name,
      title: contender.name,
      label: contender.name,
      contender,
      figures: app.scoresOf(trained)[name as keyof typeof trained.baselines] ?? {},
      trained,
    }));
    return [...own, ...baselines];
  }

  /** Fills the two lists of models. A new model in use goes to the left, beside the one before it or else a baseline. */
  function offer(session: Session | null, isNew: boolean): void {
    const candidates = candidatesOf(session);
    const [left, right] = selects.map((select) => select.value);
    for (const select of selects) {
      replace(select, ...candidates.map(({ key, label }) => h("option", { value: key }, label)));
      select.disabled = candidates.length < 2;
    }
    const known = (key: string | null | undefined) => candidates.find((one) => one.key === key);
    const [first] = candidates;
    const second = candidates.find((one) => one !== first && one.key !== "biases") ?? first;
    const stays = !isNew && right !== left;
    selects[0].value = ((!isNew && known(left)) || first)?.key ?? "";
    selects[1].value = (known(chosen) ?? ((stays && known(right)) || second))?.key ?? "";
  }

  function pairOf(session: Session | null): readonly Candidate[] {
    const candidates = candidatesOf(session);
    return selects.flatMap((select) => candidates.find(({ key }) => key === select.value) ?? []);
  }

  async function show(): Promise<void> {
    const [session, person] = [app.session.value, app.person.value];
    const mine = ++request;
    const pair = pairOf(session);
    problem.textContent = "";
    if (session === null || person === null || pair.length < 2) {
      for (const side of sides) replace(byId(`${side}-films`), emptyRow("No model yet"));
      return;
    }
    const note = session.table.people.find(({ id }) => id === person)?.note;
    byId("compare-person").textContent = `Person ${person}${note === undefined ? "" : `: ${note}`}`;
    try {
      const [lists, held] = await Promise.all([
        Promise.all(pair.map(({ contender }) => listFor(contender, session, person))),
        Promise.all(pair.map(({ contender }) => heldOut(contender, session, person))),
      ]);
      if (mine !== request || app.session.value !== session) return;
      showLists(pair, lists, held, session);
      showFigures(pairOf(session));
    } catch (error) {
      if (mine === request && app.session.value === session)
        problem.textContent = (error as Error).message;
    }
  }
}

const sides = ["compare-left", "compare-right"] as const;

function listFor(contender: Contender, session: Session, person: Id): Promise<Offer[]> {
  return offersFor(personOf(contender, person), contender, session, { n: listed }, "they");
}

/** What the person gave the films that were held out. */
async function heldOut(
  { test }: Contender,
  { dataset }: Session,
  person: Id,
): Promise<Map<Id, number>> {
  if (test === null) return new Map();
  const [all, held] = await Promise.all([dataset.ratingsOf(person), test.ratingsOf(person)]);
  const items = new Set(held.map(({ item }) => item));
  return new Map(
    all.flatMap(({ item, rating }) => (items.has(item) ? [[item, rating] as const] : [])),
  );
}

function showLists(
  pair: readonly Candidate[],
  lists: readonly (readonly Offer[])[],
  held: readonly ReadonlyMap<Id, number>[],
  { scale }: Session,
): void {
  const places = lists.map((list) => new Map(list.map(({ film }, k) => [film.id, k + 1])));
  sides.forEach((side, k) => {
    const { contender, title } = pair[k] as Candidate;
    const list = lists[k] ?? [];
    const others = places[1 - k] ?? new Map<Id, number>();
    byId(`${side}-title`).textContent = title;
    byId(`${side}-note`).textContent = predictionName[contender.predicts];
    replace(
      byId(`${side}-films`),
      ...list.map(({ film, score, outlook, reason }) => {
        const place = others.get(film.id);
        const best = list[0]?.score ?? 0;
        const row = filmRow({
          film,
          side: predicted(score, contender.predicts, scale, { outlook, best }),
          more: [
            ...(place === undefined
              ? []
              : [h("b", { class: "in-both" }, `in both, ${ordinal(place)} there`), " "]),
            ...heldOutMark(held[k]?.get(film.id)),
            reasonText(reason),
          ],
          moreLines: 2,
        });
        row.classList.toggle("shared", place !== undefined);
        return row;
      }),
      list.length === 0 && emptyRow("Nothing to recommend"),
    );
  });
  const shared = [...(places[0]?.keys() ?? [])].filter((id) => places[1]?.has(id)).length;
  byId("compare-shared").textContent =
    shared === 0 ? "No film is in both lists" : `${plural(shared, "film")} in both lists`;
}

/** "1st", "2nd", "3rd", "4th". */
function ordinal(place: number): string {
  return `${place}${["st", "nd", "rd"][place - 1] ?? "th"}`;
}

/** A row for each figure: those that both have, and those of one alone. */
function showFigures([left, right]: readonly Candidate[]): void {
  if (left === undefined || right === undefined) return;
  const figures = [...errorFiguresOf({ ...left.contender, ranks: false }), ...rankingFigures];
  replace(byId("compare-figures"), ...figures.map((figure) => figureRow(figure, left, right)));
  byId("compare-figures-note").textContent = comparability(left, right);
}

function figureRow(
  { metric, name, better }: Figure,
  left: Candidate,
  right: Candidate,
): HTMLElement {
  const values = [left, right].map(({ figures }) => figures[metric]);
  const known = values.filter((value) => value !== undefined);
  const best = better === "low" ? Math.min(...known) : Math.max(...known);
  const decided = known.length === 2 && known[0] !== known[1];
  const cells = values.map((value) => {
    const shown = value === undefined ? "–" : value.toFixed(3);
    return h(
      "td",
      {},
      decided && value === best
        ? h("b", {}, shown, h("span", { class: "unseen" }, " (better)"))
        : shown,
    );
  });
  return h("tr", {}, h("th", { scope: "row" }, name), ...cells);
}

/** Whether the figures of the two say the same of both. */
function comparability(left: Candidate, right: Candidate): string {
  const [a, b] = [left.trained, right.trained];
  if (a?.origin.by !== "training" || b?.origin.by !== "training")
    return "A model from a file brings no figures";
  if (!sameSplit(a.origin.settings, b.origin.settings))
    return "Measured on different held-out ratings: not to be compared";
  return left.contender.labels === right.contender.labels
    ? "On the same held-out ratings"
    : "On the same held-out ratings, of which one model sees likes only";
}
