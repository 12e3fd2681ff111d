/** Every way a call can fail. The `code` is stable: branch on it, not on the message. */
export type ErrorCode =
  /** An argument has the wrong type or an impossible combination of values. */
  | "INVALID_ARGUMENT"
  /** A number lies outside what the argument allows. */
  | "OUT_OF_RANGE"
  /** Two lists that belong together have different lengths. */
  | "SIZE_MISMATCH"
  /** A number is NaN or infinite. */
  | "NOT_FINITE"
  /** A (user, item) pair occurs twice and `duplicates` is "error". */
  | "DUPLICATE"
  /** There is nothing to work on. */
  | "EMPTY"
  /** An id the dataset or model has never seen. */
  | "UNKNOWN_ID"
  /** Parameters became NaN or infinite during training. */
  | "DIVERGED"
  /** A model file is damaged, hostile, or not a model file. */
  | "MALFORMED_FILE"
  /** The object, or the engine it belongs to, was closed. */
  | "CLOSED"
  /** WebAssembly memory cannot grow further. */
  | "OUT_OF_MEMORY"
  /** The WebAssembly module could not be fetched or compiled. */
  | "LOAD_FAILED"
  /** The worker died; every call under way is lost. */
  | "WORKER_DIED"
  /** A fault of FeatherFM itself. Please report it. */
  | "INTERNAL";

/** What every error of the package is an instance of. */
export class FeatherError extends Error {
  // Written out, here and below: minifiers rename classes.
  override readonly name: string = "FeatherError";
  readonly code: ErrorCode;
  /** Name of the argument at fault, as the caller wrote it; empty when no single one is. */
  readonly argument: string;

  constructor(code: ErrorCode, message: string, argument = "") {
    super(message);
    this.code = code;
    this.argument = argument;
  }
}

/** The call itself is wrong: type, range, size, NaN, duplicates, nothing there. */
export class ArgumentError extends FeatherError {
  override readonly name = "ArgumentError";
}
/** An id the dataset or model has never seen. */
export class UnknownIdError extends FeatherError {
  override readonly name = "UnknownIdError";
}
/** Training ran away. The message says how far it came and what to change. */
export class DivergedError extends FeatherError {
  override readonly name = "DivergedError";
  /** The model of the last good epoch, where there was one. Close it when you do not want it. */
  model?: unknown;
}
/** A model file that cannot be trusted. */
export class FileFormatError extends FeatherError {
  override readonly name = "FileFormatError";
}
/** A closed dataset, model, engine or client was used. */
export class ClosedError extends FeatherError {
  override readonly name = "ClosedError";
}
/** WebAssembly memory cannot grow further. */
export class OutOfMemoryError extends FeatherError {
  override readonly name = "OutOfMemoryError";
}
/** The WebAssembly module could not be fetched or compiled. */
export class LoadError extends FeatherError {
  override readonly name = "LoadError";
}
/** The worker died, or could not be started. Make a new client. */
export class WorkerError extends FeatherError {
  override readonly name = "WorkerError";
}
/** A fault of FeatherFM itself. */
export class InternalError extends FeatherError {
  override readonly name = "InternalError";
}

const classes: Record<ErrorCode, typeof FeatherError> = {
  INVALID_ARGUMENT: ArgumentError,
  OUT_OF_RANGE: ArgumentError,
  SIZE_MISMATCH: ArgumentError,
  NOT_FINITE: ArgumentError,
  DUPLICATE: ArgumentError,
  EMPTY: ArgumentError,
  UNKNOWN_ID: UnknownIdError,
  DIVERGED: DivergedError,
  MALFORMED_FILE: FileFormatError,
  CLOSED: ClosedError,
  OUT_OF_MEMORY: OutOfMemoryError,
  LOAD_FAILED: LoadError,
  WORKER_DIED: WorkerError,
  INTERNAL: InternalError,
};

/** The error object for a code: used where a code comes from C++ or out of a worker. */
export function errorFrom(code: string, message: string, argument = ""): FeatherError {
  const known = Object.hasOwn(classes, code) ? (code as ErrorCode) : "INTERNAL";
  return new classes[known](known, message, argument);
}

/** A value as it should appear in an error message: short, and with strings in quotes. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  }
  if (typeof value === "number" || typeof value === "boolean" || value == null)
    return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (value instanceof Promise) return "a promise (is an await missing?)";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  // An object may have no prototype, whatever its type says.
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? `an object (${name})` : "an object";
}
