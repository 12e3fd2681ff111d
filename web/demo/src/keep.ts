/** The section "Save the model": to a file and back. */
import type { App } from "./app.js";
import type { Trained } from "./train/run.js";
import { byId, count, download, plural, sentence } from "./ui/dom.js";
import { toast } from "./ui/toast.js";

export interface KeepView {
  /** A saved model. Trouble is shown on the page. */
  loadFile: (file: File) => Promise<void>;
}

export function mountKeep(app: App): KeepView {
  const save = byId<HTMLButtonElement>("save-model");
  const load = byId<HTMLButtonElement>("load-model");
  const file = byId<HTMLInputElement>("model-file");
  const problem = byId("keep-problem");

  save.addEventListener("click", () => {
    void (async () => {
      const session = app.session.value;
      if (session?.trained == null) return;
      const bytes = await session.trained.model.save();
      download(`featherfm-${session.table.kind}.safetensors`, "application/octet-stream", bytes);
      toast(`Saved: ${count(Math.round(bytes.length / 1024))} KB.`);
    })();
  });
  load.addEventListener("click", () => {
    file.click();
  });
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (chosen !== undefined) void loadFile(chosen);
  });

  app.session.follow((session) => {
    const trained = session?.trained ?? null;
    save.disabled = trained === null;
    load.disabled = session === null;
    byId("keep-note").textContent =
      trained === null
        ? "No model yet"
        : `In use: ${factorsOf(trained)}, ${count(trained.model.userCount)} people, ` +
          `${count(trained.model.itemCount)} films` +
          (trained.origin.by === "file" ? `, from ${trained.origin.name}` : ", trained here");
  });

  return { loadFile };

  async function loadFile(chosen: File): Promise<void> {
    problem.textContent = "";
    try {
      await app.useModelFile(chosen.name, new Uint8Array(await chosen.arrayBuffer()));
      toast(`The model from ${chosen.name} is in use.`, {
        run: () => {
          app.undo();
        },
      });
    } catch (error) {
      problem.textContent = `${chosen.name}: ${sentence((error as Error).message)}`;
    }
  }
}

/** A sampled model holds the factors of many samples side by side. */
function factorsOf({ model }: Trained): string {
  if (model.factors === 0) return "a model without factors";
  if (model.options["solver"] !== "mcmc") return plural(model.factors, "factor");
  const each = model.options["factors"] as number;
  return `${plural(model.factors / each, "sample")} of ${plural(each, "factor")}`;
}
