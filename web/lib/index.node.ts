/** `featherfm` for Node: as in browsers, but files are read, not fetched. */
import { Engine } from "./engine.js";
import factory from "./glue/featherfm.js";
import { read } from "./read.node.js";
import { checkLoadOptions, instantiate, type LoadOptions } from "./wasm.js";

export * from "./exports.js";

/** Compiles and instantiates the engine. Nothing is read or run before this call. */
export async function load(options: LoadOptions = {}): Promise<Engine> {
  const wasm = checkLoadOptions(options).wasm ?? new URL("./featherfm.wasm", import.meta.url);
  return new Engine(await instantiate(factory, wasm, read));
}
