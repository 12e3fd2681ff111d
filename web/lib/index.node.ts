/** `featherfm` for Node: as in browsers, but files are read, not fetched. */
import { readFile } from "node:fs/promises";
import { Engine } from "./engine.js";
import factory from "./glue/featherfm.js";
import { checkLoadOptions, type Fetcher, instantiate, type LoadOptions } from "./wasm.js";

export * from "./exports.js";

const read: Fetcher = async (address) => {
  if (/^(https?|data|blob):/.test(String(address))) return await fetch(address);
  return await readFile(String(address).startsWith("file:") ? new URL(address) : address);
};

/** Compiles and instantiates the engine. Nothing is read or run before this call. */
export async function load(options: LoadOptions = {}): Promise<Engine> {
  const wasm = checkLoadOptions(options).wasm ?? new URL("./featherfm.wasm", import.meta.url);
  return new Engine(await instantiate(factory, wasm, read));
}
