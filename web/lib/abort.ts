/** AbortSignal as it is since Chrome 100, for the browsers from 95 on that have less of it. */
import { ArgumentError, show } from "./errors.js";

/** Why the signal was aborted. */
export function abortReason(signal: AbortSignal): unknown {
  const reason: unknown = signal.reason;
  return reason ?? new DOMException("The operation was aborted.", "AbortError");
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal);
}

export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new ArgumentError(
    "INVALID_ARGUMENT",
    `signal must be an AbortSignal; got ${show(signal)}`,
    "signal",
  );
}
