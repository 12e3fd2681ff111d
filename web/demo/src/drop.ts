/** Files may be dropped anywhere on the page; what they are decides where they go. */
import { byId } from "./ui/dom.js";

export interface Destinations {
  data: (file: File) => Promise<void>;
  model: (file: File) => Promise<void>;
  ratings: (file: File) => Promise<void>;
}

export function acceptDrops(destinations: Destinations): void {
  const veil = byId("drop-veil");
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;

  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    // Between two elements of the page there is a related one; out of the window there is none.
    if (event.relatedTarget === null) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    veil.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file === undefined) return;
    if (/\.safetensors$/i.test(file.name)) void destinations.model(file);
    else if (/\.json$/i.test(file.name)) void destinations.ratings(file);
    else void destinations.data(file);
  });
}
