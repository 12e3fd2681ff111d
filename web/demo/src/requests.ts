/** The browser's own count of what the page requested since it was ready. */
import { byId, plural } from "./ui/dom.js";

/** From now on every request counts. */
export function countRequests(memoryBytes: number): void {
  const readyAt = performance.now();
  let late = 0;
  new PerformanceObserver((list) => {
    late += list.getEntries().filter(({ startTime }) => startTime > readyAt).length;
    byId("request-count").textContent = String(late);
  }).observe({ type: "resource", buffered: true });
  byId("request-count").textContent = "0";
  const before = performance.getEntriesByType("resource").length;
  byId("request-note").textContent =
    `${plural(before, "file")} loaded before that, all from this page’s own address. ` +
    `The engine uses ${(memoryBytes / 2 ** 20).toFixed(0)} MB.`;
}
