/** The page's readers on their own: titles, tables and splits. */
import { strToU8, unzipSync, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { dataFields, datasetInput } from "../../web/demo/src/data/dataset.js";
import { officialSplits, officialTestRows } from "../../web/demo/src/data/official-splits.js";
import { readFile } from "../../web/demo/src/data/read.js";
import { makeSample } from "../../web/demo/src/data/sample.js";
import { readableTitle, searchable } from "../../web/demo/src/data/titles.js";
import { movieLensZip } from "./support/site.js";

const titleOf = (table: ReturnType<typeof readFile>, id: number | string) =>
  table.films.find((film) => film.id === id);

describe("titles", () => {
  it.each([
    ["Misérables, Les (1995)", "Les Misérables", 1995],
    [
      "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
      "The City of Lost Children (La Cité des enfants perdus)",
      1995,
    ],
    ["Eau froide, L' (1994)", "L'Eau froide", 1994],
    ["Seven (Se7en) (1995)", "Seven (Se7en)", 1995],
    ["Good, the Bad and the Ugly, The (1966)", "The Good, the Bad and the Ugly", 1966],
    ["2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968],
    ["Death Note: Desu nôto (2006–2007)", "Death Note: Desu nôto", 2006],
    ["Cosmos", "Cosmos", null],
    ["unknown", "Unknown title", null],
  ])("%s is shown as %s", (raw, title, year) => {
    expect(readableTitle(raw)).toEqual({ title, year });
  });

  it("are found without accents and punctuation", () => {
    expect(searchable("Les Misérables!")).toBe("les miserables");
  });
});

describe.skipIf(movieLensZip === null)("MovieLens 100K", () => {
  const zip = movieLensZip as Uint8Array;

  it("is read whole, in Latin-1, with genres and people", () => {
    const table = readFile("ml-100k.zip", zip);
    expect(table.ratings).toHaveLength(100_000);
    expect([table.users[0], table.items[0], table.ratings[0], table.timestamps?.[0]]).toEqual([
      196, 242, 3, 881_250_949,
    ]);
    expect(titleOf(table, 543)).toEqual({
      id: 543,
      title: "Les Misérables",
      year: 1995,
      genres: ["Drama", "Musical"],
    });
    expect(titleOf(table, 267)).toEqual({
      id: 267,
      title: "Unknown title",
      year: null,
      genres: [],
    });
    expect(titleOf(table, 1)?.genres).toEqual(["Animation", "Children's", "Comedy"]);
    expect(table.people).toHaveLength(943);
    expect(table.people.find(({ id }) => id === 196)).toEqual({
      id: 196,
      age: 49,
      gender: "male",
      occupation: "writer",
      note: "49, writer",
    });
  });

  it("goes to the engine with what is known of people and films", () => {
    const { userFeatures, itemFeatures } = datasetInput(readFile("ml-100k.zip", zip));
    const person = { age: 49, gender: "male", occupation: "writer" };
    expect((userFeatures as Map<number, unknown>).get(196)).toEqual(person);
    const film = { genres: ["Drama", "Musical"], year: 1995 };
    expect((itemFeatures as Map<number, unknown>).get(543)).toEqual(film);
  });

  it.each(officialSplits)("gives the published split %s back", (split) => {
    const table = readFile("ml-100k.zip", zip);
    const rebuilt = [...officialTestRows(split, table)].map(
      (row) => `${table.users[row]} ${table.items[row]}`,
    );
    const published = new TextDecoder().decode(unzipSync(zip)[`ml-100k/${split}.test`]);
    const pairs = published
      .trim()
      .split("\n")
      .map((line) => line.split("\t").slice(0, 2).join(" "));
    expect(rebuilt.sort()).toEqual(pairs.sort());
  });
});

describe("other editions of MovieLens", () => {
  const zip = (files: Record<string, Uint8Array>) => readFile("edition.zip", zipSync(files));

  it("1M is read with its double colons, in Latin-1", () => {
    const table = zip({
      "ml-1m/movies.dat": Uint8Array.from(
        "1::Cité, La (1994)::Drama|War\n2::Ran (1985)::Drama\n3::Unseen (1990)::War\n",
        (c) => c.charCodeAt(0),
      ),
      "ml-1m/ratings.dat": strToU8("1::1::5::978300760\n2::1::3::978300761\n2::2::4::978300762\n"),
      "ml-1m/users.dat": strToU8("1::F::1::10::48067\n2::M::56::16::70072\n9::M::25::15::55117\n"),
    });
    expect(table.name).toBe("MovieLens 1M");
    expect(table.people.map(({ id, note }) => [id, note])).toEqual([
      [1, "under 18, student (school)"],
      [2, "56 or more, self-employed"],
    ]);
    expect(table.people.map(({ gender }) => gender)).toEqual(["female", "male"]);
    expect(dataFields(table)).toEqual(["genres", "year", "age", "gender", "occupation"]);
    expect(table.films.map(({ title }) => title)).toEqual(["La Cité", "Ran"]);
    expect([...table.ratings]).toEqual([5, 3, 4]);
  });

  it("latest-small is read with its quotes and half stars", () => {
    const table = zip({
      "ml-latest-small/movies.csv": strToU8(
        'movieId,title,genres\n1,"American President, The (1995)",Comedy|Drama\n7,Ran (1985),(no genres listed)\n',
      ),
      "ml-latest-small/ratings.csv": strToU8(
        "userId,movieId,rating,timestamp\n1,1,4.5,964982703\n2,1,0.5,964982704\n2,7,3.0,964982705\n",
      ),
    });
    expect(table.name).toBe("MovieLens latest (small)");
    expect(table.films).toEqual([
      { id: 1, title: "The American President", year: 1995, genres: ["Comedy", "Drama"] },
      { id: 7, title: "Ran", year: 1985, genres: [] },
    ]);
    expect([...table.ratings]).toEqual([4.5, 0.5, 3]);
    expect(dataFields(table)).toEqual(["genres", "year"]);
  });

  it.each([
    [
      "ratings.dat without films",
      { "ratings.dat": strToU8("1::1::5::9\n") },
      "movies.dat is missing",
    ],
    [
      "a letter in u.data",
      {
        "u.data": strToU8("1\t2\t3\t4\n1\tx\t3\t4\n"),
        "u.item": strToU8(`2|Ran (1985)${"|0".repeat(22)}\n`),
      },
      "u.data, line 2: four numbers",
    ],
    [
      "a short line in u.item",
      { "u.data": strToU8("1\t2\t3\t4\n"), "u.item": strToU8("2|Ran (1985)\n") },
      "u.item, line 1: 2 fields where 24 belong",
    ],
    ["a zip of something else", { "letter.txt": strToU8("dear") }, "it holds letter.txt"],
  ])("%s is refused with its place", (_, files, message) => {
    expect(() => zip(files as Record<string, Uint8Array>)).toThrow(message);
  });
});

describe("the synthetic sample", () => {
  it("is the same every time, and of a size to learn from", () => {
    const [first, second] = [makeSample(), makeSample()];
    expect(second).toEqual(first);
    expect(new Set<unknown>(first.users).size).toBe(600);
    expect(first.ratings.length).toBeGreaterThan(15_000);
    expect(new Set(first.ratings)).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(new Set(first.films.map(({ title }) => title)).size).toBe(first.films.length);
  });

  it("says of people what goes with their tastes, and that they are made up", () => {
    const { people } = makeSample();
    const meanAge = (taste: string) => {
      const ages = people.flatMap(({ age, note }) => (note.endsWith(taste) ? [age ?? 0] : []));
      return ages.reduce((sum, age) => sum + age, 0) / ages.length;
    };
    expect(meanAge("likes animation")).toBeLessThan(25);
    expect(meanAge("likes drama")).toBeGreaterThan(50);
    expect(people.every(({ note }) => note.startsWith("made up, "))).toBe(true);
    const students = people.filter(({ occupation }) => occupation === "student");
    const likeAnimation = students.filter(({ note }) => note.endsWith("likes animation"));
    expect(likeAnimation.length / students.length).toBeGreaterThan(0.6);
  });
});

describe("a table without features", () => {
  it("goes to the engine as it is", () => {
    const csv = strToU8("user,item,rating\nann,Alien,5\nann,Brazil,4\nbob,Alien,1\n");
    const table = readFile("a.csv", csv);
    expect(dataFields(table)).toEqual([]);
    const { users, items, ratings } = table;
    expect(datasetInput(table)).toEqual({ users, items, ratings, fields: {} });
  });
});
