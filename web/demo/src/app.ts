/**
 * The state of the page and everything that changes it. The views follow the signals and call the methods; they do not
 * know each other.
 */
import { ClosedError, FeatherClient, WorkerError, type RemoteDataset } from "featherfm/client";
import type { EpochReport } from "featherfm";
import { datasetInput } from "./data/dataset.js";
import { Films } from "./data/films.js";
import { Reader } from "./data/reader.js";
import type { Id, RatingTable } from "./data/table.js";
import type { Scale } from "./scale.js";
import { ablate, type Ablation } from "./train/ablation.js";
import { fit, inUse, measure, release, type Scores, type Trained } from "./train/run.js";
import type { Settings } from "./train/settings.js";
import { Signal } from "./ui/signal.js";

/** A data set with the model in use on it. A new one takes its place at every change, so that a change can be undone. */
export interface Session {
  readonly table: RatingTable;
  readonly films: Films;
  readonly dataset: RemoteDataset;
  readonly scale: Scale;
  readonly trained: Trained | null;
  /** Models of this data that were in use before, the latest first: to compare with. */
  readonly earlier: readonly Trained[];
}

/** Models that are kept besides the one in use. */
const keptEarlier = 3;

/** A training run under way. */
export interface Run {
  readonly settings: Settings;
  readonly reports: readonly EpochReport[];
  readonly epoch: number;
  readonly fraction: number;
  readonly elapsedMs: number;
}

/** Why a training ends before its time: its model is to be kept as it stands. */
const stop = new DOMException("Training was stopped.", "AbortError");

export class App {
  readonly session = new Signal<Session | null>(null);
  readonly run = new Signal<Run | null>(null);
  /** Of the model in use. */
  readonly scores = new Signal<Scores>({});
  /** The person of the data whose lists are shown. */
  readonly person = new Signal<Id | null>(null);
  readonly ablation = new Signal<Ablation | null>(null);
  readonly reader = new Reader();
  #client = new FeatherClient();
  #previous: { session: Session; ablation: Ablation | null } | null = null;
  readonly #scores = new WeakMap<Trained, Scores>();
  /** Of the training or the comparison of fields under way: there is one at a time. */
  #abort: AbortController | null = null;

