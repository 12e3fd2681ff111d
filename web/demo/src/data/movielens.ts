/** The published MovieLens files: ml-100k (tabs and bars, Latin-1), ml-1m ("::", Latin-1), ml-latest (CSV, UTF-8). */
import { at } from "./at.js";
import { parseRows, readRatingsCsv } from "./csv.js";
import { bracketOf } from "./ages.js";
import {
  DataError,
  decodeText,
  type Film,
  type Id,
  type Person,
  type RatingTable,
} from "./table.js";
import { readableTitle } from "./titles.js";

export type Files = ReadonlyMap<string, Uint8Array>;

/** Files that may be read, so that nothing else of an archive is unpacked. */
export const wantedFiles = [
  "u.data", "u.item", "u.user",
  "ratings.dat", "movies.dat", "users.dat",
  "ratings.csv", "movies.csv",
]; // prettier-ignore

/** The table in these files, or null when they are not MovieLens. */
export function readMovieLens(files: Files): RatingTable | null {
  if (files.has("u.data")) return read100k(files);
  if (files.has("ratings.dat")) return read1m(files);
  if (files.has("ratings.csv")) return readLatest(files);
  return null;
}

function read100k(files: Files): RatingTable {
  const films: Film[] = [];
  for (const [line, text] of linesOf(need(files, "u.item"))) {
    const fields = text.split("|");
    if (fields.length !== 24)
      throw new DataError(`u.item, line ${line}: ${fields.length} fields where 24 belong.`);
    const { title, year } = readableTitle(at(fields, 1));
    // Column 5 is the genre "unknown".
    const genres = genres100k.filter((_, k) => fields[6 + k] === "1");
    films.push({ id: wholeNumber(at(fields, 0), "u.item", line), title, year, genres });
  }
  const people: Person[] = [];
  for (const [line, text] of linesOf(files.get("u.user"))) {
    const [id = "", age, gender, occupation = null] = text.split("|");
    people.push({
      id: wholeNumber(id, "u.user", line),
      age: knownAge(age),
      gender: genderOf(gender),
      occupation,
      note: noteOn(age, occupation),
    });
  }
  const ratings = readNumberTable(need(files, "u.data"), "u.data");
  return {
    kind: "ml-100k",
    name: "MovieLens 100K",
    ...ratings,
    films: onlyRated(films, ratings.items),
    people: onlyRaters(people, ratings.users),
  };
}

function read1m(files: Files): RatingTable {
  const films: Film[] = [];
  for (const [line, text] of linesOf(need(files, "movies.dat"))) {
    const [id = "", title = "", genres] = text.split("::");
    if (genres === undefined)
      throw new DataError(`movies.dat, line ${line}: three fields separated by "::" belong here.`);
    films.push({
      id: wholeNumber(id, "movies.dat", line),
      ...readableTitle(title),
      genres: splitGenres(genres),
    });
  }
  const people: Person[] = [];
  for (const [line, text] of linesOf(files.get("users.dat"))) {
    const [id = "", gender, code, trade] = text.split("::");
    const age = knownAge(code);
    const occupation = occupations1m[Number(trade)] ?? null;
    people.push({
      id: wholeNumber(id, "users.dat", line),
      age,
      gender: genderOf(gender),
      occupation,
      note: noteOn(age === null ? undefined : bracketOf(age).label, occupation),
    });
  }
  const ratings = readNumberTable(need(files, "ratings.dat"), "ratings.dat");
  const name = ratings.ratings.length > 2_000_000 ? "MovieLens 10M" : "MovieLens 1M";
  return {
    kind: "ml-1m",
    name,
    ...ratings,
    films: onlyRated(films, ratings.items),
    people: onlyRaters(people, ratings.users),
  };
}

function readLatest(files: Files): RatingTable {
  const table = readRatingsCsv(decodeText(need(files, "ratings.csv")), "ratings.csv");
  const films: Film[] = [];
  for (const { cells, line } of parseRows(decodeText(need(files, "movies.csv")))) {
    if (line() === 1) continue;
    const [id = "", title = "", genres] = cells;
    if (genres === undefined)
      throw new DataError(`movies.csv, line ${line()}: movieId,title,genres belong here.`);
    films.push({
      id: wholeNumber(id, "movies.csv", line()),
      ...readableTitle(title),
      genres: splitGenres(genres),
    });
  }
  const name = table.ratings.length < 200_000 ? "MovieLens latest (small)" : "MovieLens";
  return { ...table, kind: "ml-latest", name, films: onlyRated(films, table.items) };
}

const genres100k = [
  "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir",
  "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
]; // prettier-ignore

