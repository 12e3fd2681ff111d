/** `featherfm/hnsw` for browsers: an approximate index for large catalogues, in a WebAssembly module of its own. */
import factory from "./glue/hnsw.js";
import { Hnsw } from "./hnsw/index.js";
import { checkLoadOptions, instantiate, type LoadOptions } from "./wasm.js";

export * from "./hnsw/exports.js";

/** Compiles and instantiates the module of the index. Nothing is fetched or run before this call. */
export async function loadHnsw(options: LoadOptions = {}): Promise<Hnsw> {
  const wasm =
    checkLoadOptions(options, "loadHnsw").wasm ?? new URL("./hnsw.wasm", import.meta.url);
  const advice = "Pass { wasm: address or bytes of hnsw.wasm }";
  return new Hnsw(await instantiate(factory, wasm, (address) => fetch(address), advice));
}
