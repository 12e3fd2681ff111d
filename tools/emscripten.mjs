// Finds Emscripten on this machine, or gets it: from emsdk, or, where that cannot be reached, from
// Debian's packages.

import fs from "node:fs";
import path from "node:path";
import { unpackPackages, whyNoFolder, installSystemPackages } from "./debian.mjs";
import {
  StepError,
  cacheDir,
  capture,
  makeOnce,
  quiet,
  say,
  step,
  versionAtLeast,
  which,
} from "./shell.mjs";

/** Older versions miscompile with Node 20 or lack what bindings/ uses. */
const oldestEmscripten = [6, 0];
const emsdkVersion = "6.0.5";
const emsdkArchive = `https://github.com/emscripten-core/emsdk/archive/refs/tags/${emsdkVersion}.tar.gz`;

const emsdkDir = path.join(cacheDir, `emsdk-${emsdkVersion}`);
// Raise the number when what is put into the folder changes.
const debianDir = path.join(cacheDir, "debian-toolchain-1");

/**
 * An Emscripten ready to use:
 * - root: the folder of emcc and of its CMake files
 * - env: environment variables it needs
 * - debian: the folder of unpacked Debian packages it lies in, or null. It has Eigen, cmake and
 *   ninja as well.
 */
export async function getEmscripten() {
  return installed() ?? fromCache() ?? (await fromEmsdk()) ?? (await fromDebian());
}

function installed() {
  const onPath = which("emcc");
  const { EMSDK } = process.env;
  const candidates = [
    onPath &&
      (capture("em-config", ["EMSCRIPTEN_ROOT"])?.trim() ?? path.dirname(fs.realpathSync(onPath))),
    EMSDK && path.join(EMSDK, "upstream", "emscripten"),
  ];
  for (const root of candidates.filter(Boolean)) {
    const version = capture(path.join(root, "emcc"), ["--version"]);
    if (versionAtLeast(version, oldestEmscripten)) return { root, env: {}, debian: null };
    say(
      `  ignoring the Emscripten in ${root}: older than ${oldestEmscripten.join(".")}, or it does not run`,
    );
  }
  return null;
}

function fromCache() {
  if (fs.existsSync(emsdkDir)) return inEmsdk();
  if (fs.existsSync(debianDir)) return inDebian();
  return null;
}

const inEmsdk = () => ({
  root: path.join(emsdkDir, "upstream", "emscripten"),
  env: { EM_CONFIG: path.join(emsdkDir, ".emscripten") },
  debian: null,
});

const inDebian = () => ({
  root: path.join(debianDir, "usr", "share", "emscripten"),
  env: {
    EM_CONFIG: path.join(debianDir, "emscripten.config"),
    EMSDK_PYTHON: path.join(debianDir, "bin", "python3"),
    EM_NODE_JS: process.execPath,
  },
  debian: debianDir,
});

async function fromEmsdk() {
  const archive = await step(`Downloading emsdk ${emsdkVersion}`, () => download(emsdkArchive));
  if (!archive) {
    say("  not reachable from here; trying Debian's packages instead");
    return null;
  }
  try {
    if (!which("python3")) await installSystemPackages(["python3"]);
    await step("Installing Emscripten with emsdk (about 400 MB)", () =>
      makeOnce(emsdkDir, async (dir) => {
        const file = `${dir}.tar.gz`;
        fs.writeFileSync(file, archive);
        await quiet("emsdk-unpack", "tar", ["-xzf", file, "--strip-components=1", "-C", dir]);
        fs.rmSync(file);
        const emsdk = path.join(dir, "emsdk");
        await quiet("emsdk-install", emsdk, ["install", emsdkVersion], { cwd: dir });
        await quiet("emsdk-activate", emsdk, ["activate", emsdkVersion], { cwd: dir });
      }),
    );
    return inEmsdk();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    say(`  ${error.message}\n  trying Debian's packages instead`);
    return null;
  }
}

/** The file's bytes, or null when it cannot be had; gives up on a silent host within seconds. */
async function download(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(8000) });
    return response.ok ? Buffer.from(await response.arrayBuffer()) : null;
  } catch {
    return null;
  }
}

