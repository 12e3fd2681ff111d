/** Reading happens here, so that unpacking and parsing never hold up the page. */
import { readFile, readFolder } from "./read.js";
import { makeSample } from "./sample.js";
import { DataError, type RatingTable } from "./table.js";

export type ReadRequest = { call: number } & (
  | { what: "file"; name: string; bytes: ArrayBuffer }
  | { what: "folder"; files: [name: string, bytes: ArrayBuffer][] }
  | { what: "sample" }
);

export type ReadReply = { call: number } & ({ table: RatingTable } | { error: string });

addEventListener("message", ({ data: request }: MessageEvent<ReadRequest>) => {
  let reply: ReadReply;
  try {
    reply = { call: request.call, table: read(request) };
  } catch (error) {
    if (!(error instanceof DataError)) console.error(error);
    reply = {
      call: request.call,
      error:
        error instanceof DataError ? error.message : `The file cannot be read: ${String(error)}`,
    };
  }
  postMessage(reply, { transfer: "table" in reply ? buffersOf(reply.table) : [] });
});

function read(request: ReadRequest): RatingTable {
  switch (request.what) {
    case "file":
      return readFile(request.name, new Uint8Array(request.bytes));
    case "folder":
      return readFolder(
        new Map(request.files.map(([name, bytes]) => [name, new Uint8Array(bytes)])),
      );
    case "sample":
      return makeSample();
  }
}

function buffersOf(table: RatingTable): ArrayBuffer[] {
  return [table.users, table.items, table.ratings, table.timestamps]
    .filter((column) => ArrayBuffer.isView(column))
    .map((column) => column.buffer as ArrayBuffer);
}
