/** The script of a browser's worker. */
import { load } from "../index.js";
import { Host } from "./host.js";
import type { FromWorker, ToWorker } from "./protocol.js";

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
