/** The WebAssembly module of the index as TypeScript sees it: what bindings/hnsw/hnsw.cpp registers. */
import type { CoreHandle } from "../core.js";

export interface HnswHandle extends CoreHandle {
  readonly size: number;
  readonly dimensions: number;
  readonly metric: string;
  /** JSON, of an index that was loaded. */
  readonly ids: string;
  /** Adds vectors for about so long; returns how many are in. */
  add(milliseconds: number): number;
  /** What was found for each query, one after the other; `ends` says where each one's results end. */
  search(
    queries: Float32Array,
    n: number,
    ef: number,
  ): { indices: Uint32Array; scores: Float32Array; ends: Uint32Array };
  save(ids: string): Uint8Array<ArrayBuffer>;
}

export interface HnswModule {
  makeIndex(vectors: Float32Array, dimensions: number, options: object): HnswHandle;
  loadIndex(bytes: Uint8Array): HnswHandle;
}
