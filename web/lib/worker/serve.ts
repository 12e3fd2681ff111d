/** A browser worker's own end of the line. */
import type { Engine } from "../engine.js";
import type { LoadOptions } from "../wasm.js";
import { Host } from "./host.js";
import type { FromWorker, ToWorker } from "./protocol.js";

/** Answers the client's calls in this worker with the engine that `load` makes. */
export function serve(load: (options: LoadOptions) => Promise<Engine>): void {
  const scope = self as unknown as Pick<Worker, "postMessage" | "onmessage">;
  new Host(
    {
      post: (message: FromWorker, transfer = []) => scope.postMessage(message, transfer),
      onMessage(listener) {
        scope.onmessage = ({ data }: MessageEvent<ToWorker>) => listener(data);
      },
    },
    load,
  );
}
