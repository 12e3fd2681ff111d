/** `featherfm/client` for Node: the engine in a worker thread, which does not keep the process alive while idle. */
import { Worker as Thread } from "node:worker_threads";
import { checkClientOptions, type ClientOptions, RemoteEngine } from "./worker/client.js";
import type { FromWorker, WorkerPort } from "./worker/protocol.js";

export * from "./exports.client.js";

function threadPort(): WorkerPort {
  // The process's own flags are not the worker's: some, such as --input-type, would keep it from starting.
  const thread = new Thread(new URL("./worker/worker.node.js", import.meta.url), { execArgv: [] });
  return {
    post: (message, transfer = []) => thread.postMessage(message, transfer as ArrayBuffer[]),
    onMessage: (listener) => thread.on("message", (message: FromWorker) => listener(message)),
    onDeath(listener) {
      thread.on("error", (error: unknown) =>
        listener(error instanceof Error ? error.message : String(error)),
      );
      thread.on("exit", (code) => listener(`it ended with code ${code}`));
    },
    terminate: () => void thread.terminate(),
    keepAlive: (busy) => (busy ? thread.ref() : thread.unref()),
  };
}

/** The engine in a worker of its own. The worker starts at once; calls may be made right away. */
export class FeatherClient extends RemoteEngine {
  constructor(options: Omit<ClientOptions, "worker"> = {}) {
    const { wasm } = checkClientOptions(options);
    super(threadPort(), wasm);
  }
}
