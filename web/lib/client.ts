/** `featherfm/client` for browsers: the engine in a module worker. */
import { checkClientOptions, type ClientOptions, RemoteEngine } from "./worker/client.js";
import { browserPort } from "./worker/port.js";

export * from "./exports.client.js";

/** The engine in a worker of its own. The worker starts at once; calls may be made right away. */
export class FeatherClient extends RemoteEngine {
  constructor(options: ClientOptions = {}) {
    const { worker, wasm } = checkClientOptions(options);
    super(
      browserPort(
        worker ??
          // Bundlers look for exactly this form.
          (() => new Worker(new URL("./worker/worker.js", import.meta.url), { type: "module" })),
      ),
      wasm,
    );
  }
}
