import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as root from "featherfm";
import * as client from "featherfm/client";
import * as hnsw from "featherfm/hnsw";
import * as inline from "featherfm/inline";
import { describe, expect, test } from "vitest";
import { errorFrom } from "../../dist/errors.js";

const folder = fileURLToPath(new URL("../../", import.meta.url));
const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")) as {
  version: string;
  exports: Record<string, string | Record<string, string>>;
  files: string[];
  dependencies?: object;
  peerDependencies?: object;
  optionalDependencies?: object;
  sideEffects: boolean;
};

const files = (dir: string): string[] =>
  fs
    .readdirSync(path.join(folder, dir), { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? files(path.join(dir, entry.name)) : [path.join(dir, entry.name)],
    );
const scripts = files("dist").filter((file) => file.endsWith(".js"));
const read = (file: string) => fs.readFileSync(path.join(folder, file), "utf8");

describe("the package", () => {
  test("has one version", () => {
    expect(root.version).toBe(manifest.version);
    expect(client.version).toBe(manifest.version);
    expect(inline.version).toBe(manifest.version);
  });

  test("has no dependencies", () => {
    for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"] as const) {
      expect(manifest[kind] ?? {}).toEqual({});
    }
    for (const script of scripts.filter((file) => !file.includes("glue"))) {
      const imports = [...read(script).matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
        ([, name]) => name,
      );
      for (const name of imports) expect(name, script).toMatch(/^(\.\.?\/|node:)/);
    }
  });

  test("has every file that its exports name", () => {
    const targets = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : Object.values(entry),
    );
    for (const target of targets) {
      expect(fs.existsSync(path.join(folder, target)), target).toBe(true);
      if (target === "./package.json") continue;
      expect(target.startsWith(`./${manifest.files[0] ?? ""}/`), target).toBe(true);
    }
  });

  test("imports only files that it has, and Node's modules only where Node runs", () => {
    for (const script of scripts) {
      for (const [, name] of read(script).matchAll(/^(?:import|export)[^;]*?from "(\.[^"]+)"/gm)) {
        const target = path.join(path.dirname(script), name as string);
        expect(fs.existsSync(path.join(folder, target)), `${script}: ${name as string}`).toBe(true);
      }
      if (script.endsWith(".node.js")) continue;
      expect(read(script), script).not.toMatch(/from "node:|import\("node:|require\(/);
    }
  });

  test("has types beside every script of its own", () => {
    for (const script of scripts) {
      expect(fs.existsSync(path.join(folder, script.replace(/\.js$/, ".d.ts"))), script).toBe(true);
    }
  });

  test("evaluates no text as code, so that strict content security policies can hold it", () => {
    for (const script of scripts)
      expect(read(script), script).not.toMatch(/\beval\(|new Function\(/);
  });

  test("runs nothing when it is imported", () => {
    const program = `
      const touched = [];
      const watch = (object, name) => {
        const own = object[name];
        object[name] = function (...args) { touched.push(name); return Reflect.construct(own, args, new.target ?? own); };
      };
      for (const name of ["compile", "instantiate", "compileStreaming", "instantiateStreaming"]) {
        WebAssembly[name] = () => { touched.push(name); };
      }
      for (const name of ["Module", "Instance", "Memory"]) watch(WebAssembly, name);
      globalThis.fetch = () => { touched.push("fetch"); };
      globalThis.Worker = class { constructor() { touched.push("Worker"); } };
      URL.createObjectURL = () => { touched.push("createObjectURL"); };
      const before = Reflect.ownKeys(globalThis).length;
      for (const file of process.argv.slice(2)) await import(file);
      if (Reflect.ownKeys(globalThis).length !== before) touched.push("a global");
      console.log(JSON.stringify(touched));`;
    const entries = [
      ...["index.js", "index.node.js", "client.js", "client.node.js", "inline.js"],
      ...["hnsw.js", "hnsw.node.js"],
    ].map((file) => new URL(`../../dist/${file}`, import.meta.url).href);
    const args = ["--input-type=module", "-e", program, "--", "entries", ...entries];
    // Without a worker or anything else left running, the process ends by itself.
    const output = execFileSync(process.execPath, args, { encoding: "utf8", timeout: 50_000 });
    expect(output.trim()).toBe("[]");
    expect(manifest.sideEffects).toBe(false);
  });
});

describe("every entry point", () => {
  test("exports the same errors, besides its own way to begin", () => {
    const errors = Object.keys(root).filter((name) => name.endsWith("Error"));
    expect(errors.sort()).toEqual(
      [
        "ArgumentError",
        "ClosedError",
        "DivergedError",
        "FeatherError",
        "FileFormatError",
        "InternalError",
        "LoadError",
        "OutOfMemoryError",
        "UnknownIdError",
        "WorkerError",
      ].sort(),
    );
    for (const name of errors) {
      expect(client[name as keyof typeof client]).toBe(root[name as keyof typeof root]);
      expect(inline[name as keyof typeof inline]).toBe(root[name as keyof typeof root]);
      expect(hnsw[name as keyof typeof hnsw]).toBe(root[name as keyof typeof root]);
    }
    expect(root.load).toBeTypeOf("function");
    expect(client.FeatherClient).toBeTypeOf("function");
    expect(inline.load).toBeTypeOf("function");
    expect(hnsw.loadHnsw).toBeTypeOf("function");
    expect(inline.FeatherClient).toBeTypeOf("function");
  });
});

describe("the approximate index", () => {
  test("brings no training along, and the main entry brings no index", () => {
    const strings = (file: string) => fs.readFileSync(path.join(folder, "dist", file), "latin1");
    expect(strings("hnsw.wasm")).not.toContain("learningRate");
    expect(strings("featherfm.wasm")).toContain("learningRate");
    expect(strings("featherfm.wasm")).not.toContain("efConstruction");
    expect(strings("hnsw.wasm")).toContain("efConstruction");
    for (const entry of ["index.js", "index.node.js", "client.js", "engine.js", "inline.js"]) {
      expect(strings(entry)).not.toMatch(/hnsw/);
    }
  });
});

describe("error codes", () => {
  const inCpp = [...read("src/base/error.cpp").matchAll(/return "([A-Z_]+)";/g)].map(
    ([, code]) => code as string,
  );
  const type = /type ErrorCode =([^;]*);/.exec(
    read("dist/errors.d.ts").replaceAll(/\/\*.*?\*\//gs, ""),
  );
  const inTypes = [...(type?.[1] ?? "").matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code as string);

  test("of C++ are all known here", () => {
    expect(inCpp.length).toBeGreaterThan(8);
    for (const code of inCpp) {
      expect(inTypes).toContain(code);
      expect(errorFrom(code, "message", "argument")).toMatchObject({ code, argument: "argument" });
    }
  });

  test("each belong to a class", () => {
    for (const code of inTypes) {
      const error = errorFrom(code, "message");
      expect(error).toBeInstanceOf(root.FeatherError);
      expect(error).toBeInstanceOf(Error);
      expect(error.constructor).not.toBe(root.FeatherError);
      expect(error).toMatchObject({
        code,
        message: "message",
        argument: "",
        name: error.constructor.name,
      });
    }
  });

  test("nobody knows are faults of our own", () => {
    for (const code of ["NONSENSE", "toString", "__proto__", ""]) {
      expect(errorFrom(code, "message")).toBeInstanceOf(root.InternalError);
    }
  });
});
