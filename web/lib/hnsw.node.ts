/** `featherfm/hnsw` for Node: as in browsers, but files are read, not fetched. */
import factory from "./glue/hnsw.js";
import { Hnsw } from "./hnsw/index.js";
import { read } from "./read.node.js";
import { checkLoadOptions, instantiate, type LoadOptions } from "./wasm.js";

export * from "./hnsw/exports.js";

/** Compiles and instantiates the module of the index. Nothing is read or run before this call. */
export async function loadHnsw(options: LoadOptions = {}): Promise<Hnsw> {
  const wasm =
    checkLoadOptions(options, "loadHnsw").wasm ?? new URL("./hnsw.wasm", import.meta.url);
  const advice = "Pass { wasm: address or bytes of hnsw.wasm }";
  return new Hnsw(await instantiate(factory, wasm, read, advice));
}
