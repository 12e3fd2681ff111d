/** The training form: reads settings, shows the fields that apply, and says what is wrong with a value where it stands. */
import type { RatingTable } from "../data/table.js";
import { officialSplits } from "../data/official-splits.js";
import { byId, h, replace } from "../ui/dom.js";
import { Signal } from "../ui/signal.js";
import { trainControls } from "./controls.js";
import { fieldLabels, offeredFields, type FieldName } from "./fields.js";
import {
  type Choice,
  choiceNames,
  defaultsOf,
  hasFields,
  isBayesian,
  takesField,
  tuningFor,
} from "./models.js";
import {
  applies,
  defaultSettings,
  splitNames,
  type Settings,
  type SplitChoice,
} from "./settings.js";

export interface TrainForm {
  /** The kind of model and of training that is chosen. */
  choice: Signal<Choice>;
  /** The settings, or null when a field has a value that will not do; the field is then marked, focused and explained. */
  read: () => Settings | null;
  /** Offers the splits and the fields this data set allows. */
  offer: (table: RatingTable) => void;
  /** Sets the form to a kind of model with its defaults. */
  choose: (model: Choice["model"]) => void;
  /** Sets what is given, and leaves the rest. */
  write: (settings: Partial<Settings>) => void;
}

export function trainForm(submit: () => void): TrainForm {
  const form = byId<HTMLFormElement>("train-form");
  form.querySelector(".preset")?.after(...trainControls());
  const problem = byId("train-problem");
  const fieldChoice = byId("field-choice");
  const choice = new Signal<Choice>(defaultSettings);

  const control = (name: string) =>
    form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement | RadioNodeList;
  const fieldBoxes = () => [...fieldChoice.querySelectorAll("input")];

  const write = ({ fields, ...others }: Partial<Settings>) => {
    for (const [name, value] of Object.entries(others))
      (control(name) as { value: string }).value = String(value);
    if (fields === undefined) return;
    for (const box of fieldBoxes()) box.checked = fields.includes(box.value as FieldName);
  };
  /** What the form says, of controls that do not apply as well. */
  const current = (): Settings => {
    const names = Object.keys(defaultSettings).filter((name) => name !== "fields");
    const values = names.map((name) => {
      const one = control(name);
      const isNumber = one instanceof HTMLInputElement && one.type === "number";
      return [name, isNumber ? one.valueAsNumber : one.value];
    });
    const settings = Object.fromEntries(values) as Settings;
    const checked = fieldBoxes().filter((box) => box.checked);
    const fields = checked.map(({ value }) => value as FieldName);
    return { ...settings, fields: fields.filter((name) => takesField(name, settings)) };
  };
  const showFields = () => {
    // Only a Bayesian machine tells how probable each star is.
    const perStar = form.querySelector<HTMLInputElement>("[name=task][value=ordinal]");
    const offersPerStar = isBayesian(current());
    perStar?.parentElement?.toggleAttribute("hidden", !offersPerStar);
    if (perStar?.checked === true && !offersPerStar) write({ task: "regression" });
    const settings = current();
    for (const field of form.querySelectorAll<HTMLElement>("[data-field]")) {
      const shown = applies(field.dataset["field"] as keyof Settings, settings);
      field.hidden = !shown;
      // Disabled controls take no part in validation.
      for (const input of field.querySelectorAll<HTMLInputElement | HTMLSelectElement>(
        "input, select",
      ))
        input.disabled = !shown;
    }
    for (const box of fieldBoxes()) box.disabled = !takesField(box.value as FieldName, settings);
    const next = Object.fromEntries(
      choiceNames.map((name) => [name, settings[name]]),
    ) as unknown as Choice;
    if (JSON.stringify(next) !== JSON.stringify(choice.value)) choice.set(next);
  };
  const clearMarks = () => {
    problem.textContent = "";
    for (const input of form.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
  };
  const mark = (input: HTMLInputElement, message: string) => {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", problem.id);
    problem.textContent = message;
    input.focus();
  };

  form.addEventListener("change", (event) => {
    const target = event.target as HTMLInputElement;
    if (target.name === "fields") return;
    // Rates and penalties of one algorithm or loss mean little to another.
    if (target.name === "model") write(defaultsOf(current().model));
    if ((choiceNames as readonly string[]).includes(target.name)) write(tuningFor(current()));
    showFields();
  });
  form.addEventListener("input", () => {
    if (form.querySelector("[aria-invalid]") !== null) clearMarks();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    clearMarks();
    const { model } = choice.value;
    write({ ...defaultSettings, ...defaultsOf(model), model });
    write(tuningFor(current()));
    showFields();
  });

  replace(byId("split"), h("option", { value: "random" }, splitNames.random));
  write(defaultSettings);
  showFields();

  return {
    choice,
    read() {
      clearMarks();
      const settings = current();
      const wrong = [...form.querySelectorAll<HTMLInputElement>("input[type=number]")].find(
        (input) => !input.checkValidity(),
      );
      if (wrong !== undefined) {
        const name = wrong.labels?.[0]?.firstChild?.textContent?.trim() ?? wrong.name;
        const whole = wrong.step === "1" ? "a whole number" : "a number";
        mark(wrong, `${name} must be ${whole} from ${wrong.min} to ${wrong.max}.`);
        return null;
      }
      const [firstBox] = fieldBoxes();
      if (hasFields(settings) && settings.fields.length === 0 && firstBox !== undefined) {
        mark(firstBox, "Choose at least one field to learn from.");
        return null;
      }
      return settings;
    },
    offer(table) {
      const splits: SplitChoice[] = ["random", "user"];
      if (table.timestamps !== null) splits.push("leave-last-out", "time");
      if (table.kind === "ml-100k" && table.ratings.length === 100_000)
        splits.push(...officialSplits);
      const select = byId<HTMLSelectElement>("split");
      const chosen = select.value as SplitChoice;
      replace(select, ...splits.map((split) => h("option", { value: split }, splitNames[split])));
      select.value = splits.includes(chosen) ? chosen : "random";
      offerFields(table);
      showFields();
    },
    choose(wanted) {
      if (choice.value.model === wanted) return;
      write({ model: wanted, ...defaultsOf(wanted) });
      write(tuningFor(current()));
      showFields();
    },
    write(settings) {
      clearMarks();
      write(settings);
      showFields();
    },
  };

  /** What was chosen or left out before stays so; fields that are new here are as by default. */
  function offerFields(table: RatingTable): void {
    const before = new Map(fieldBoxes().map((box) => [box.value, box.checked]));
    const boxes = offeredFields(table).map((name) => {
      const box = h("input", { type: "checkbox", name: "fields", value: name });
      box.checked = before.get(name) ?? defaultSettings.fields.includes(name);
      return h("label", {}, box, fieldLabels[name]);
    });
    replace(fieldChoice, ...boxes);
  }
}
