/** The page's side of the reading worker. */
import { DataError, type RatingTable } from "./table.js";
import type { ReadReply, ReadRequest } from "./worker.js";

type Job = ReadRequest extends infer R ? (R extends ReadRequest ? Omit<R, "call"> : never) : never;

export class Reader {
  // Started with the page, not with the first file: a visitor's file must not cause a request.
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  readonly #waiting = new Map<
    number,
    { resolve: (table: RatingTable) => void; reject: (error: Error) => void }
  >();
  #calls = 0;

  constructor() {
    this.#worker.addEventListener("message", ({ data: reply }: MessageEvent<ReadReply>) => {
      const job = this.#waiting.get(reply.call);
      this.#waiting.delete(reply.call);
      if ("table" in reply) job?.resolve(reply.table);
      else job?.reject(new DataError(reply.error));
    });
    this.#worker.addEventListener("error", () => {
      for (const { reject } of this.#waiting.values())
        reject(new DataError("The file is too large for this browser."));
      this.#waiting.clear();
    });
  }

  async file(file: File): Promise<RatingTable> {
    const bytes = await file.arrayBuffer();
    return this.#run({ what: "file", name: file.name, bytes }, [bytes]);
  }

  async folder(files: [name: string, bytes: ArrayBuffer][]): Promise<RatingTable> {
    return this.#run(
      { what: "folder", files },
      files.map(([, bytes]) => bytes),
    );
  }

  sample(): Promise<RatingTable> {
    return this.#run({ what: "sample" }, []);
  }

  #run(job: Job, transfer: Transferable[]): Promise<RatingTable> {
    return new Promise((resolve, reject) => {
      const call = ++this.#calls;
      this.#waiting.set(call, { resolve, reject });
      this.#worker.postMessage({ ...job, call }, transfer);
    });
  }
}
