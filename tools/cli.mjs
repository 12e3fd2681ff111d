// What `npm run ...` runs. Plain Node without packages, because it is what installs them.

import fs from "node:fs";
import path from "node:path";
import { buildDeclarations, buildPackage, buildPreset } from "./build.mjs";
import {
  ensureBrowsers,
  ensureCatch2,
  ensureHostCompiler,
  ensureNpmPackages,
  ensureToolchain,
} from "./setup.mjs";
import { StepError, loud, root, say } from "./shell.mjs";
import { test } from "./test.mjs";

const prettier = path.join("prettier", "bin", "prettier.cjs");
const verbs = { setup, demo, build, test, bench, format, lint };

const [verb, ...args] = process.argv.slice(2);
if (!Object.hasOwn(verbs, verb ?? "")) {
  console.error(`Usage: npm run ${Object.keys(verbs).join("|")}`);
  process.exit(2);
}
try {
  const passed = await verbs[verb](args);
  process.exitCode = passed === false ? 1 : 0;
} catch (error) {
  console.error(error instanceof StepError ? `\n${error.message}` : error);
  process.exitCode = 1;
}

/** Gets everything that any other command needs. */
async function setup() {
  await ensureNpmPackages();
  await ensureHostCompiler();
  await ensureCatch2();
  await ensureToolchain();
  await ensureBrowsers();
  say("Ready. To call cmake yourself: source build/env.sh");
}

async function build() {
  await ensureNpmPackages();
  await buildPackage(await ensureToolchain());
}

async function demo(options) {
  await build();
  // The built page, as it would stand on any web server: a handful of files, where the development server sends eighty.
  const demoDir = path.join(root, "web", "demo");
  const vite = path.join("vite", "bin", "vite.js");
  if (!(await succeeds(vite, ["build", demoDir, "--logLevel", "warn"]))) return false;
  return succeeds(vite, ["preview", demoDir, ...options]);
}

async function bench(options) {
  await build();
  const env = await ensureToolchain();
  if (
    fs.existsSync(path.join(root, "bench")) &&
    fs.readdirSync(path.join(root, "bench")).some((f) => /\.cpp$/.test(f))
  ) {
    await ensureHostCompiler();
    await buildPreset("native", ["featherfm_bench"], env);
    await buildPreset("wasm", ["featherfm_bench"], env);
  }
  return (await loud(process.execPath, [path.join(root, "bench", "run.mjs"), ...options])) === 0;
}

async function format() {
  await ensureNpmPackages();
  const cpp = await clangFormat(["-i"]);
  return (await succeeds(prettier, ["--log-level", "warn", "--write", "."])) && cpp;
}

async function lint() {
  await ensureNpmPackages();
  // Tests and page see the package by its own name, so its declarations have to be there.
  await buildDeclarations();
  const typescript = path.join("typescript", "bin", "tsc");
  const projects = [".", "web/lib", "web/demo"].filter((dir) =>
    fs.existsSync(path.join(root, dir, "tsconfig.json")),
  );
  const checks = [
    () => clangFormat(["--dry-run", "--Werror"]),
    () => succeeds(prettier, ["--check", "--log-level", "warn", "."]),
    ...projects.map((dir) => () => succeeds(typescript, ["--noEmit", "-p", dir])),
    () => succeeds(path.join("eslint", "bin", "eslint.js"), ["."]),
  ];
  let passed = true;
  // All of them, so that one run shows everything.
  for (const check of checks) passed = (await check()) && passed;
  return passed;
}

/** Runs a program of an npm package and tells whether it succeeded. */
async function succeeds(program, options) {
  return (
    (await loud(process.execPath, [path.join(root, "node_modules", program), ...options])) === 0
  );
}

function clangFormat(options) {
  const files = ["src", "bindings", "tests", "bench"]
    .map((dir) => path.join(root, dir))
    .filter((dir) => fs.existsSync(dir))
    .flatMap((dir) => fs.readdirSync(dir, { recursive: true }).map((name) => path.join(dir, name)))
    .filter((file) => /\.(h|cpp)$/.test(file));
  return (
    files.length === 0 ||
    succeeds(path.join("clang-format-node", "build", "cli.js"), [...options, ...files])
  );
}
