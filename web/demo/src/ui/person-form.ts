/** Age, gender and occupation of somebody: three lists, of which those count that the model in use has learned from. */
import type { FeatureRecord } from "featherfm";
import type { Session } from "../app.js";
import { ageBrackets, bracketOf } from "../data/ages.js";
import type { Person } from "../data/table.js";
import type { About } from "../you/profile.js";
import { h, replace } from "./dom.js";

export interface PersonForm {
  /** Offers what occurs in this data, with these values chosen; what the model has not learned from is disabled. */
  show: (session: Session | null, about: About) => void;
  /** What is said and counts, as the model takes it. */
  features: () => FeatureRecord;
}

const names = ["age", "gender", "occupation"] as const;

/** Around three selects with these names. `tell` hears of every change by the visitor. */
export function personForm(place: HTMLFieldSetElement, tell: (about: About) => void): PersonForm {
  const select = (name: (typeof names)[number]) =>
    place.elements.namedItem(name) as HTMLSelectElement;
  let offered: readonly Person[] | null = null;
  let shown = "";

  place.addEventListener("change", () => {
    tell({
      age: select("age").value === "" ? null : Number(select("age").value),
      gender: select("gender").value || null,
      occupation: select("occupation").value || null,
    });
  });

  return {
    show(session, about) {
      const fields = session?.trained?.fields ?? [];
      for (const name of names) {
        select(name).disabled = !fields.some((field) => field.name === name);
      }
      const people = session?.table.people ?? [];
      const key = JSON.stringify(about);
      if (people === offered && key === shown) return;
      [offered, shown] = [people, key];
      offer(
        select("age"),
        ageOptions(),
        about.age === null ? "" : String(bracketOf(about.age).from),
      );
      for (const name of ["gender", "occupation"] as const) {
        const values = [...new Set(people.map((person) => person[name]))];
        const known = values.filter((value) => value !== null).sort();
        offer(
          select(name),
          known.map((value) => [value, value]),
          about[name] ?? "",
        );
      }
    },
    features() {
      const said = names.flatMap((name) => {
        const { disabled, value, selectedOptions } = select(name);
        const counts =
          !disabled && value !== "" && selectedOptions[0]?.dataset["foreign"] === undefined;
        return counts ? [[name, name === "age" ? Number(value) : value] as const] : [];
      });
      return Object.fromEntries(said);
    },
  };
}

const ageOptions = () =>
  ageBrackets.map(({ from, label }): [string, string] => [String(from), label]);

/** A value that does not occur in the data stays, and is marked: it was said beside other data. */
function offer(
  select: HTMLSelectElement,
  options: [value: string, label: string][],
  value: string,
): void {
  const foreign = value !== "" && !options.some(([known]) => known === value);
  replace(
    select,
    h("option", { value: "" }, "not said"),
    ...options.map(([known, label]) => h("option", { value: known }, label)),
    foreign && h("option", { value, "data-foreign": true }, `${value} (not in this data)`),
  );
  select.value = value;
}
