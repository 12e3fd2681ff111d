/** The worker's side: an engine, the objects it made by number, and the calls that come in. */
import type { Engine } from "../engine.js";
import { ClosedError, DivergedError, InternalError } from "../errors.js";
import { coreGuest, Guest, GuestItem, TrainedModel } from "../model.js";
import { CoreRowSet } from "../rows.js";
import type { Dataset, Model, Rows } from "../types.js";
import type { LoadOptions } from "../wasm.js";
import {
  describeError,
  type ErrorMessage,
  type FromWorker,
  type Port,
  type Reference,
  type ToWorker,
  type Wanted,
} from "./protocol.js";
import {
  datasetVerbs,
  type GuestData,
  type GuestItemData,
  guestItemPrefix,
  guestItemVerbs,
  guestPrefix,
  guestVerbs,
  modelVerbs,
  rowsVerbs,
  updateVerbs,
} from "./verbs.js";

type HeldObject = Dataset | Rows | Model;
type Verb = (...args: never[]) => unknown;
/** Options of a call that takes time, without signal and callbacks. */
type Controlled = { validation?: number };

/** Work that ended because its client wanted it to, and not in an error. */
class Aborted extends Error {}

export class Host {
  readonly #port: Port<FromWorker, ToWorker>;
  readonly #load: (options: LoadOptions) => Promise<Engine>;
  #engine: Promise<Engine> | undefined;
  readonly #objects = new Map<number, HeldObject>();
  readonly #running = new Map<number, AbortController>();
  #nextHandle = 1;

  constructor(port: Port<FromWorker, ToWorker>, load: (options: LoadOptions) => Promise<Engine>) {
    this.#port = port;
    this.#load = load;
    port.onMessage((message) => void this.#receive(message));
  }

  async #receive(message: ToWorker): Promise<void> {
    switch (message.type) {
      case "open":
        this.#engine = this.#load(message.wasm === undefined ? {} : { wasm: message.wasm });
        this.#engine.catch((error: unknown) => this.#die(error));
        return;
      case "abort":
        this.#running.get(message.call)?.abort();
        return;
      case "release":
        this.#objects.get(message.handle)?.close();
        this.#objects.delete(message.handle);
        return;
      case "call":
        return this.#answer(message);
    }
  }

  async #answer({ call, target, verb, args }: Extract<ToWorker, { type: "call" }>): Promise<void> {
    try {
      const engine = await (this.#engine as Promise<Engine>);
      const value =
        target === 0
          ? await this.#engineCall(engine, call, verb, args)
          : this.#objectCall(target, verb, args);
      this.#port.post({ type: "result", call, value }, transferables(value));
    } catch (error) {
      if (error instanceof Aborted) {
        this.#port.post({ type: "aborted", call });
        return;
      }
      const description: ErrorMessage = describeError(error);
      if (error instanceof DivergedError && error.model !== undefined) {
        description.model = this.#refer(error.model as Model);
      }
      this.#port.post({ type: "error", call, error: description });
      if (error instanceof InternalError) this.#die(error);
    }
  }

