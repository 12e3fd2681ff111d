/** A browser's worker as a port. */
import { WorkerError } from "../errors.js";
import type { WorkerPort } from "./protocol.js";

const scriptMissing =
  "its script could not be loaded. Where a bundler leaves worker scripts out, import from featherfm/inline; a content " +
  "security policy needs worker-src 'self', and blob: for featherfm/inline";

export function browserPort(make: () => Worker): WorkerPort {
  let worker: Worker;
  try {
    worker = make();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new WorkerError("WORKER_DIED", `the worker could not be started: ${why}`, "worker");
  }
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    onMessage(listener) {
      worker.onmessage = ({ data }) => listener(data as never);
    },
    onDeath(listener) {
      // A script that cannot be fetched gives an event without a message.
      worker.onerror = (event) => listener(event.message || scriptMissing);
      worker.onmessageerror = () => listener("a message could not be read");
    },
    terminate: () => worker.terminate(),
  };
}
