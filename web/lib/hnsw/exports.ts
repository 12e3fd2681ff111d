/** What both entries of `featherfm/hnsw` export besides `loadHnsw`. */
export * from "../errors.js";
export type { Id, IdArray, NumberArray, Vectors } from "../types.js";
export type { LoadOptions, WasmSource } from "../wasm.js";
export {
  type BuildControls,
  type Found,
  Hnsw,
  type HnswIndex,
  type HnswOptions,
  type HnswSearchOptions,
} from "./index.js";
