/**
 * What every reader returns: the ratings as parallel columns (row k of each column is one rating) and what is known
 * about films and people. Columns are typed arrays wherever possible, so that they move out of the reading worker for free.
 */
export type Id = string | number;
export type IdColumn = Int32Array | string[];

export interface Film {
  id: Id;
  title: string;
  year: number | null;
  genres: string[];
}

export interface Person {
  id: Id;
  /** In years; where the source has brackets, the lowest age of the bracket. */
  age: number | null;
  gender: string | null;
  occupation: string | null;
  /** A few words, such as "49, writer". */
  note: string;
}

export type SourceKind = "ml-100k" | "ml-1m" | "ml-latest" | "csv" | "sample";

export interface RatingTable {
  kind: SourceKind;
  /** As shown on the page: "MovieLens 100K", or the name of the file. */
  name: string;
  users: IdColumn;
  items: IdColumn;
  ratings: Float32Array;
  /** Unix seconds, or null when the source has none. */
  timestamps: Float64Array | null;
  /** One entry for every item that was rated. */
  films: Film[];
  /** What is known of the users, where the source says something. */
  people: Person[];
}

/** A file that cannot be used. The message is shown as it is: it says where the fault lies and what is expected. */
export class DataError extends Error {
  override name = "DataError";
}

/** Text in whichever of the encodings in use: UTF-8 where it is valid, else the Latin-1 of the old MovieLens files. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("iso-8859-1").decode(bytes);
  }
}
