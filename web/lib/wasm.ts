/** Getting the WebAssembly module: fetched, read, handed in, or already compiled. */
import { Core, type CoreFactory } from "./core.js";
import { ArgumentError, LoadError, show } from "./errors.js";
import { checkNoExtraKeys, checkObject } from "./options/checks.js";

/** Where the WebAssembly comes from: an address, the bytes themselves, a response, or a compiled module. */
export type WasmSource = string | URL | ArrayBuffer | Uint8Array | Response | WebAssembly.Module;

export interface LoadOptions {
  /**
   * Where `featherfm.wasm` comes from, if not from beside the package's own files. Needed where a bundler does not carry
   * `.wasm` files along; `featherfm/inline` is the way without any file.
   */
  wasm?: WasmSource;
}

/** Turns an address into bytes; browsers fetch, Node also reads files. */
export type Fetcher = (address: URL | string) => Promise<Response | Uint8Array>;

const magic = [0x00, 0x61, 0x73, 0x6d];

async function compile(source: WasmSource, fetcher: Fetcher): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  const got = typeof source === "string" || source instanceof URL ? await fetcher(source) : source;
  let bytes: ArrayBuffer | Uint8Array;
  if (typeof Response !== "undefined" && got instanceof Response) {
    if (!got.ok) throw new Error(`the server answered ${got.status} for ${got.url}`);
    // Compiling while the bytes arrive needs the right media type; servers that lack it are common.
    if (got.headers.get("content-type")?.startsWith("application/wasm") === true) {
      return await WebAssembly.compileStreaming(got);
    }
    bytes = await got.arrayBuffer();
  } else {
    bytes = got as ArrayBuffer | Uint8Array;
  }
  const head = ArrayBuffer.isView(bytes) ? bytes : new Uint8Array(bytes);
  if (!magic.every((byte, k) => head[k] === byte)) {
    throw new Error(
      `what came from ${typeof source === "string" || source instanceof URL ? String(source) : "the given bytes"} is no ` +
        "WebAssembly (a development server may have answered with a page)",
    );
  }
  return await WebAssembly.compile(bytes as BufferSource);
}

function checkSource(source: unknown): asserts source is WasmSource {
  if (
    typeof source === "string" ||
    source instanceof URL ||
    source instanceof ArrayBuffer ||
    source instanceof Uint8Array ||
    source instanceof WebAssembly.Module ||
    (typeof Response !== "undefined" && source instanceof Response)
  ) {
    return;
  }
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `wasm must be an address, the bytes of featherfm.wasm, a Response or a WebAssembly.Module; got ${show(source)}`,
    "wasm",
  );
}

/** The options of `load` and `loadHnsw`, checked. */
export function checkLoadOptions(options: unknown, where = "load"): LoadOptions {
  const given = checkObject(options, "options");
  checkNoExtraKeys(given, ["wasm"], where);
  if (given["wasm"] !== undefined) checkSource(given["wasm"]);
  return given;
}

/** Compiles and instantiates. Throws `LoadError` with the cause where that fails. */
export async function instantiate<M>(
  factory: CoreFactory<M>,
  source: WasmSource,
  fetcher: Fetcher,
  advice = "Pass { wasm: address or bytes of featherfm.wasm }, or import from featherfm/inline, which needs no file",
): Promise<Core<M>> {
  try {
    const module = await compile(source, fetcher);
    return await new Promise<Core<M>>((resolve, reject) => {
      factory({
        instantiateWasm(imports, done) {
          WebAssembly.instantiate(module, imports)
            .then((instance) => {
              done(instance, module);
            })
            .catch(reject);
          return {};
        },
      }).then((core) => resolve(new Core(core)), reject);
    });
  } catch (error) {
    throw notLoaded(error, advice);
  }
}

/** The same for glue that carries the WebAssembly inside. */
export async function instantiateEmbedded(factory: CoreFactory): Promise<Core> {
  try {
    return new Core(await factory({}));
  } catch (error) {
    throw notLoaded(error, "The page's content security policy must allow 'wasm-unsafe-eval'");
  }
}

function notLoaded(error: unknown, advice: string): LoadError {
  const why = error instanceof Error ? error.message : String(error);
  return new LoadError(
    "LOAD_FAILED",
    `FeatherFM's WebAssembly could not be loaded: ${why}. ${advice}`,
    "wasm",
  );
}
