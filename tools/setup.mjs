// Everything that a build or a test run needs and a fresh machine may lack. Each function gets one
// thing if it is missing, says so, and returns at once when it is there.

import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { downloadSource, installSystemPackages, unpackPackages, whyNoFolder } from "./debian.mjs";
import { getEmscripten } from "./emscripten.mjs";
import {
  StepError,
  cacheDir,
  capture,
  makeOnce,
  quiet,
  root,
  step,
  versionAtLeast,
  which,
} from "./shell.mjs";

const oldestCMake = [3, 25];
const oldestEigen = [3, 4];

/** The npm packages of package-lock.json, in node_modules. */
export async function ensureNpmPackages() {
  const lockFile = path.join(root, "package-lock.json");
  const wanted = crypto.createHash("sha256").update(fs.readFileSync(lockFile)).digest("hex");
  const stamp = path.join(root, "node_modules", ".featherfm-lock-hash");
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === wanted) return;
  await step("Installing npm packages", () => {
    const args = ["ci", "--include=dev", "--no-audit", "--no-fund"];
    // The npm that is running this script, else the one on the PATH.
    const { npm_execpath: npm } = process.env;
    return npm ? quiet("npm-ci", process.execPath, [npm, ...args]) : quiet("npm-ci", "npm", args);
  });
  fs.writeFileSync(stamp, wanted);
}

/**
 * Emscripten, Eigen, hnswlib, CMake and Ninja. Returns the environment in which the CMake presets work, and
 * writes it to build/env.sh for people who call cmake themselves.
 */
export async function ensureToolchain() {
  const emscripten = await getEmscripten();
  const env = {
    ...emscripten.env,
    FEATHERFM_EMSCRIPTEN: emscripten.root,
    // The same headers for the native and the wasm build, so that both compute the same bits.
    FEATHERFM_EIGEN: emscripten.debian
      ? path.join(emscripten.debian, "usr", "include", "eigen3")
      : await getEigen(),
    FEATHERFM_HNSWLIB: await getHnswlib(),
    // Empty: the tests are not built. A build for the page alone does without Catch2, but drops no
    // tests set up before.
    FEATHERFM_CATCH2: process.env.FEATHERFM_CATCH2 || (fs.existsSync(catch2Dir) ? catch2Dir : ""),
  };
  const haveTools = which("ninja") && versionAtLeast(capture("cmake", ["--version"]), oldestCMake);
  if (!haveTools && emscripten.debian) {
    env.PATH = `${path.join(emscripten.debian, "bin")}${path.delimiter}${process.env.PATH}`;
  } else if (!haveTools) {
    await step("Installing CMake and Ninja", () => installSystemPackages(["cmake", "ninja-build"]));
  }
  fs.mkdirSync(path.join(root, "build"), { recursive: true });
  fs.writeFileSync(
    path.join(root, "build", "env.sh"),
    "# source build/env.sh, and `cmake --preset wasm` and `cmake --preset native` work.\n" +
      Object.entries(env)
        .map(([name, value]) => `export ${name}='${value}'\n`)
        .join(""),
  );
  return env;
}

async function getEigen() {
  const candidates = [
    "/usr/include/eigen3",
    "/usr/local/include/eigen3",
    "/opt/homebrew/include/eigen3",
  ];
  if (process.env.FEATHERFM_EIGEN) candidates.unshift(process.env.FEATHERFM_EIGEN);
  const found = candidates.find((dir) => versionAtLeast(eigenVersion(dir), oldestEigen));
  if (found) return found;
  if (whyNoFolder()) {
    await step("Installing Eigen", () => installSystemPackages(["libeigen3-dev"]));
    return "/usr/include/eigen3";
  }
  const dir = path.join(cacheDir, "debian-eigen-1");
  await step("Unpacking Eigen from Debian's packages", () =>
    makeOnce(dir, (partial) =>
      withScratch(partial, (scratch) => unpackPackages(["libeigen3-dev"], partial, scratch)),
    ),
  );
  return path.join(dir, "usr", "include", "eigen3");
}

