/**
 * What a client and its worker say to each other. Datasets, rows and models stay in the worker; the client holds numbers
 * that stand for them. Every call gets one answer; progress comes in between.
 */
import { errorFrom, FeatherError } from "../errors.js";
import type { Trial, TuningProgress } from "../tuning/types.js";
import type { EpochReport, Progress } from "../types.js";
import type { WasmSource } from "../wasm.js";

export type Kind = "dataset" | "rows" | "model";

/** Stands for an object in the worker, with the properties that only its own calls change. */
export interface Reference {
  kind: Kind;
  handle: number;
  properties: Record<string, unknown>;
}

export type ToWorker =
  | { type: "open"; wasm: WasmSource | undefined }
  /** `target` is a handle, or 0 for the engine. */
  | { type: "call"; call: number; target: number; verb: string; args: unknown[] }
  | { type: "abort"; call: number }
  | { type: "release"; handle: number };

export type FromWorker =
  | { type: "result"; call: number; value: unknown }
  | { type: "error"; call: number; error: ErrorMessage }
  /** The call's abort was heard before there was anything to give. */
  | { type: "aborted"; call: number }
  | { type: "epoch"; call: number; report: EpochReport }
  | { type: "progress"; call: number; progress: Progress | TuningProgress }
  | { type: "trial"; call: number; trial: Trial }
  /** The engine could not be loaded, or died; the worker is of no use any more. */
  | { type: "dead"; error: ErrorMessage };

/** What the engine calls while it works; a message takes the place of each. */
export type Callback = "onEpoch" | "onProgress" | "onTrial";

/** The last argument of calls that take time: which callbacks the client wants. */
export type Wanted = readonly Callback[];

/** An error object loses its class on the way, so what makes it up is sent. */
export interface ErrorMessage {
  code: string;
  argument: string;
  message: string;
  /** The last good epoch of a training run that diverged. */
  model?: Reference;
}

export function describeError(error: unknown): ErrorMessage {
  if (error instanceof FeatherError) {
    return { code: error.code, argument: error.argument, message: error.message };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: "INTERNAL", argument: "", message };
}

export function restoreError({ code, argument, message }: ErrorMessage): FeatherError {
  return errorFrom(code, message, argument);
}

/** One end of the line, whatever the platform calls it. */
export interface Port<Out, In> {
  post(message: Out, transfer?: Transferable[]): void;
  onMessage(listener: (message: In) => void): void;
}

/** The client's end, which can also hear the worker die and end it. */
export interface WorkerPort extends Port<ToWorker, FromWorker> {
  onDeath(listener: (why: string) => void): void;
  terminate(): void;
  /** Whether the worker should keep a Node process alive just now. Browsers have no such thing. */
  keepAlive?(busy: boolean): void;
}
