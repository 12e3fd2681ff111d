/** A text field with suggestions, after the "combobox with list autocomplete" pattern of the ARIA Authoring Practices. */
import { h, replace } from "./dom.js";

export interface Suggestion {
  label: string;
  /** Smaller, behind the label. */
  note?: string;
}

export interface ComboboxOptions<T extends Suggestion> {
  input: HTMLInputElement;
  list: HTMLElement;
  suggest: (typed: string) => T[];
  choose: (suggestion: T) => void;
}

export function combobox<T extends Suggestion>({
  input,
  list,
  suggest,
  choose,
}: ComboboxOptions<T>): void {
  let suggestions: T[] = [];
  let active = -1;

  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  };

  const activate = (next: number) => {
    active = next;
    [...list.children].forEach((option, k) => {
      option.setAttribute("aria-selected", String(k === active));
    });
    const option = list.children[active];
    if (option === undefined) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };

  const take = (suggestion: T | undefined) => {
    close();
    if (suggestion === undefined) return;
    input.value = "";
    choose(suggestion);
  };

  const open = () => {
    suggestions = suggest(input.value.trim());
    if (suggestions.length === 0 && input.value.trim() === "") {
      close();
      return;
    }
    replace(
      list,
      ...suggestions.map((suggestion, k) =>
        h(
          "li",
          {
            id: `${list.id}-${k}`,
            role: "option",
            "aria-selected": "false",
            onclick: () => {
              take(suggestion);
            },
          },
          h("span", {}, suggestion.label),
          suggestion.note !== undefined && h("span", { class: "option-note" }, suggestion.note),
        ),
      ),
      suggestions.length === 0 &&
        h("li", { class: "option-none", role: "option", "aria-disabled": "true" }, "Nothing found"),
    );
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    activate(-1);
  };

  input.addEventListener("input", open);
  input.addEventListener("blur", close);
  // The field must keep the focus while an option is clicked, or it would close before the click arrives.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
  });
  input.addEventListener("keydown", (event) => {
    const last = suggestions.length - 1;
    if (event.key === "ArrowDown") {
      if (list.hidden) open();
      if (last >= 0) activate(active >= last ? 0 : active + 1);
    } else if (event.key === "ArrowUp") {
      if (!list.hidden && last >= 0) activate(active <= 0 ? last : active - 1);
    } else if (event.key === "Enter") {
      if (list.hidden) return;
      take(suggestions[Math.max(active, 0)]);
    } else if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    } else return;
    event.preventDefault();
  });
}