/** The folder that holds hnswlib/hnswlib.h, for the approximate index. */
async function getHnswlib() {
  const candidates = ["/usr/include", "/usr/local/include", "/opt/homebrew/include"];
  if (process.env.FEATHERFM_HNSWLIB) candidates.unshift(process.env.FEATHERFM_HNSWLIB);
  const found = candidates.find(hasHnswlib);
  if (found) return found;
  const dir = path.join(cacheDir, "debian-hnswlib-1");
  const headers = path.join(dir, "usr", "include");
  if (hasHnswlib(headers)) return headers;
  const byHand =
    "Please install hnswlib 0.8 or newer by hand (Debian: libhnswlib-dev), and set FEATHERFM_HNSWLIB to the folder " +
    "that holds hnswlib/hnswlib.h.";
  const problem = whyNoFolder();
  if (problem) throw new StepError(`No packages for hnswlib: ${problem}.\n${byHand}`);
  try {
    await step("Unpacking hnswlib from Debian's packages", () =>
      makeOnce(dir, (partial) =>
        withScratch(partial, (scratch) => unpackPackages(["libhnswlib-dev"], partial, scratch)),
      ),
    );
  } catch (error) {
    if (error instanceof StepError) error.message += `\n${byHand}`;
    throw error;
  }
  return headers;
}

/** Whether the folder has hnswlib 0.8 or newer, which came with stop conditions for searches; it states no version. */
const hasHnswlib = (dir) => fs.existsSync(path.join(dir, "hnswlib", "stop_condition.h"));

/** "3.4" or null. Eigen 5 calls the first part MAJOR, Eigen 3 calls it WORLD. */
function eigenVersion(dir) {
  for (const header of ["Eigen/Version", "Eigen/src/Core/util/Macros.h"]) {
    const file = path.join(dir, header);
    const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
    const number = (name) => new RegExp(`#define EIGEN_${name}_VERSION (\\d+)`).exec(text)?.[1];
    const numbers = number("WORLD")
      ? [number("WORLD"), number("MAJOR")]
      : [number("MAJOR"), number("MINOR")];
    if (numbers[0] && numbers[1]) return numbers.join(".");
  }
  return null;
}

/** A C++ compiler for this machine itself. */
export async function ensureHostCompiler() {
  if (process.env.CXX || which("c++") || which("g++") || which("clang++")) return;
  await step("Installing a C++ compiler", () => installSystemPackages(["g++"]));
}

const catch2Dir = path.join(cacheDir, "catch2-1");

/**
 * The source of Catch2 3, which is built natively and as wasm alike. To be called before
 * ensureToolchain, which tells CMake where it is. Without Debian's packages CMake looks for an
 * installed Catch2, and then downloads it itself.
 */
export async function ensureCatch2() {
  if (process.env.FEATHERFM_CATCH2) return;
  if (whyNoFolder()) {
    process.env.FEATHERFM_CATCH2 = "find";
  } else if (!fs.existsSync(catch2Dir)) {
    await step("Getting Catch2's source from Debian's packages", () =>
      makeOnce(catch2Dir, (partial) =>
        withScratch(partial, async (scratch) => {
          fs.mkdirSync(scratch, { recursive: true });
          const tarball = await downloadSource("catch2", scratch, scratch);
          await quiet("catch2-unpack", "tar", [
            "-xf",
            tarball,
            "--strip-components=1",
            "-C",
            partial,
          ]);
        }),
      ),
    );
  }
}

async function withScratch(dir, work) {
  const scratch = `${dir}.scratch`;
  await work(scratch);
  fs.rmSync(scratch, { recursive: true });
}

/** Chromium and Firefox, for the page tests. */
export async function ensureBrowsers() {
  const wanted = [
    { package: "chromium", programs: ["chromium", "chromium-browser", "google-chrome"] },
    { package: "firefox-esr", programs: ["firefox-esr", "firefox"] },
  ];
  const missing = wanted
    .filter(({ programs }) => !programs.some(which))
    .map((browser) => browser.package);
  if (missing.length > 0) {
    await step(`Installing ${missing.join(" and ")}`, () => installSystemPackages(missing));
  }
}
