// What every step of the tools shares: running programs quietly, saying what happens, and the
// places things are kept.

import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the checkout. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");

/**
 * Where downloads and toolchains live: outside the checkout, shared by all of a person's checkouts.
 */
export const cacheDir = path.resolve(
  process.env.FEATHERFM_CACHE ||
    path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "featherfm"),
);

const logDir = path.join(root, "build", "logs");

/**
 * A failure that was foreseen: its message tells the person what to do, so no stack trace is shown.
 */
export class StepError extends Error {}

export const say = (text) => console.log(text);

/** Says what is being done, and afterwards how long it took when that was noticeable. */
export async function step(title, work) {
  say(`- ${title}`);
  const start = Date.now();
  const result = await work();
  const seconds = (Date.now() - start) / 1000;
  if (seconds >= 5) say(`  done in ${seconds.toFixed(0)} s`);
  return result;
}

/**
 * Runs a program with its output in a log file, whose last lines are shown when the program fails.
 * Resolves to what it printed.
 */
export function quiet(logName, command, args, { cwd = root, env = {}, what } = {}) {
  fs.mkdirSync(logDir, { recursive: true });
  const logFile = path.join(logDir, `${logName}.log`);
  const log = fs.openSync(logFile, "w");
  fs.writeSync(log, `$ ${command} ${args.join(" ")}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", log, log],
    });
    const close = (problem) => {
      fs.closeSync(log);
      const output = fs.readFileSync(logFile, "utf8");
      if (!problem) return resolve(output);
      const tail = output.trimEnd().split("\n").slice(-25).join("\n");
      reject(
        new StepError(
          `${what ?? command} failed (${problem}). Log: ${logFile}, which ends:\n${tail}`,
        ),
      );
    };
    child.on("error", (error) => close(error.message));
    child.on("exit", (code, signal) =>
      close(code === 0 ? "" : signal ? `signal ${signal}` : `exit code ${code}`),
    );
  });
}

/** Runs a program that talks to the person's terminal directly; resolves to its exit code. */
export function loud(command, args, { cwd = root, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: "inherit" });
    // Ctrl-C reaches the child as well; wait for it to end instead of leaving it behind.
    const ignore = () => {};
    process.on("SIGINT", ignore);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      process.off("SIGINT", ignore);
      resolve(signal ? 1 : code);
    });
  });
}

/** The program's standard output, or null when it is missing, fails, or takes longer than 20 s. */
export function capture(command, args, { env = {} } = {}) {
  const run = spawnSync(command, args, {
    encoding: "utf8",
    timeout: 20_000,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  return run.status === 0 ? run.stdout : null;
}

/** The full path of a program on the PATH, or null. */
export function which(program) {
  for (const dir of (process.env.PATH ?? "").split(path.delimiter)) {
    const file = path.join(dir, program);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (fs.statSync(file).isFile()) return file;
    } catch {
      // not here
    }
  }
  return null;
}

/** Whether the first dotted number in `text` (a program's --version) is at least `wanted`. */
export function versionAtLeast(text, wanted) {
  const found = /(\d+)\.(\d+)/.exec(text ?? "");
  if (!found) return false;
  const [major, minor] = wanted;
  return +found[1] > major || (+found[1] === major && +found[2] >= minor);
}

/**
 * Makes `dir` by calling `fill(partialDir)` and renaming, so that an interrupted attempt never
 * looks finished. Two processes that want the same folder take turns.
 */
export async function makeOnce(dir, fill) {
  if (fs.existsSync(dir)) return dir;
  fs.mkdirSync(path.dirname(dir), { recursive: true });
  const unlock = await lock(`${dir}.lock`);
  try {
    if (fs.existsSync(dir)) return dir;
    removeLeftovers(dir);
    // A name of its own: programs that an interrupted attempt started may still be writing into theirs.
    const partial = `${dir}.partial-${process.pid}`;
    fs.mkdirSync(partial);
    await fill(partial);
    fs.renameSync(partial, dir);
    removeLeftovers(dir);
    return dir;
  } finally {
    unlock();
  }
}

function removeLeftovers(dir) {
  for (const name of fs.readdirSync(path.dirname(dir))) {
    if (!name.startsWith(`${path.basename(dir)}.partial-`)) continue;
    try {
      fs.rmSync(path.join(path.dirname(dir), name), { recursive: true, maxRetries: 2 });
    } catch {
      // In use still; it goes the next time.
    }
  }
}

async function lock(file) {
  let waited = false;
  for (;;) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => fs.rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (!lockHolderIsAlive(file)) {
      fs.rmSync(file, { force: true });
      continue;
    }
    if (!waited) say(`  waiting for another process that is making ${file.replace(/\.lock$/, "")}`);
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function lockHolderIsAlive(file) {
  try {
    const pid = Number(fs.readFileSync(file, "utf8"));
    // Just created and not written yet.
    if (!pid) return Date.now() - fs.statSync(file).mtimeMs < 5000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM"; // someone else's process: it lives. ESRCH, ENOENT: gone.
  }
}
