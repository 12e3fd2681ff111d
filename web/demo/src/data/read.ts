/** One door for every kind of file: what it is shows in its content, not in its name. */
import { isZip, listNames, unzip } from "./archive.js";
import { readRatingsCsv } from "./csv.js";
import { readMovieLens, wantedFiles, type Files } from "./movielens.js";
import { DataError, decodeText, type RatingTable } from "./table.js";

/** Throws `DataError` with a message for the visitor. */
export function readFile(name: string, bytes: Uint8Array): RatingTable {
  if (bytes.length === 0) throw new DataError(`${name} is empty.`);
  const table = isZip(bytes) ? readArchive(name, bytes) : readText(name, bytes);
  return checked(table);
}

/** The unpacked files of a MovieLens folder. */
export function readFolder(files: Files): RatingTable {
  const table = readMovieLens(files);
  if (table === null) throw new DataError("There is no MovieLens table in this folder.");
  return checked(table);
}

function readArchive(name: string, bytes: Uint8Array): RatingTable {
  const listed = listNames(bytes);
  const movieLens = readMovieLens(unzip(bytes, (file) => wantedFiles.includes(file)));
  if (movieLens !== null) return movieLens;
  const [table, ...others] = listed.filter((file) => /\.(csv|tsv)$/i.test(file));
  if (table === undefined || others.length > 0) {
    const content =
      listed.length === 0
        ? "nothing"
        : listed.slice(0, 5).join(", ") + (listed.length > 5 ? ", …" : "");
    throw new DataError(
      `${name} is neither MovieLens nor a single zipped CSV: it holds ${content}.`,
    );
  }
  const content = unzip(bytes, (file) => file === table).get(table) ?? new Uint8Array();
  return readRatingsCsv(decodeText(content), table);
}

function readText(name: string, bytes: Uint8Array): RatingTable {
  // A zero byte never occurs in a text file (UTF-16 ones announce themselves).
  const utf16 =
    (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (!utf16 && bytes.subarray(0, 4096).includes(0)) {
    throw new DataError(`${name} is neither a zip archive nor a CSV file.`);
  }
  return readRatingsCsv(decodeText(bytes), name);
}

/** Things no model can be trained on, whatever the format. */
function checked(table: RatingTable): RatingTable {
  if (new Set<unknown>(table.users).size < 2)
    throw new DataError(`${table.name}: ratings by at least two users are needed.`);
  if (table.films.length < 2)
    throw new DataError(`${table.name}: ratings of at least two items are needed.`);
  if (table.ratings.every((rating) => rating === table.ratings[0])) {
    throw new DataError(
      `${table.name}: every rating is ${table.ratings[0]}; there is nothing to learn from.`,
    );
  }
  return table;
}
