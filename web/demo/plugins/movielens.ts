/**
 * Puts this machine's copy of MovieLens 100K on the local server, under local-data/. The licence forbids passing it on, so
 * it never becomes part of the built page: there, public/local-data.json says that there is none.
 */
import { createReadStream } from "node:fs";
import { basename, join } from "node:path";
import type { Connect, Plugin } from "vite";

/** A zip archive, or a folder with the unpacked files; null when there is no copy. */
export type MovieLensCopy = { zipPath: string } | { directory: string } | null;

const folderFiles = ["u.data", "u.item", "u.user"];

export function movieLens(locate: () => Promise<MovieLensCopy>): Plugin {
  let found: Promise<Map<string, string>> | undefined;
  const files = () => {
    found ??= locate().then((copy) => {
      if (copy === null) return new Map();
      const paths =
        "zipPath" in copy ? [copy.zipPath] : folderFiles.map((file) => join(copy.directory, file));
      return new Map(paths.map((path) => [`local-data/${basename(path)}`, path]));
    });
    return found;
  };

  const serve: Connect.NextHandleFunction = (request, response, next) => {
    const url = (request.url ?? "").replace(/\?.*$/, "").slice(1);
    if (url !== "local-data.json" && !url.startsWith("local-data/")) {
      next();
      return;
    }
    files().then((available) => {
      response.setHeader("Cache-Control", "no-store");
      if (url === "local-data.json") {
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify({ files: [...available.keys()] }));
        return;
      }
      const path = available.get(url);
      if (path === undefined) {
        next();
        return;
      }
      response.setHeader("Content-Type", "application/octet-stream");
      createReadStream(path).on("error", next).pipe(response);
    }, next);
  };

  return {
    name: "featherfm-demo:movielens",
    configureServer(server) {
      server.middlewares.use(serve);
      // Not at the first request: a download may take a while, and may fail.
      void files();
    },
    configurePreviewServer(server) {
      server.middlewares.use(serve);
      void files();
    },
  };
}
