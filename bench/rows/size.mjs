// How much a page loads.
import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { root } from "../support.mjs";

const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** One entry as an application's bundler would make it: minified, its wasm beside it. */
async function bundled(entry) {
  const { output } = await build({
    configFile: false,
    logLevel: "silent",
    root: path.join(root, "dist"),
    build: {
      write: false,
      assetsInlineLimit: 0,
      rollupOptions: {
        input: path.join(root, "dist", entry),
        preserveEntrySignatures: "strict",
      },
    },
  });
  const scripts = output.filter((file) => file.type === "chunk").map((file) => file.code);
  return scripts.reduce((sum, code) => sum + gzipped(code), 0);
}

async function run(report) {
  const wasmFile = fs.readFileSync(path.join(root, "dist", "featherfm.wasm"));
  const wasm = gzipped(wasmFile);
  const js = await bundled("index.js");
  const inline = await bundled("inline.js");
  report({
    id: "size-main-entry",
    value: (js + wasm) / 1024,
    unit: "KB gzip",
    detail: `bundled JS ${js} + wasm ${wasm} bytes (KB = 1024); matrix factorization alone was to stay within 80`,
  });
  report({ id: "size-wasm", value: wasmFile.length / 1024, unit: "KB", detail: "not compressed" });
  report({
    id: "size-inline-entry",
    value: inline / 1024,
    unit: "KB gzip",
    detail: "featherfm/inline, engine and client",
  });
  const indexWasm = gzipped(fs.readFileSync(path.join(root, "dist", "hnsw.wasm")));
  const indexJs = await bundled("hnsw.js");
  report({
    id: "size-hnsw-entry",
    value: (indexJs + indexWasm) / 1024,
    unit: "KB gzip",
    detail: `featherfm/hnsw, by itself: bundled JS ${indexJs} + wasm ${indexWasm} bytes`,
  });
}

export const groups = [{ name: "size", what: "what a page loads", run }];
