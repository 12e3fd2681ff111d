// Builds the C++ code with CMake, and from it and web/lib the npm package in dist/.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { StepError, quiet, root, step } from "./shell.mjs";

/** Configures and builds the targets of a CMake preset; what is up to date is skipped. */
export async function buildPreset(preset, targets, env) {
  await step(`Building ${targets.join(" and ")} (${preset})`, async () => {
    const dir = path.join(root, "build", preset);
    const { FEATHERFM_CATCH2, ...toolchain } = env;
    const configured = path.join(dir, ".featherfm-configured");
    const before = fs.existsSync(configured) ? JSON.parse(fs.readFileSync(configured, "utf8")) : {};
    const unchanged = (part, value) => JSON.stringify(before[part]) === JSON.stringify(value);
    // CMake cannot change the compiler or the headers of a folder it has configured: another
    // toolchain starts afresh.
    if (!unchanged("toolchain", toolchain)) fs.rmSync(dir, { recursive: true, force: true });
    if (!unchanged("toolchain", toolchain) || !unchanged("FEATHERFM_CATCH2", FEATHERFM_CATCH2)) {
      await quiet(`configure-${preset}`, "cmake", ["--preset", preset], {
        env,
        what: `Configuring ${preset}`,
      });
      fs.writeFileSync(configured, JSON.stringify({ toolchain, FEATHERFM_CATCH2 }));
    }
    const jobs = String(Math.max(1, os.availableParallelism()));
    const args = ["--build", "--preset", preset, "--target", ...targets, "-j", jobs];
    await quiet(`build-${preset}`, "cmake", args, { env, what: `Building ${preset}` });
  });
}

/** Makes dist/, the published package. */
export async function buildPackage(env) {
  await buildPreset("wasm", ["featherfm", "featherfm_inline", "featherfm_hnsw"], env);
  await step("Building the package", async () => {
    const newest = stampOf(packageInputs());
    const stamp = path.join(root, "build", "package.stamp");
    const dist = path.join(root, "dist");
    if (
      fs.existsSync(path.join(dist, "featherfm.wasm")) &&
      fs.existsSync(stamp) &&
      fs.readFileSync(stamp, "utf8") === newest
    )
      return;
    fs.rmSync(stamp, { force: true });

    // Into a fresh folder that then takes dist's place, so that no file of a deleted source is published and nobody finds
    // half a package.
    const fresh = path.join(root, "build", "dist");
    fs.rmSync(fresh, { recursive: true, force: true });
    await tsc("package", ["--outDir", fresh]);
    await buildDeclarations(fresh);
    copyGlue(fresh);
    await bundleInlineWorker(fresh);
    fs.rmSync(dist, { recursive: true, force: true });
    fs.renameSync(fresh, dist);

    fs.writeFileSync(stamp, newest);
  });
}

/**
 * Compiles the declarations alone, which the types of tests and page need; no Emscripten is
 * involved.
 */
export async function buildDeclarations(dist = path.join(root, "dist")) {
  // The comments are the documentation that an editor shows, so they stay.
  await tsc("declarations", [
    "--declaration",
    "--emitDeclarationOnly",
    "--removeComments",
    "false",
    "--outDir",
    dist,
  ]);
  copyMatching(path.join(root, "web", "lib"), dist, /\.(d\.ts|txt)$/);
}

/** The worker of featherfm/inline with everything it needs as one script, in a module that exports it as a string. */
async function bundleInlineWorker(dist) {
  const { build } = await import("vite");
  const { output } = await build({
    configFile: false,
    logLevel: "error",
    root: dist,
    build: {
      write: false,
      target: "es2022",
      // Everything is inside already; the address of featherfm.wasm in the glue is never used.
      rollupOptions: { input: path.join(dist, "worker", "worker.inline.js") },
    },
  });
  const [script, ...more] = output;
  if (script?.type !== "chunk" || more.length > 0) {
    throw new StepError("the inline worker did not become one script");
  }
  fs.writeFileSync(
    path.join(dist, "glue", "worker.inline.js"),
    `export default ${JSON.stringify(script.code)};\n`,
  );
}

function copyGlue(dist) {
  const wasm = path.join(root, "build", "wasm");
  const glue = path.join(dist, "glue");
  fs.mkdirSync(glue, { recursive: true });
  for (const name of ["featherfm", "hnsw"]) {
    fs.copyFileSync(path.join(wasm, `${name}.wasm`), path.join(dist, `${name}.wasm`));
    // emcc thinks that the two files lie side by side. A bundler that finds no file at this address
    // stops the build.
    const text = fs.readFileSync(path.join(wasm, `${name}.js`), "utf8");
    const [before, after, ...more] = text.split(`new URL("${name}.wasm",import.meta.url)`);
    if (after === undefined || more.length > 0)
      throw new StepError(`${name}.js does not name its wasm as expected`);
    fs.writeFileSync(
      path.join(glue, `${name}.js`),
      `${before}new URL("../${name}.wasm",import.meta.url)${after}`,
    );
  }
  fs.copyFileSync(path.join(wasm, "featherfm.inline.js"), path.join(glue, "featherfm.inline.js"));
}

function tsc(logName, args) {
  const compiler = path.join(root, "node_modules", "typescript", "bin", "tsc");
  const project = path.join(root, "web", "lib", "tsconfig.build.json");
  return quiet(`tsc-${logName}`, process.execPath, [compiler, "-p", project, ...args], {
    what: "The TypeScript compiler",
  });
}

const packageInputs = () => [
  ...filesBelow(path.join(root, "web", "lib")),
  ...["featherfm.wasm", "featherfm.js", "featherfm.inline.js", "hnsw.wasm", "hnsw.js"].map((name) =>
    path.join(root, "build", "wasm", name),
  ),
  path.join(root, "tsconfig.json"),
  path.join(root, "tools", "build.mjs"),
];

const stampOf = (files) =>
  files
    .map(
      (file) =>
        `${path.relative(root, file)} ${fs.statSync(file).mtimeMs} ${fs.statSync(file).size}`,
    )
    .join("\n");

function filesBelow(dir) {
  return fs
    .readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function copyMatching(from, to, pattern) {
  for (const file of filesBelow(from)) {
    if (!pattern.test(file)) continue;
    const target = path.join(to, path.relative(from, file));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(file, target);
  }
}
