/** One line at the foot of the window: what just happened, and the way back. It stays until it is closed or replaced. */
import { byId, h, icon, replace } from "./dom.js";

export interface Undo {
  label?: string;
  run: () => void;
}

let returnFocus: HTMLElement | null = null;

/** The text is announced politely. `undo` must be harmless when the state has moved on. */
export function toast(text: string, undo?: Undo): void {
  returnFocus = document.activeElement as HTMLElement | null;
  const close = () => {
    const hadFocus = byId("toast").contains(document.activeElement);
    replace(byId("toast"));
    if (hadFocus) returnFocus?.focus();
  };
  replace(
    byId("toast"),
    h(
      "div",
      { class: "toast" },
      h("span", {}, text),
      undo !== undefined &&
        h(
          "button",
          {
            type: "button",
            class: "toast-undo",
            onclick: () => {
              close();
              undo.run();
            },
          },
          undo.label ?? "Undo",
        ),
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Close message", onclick: close },
        icon("close"),
      ),
    ),
  );
}

export function clearToast(): void {
  replace(byId("toast"));
}

export function closeToastOnEscape(): void {
  byId("toast").addEventListener("keydown", (event) => {
    if (event.key === "Escape")
      byId("toast").querySelector<HTMLButtonElement>(".icon-button")?.click();
  });
}
