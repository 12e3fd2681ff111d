// Other libraries, run on the same data for comparison: each in a Python of its own, a virtual environment under build/.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { root } from "./support.mjs";

const output = { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };

/** Every peer computes with one thread, as the core does. */
const oneThread = { OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };

const lastLine = (text) => String(text).trim().split("\n").at(-1);

/**
 * The command that runs bench/`name`_peer.py: a function of the script's arguments that gives what it prints in its last line. Null, and said
 * so, where Python or the packages are not to be had. `installs` are the arguments of one `pip install` after the other; `module` is
 * what the script imports.
 */
export function pythonPeer({ name, installs, module }) {
  const folder = path.join(root, "build", name);
  const python = path.join(folder, "bin", "python");
  const ready = path.join(folder, "ready");
  const skipped = (what, error) =>
    console.log(`  SKIPPED: peer.${name} ${what}: ${lastLine(error.stderr || error.message)}`);
  if (!fs.existsSync(ready)) {
    try {
      execFileSync("python3", ["-m", "venv", "--clear", folder], output);
      for (const packages of installs) {
        execFileSync(python, ["-m", "pip", "install", "--quiet", ...packages], output);
      }
      execFileSync(python, ["-c", `import ${module}`], output);
      fs.writeFileSync(ready, "");
    } catch (error) {
      skipped(`needs python3 with venv, and pip that can install ${installs.flat().at(-1)}`, error);
      return null;
    }
  }
  const script = path.join(root, "bench", `${name}_peer.py`);
  return (...args) => {
    try {
      const env = { ...process.env, ...oneThread };
      return JSON.parse(
        lastLine(execFileSync(python, [script, ...args.map(String)], { ...output, env })),
      );
    } catch (error) {
      skipped("failed", error);
      return null;
    }
  };
}
