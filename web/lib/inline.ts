/**
 * `featherfm/inline`: the same package with the WebAssembly and the worker inside the JavaScript, a third larger. For
 * bundlers and servers that cannot carry a `.wasm` file or a worker script along. A page's content security policy must
 * allow `worker-src blob:` for the client.
 */
import { Engine } from "./engine.js";
import factory from "./glue/featherfm.inline.js";
import source from "./glue/worker.inline.js";
import { RemoteEngine } from "./worker/client.js";
import { browserPort } from "./worker/port.js";
import { instantiateEmbedded } from "./wasm.js";

export * from "./exports.client.js";

/** Decodes, compiles and instantiates the engine. Nothing is run before this call. */
export async function load(): Promise<Engine> {
  return new Engine(await instantiateEmbedded(factory));
}

/** The engine in a worker of its own, for browsers; Node has `featherfm/client`. Calls may be made right away. */
export class FeatherClient extends RemoteEngine {
  constructor() {
    super(browserPort(startFromSource), undefined);
  }
}

function startFromSource(): Worker {
  if (typeof Worker === "undefined")
    throw new Error("there are no web workers here; in Node import featherfm/client");
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return new Worker(url, { type: "module" });
  } finally {
    URL.revokeObjectURL(url);
  }
}
