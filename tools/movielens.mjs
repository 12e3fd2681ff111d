// Finds MovieLens 100K, which may not be redistributed and is therefore in no repository or package
// of ours.

import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { cacheDir } from "./shell.mjs";

const url = "https://files.grouplens.org/datasets/movielens/ml-100k.zip";
const size = 4_924_029;
const sha256 = "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229";

/**
 * Where the data set is: `{ zipPath }` of the archive, `{ directory }` of the unpacked `ml-100k/`,
 * or null.
 *
 * The folder named by the environment variable MOVIELENS_DIR comes first, then FeatherFM's cache
 * folder; with `download`, GroupLens's archive is fetched into the cache when neither has it, and
 * checked.
 *
 * @param {{ download?: boolean }} [options]
 * @returns {Promise<{ zipPath: string } | { directory: string } | null>}
 */
export async function locateMovieLens({ download = false } = {}) {
  const cached = path.join(cacheDir, "movielens");
  for (const folder of [process.env.MOVIELENS_DIR, cached]) {
    if (!folder) continue;
    const directory = path.resolve(folder, "ml-100k");
    if (fs.existsSync(path.join(directory, "u.data"))) return { directory };
    const zipPath = path.resolve(folder, "ml-100k.zip");
    if (fs.existsSync(zipPath)) return { zipPath };
  }
  return download ? downloadTo(path.join(cached, "ml-100k.zip")) : null;
}

async function downloadTo(zipPath) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(60_000) });
    const bytes = response.ok ? Buffer.from(await response.arrayBuffer()) : Buffer.alloc(0);
    const hash = crypto.createHash("sha256").update(bytes).digest("hex");
    if (bytes.length !== size || hash !== sha256) return null;
    fs.mkdirSync(path.dirname(zipPath), { recursive: true });
    const partial = `${zipPath}.${process.pid}`;
    fs.writeFileSync(partial, bytes);
    fs.renameSync(partial, zipPath); // another process may be doing the same
    return { zipPath };
  } catch {
    return null; // not reachable: the caller says what that means for it
  }
}

/**
 * The folder with u.data and its companions, unpacked into the cache where necessary, or null.
 * Needs the npm packages.
 *
 * @param {{ download?: boolean }} [options]
 * @returns {Promise<string | null>}
 */
export async function unpackMovieLens(options) {
  const found = await locateMovieLens(options);
  if (!found) return null;
  if ("directory" in found) return found.directory;
  const zip = fs.readFileSync(found.zipPath);
  const hash = crypto.createHash("sha256").update(zip).digest("hex");
  // Named by its content: another archive is another folder.
  const directory = path.join(cacheDir, "movielens", `unpacked-${hash.slice(0, 12)}`);
  if (!fs.existsSync(directory)) {
    const { unzipSync } = await import("fflate");
    const partial = `${directory}.${process.pid}`;
    fs.mkdirSync(partial, { recursive: true });
    for (const [name, bytes] of Object.entries(unzipSync(zip))) {
      if (name.endsWith("/")) continue;
      // Flat but for the archive's own folder; basename() also keeps a hostile name inside ours.
      fs.writeFileSync(path.join(partial, path.basename(name)), bytes);
    }
    try {
      fs.renameSync(partial, directory);
    } catch {
      fs.rmSync(partial, { recursive: true }); // another process was faster
    }
  }
  return directory;
}
