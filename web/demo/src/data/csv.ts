/** Ratings from any CSV with a header line. Columns are found by name, separators by looking. */
import Papa from "papaparse";
import { DataError, type Film, type Id, type IdColumn, type RatingTable } from "./table.js";
import { readableTitle } from "./titles.js";

/** Column names by role, in lower case without anything but letters and digits. The first role to match wins. */
const names = {
  user: ["user", "userid", "username", "uid", "member", "memberid", "customer", "customerid", "reader", "readerid",
    "person", "personid", "reviewer", "reviewerid", "visitor", "visitorid"],
  item: ["item", "itemid", "movie", "movieid", "film", "filmid", "product", "productid", "book", "bookid", "isbn", "song",
    "songid", "track", "trackid", "artist", "artistid", "asin", "show", "showid", "game", "gameid"],
  rating: ["rating", "ratings", "score", "stars", "star", "value", "vote", "grade"],
  timestamp: ["timestamp", "time", "date", "datetime", "when", "unixtime", "unixtimestamp", "ratedat", "createdat"],
  title: ["title", "name", "movietitle", "filmtitle", "itemtitle", "itemname", "moviename", "filmname", "booktitle"],
  genres: ["genre", "genres", "category", "categories"],
  year: ["year", "releaseyear"],
} as const; // prettier-ignore

type Role = keyof typeof names;

interface Row {
  cells: string[];
  /** Line of the file the row begins on; counted only when asked, for errors. */
  line: () => number;
}

/** All rows with something in them. */
export function parseRows(text: string): Row[] {
  const rows: Row[] = [];
  let start = 0;
  Papa.parse<string[]>(text, {
    step({ data, meta }) {
      const from = start;
      start = meta.cursor;
      if (data.every((cell) => cell.trim() === "")) return;
      rows.push({ cells: data, line: () => lineAt(text, from) });
    },
  });
  return rows;
}

function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < position; at = text.indexOf("\n", at + 1))
    line++;
  return line;
}

/** Throws `DataError` with line and column when the table has no usable header or a cell cannot be read. */
export function readRatingsCsv(text: string, file: string): RatingTable {
  const [header, ...rows] = parseRows(text);
  if (header === undefined) throw new DataError(`${file} is empty.`);
  const columns = findColumns(header.cells, file, rows.length);
  const users: string[] = [];
  const items: string[] = [];
  const ratings = new Float32Array(rows.length);
  const timestamps = columns.timestamp === undefined ? null : new Float64Array(rows.length);
  const films = new Map<string, Film>();

  rows.forEach((row, k) => {
    const fault = (role: Role, what: string) =>
      new DataError(
        `${file}, line ${row.line()}, column "${header.cells[columns[role] ?? -1] ?? role}": ${what}`,
      );
    const cell = (role: Role): string => {
      const text = row.cells[columns[role] ?? -1]?.trim() ?? "";
      if (text === "") throw fault(role, "the cell is empty.");
      return text;
    };
    const number = (role: Role, read: (text: string) => number, otherwise: string): number => {
      const value = read(cell(role));
      if (Number.isNaN(value)) throw fault(role, `"${clip(cell(role))}" is ${otherwise}.`);
      return value;
    };
    const item = cell("item");
    users.push(cell("user"));
    items.push(item);
    ratings[k] = number("rating", toNumber, "not a number");
    if (timestamps !== null) {
      timestamps[k] = number("timestamp", toSeconds, "neither a date nor a number");
    }
    if (!films.has(item)) films.set(item, describe(item, row.cells, columns));
  });

  const itemColumn = compact(items);
  const filmList = [...films.values()];
  if (itemColumn instanceof Int32Array) for (const film of filmList) film.id = Number(film.id);
  return {
    kind: "csv",
    name: file,
    users: compact(users),
    items: itemColumn,
    ratings,
    timestamps,
    films: filmList,
    people: [],
  };
}

function findColumns(header: string[], file: string, rows: number): Partial<Record<Role, number>> {
  const found: Partial<Record<Role, number>> = {};
  const plain = header.map((name) => name.toLowerCase().replace(/[^a-z0-9]/g, ""));
  for (const role of Object.keys(names) as Role[]) {
    const column = plain.findIndex((name) => (names[role] as readonly string[]).includes(name));
    if (column !== -1) found[role] = column;
  }
  // A table without item ids but with titles is usable: the title is the id.
  if (found.item === undefined && found.title !== undefined) found.item = found.title;
  const missing = (["user", "item", "rating"] as const).find((role) => found[role] === undefined);
  if (missing !== undefined) {
    if (header.every((cell) => !Number.isNaN(toNumber(cell)))) {
      throw new DataError(
        `${file}, line 1: this looks like data. The first line has to name the columns, such as user,item,rating,title.`,
      );
    }
    throw new DataError(
      `${file}, line 1: no column for the ${missing}. It may be called ${names[missing].slice(0, 4).join(", ")}; ` +
        `the columns here are ${header
          .map((name) => `"${clip(name)}"`)
          .slice(0, 8)
          .join(", ")}.`,
    );
  }
  if (rows === 0) throw new DataError(`${file} has a header but no ratings.`);
  return found;
}

function describe(item: string, cells: string[], columns: Partial<Record<Role, number>>): Film {
  const text = (role: Role) =>
    columns[role] === undefined ? "" : (cells[columns[role]] ?? "").trim();
  const named = text("title") || item;
  const { title, year } = /^\d+$/.test(named)
    ? { title: `Item ${named}`, year: null }
    : readableTitle(named);
  const given = /^\d{4}$/.test(text("year")) ? Number(text("year")) : null;
  return {
    id: item,
    title,
    year: given ?? year,
    genres: text("genres")
      .split(/[|;,]/)
      .map((g) => g.trim())
      .filter(Boolean),
  };
}

/** A number with a point, or with the decimal comma that goes with semicolons as separators. */
function toNumber(text: string): number {
  return /^[-+]?\d*[.,]?\d+(e[-+]?\d+)?$/i.test(text) ? Number(text.replace(",", ".")) : NaN;
}

function toSeconds(text: string): number {
  const number = toNumber(text);
  return Number.isNaN(number) ? Date.parse(text) / 1000 : number;
}

function clip(text: string): string {
  return text.length > 24 ? `${text.slice(0, 24)}…` : text;
}

/** Ids that are all plain whole numbers become numbers, so that "7" in a file and 7 elsewhere are the same film. */
function compact(ids: string[]): IdColumn {
  const plain: Id[] = ids;
  return plain.every((id) => /^(0|[1-9]\d{0,8})$/.test(id as string))
    ? Int32Array.from(ids, Number)
    : ids;
}
