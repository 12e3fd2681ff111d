import { fileURLToPath } from "node:url";
import { defineConfig, type UserConfig } from "vite";
import { locateMovieLens } from "../../tools/movielens.mjs";
import { contentSecurityPolicyTag, securityHeaders } from "./plugins/content-security-policy.js";
import { noLiveReload } from "./plugins/no-live-reload.js";
import { movieLens, type MovieLensCopy } from "./plugins/movielens.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const pageDependencies = ["fflate", "idb-keyval", "papaparse", "uplot"];

/** `locate` finds MovieLens on this machine; the tests put in their own. */
export function demoConfig(locate: () => Promise<MovieLensCopy>): UserConfig {
  return {
    root: here("."),
    // The page works in any folder of any web server.
    base: "./",
    plugins: [movieLens(locate), contentSecurityPolicyTag(), noLiveReload()],
    resolve: {
      // The built package, as a page elsewhere would get it from npm.
      alias: { "featherfm/client": here("../../dist/client.js") },
    },
    optimizeDeps: { include: pageDependencies, noDiscovery: true },
    worker: { format: "es" },
    build: {
      outDir: here("../../build/demo"),
      emptyOutDir: true,
      target: "es2023",
      // A data: URL in place of a small file would need a wider content security policy.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    server: {
      host: "localhost",
      headers: securityHeaders,
      fs: { allow: [here("."), here("../../dist"), here("../../node_modules")] },
    },
    preview: { host: "localhost", headers: securityHeaders },
  };
}

export default defineConfig(demoConfig(() => locateMovieLens({ download: true })));
