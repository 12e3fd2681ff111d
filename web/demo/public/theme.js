/* global document, localStorage */
// Runs before the first paint, so that a chosen colour scheme does not flash up in the other one.
try {
  const chosen = localStorage.getItem("featherfm-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is switched off: the system's scheme it is.
}
