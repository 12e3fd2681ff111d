// Software from Debian's packages: installed on the system where that needs root, or unpacked into
// a folder where it doesn't.

import fs from "node:fs";
import path from "node:path";
import { StepError, capture, quiet, which } from "./shell.mjs";

/**
 * The release whose packages are unpacked into a folder. It has Emscripten 6, Eigen 5 and Catch2
 * 3.7; Debian 12's own packages of these are too old.
 */
const release = "forky";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Installs system packages, or throws the command that a person has to run. */
export async function installSystemPackages(packages) {
  const byHand = `Please install by hand: apt-get install ${packages.join(" ")}`;
  if (!which("apt-get")) {
    throw new StepError(
      `This system has no apt-get. Please install the equivalents of: ${packages.join(" ")}`,
    );
  }
  const sudo = process.getuid() === 0 ? [] : ["sudo", "-n"];
  if (sudo.length > 0 && capture("sudo", ["-n", "true"]) === null) {
    throw new StepError(`Installing packages needs root, and this is not root.\n${byHand}`);
  }
  const apt = (logName, args) => {
    const [command, ...rest] = [
      ...sudo,
      "env",
      "DEBIAN_FRONTEND=noninteractive",
      "apt-get",
      "-o",
      "DPkg::Lock::Timeout=300",
      ...args,
    ];
    return quiet(logName, command, rest, { what: `apt-get ${args[0]}` });
  };
  try {
    await apt("apt-update", ["update"]);
    await apt("apt-install", ["install", "-y", "--no-install-recommends", ...packages]);
  } catch (error) {
    throw new StepError(`${error.message}\n${byHand}`);
  }
}

/** Why packages cannot be unpacked into a folder on this machine, or null when they can. */
export function whyNoFolder() {
  if (!which("apt-get") || !which("dpkg-deb")) return "this is not a Debian system";
  if (!fs.existsSync(keyring)) return `${keyring} is missing (package debian-archive-keyring)`;
  if (!mirror()) return "apt-get knows no mirror";
  return null;
}

/** The mirror that this machine already uses. */
function mirror() {
  const uris = capture("apt-get", [
    "indextargets",
    "--format",
    "$(REPO_URI)",
    "Created-By: Packages",
  ]);
  return uris?.split("\n")[0] || null;
}

/**
 * Unpacks the packages and all they depend on into `dir`, and touches nothing else: apt is given a
 * package database of its own in `scratch`, so that no root is needed. apt checks every file
 * against the release's signed index.
 */
export async function unpackPackages(packages, dir, scratch) {
  const env = await privateApt(scratch);
  await quiet("debian-download", "apt-get", ["install", "-y", "--download-only", ...packages], {
    env,
    what: "Downloading Debian packages",
  });
  const archives = path.join(scratch, "archives");
  const unpack =
    'for deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x --no-same-owner -f - -C "$TARGET" || exit; done';
  const debs = fs.readdirSync(archives).filter((name) => name.endsWith(".deb"));
  await quiet("debian-unpack", "bash", ["-o", "pipefail", "-c", unpack, "bash", ...debs], {
    cwd: archives,
    env: { TARGET: dir },
    what: "Unpacking Debian packages",
  });
}

/** Downloads a package's upstream source tarball into `dir`; returns its path. */
export async function downloadSource(sourcePackage, dir, scratch) {
  const env = await privateApt(scratch);
  await quiet("debian-source", "apt-get", ["source", "--download-only", sourcePackage], {
    cwd: dir,
    env,
    what: `Downloading the source of ${sourcePackage}`,
  });
  const tarball = fs.readdirSync(dir).find((name) => /\.orig\.tar\.\w+$/.test(name));
  return path.join(dir, tarball);
}

async function privateApt(scratch) {
  for (const dir of ["state/lists/partial", "archives/partial", "empty"]) {
    fs.mkdirSync(path.join(scratch, dir), { recursive: true });
  }
  fs.writeFileSync(path.join(scratch, "status"), ""); // no package counts as installed
  fs.writeFileSync(
    path.join(scratch, "sources.list"),
    `deb [signed-by=${keyring} target=Packages] ${mirror()} ${release} main\n` +
      `deb-src [signed-by=${keyring} target=Sources] ${mirror()} ${release} main\n`,
  );
  fs.writeFileSync(
    path.join(scratch, "apt.conf"),
    `${fs.existsSync("/etc/apt/apt.conf") ? '#include "/etc/apt/apt.conf";' : ""}
Dir::State "${scratch}/state";
Dir::State::status "${scratch}/status";
Dir::Cache "${scratch}/cache";
Dir::Cache::archives "${scratch}/archives";
Dir::Etc::sourcelist "${scratch}/sources.list";
Dir::Etc::sourceparts "${scratch}/empty";
Dir::Etc::preferences "${scratch}/none";
Dir::Etc::preferencesparts "${scratch}/empty";
APT::Install-Recommends "false";
APT::Update::Error-Mode "any"; // a half-reached mirror is a failure, not a warning
APT::Sandbox::User ""; // the cache folder may be closed to apt's own user
Acquire::Languages "none";
Acquire::Retries "3";
// Hooks are the system's own business.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
`,
  );
  // apt reads $APT_CONFIG, then the system's settings (a proxy, say), then Dir::Etc::main: so ours
  // has the last word.
  fs.writeFileSync(path.join(scratch, "first.conf"), `Dir::Etc::main "${scratch}/apt.conf";\n`);
  const env = { APT_CONFIG: path.join(scratch, "first.conf") };
  await quiet("debian-index", "apt-get", ["update"], {
    env,
    what: "Reading Debian's package index",
  });
  return env;
}
