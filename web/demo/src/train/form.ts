/** The training form: reads settings, shows the fields that apply, and says what is wrong with a value where it stands. */
import type { RatingTable } from "../data/table.js";
import { officialSplits } from "../data/official-splits.js";
import { byId, h, replace } from "../ui/dom.js";
import {
  applies,
  defaultSettings,
  tuningFor,
  type Optimizer,
  type Settings,
  type SplitChoice,
} from "./settings.js";

const splitNames: Record<SplitChoice, string> = {
  random: "random ratings",
  user: "random, of each person",
  "leave-last-out": "each person’s latest",
  time: "the latest of all",
  u1: "official split u1",
  u2: "official split u2",
  u3: "official split u3",
  u4: "official split u4",
  u5: "official split u5",
  ua: "official split ua",
  ub: "official split ub",
};

export interface TrainForm {
  /** The settings, or null when a field has a value that will not do; the field is then marked, focused and explained. */
  read: () => Settings | null;
  /** Offers the splits this data set allows. */
  offerSplits: (table: RatingTable) => void;
}

export function trainForm(submit: () => void): TrainForm {
  const form = byId<HTMLFormElement>("train-form");
  const problem = byId("train-problem");
  const control = (name: string) =>
    form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement | RadioNodeList;
  const number = (name: string) => control(name) as HTMLInputElement;

  const write = (settings: Partial<Settings>) => {
    for (const [name, value] of Object.entries(settings))
      (control(name) as { value: string }).value = String(value);
  };
  const current = (): Settings => ({
    optimizer: control("optimizer").value as Optimizer,
    loss: control("loss").value as Settings["loss"],
    factors: number("factors").valueAsNumber,
    epochs: number("epochs").valueAsNumber,
    learningRate: number("learningRate").valueAsNumber,
    regularization: number("regularization").valueAsNumber,
    split: control("split").value as SplitChoice,
    testPercent: number("testPercent").valueAsNumber,
    lastCount: number("lastCount").valueAsNumber,
    seed: number("seed").valueAsNumber,
  });
  const showFields = () => {
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
  };
  const clearMarks = () => {
    for (const input of form.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
  };

  form.addEventListener("change", (event) => {
    const target = event.target as HTMLInputElement;
    // Rates and penalties of one optimizer or loss mean little to another.
    if (target.name === "optimizer" || target.name === "loss") write(tuningFor(current()));
    showFields();
  });
  form.addEventListener("input", () => {
    if (form.querySelector("[aria-invalid]") === null) return;
    clearMarks();
    problem.textContent = "";
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    clearMarks();
    problem.textContent = "";
    write(defaultSettings);
    showFields();
  });

  replace(byId("split"), h("option", { value: "random" }, splitNames.random));
  write(defaultSettings);
  showFields();

  return {
    read() {
      clearMarks();
      const wrong = [...form.querySelectorAll<HTMLInputElement>("input[type=number]")].find(
        (input) => !input.checkValidity(),
      );
      if (wrong === undefined) return current();
      const name = wrong.labels?.[0]?.firstChild?.textContent?.trim() ?? wrong.name;
      const whole = wrong.step === "1" ? "a whole number" : "a number";
      wrong.setAttribute("aria-invalid", "true");
      wrong.setAttribute("aria-describedby", problem.id);
      problem.textContent = `${name} must be ${whole} from ${wrong.min} to ${wrong.max}.`;
      wrong.focus();
      return null;
    },
    offerSplits(table) {
      const choices: SplitChoice[] = ["random", "user"];
      if (table.timestamps !== null) choices.push("leave-last-out", "time");
      if (table.kind === "ml-100k" && table.ratings.length === 100_000)
        choices.push(...officialSplits);
      const select = byId<HTMLSelectElement>("split");
      const chosen = select.value as SplitChoice;
      replace(
        select,
        ...choices.map((choice) => h("option", { value: choice }, splitNames[choice])),
      );
      select.value = choices.includes(chosen) ? chosen : "random";
      showFields();
    },
  };
}
