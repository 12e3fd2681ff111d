/** Files that visitors bring: good ones are taken, others are refused with a reason and change nothing. */
import { describe, expect, it } from "vitest";
import { browsers, type Launched } from "./support/browsers.js";
import { movieLensZip } from "./support/site.js";
import { downloaded, type Visit } from "./support/visit.js";
import { visiting } from "./support/visiting.js";

const goodCsv = [
  "reader;book title;stars;date",
  'ann;"Hobbit, The (1937)";5;2001-05-01',
  "ann;Dune;4,5;2001-05-02",
  "bob;Dune;2;2001-06-01",
  "bob;Emma;5;2001-06-02",
  "cleo;Emma;4;2001-07-01",
  'cleo;"Hobbit, The (1937)";1;2001-07-09',
].join("\n");

describe.each(browsers)("files in $name", ({ name, found }) => {
  describe.skipIf(!found)("brought to the page", () => {
    let visit: Visit;
    let launched: Launched;
    visiting(name, { withMovieLens: false }, (...started) => {
      [visit, launched] = started;
    });

    const state = async () => [
      await visit.text(".data-grid .facts"),
      await visit.text("#result-what"),
      await visit.text("#recommended"),
      await visit.text("#own-list"),
    ];

    it.each([
      [
        "a text that is no table",
        "notes.csv",
        "hello\nworld\n",
        /notes\.csv, line 1: no column for the user/,
      ],
      [
        "a CSV without ratings",
        "a.csv",
        "user,item\nann,Alien\n",
        /a\.csv, line 1: no column for the rating.*"user", "item"/,
      ],
      ["a CSV without a header", "a.csv", "1,2,3\n4,5,6\n", /line 1: this looks like data/],
      [
        "a cell that is no number",
        "a.csv",
        "user,item,rating\nann,Alien,5\n\nbob,Alien,good\n",
        /a\.csv, line 4, column "rating": "good"/,
      ],
      [
        "an empty cell",
        "a.csv",
        "user,film,rating\nann,,5\n",
        /line 2, column "film": the cell is empty/,
      ],
      [
        "a time that is none",
        "a.csv",
        "user,item,rating,date\nann,Alien,5,soon\n",
        /line 2, column "date": "soon" is neither/,
      ],
      [
        "ratings that are all alike",
        "a.csv",
        "user,item,rating\na,x,3\nb,y,3\n",
        /every rating is 3/,
      ],
      ["an empty file", "a.csv", "", /a\.csv is empty/],
      [
        "a picture",
        "cat.png",
        new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13]),
        /neither a zip archive nor a CSV/,
      ],
      [
        "the start of a zip archive",
        "ml-100k.zip",
        new Uint8Array([0x50, 0x4b, 3, 4, ...Array<number>(60).fill(7)]),
        /zip archive is damaged/,
      ],
    ])("%s is refused", async (_, file, content, message) => {
      const before = await state();
      await visit.upload("data-file", file, content);
      const told = await visit.untilText("#data-problem", message);
      expect(told).toContain("Synthetic sample stays in use.");
      expect(await state()).toEqual(before);
    });

    it.skipIf(movieLensZip === null)(
      "a MovieLens archive with one flipped bit is refused",
      async () => {
        const before = await state();
        const damaged = (movieLensZip as Uint8Array).slice();
        damaged[30_000] = (damaged[30_000] as number) ^ 1;
        await visit.upload("data-file", "ml-100k.zip", damaged);
        await visit.untilText("#data-problem", /zip archive is damaged/);
        expect(await state()).toEqual(before);
      },
    );

    it.skipIf(movieLensZip === null)(
      "a MovieLens archive is taken, and can be taken back",
      async () => {
        const before = await state();
        await visit.upload("data-file", "renamed.zip", movieLensZip as Uint8Array);
        await visit.untilText("#data-name", /MovieLens 100K/);
        await visit.untilText("#result-what", /Trained on 80,000 ratings in/);
        await visit.untilMeasured();
        expect(await visit.text("#data-problem")).toBe("");
        // Back over the training to the data without a model, and over the data to the model before.
        await visit.press("#toast .toast-undo");
        await visit.untilText("#data-name", /Synthetic sample/);
        await visit.untilText("#result-what", /Trained on/);
        await expect.poll(state).toEqual(before);
      },
    );

    it("a CSV with names, quotes, semicolons and decimal commas is taken when dropped", async () => {
      await visit.drop("books.csv", goodCsv);
      await visit.untilText("#data-name", /books\.csv/);
      expect((await visit.texts(".facts dd")).slice(0, 3)).toEqual(["3", "3", "6"]);
      expect(await visit.text("#data-note")).toContain("Rated from May 2001 to July 2001.");
      await visit.untilText("#person", /Person ann/);
      expect(await visit.text("#rated")).toContain("The Hobbit 1937");
      await visit.press("#use-sample");
      await visit.untilText("#data-name", /Synthetic sample/);
      await visit.untilMeasured();
    });

    it("own ratings go to a file and come back from it", async () => {
      await visit.rate(1, 5);
      await visit.rate(2, 1);
      await visit.untilText("#for-you-note", /From 2 ratings/);
      const own = await visit.texts("#own-list .film-title");
      await visit.press("#export-ratings");
      const file = await downloaded(launched.downloads, "featherfm-ratings.json");

      await visit.press("#delete-ratings");
      await visit.untilText("#own-list", /What you rate is listed here/);
      await visit.press("#toast .toast-undo");
      await expect.poll(() => visit.texts("#own-list .film-title")).toEqual(own);

      await visit.press("#own-list li:first-child .icon-button");
      await expect.poll(() => visit.texts("#own-list .film-title")).toEqual(own.slice(1));
      await visit.upload("ratings-file", "mine.json", file);
      await expect.poll(() => visit.texts("#own-list .film-title")).toEqual(own);
      await visit.untilText("#toast", /2 ratings imported/);
    });

    it.each([
      ["no JSON", "{", /is not JSON/],
      ["other JSON", '{"ratings": []}', /not a file of ratings exported here/],
      [
        "a version from the future",
        '{"format":"featherfm-ratings","version":9,"ratings":[]}',
        /version 9 is not known/,
      ],
      [
        "six stars",
        '{"format":"featherfm-ratings","version":1,"ratings":[{"id":1,"title":"A","year":null,"stars":6}]}',
        /rating 1 has stars other than 1 to 5/,
      ],
      [
        "an age before birth",
        '{"format":"featherfm-ratings","version":1,"ratings":[],"about":{"age":-1}}',
        /the age is no number of years/,
      ],
    ])("%s instead of own ratings is refused", async (_, content, message) => {
      const before = await state();
      await visit.upload("ratings-file", "mine.json", content);
      expect(await visit.untilText("#you-problem", message)).toContain("Nothing was changed.");
      expect(await state()).toEqual(before);
    });
  });
});
