/** The bytes of a file, as a caller hands them in. */
import { ArgumentError, show } from "./errors.js";

/** A Uint8Array, or a view of an ArrayBuffer; an error that names the argument for anything else. */
export function checkBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes instanceof ArrayBuffer && !isDetached(bytes)) return new Uint8Array(bytes);
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `bytes must be a Uint8Array or an ArrayBuffer; got ${show(bytes)}`,
    "bytes",
  );
}

/** A buffer that was transferred away: nothing but its refusal of a view tells, before ES2024. */
export function isDetached(buffer: ArrayBuffer): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
