/** The page as visitors get it: built and served with its headers, as plain files, or by the development server. */
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build, createServer, loadConfigFromFile, preview, type InlineConfig } from "vite";
import { locateMovieLens } from "../../../tools/movielens.mjs";

const configFile = fileURLToPath(new URL("../../../web/demo/vite.config.ts", import.meta.url));

export interface Site {
  url: string;
  close: () => Promise<void>;
}

/** The archive or folder that the set-up found, or null: then the tests that need it are skipped. */
export const movieLens = await locateMovieLens({ download: false });
if (movieLens === null) {
  console.warn(
    "\n  MovieLens 100K is not here: the tests of the page that need it are SKIPPED. Set MOVIELENS_DIR.\n",
  );
}

/** The bytes of ml-100k.zip, for tests that drop or damage it; null when only the unpacked folder is here. */
export const movieLensZip =
  movieLens !== null && "zipPath" in movieLens
    ? new Uint8Array(readFileSync(movieLens.zipPath))
    : null;

async function demoConfig(options: { withMovieLens: boolean }): Promise<InlineConfig> {
  const loaded = await loadConfigFromFile({ command: "build", mode: "production" }, configFile);
  if (loaded === null) throw new Error(`${configFile} cannot be loaded`);
  const plugins = (loaded.config.plugins ?? []).flat().filter((plugin) => {
    const name =
      typeof plugin === "object" && plugin !== null && "name" in plugin ? plugin.name : "";
    return options.withMovieLens || name !== "featherfm-demo:movielens";
  });
  return { ...loaded.config, plugins, configFile: false, logLevel: "warn" };
}

/** Builds the page into a folder that `close` removes. */
export async function buildPage(): Promise<{ folder: string; close: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "featherfm-page-"));
  const config = await demoConfig({ withMovieLens: true });
  await build({ ...config, build: { ...config.build, outDir: folder, emptyOutDir: true } });
  return {
    folder,
    close: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The built page with the headers of vite.config.ts, and MovieLens when asked for. */
export async function servePreview(folder: string, withMovieLens: boolean): Promise<Site> {
  const config = await demoConfig({ withMovieLens });
  const server = await preview({
    ...config,
    build: { ...config.build, outDir: folder },
    preview: { ...config.preview, port: 0 },
  });
  return { url: urlOf(server.httpServer.address() as AddressInfo), close: () => server.close() };
}

/** What `vite web/demo` starts. */
export async function serveDevelopment(withMovieLens: boolean): Promise<Site> {
  const config = await demoConfig({ withMovieLens });
  const cacheDir = mkdtempSync(join(tmpdir(), "featherfm-vite-"));
  const server = await createServer({ ...config, cacheDir, server: { ...config.server, port: 0 } });
  await server.listen();
  return {
    url: urlOf(server.httpServer?.address() as AddressInfo),
    close: async () => {
      await server.close();
      rmSync(cacheDir, { recursive: true, force: true });
    },
  };
}

const types: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** The built page in a sub-folder of a web server that knows nothing of it and sends no headers of its own. */
export async function servePlainFiles(folder: string): Promise<Site> {
  const server = createHttpServer((request, response) => {
    const path = normalize(decodeURIComponent((request.url ?? "/").split("?")[0] ?? "/"));
    const file = join(
      folder,
      path.replace(/^\/some\/folder/, ""),
      path.endsWith("/") ? "index.html" : "",
    );
    if (!path.startsWith("/some/folder/") || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "localhost", resolve);
  });
  return {
    url: `${urlOf(server.address() as AddressInfo)}some/folder/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

function urlOf({ port }: AddressInfo): string {
  return `http://localhost:${port}/`;
}
