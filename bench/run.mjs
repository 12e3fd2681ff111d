// Measures speed, memory, size and quality; never part of the tests. `npm run bench -- --only NAME --json FILE`.
//
// Each file under bench/rows exports `groups`: [{ name, what, run }], where run(report) reports rows { id, value, unit, detail }.
// made inside one run(), side by side, so that a noisy machine hits both. Groups of one name run together.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

const { values: given } = parseArgs({
  options: { only: { type: "string" }, json: { type: "string" }, list: { type: "boolean" } },
});

const folder = path.join(import.meta.dirname, "rows");
const groups = [];
for (const name of fs
  .readdirSync(folder)
  .filter((file) => file.endsWith(".mjs"))
  .sort()) {
  groups.push(...(await import(path.join(folder, name))).groups);
}
if (given.list) {
  for (const { name, what } of groups) console.log(`${name.padEnd(12)} ${what}`);
  process.exit(0);
}
const chosen = groups.filter(({ name }) => given.only === undefined || name === given.only);
if (chosen.length === 0) {
  console.error(
    `No benchmark is called "${given.only}"; there are ${groups.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}

const rows = [];
for (const { name, what, run } of chosen) {
  console.log(`\n${name}: ${what}`);
  await run((row) => {
    rows.push(row);
    const value = Math.abs(row.value) >= 100 ? row.value.toFixed(0) : row.value.toPrecision(4);
    console.log(
      `  ${row.id.padEnd(38)} ${value.padStart(10)} ${row.unit.padEnd(12)} ${row.detail}`,
    );
  });
}
if (given.json !== undefined) {
  fs.writeFileSync(given.json, `${JSON.stringify(rows, null, 2)}\n`);
}