  #die(error: unknown): void {
    this.#port.post({ type: "dead", error: describeError(error) });
  }

  /** The engine's verbs take and give references where the engine takes and gives objects. */
  async #engineCall(engine: Engine, call: number, verb: string, args: unknown[]): Promise<unknown> {
    const verbs: Record<string, Verb> = {
      version: () => engine.version,
      memoryBytes: () => engine.memoryBytes(),
      dataset: (input: never) => this.#refer(engine.dataset(input)),
      rows: (input: never) => this.#refer(engine.rows(input)),
      readLibsvm: async (source: never, options: never) =>
        this.#refer(await engine.readLibsvm(source, options)),
      split: (data: number, options: never) => {
        const { train, test } = engine.split(this.#dataset(data), options);
        return { train: this.#refer(train), test: this.#refer(test) };
      },
      train: (data: number, options: Controlled, wanted: Wanted) =>
        this.#training(call, options, wanted, (controlled) =>
          engine.trainAsync(this.#dataset(data), controlled),
        ),
      fitPartial: (model: number, data: number, options: Controlled, wanted: Wanted) =>
        this.#training(call, options, wanted, (controlled) =>
          engine.fitPartialAsync(this.#model(model), this.#dataset(data), controlled),
        ),
      crossValidate: (data: number, train: never, options: Controlled, wanted: Wanted) =>
        this.#controlled(call, options, wanted, (controlled) =>
          engine.crossValidateAsync(this.#dataset(data), train, controlled),
        ),
      search: (data: number, space: never, options: Controlled, wanted: Wanted) =>
        this.#controlled(call, options, wanted, (controlled) =>
          engine.searchAsync(this.#dataset(data), space, controlled),
        ),
      evaluate: (model: number, test: number, options: { train?: number }) =>
        engine.evaluate(this.#model(model), this.#dataset(test), {
          ...(options as object),
          ...(options.train !== undefined && { train: this.#dataset(options.train) }),
        }),
      loadModel: (bytes: never) => this.#refer(engine.loadModel(bytes)),
    };
    if (!Object.hasOwn(verbs, verb)) throw new InternalError("INTERNAL", `unknown verb ${verb}`);
    return await (verbs[verb] as Verb)(...(args as never[]));
  }

  async #training(
    call: number,
    { validation, ...options }: Controlled,
    wanted: Wanted,
    run: (options: never) => Promise<Model>,
  ): Promise<Reference> {
    const held = validation !== undefined && { validation: this.#dataset(validation) };
    return this.#refer(await this.#controlled(call, { ...options, ...held }, wanted, run));
  }

  /** Work that can be aborted, and whose callbacks become messages. */
  async #controlled<T>(
    call: number,
    options: object,
    wanted: Wanted,
    run: (options: never) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    this.#running.set(call, controller);
    const post = {
      onEpoch: (report: never) => this.#port.post({ type: "epoch", call, report }),
      onProgress: (progress: never) => this.#port.post({ type: "progress", call, progress }),
      onTrial: (trial: never) => this.#port.post({ type: "trial", call, trial }),
    };
    const callbacks = Object.fromEntries(wanted.map((name) => [name, post[name]]));
    try {
      return await run({ ...options, ...callbacks, signal: controller.signal } as never);
    } catch (error) {
      // Of the engine's own errors none is a DOMException.
      const aborted = controller.signal.aborted && error instanceof DOMException;
      throw aborted ? new Aborted() : error;
    } finally {
      this.#running.delete(call);
    }
  }

  #objectCall(target: number, verb: string, args: unknown[]): unknown {
    const object = this.#object(target);
    if (object instanceof TrainedModel) {
      const model = object;
      if (verb === "foldInUser") {
        const [ratings, options] = args as Parameters<TrainedModel["foldInUser"]>;
        const { vector, bias, unseen, parts } = model.foldInUser(ratings, options);
        return { vector, bias, unseen, parts, ratings, options } satisfies GuestData;
      }
      if (verb === "foldInItem") {
        const { vector, bias, unseen, parts } = model.foldInItem(args[0] as never);
        return { vector, bias, unseen, parts } satisfies GuestItemData;
      }
      if (verb === "compress") return this.#refer(model.compress(args[0] as never));
      if (verb === "predictRows") {
        return model.predictRows(this.#object(args[0] as number) as Rows, args[1] as never);
      }
      if ((updateVerbs as readonly string[]).includes(verb)) {
        (model[verb as keyof TrainedModel] as Verb).apply(model, args as never[]);
        return { userCount: model.userCount, itemCount: model.itemCount };
      }
      if (verb.startsWith(guestItemPrefix)) {
        const itemVerb = verb.slice(guestItemPrefix.length);
        const [data, ...rest] = args as [GuestItemData, ...never[]];
        if ((guestItemVerbs as readonly string[]).includes(itemVerb)) {
          const { vector, bias, parts, unseen } = data;
          const item = new GuestItem(model, coreGuest(vector, bias, parts), unseen);
          return (item[itemVerb as keyof GuestItem] as Verb).apply(item, rest);
        }
      }
      if (verb.startsWith(guestPrefix)) {
        const guestVerb = verb.slice(guestPrefix.length);
        const [data, ...rest] = args as [GuestData, ...never[]];
        const { vector, bias, parts, ratings, options } = data;
        if ((guestVerbs as readonly string[]).includes(guestVerb)) {
          const placed = coreGuest(vector, bias, parts);
          const guest = new Guest(model, placed, model.checkRatings(ratings, options));
          return (guest[guestVerb as keyof Guest] as Verb).apply(guest, rest);
        }
      }
      if ((modelVerbs as readonly string[]).includes(verb)) {
        return (model[verb as keyof TrainedModel] as Verb).apply(model, args as never[]);
      }
    } else {
      const verbs: readonly string[] = object instanceof CoreRowSet ? rowsVerbs : datasetVerbs;
      if (verbs.includes(verb)) {
        return ((object as Dataset)[verb as keyof Dataset] as Verb).apply(object, args as never[]);
      }
    }
    throw new InternalError("INTERNAL", `unknown verb ${verb}`);
  }

  #object(handle: number): HeldObject {
    const object = this.#objects.get(handle);
    if (object === undefined) throw new ClosedError("CLOSED", "this object was closed");
    return object;
  }

  // A wrong kind is the engine's to refuse: it names the argument.
  #dataset(handle: number): Dataset {
    return this.#object(handle) as Dataset;
  }
  #model(handle: number): Model {
    return this.#object(handle) as Model;
  }

  #refer(object: HeldObject): Reference {
    const handle = this.#nextHandle++;
    this.#objects.set(handle, object);
    if ("rowCount" in object) {
      const { rowCount, columnCount, hasTargets } = object;
      return { kind: "rows", handle, properties: { rowCount, columnCount, hasTargets } };
    }
    if ("family" in object) {
      const { family, userCount, itemCount, factors, valueRange, options, summary } = object;
      const properties = { family, userCount, itemCount, factors, valueRange, options, summary };
      return { kind: "model", handle, properties };
    }
    const { userCount, itemCount, interactionCount, ratingRange } = object;
    const { hasTimestamps, hasWeights, fields } = object;
    return {
      kind: "dataset",
      handle,
      properties: {
        userCount,
        itemCount,
        interactionCount,
        ratingRange,
        hasTimestamps,
        hasWeights,
        fields,
      },
    };
  }
}

/** Arrays made for an answer, and those right inside one, change hands instead of being copied. */
function transferables(value: unknown): Transferable[] {
  if (typeof value !== "object" || value === null) return [];
  const views = ArrayBuffer.isView(value)
    ? [value]
    : (Object.values(value) as unknown[]).filter((inside) => ArrayBuffer.isView(inside));
  return [...new Set(views.map(({ buffer }) => buffer as ArrayBuffer))];
}