async function fromDebian() {
  const byHand =
    "Emscripten could neither be downloaded nor taken from Debian's packages. Please install " +
    `version ${oldestEmscripten.join(".")} or newer by hand (emsdk) and put emcc on the PATH.`;
  const problem = whyNoFolder();
  if (problem) throw new StepError(`No packages for Emscripten: ${problem}.\n${byHand}`);
  try {
    await step(
      "Unpacking Emscripten and Eigen from Debian's packages (190 MB, 900 MB unpacked)",
      () =>
        makeOnce(debianDir, async (dir) => {
          const scratch = `${dir}.scratch`;
          const packages = ["emscripten", "libeigen3-dev", "cmake", "ninja-build", "patchelf"];
          await unpackPackages(packages, dir, scratch);
          await runFromFolder(dir, debianDir);
          fs.rmSync(scratch, { recursive: true });
        }),
    );
  } catch (error) {
    if (error instanceof StepError) error.message += `\n${byHand}`;
    throw error;
  }
  return inDebian();
}

/**
 * Makes the programs in `dir` run from where they lie, which will be `finalDir`: with the C library
 * and the other libraries beside them instead of the system's older ones, and without a chroot.
 */
async function runFromFolder(dir, finalDir) {
  const inFolder = (...parts) => path.join(dir, "usr", ...parts);
  const only = (parent, pattern) => {
    const name = fs.readdirSync(parent).find((entry) => pattern.test(entry));
    if (!name) throw new StepError(`Debian's packages have no ${pattern} in ${parent}`);
    return path.join(parent, name);
  };
  const final = (file) => path.join(finalDir, path.relative(dir, file));

  const libraries = only(inFolder("lib"), /-linux-gnu$/);
  const loader = only(libraries, /^ld-linux.*\.so\.\d$/);
  const llvm = path.join(only(inFolder("lib"), /^llvm-\d+$/), "bin");
  const patch = (options, files) =>
    quiet(
      "debian-patchelf",
      loader,
      ["--library-path", libraries, inFolder("bin", "patchelf"), ...options, ...files],
      { what: "patchelf" },
    );
  const searchPath = ["--force-rpath", "--set-rpath", final(libraries)];

  const isProgram = (file) => fs.lstatSync(file).isFile() && isElf(file);
  const programs = [
    ...[
      "clang",
      "lld",
      "llvm-ar",
      "llvm-nm",
      "llvm-objcopy",
      "llvm-dwarfdump",
      "clang-scan-deps",
    ].map((name) => path.join(llvm, name)),
    ...fs
      .readdirSync(inFolder("bin"))
      .filter((name) => /^(wasm-.*|wasm2js|cmake|ctest|ninja)$/.test(name))
      .map((name) => inFolder("bin", name)),
  ].filter(isProgram);
  await patch(["--set-interpreter", final(loader), ...searchPath], programs);
  // These have a search path of their own, which leads elsewhere.
  const withOwnPath = fs
    .readdirSync(libraries)
    .filter((name) => /^(libLLVM|libclang-cpp|libbinaryen)\..*so/.test(name))
    .map((name) => path.join(libraries, name))
    .filter(isProgram);
  await patch(searchPath, withOwnPath);

  const bin = path.join(dir, "bin");
  fs.mkdirSync(bin);
  for (const name of ["cmake", "ctest", "ninja"])
    fs.symlinkSync(`../usr/bin/${name}`, path.join(bin, name));
  // patchelf breaks Python's executable, which has a fixed load address; the loader can be called
  // by hand instead. --argv0 lets Python find its own library and start itself again.
  const python = final(only(inFolder("bin"), /^python3\.\d+$/));
  fs.writeFileSync(
    inFolder("bin", "python3-in-folder"),
    `#!/bin/sh\nexec '${final(loader)}' --library-path '${final(libraries)}' ` +
      `--argv0 '${final(inFolder("bin", "python3-in-folder"))}' '${python}' "$@"\n`,
    { mode: 0o755 },
  );
  fs.symlinkSync("../usr/bin/python3-in-folder", path.join(bin, "python3"));

  fs.writeFileSync(
    path.join(dir, "emscripten.config"),
    `LLVM_ROOT = '${final(llvm)}'
BINARYEN_ROOT = '${final(inFolder())}'
NODE_JS = 'node'
CACHE = '${finalDir}/emscripten-cache'
`,
  );
}

function isElf(file) {
  const start = Buffer.alloc(4);
  const fd = fs.openSync(file, "r");
  fs.readSync(fd, start);
  fs.closeSync(fd);
  return start.equals(Buffer.from("\x7fELF", "latin1"));
}