  async ready(): Promise<string> {
    return (await this.#client.ready()).version;
  }

  /** Takes the table into use. What was there before stays until this has worked, and can be brought back after. */
  async useTable(table: RatingTable): Promise<void> {
    this.cancel();
    const dataset = await this.#client.dataset(datasetInput(table));
    const [low, high] = dataset.ratingRange;
    this.#replace({
      table,
      films: new Films(table),
      dataset,
      scale: { low, high },
      trained: null,
      earlier: [],
    });
  }

  /** Trains and measures. Rejects when training fails or is cancelled; the model before it then stays in use. */
  async train(settings: Settings): Promise<void> {
    const session = this.session.value;
    if (session === null) return;
    const abort = this.#begin();
    const show = (change: Partial<Run>) => {
      if (this.#abort === abort && this.run.value !== null)
        this.run.set({ ...this.run.value, ...change });
    };
    this.run.set({ settings, reports: [], epoch: 0, fraction: 0, elapsedMs: 0 });
    try {
      const { trained, train } = await fit(this.#client, session, settings, {
        onEpoch: (report) => {
          show({ reports: [...(this.run.value?.reports ?? []), report] });
        },
        onProgress: ({ epoch, fraction, elapsedMs }) => {
          show({ epoch, fraction, elapsedMs });
        },
        signal: abort.signal,
        onAbort: "keep",
      });
      if (abort.signal.aborted && abort.signal.reason !== stop) {
        release(trained);
        train.close();
        abort.signal.throwIfAborted();
      }
      const next = { ...session, trained, earlier: withEarlier(session) };
      this.#replace(next);
      void this.#measure(next, trained, train);
    } catch (error) {
      await this.#restartAfter(error);
      throw error;
    } finally {
      // Another run may have begun meanwhile, and the signals are its own.
      if (this.#abort === abort) {
        this.#abort = null;
        this.run.set(null);
      }
    }
  }

  /**
   * Trains the model in use again without one of its fields, field after field. Rejects when that fails or is cancelled; what
   * was measured until then stays.
   */
  async compareFields(): Promise<void> {
    const session = this.session.value;
    const origin = session?.trained?.origin;
    if (session === null || origin?.by !== "training") return;
    const abort = this.#begin();
    try {
      await ablate(this.#client, session, origin.settings, abort.signal, (ablation) => {
        if (this.session.value === session) this.ablation.set(ablation);
      });
    } catch (error) {
      await this.#restartAfter(error);
      throw error;
    } finally {
      if (this.#abort === abort) this.#abort = null;
    }
  }

  /** Gives up what is under way. */
  cancel(): void {
    this.#abort?.abort();
  }

  /** Ends the training under way and takes its model into use as it stands, if there is one yet. */
  stop(): void {
    this.#abort?.abort(stop);
  }

  /** What has been measured of a model of this session. */
  scoresOf(trained: Trained): Scores {
    return this.#scores.get(trained) ?? {};
  }

  /** A saved model, for the data set in use. Throws with a message for the visitor when it belongs to another one. */
  async useModelFile(name: string, bytes: Uint8Array): Promise<void> {
    const session = this.session.value;
    if (session === null) return;
    const model = await this.#client.loadModel(bytes);
    try {
      await checkSameIds(model, session);
      const origin = { by: "file", name } as const;
      const rest = { name: `from ${name}`, test: null, trainCount: 0, testCount: 0, origin };
      const trained = await inUse(model, rest);
      this.cancel();
      this.#replace({ ...session, trained, earlier: withEarlier(session) });
    } catch (error) {
      model.close();
      throw error;
    }
  }

  /** Back to what the last change replaced; called again, forward to it. */
  undo(): void {
    const previous = this.#previous;
    const session = this.session.value;
    if (previous === null || session === null) return;
    this.cancel();
    this.#previous = { session, ablation: this.#ablation() };
    this.session.set(previous.session);
    const { trained } = previous.session;
    this.scores.set(trained === null ? {} : this.scoresOf(trained));
    this.ablation.set(previous.ablation);
  }

  async memoryBytes(): Promise<number> {
    return this.#client.memoryBytes();
  }

  /** Takes the place of whatever is under way. */
  #begin(): AbortController {
    this.cancel();
    this.#abort = new AbortController();
    return this.#abort;
  }

  #ablation(): Ablation | null {
    const ablation = this.ablation.value;
    return ablation && { ...ablation, current: null };
  }

  async #measure(session: Session, trained: Trained, train: RemoteDataset): Promise<void> {
    try {
      await measure(
        this.#client,
        trained,
        { train, scale: session.scale },
        (contestant, figures) => {
          const scores = { ...this.scoresOf(trained), [contestant]: figures };
          this.#scores.set(trained, scores);
          if (this.session.value?.trained === trained) this.scores.set(scores);
        },
      );
    } catch (error) {
      // A model that was replaced too often meanwhile is closed, and its figures are no longer wanted.
      if (!(error instanceof ClosedError)) throw error;
    } finally {
      train.close();
    }
  }

  #replace(session: Session): void {
    const current = this.session.value;
    // The first training belongs to the loading of its data: to undo that is to go back before both.
    const completes =
      current !== null && current.table === session.table && current.trained === null;
    const dropped = completes ? current : this.#previous?.session;
    if (!completes) {
      this.#previous = current === null ? null : { session: current, ablation: this.#ablation() };
    }
    this.scores.set({});
    this.ablation.set(null);
    this.session.set(session);
    if (dropped !== undefined) releaseAll(dropped, [session, this.#previous?.session ?? null]);
  }

  /** The worker is gone, and with it all that it held: a new one is started with the same ratings. */
  async #restartAfter(error: unknown): Promise<void> {
    if (!(error instanceof WorkerError)) return;
    const session = this.session.value;
    this.#client.close();
    this.#client = new FeatherClient();
    this.#previous = null;
    if (session === null) return;
    const dataset = await this.#client.dataset(datasetInput(session.table));
    this.ablation.set(null);
    this.session.set({ ...session, dataset, trained: null, earlier: [] });
  }
}

/** The models to compare with, after another one has taken the place of this session's. */
function withEarlier({ trained, earlier }: Session): readonly Trained[] {
  return trained === null ? earlier : [trained, ...earlier].slice(0, keptEarlier);
}

const modelsOf = ({ trained, earlier }: Session): readonly Trained[] =>
  trained === null ? earlier : [trained, ...earlier];

/** Frees what a session held and none of the others still uses. */
function releaseAll(session: Session, inUse: (Session | null)[]): void {
  const others = inUse.filter((one) => one !== null);
  const used = new Set<unknown>(others.flatMap((one) => [one.dataset, ...modelsOf(one)]));
  if (!used.has(session.dataset)) session.dataset.close();
  for (const trained of modelsOf(session)) if (!used.has(trained)) release(trained);
}

async function checkSameIds(model: Trained["model"], { dataset, table }: Session): Promise<void> {
  const [modelItems, modelUsers, items, users] = await Promise.all([
    model.itemIds(), model.userIds(), dataset.itemIds(), dataset.userIds(),
  ]); // prettier-ignore
  const unknownItems = missing(modelItems, items);
  const unknownUsers = missing(modelUsers, users);
  const absent = missing(items, modelItems) + missing(users, modelUsers);
  if (unknownItems + unknownUsers + absent === 0) return;
  throw new Error(
    `This model was trained on other data than ${table.name}: it knows ${modelItems.length} films and ` +
      `${modelUsers.length} people, of whom ${unknownItems} films and ${unknownUsers} people do not occur here. ` +
      `Load the data it was trained on first. The model in use stays.`,
  );
}

function missing(ids: readonly (string | number)[], from: readonly (string | number)[]): number {
  const known = new Set(from);
  return ids.filter((id) => !known.has(id)).length;
}
