// The package in the system's Chromium, unbundled: a page that has nothing but it.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { launch } from "puppeteer-core";
import { root } from "./support.mjs";

const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** CHROMIUM_PATH, or the first of the usual names on the PATH; null where there is none. */
function chromium() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const files = names.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return files.find((file) => fs.existsSync(file)) ?? null;
}

function servePackage() {
  const dist = path.join(root, "dist");
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const file = path.join(dist, path.normalize(pathname));
    if (pathname === "/") {
      response.setHeader("content-type", types[".html"]).end("<!doctype html><title>bench</title>");
    } else if (file.startsWith(dist) && fs.existsSync(file)) {
      response.setHeader("content-type", types[path.extname(file)] ?? "text/plain");
      response.end(fs.readFileSync(file));
    } else {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

/**
 * Runs `work(input)` in a page of Chromium that can import "/client.js", and gives what it resolves with; null, and said so, without
 * Chromium. What goes in and out is JSON.
 */
export async function inChromium(work, input) {
  const executablePath = chromium();
  if (executablePath === null) {
    console.log("  SKIPPED: Chromium was not found; set CHROMIUM_PATH");
    return null;
  }
  const server = await servePackage();
  const browser = await launch({ executablePath, headless: true, args: flags, protocolTimeout: 0 });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return await page.evaluate(work, input);
  } finally {
    await browser.close();
    server.close();
  }
}
