/** Bytes by their address in Node, where files are read, not fetched. */
import { readFile } from "node:fs/promises";
import type { Fetcher } from "./wasm.js";

export const read: Fetcher = async (address) => {
  if (/^(https?|data|blob):/.test(String(address))) return await fetch(address);
  return await readFile(String(address).startsWith("file:") ? new URL(address) : address);
};
