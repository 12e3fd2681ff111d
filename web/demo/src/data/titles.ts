/** MovieLens titles file the article behind a comma and the year in brackets: "Misérables, Les (1995)". */
const articles =
  "The|A|An|Le|La|Les|L'|Un|Une|Il|Lo|I|Gli|Una|Uno|El|Los|Las|Der|Die|Das|Ein|Eine|De|Het|Den|Det|En|Et|O|Os|As|Um|Uma";
const trailingArticle = new RegExp(`^(.+), (${articles})$`, "i");
const trailingYear = /\s*\((\d{4})(?:\s*[-–]\s*(?:\d{4})?)?\)\s*$/;
const trailingBracket = /^(.*\S)\s*\(([^()]*)\)$/;

export interface ReadableTitle {
  title: string;
  year: number | null;
}

/** "Misérables, Les (1995)" becomes "Les Misérables" of 1995; alternative titles in brackets are turned as well. */
export function readableTitle(raw: string): ReadableTitle {
  const text = raw.trim();
  if (text === "" || text.toLowerCase() === "unknown")
    return { title: "Unknown title", year: null };
  const year = trailingYear.exec(text);
  const named = year === null ? text : text.slice(0, year.index).trim();
  return { title: turn(named === "" ? text : named), year: year === null ? null : Number(year[1]) };
}

function turn(text: string): string {
  const bracket = trailingBracket.exec(text);
  if (bracket !== null) {
    const [, outside, inside] = bracket as unknown as [string, string, string];
    return `${turn(outside)} (${articleFirst(inside)})`;
  }
  return articleFirst(text);
}

function articleFirst(text: string): string {
  const match = trailingArticle.exec(text.trim());
  if (match === null) return text.trim();
  const [, rest, article] = match as unknown as [string, string, string];
  return article.endsWith("'") ? `${article}${rest}` : `${article} ${rest}`;
}

/** Lower case without accents and punctuation: the form in which titles are searched and compared. */
export function searchable(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}
