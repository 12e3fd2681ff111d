/** Light, dark, or as the system says; a choice is remembered (theme.js applies it before the first paint). */
import { announce, byId } from "./ui/dom.js";

const schemes = ["system", "light", "dark"] as const;
type Scheme = (typeof schemes)[number];
const key = "featherfm-theme";

export function mountTheme(): void {
  const root = document.documentElement;
  const button = byId("theme");
  const chosen = root.dataset["theme"];
  let scheme: Scheme = chosen === "light" || chosen === "dark" ? chosen : "system";

  const label = () => {
    button.setAttribute("aria-label", `Colour scheme: ${scheme}`);
    button.title = `Colour scheme: ${scheme}`;
  };
  button.addEventListener("click", () => {
    scheme = schemes[schemes.indexOf(scheme) + 1] ?? "system";
    if (scheme === "system") delete root.dataset["theme"];
    else root.dataset["theme"] = scheme;
    try {
      localStorage.setItem(key, scheme);
    } catch {
      // Storage is switched off: the choice holds until the tab is closed.
    }
    label();
    announce(`Colour scheme: ${scheme}`);
  });
  label();
}
