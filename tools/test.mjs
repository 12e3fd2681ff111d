// Runs the test suites, every one even if an earlier one failed, and sums up.

import fs from "node:fs";
import path from "node:path";
import { buildPackage, buildPreset } from "./build.mjs";
import { locateMovieLens, unpackMovieLens } from "./movielens.mjs";
import {
  ensureBrowsers,
  ensureCatch2,
  ensureHostCompiler,
  ensureNpmPackages,
  ensureToolchain,
} from "./setup.mjs";
import { StepError, loud, root, say } from "./shell.mjs";

const reports = path.join(root, "build", "reports");

const suites = {
  native: {
    title: "C++, native",
    prepare: async () => {
      await ensureHostCompiler();
      await buildPreset("native", ["featherfm_tests"], await testToolchain());
    },
    run: () => catch2("native", path.join(root, "build", "native", "featherfm_tests"), []),
  },
  wasm: {
    title: "C++ as wasm, in Node",
    prepare: async () => buildPreset("wasm", ["featherfm_tests"], await testToolchain()),
    run: () =>
      catch2("wasm", process.execPath, [path.join(root, "build", "wasm", "featherfm_tests.cjs")]),
  },
  package: {
    title: "npm package, in Node",
    prepare: async () => buildPackage(await ensureToolchain()),
    run: () => vitest("package"),
  },
  browser: {
    title: "page, in Chromium and Firefox",
    prepare: async () => {
      await buildPackage(await ensureToolchain());
      await ensureBrowsers();
    },
    run: () => vitest("browser"),
  },
  sanitize: {
    title: "C++, native, with sanitizers",
    onlyOnRequest: true,
    prepare: async () => {
      await ensureHostCompiler();
      await buildPreset("native-sanitize", ["featherfm_tests"], await testToolchain());
    },
    run: () =>
      catch2("sanitize", path.join(root, "build", "native-sanitize", "featherfm_tests"), []),
  },
};

async function testToolchain() {
  await ensureCatch2();
  return ensureToolchain();
}

/** Runs all suites or those named; resolves to whether everything passed. */
export async function test(args) {
  const names = chosenSuites(args);
  await ensureNpmPackages();
  await findMovieLens();
  fs.rmSync(reports, { recursive: true, force: true });
  fs.mkdirSync(reports, { recursive: true });

  const results = [];
  for (const name of names) {
    say(`\n=== ${suites[name].title} (${name})`);
    results.push({ name, ...(await runSuite(suites[name])) });
  }
  return summarize(results);
}

function chosenSuites(args) {
  const all = Object.keys(suites);
  if (args.length === 0) return all.filter((name) => !suites[name].onlyOnRequest);
  const names = args[0] === "--only" ? args.slice(1).flatMap((arg) => arg.split(",")) : [];
  if (names.length === 0 || names.some((name) => !all.includes(name))) {
    throw new StepError(`Usage: npm test -- [--only ${all.join("|")}]`);
  }
  return names;
}

/**
 * Tells the tests where the data is: MOVIELENS_DIR as given, and MOVIELENS_UNPACKED for C++, which
 * cannot unzip.
 */
async function findMovieLens() {
  const found = await locateMovieLens({ download: true });
  if (!found) {
    say(
      "- MovieLens 100K was not found and could not be downloaded: tests that need it are SKIPPED (see MOVIELENS_DIR)",
    );
    return;
  }
  process.env.MOVIELENS_DIR = path.dirname(found.zipPath ?? found.directory);
  process.env.MOVIELENS_UNPACKED = await unpackMovieLens();
  say(`- MovieLens 100K: ${found.zipPath ?? found.directory}`);
}

async function runSuite(suite) {
  const start = Date.now();
  const seconds = () => (Date.now() - start) / 1000;
  const none = { passed: 0, failed: 1, skipped: 0 };
  try {
    await suite.prepare();
  } catch (error) {
    say(error instanceof StepError ? error.message : error.stack);
    return { ...none, note: "could not be built", seconds: seconds() };
  }
  const { exitCode, counts } = await suite.run();
  if (!counts) return { ...none, note: `crashed, exit code ${exitCode}`, seconds: seconds() };
  const note = [];
  if (counts.passed + counts.failed === 0) note.push("ran no test");
  // A crash after the last test, or a file that could not even be loaded, counts as a failed test
  // of its own.
  else if (exitCode !== 0 && counts.failed === 0) note.push(`exit code ${exitCode}`);
  return { ...counts, failed: counts.failed + note.length, note: note.join(), seconds: seconds() };
}

async function catch2(name, command, args) {
  const report = path.join(reports, `${name}.xml`);
  // As wasm, Catch2 cannot find out by itself.
  const colour = process.stdout.isTTY ? "ansi" : "none";
  const options = [
    "--colour-mode",
    colour,
    "--reporter",
    "console",
    "--reporter",
    `XML::out=${report}`,
  ];
  const exitCode = await loud(command, [...args, ...options]);
  const text = fs.existsSync(report) ? fs.readFileSync(report, "utf8") : "";
  const totals = /<OverallResultsCases ([^>]*)\/>/.exec(text)?.[1];
  if (!totals) return { exitCode, counts: null };
  const count = (attribute) =>
    Number(new RegExp(`\\b${attribute}="(\\d+)"`).exec(totals)?.[1] ?? 0);
  return {
    exitCode,
    counts: {
      passed: count("successes") + count("expectedFailures"),
      failed: count("failures"),
      skipped: count("skips"),
    },
  };
}

async function vitest(project) {
  const report = path.join(reports, `${project}.json`);
  const program = path.join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [
    "run",
    "--project",
    project,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const exitCode = await loud(process.execPath, [program, ...args]);
  if (!fs.existsSync(report)) return { exitCode, counts: null };
  const result = JSON.parse(fs.readFileSync(report, "utf8"));
  return {
    exitCode,
    counts: {
      passed: result.numPassedTests,
      failed: result.numFailedTests,
      skipped: result.numPendingTests + result.numTodoTests,
    },
  };
}

function summarize(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const cell = (value, width) => String(value).padStart(width);
  say(
    `\n${"suite".padEnd(10)}${cell("passed", 8)}${cell("failed", 8)}${cell("skipped", 9)}${cell("seconds", 9)}`,
  );
  for (const result of results) {
    say(
      result.name.padEnd(10) +
        cell(result.passed, 8) +
        cell(result.failed, 8) +
        cell(result.skipped, 9) +
        cell(result.seconds.toFixed(0), 9) +
        (result.note ? `  ${result.note}` : ""),
    );
  }
  // Read by machines: alone on the last line, in this form.
  say(`\n${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
  return sum("failed") === 0;
}