/** By their codes, as the README of MovieLens 1M lists them. */
const occupations1m = [
  "other", "educator", "artist", "clerical", "student (college)", "customer service", "doctor", "executive", "farmer",
  "homemaker", "student (school)", "lawyer", "programmer", "retired", "salesman", "scientist", "self-employed", "engineer",
  "craftsman", "unemployed", "writer",
]; // prettier-ignore

function knownAge(text: string | undefined): number | null {
  const age = Number(text);
  return age > 0 && age < 130 ? age : null;
}

function genderOf(letter: string | undefined): string | null {
  return letter === "F" ? "female" : letter === "M" ? "male" : null;
}

function noteOn(age: string | undefined, occupation: string | null): string {
  const trade = occupation === "other" || occupation === "none" ? null : occupation;
  return [age, trade].filter(Boolean).join(", ");
}

function splitGenres(text: string): string[] {
  return text
    .split("|")
    .map((genre) => genre.trim())
    .filter((genre) => genre !== "" && !genre.startsWith("("));
}

function need(files: Files, name: string): Uint8Array {
  const file = files.get(name);
  if (file === undefined)
    throw new DataError(`${name} is missing: a MovieLens archive has it beside the ratings.`);
  return file;
}

/** The lines with something in them; none of a file that is not there. */
function* linesOf(bytes: Uint8Array | undefined): Generator<[line: number, text: string]> {
  if (bytes === undefined) return;
  let line = 0;
  for (const text of decodeText(bytes).split(/\r?\n/)) {
    line++;
    if (text !== "") yield [line, text];
  }
}

function wholeNumber(text: string, file: string, line: number): number {
  if (!/^\d{1,9}$/.test(text))
    throw new DataError(`${file}, line ${line}: "${text.slice(0, 20)}" is not a whole number.`);
  return Number(text);
}

/** Films that were rated; an item without a film entry is listed by its number. */
function onlyRated(films: Film[], items: Int32Array | string[]): Film[] {
  const rated = new Set<Id>(items);
  const kept = films.filter(({ id }) => rated.delete(id));
  for (const id of rated) kept.push({ id, title: `Film ${id}`, year: null, genres: [] });
  return kept;
}

function onlyRaters(people: Person[], users: Int32Array): Person[] {
  const raters = new Set(users);
  return people.filter(({ id }) => raters.has(id as number));
}

interface NumberColumns {
  users: Int32Array;
  items: Int32Array;
  ratings: Float32Array;
  timestamps: Float64Array;
}

/**
 * "user item rating time" in digits, separated by a tab (u.data) or by "::" (ratings.dat). Read byte by byte: a million
 * lines take tens of milliseconds where splitting strings takes a second.
 */
function readNumberTable(bytes: Uint8Array, file: string): NumberColumns {
  let lines = bytes.length > 0 && bytes[bytes.length - 1] !== 10 ? 1 : 0;
  for (const byte of bytes) if (byte === 10) lines++;
  const users = new Int32Array(lines);
  const items = new Int32Array(lines);
  const ratings = new Float32Array(lines);
  const timestamps = new Float64Array(lines);
  const fields = [0, 0, 0, 0];
  let position = 0;
  let count = 0;
  for (let line = 1; position < bytes.length; line++) {
    for (let k = 0; k < 4; k++) {
      const start = position;
      let value = 0;
      let scale = 0;
      for (; position < bytes.length; position++) {
        const byte = at(bytes, position);
        if (byte >= 48 && byte <= 57) {
          value = value * 10 + (byte - 48);
          scale *= 10;
        } else if (byte === 46 && scale === 0 && position > start) {
          scale = 1;
        } else break;
      }
      if (position === start || position - start > 15 || (scale !== 0 && k !== 2))
        throw badLine(file, line);
      fields[k] = scale > 1 ? value / scale : value;
      if (k === 3) break;
      if (bytes[position] === 9) position++;
      else if (bytes[position] === 58 && bytes[position + 1] === 58) position += 2;
      else throw badLine(file, line);
    }
    if (bytes[position] === 13) position++;
    if (position < bytes.length && bytes[position++] !== 10) throw badLine(file, line);
    [users[count], items[count], ratings[count], timestamps[count]] = fields as [
      number,
      number,
      number,
      number,
    ];
    count++;
  }
  if (count === 0) throw new DataError(`${file} has no ratings in it.`);
  return { users, items, ratings, timestamps };
}

function badLine(file: string, line: number): DataError {
  return new DataError(
    `${file}, line ${line}: four numbers (user, film, rating, time) belong here.`,
  );
}
