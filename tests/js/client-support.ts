/** A client whose traffic can be watched and whose worker can be harmed. */
import { Worker as Thread } from "node:worker_threads";
import type { FeatherClient } from "featherfm/client";
import { RemoteEngine } from "../../dist/worker/client.js";
import type { FromWorker, ToWorker, WorkerPort } from "../../dist/worker/protocol.js";

// How a client is made from any port is not part of its public face.
const Client = RemoteEngine as unknown as new (port: WorkerPort, wasm: undefined) => FeatherClient;

export interface Watched {
  client: FeatherClient;
  thread: Thread;
  sent: ToWorker[];
  received: FromWorker[];
}

export function watchedClient(): Watched {
  const thread = new Thread(new URL("../../dist/worker/worker.node.js", import.meta.url));
  const sent: ToWorker[] = [];
  const received: FromWorker[] = [];
  const client = new Client(
    {
      post(message, transfer = []) {
        thread.postMessage(message, transfer as ArrayBuffer[]);
        sent.push(message);
      },
      onMessage: (listener) =>
        thread.on("message", (message: FromWorker) => {
          received.push(message);
          listener(message);
        }),
      onDeath(listener) {
        thread.on("error", (error) => {
          listener(error instanceof Error ? error.message : String(error));
        });
        thread.on("exit", (code) => {
          listener(`it ended with code ${code}`);
        });
      },
      terminate: () => void thread.terminate(),
    },
    undefined,
  );
  return { client, thread, sent, received };
}
