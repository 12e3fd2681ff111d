/** `featherfm` for browsers: the engine in this thread. */
import { Engine } from "./engine.js";
import factory from "./glue/featherfm.js";
import { checkLoadOptions, instantiate, type LoadOptions } from "./wasm.js";

export * from "./exports.js";

/** Compiles and instantiates the engine. Nothing is fetched or run before this call. */
export async function load(options: LoadOptions = {}): Promise<Engine> {
  const wasm = checkLoadOptions(options).wasm ?? new URL("./featherfm.wasm", import.meta.url);
  return new Engine(await instantiate(factory, wasm, (address) => fetch(address)));
}
