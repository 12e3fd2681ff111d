// Large catalogues: the int8 scan beside the exact one, and the approximate index beside both.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { load } from "featherfm";
import { loadHnsw } from "featherfm/hnsw";
import { median, root } from "../support.mjs";

const items = 100_000;
const users = 50;
const factors = 64;
const clusters = 200;

/** Standard normal numbers by Box and Muller, from Park and Miller's generator. */
function normals(seed) {
  let state = seed;
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

/** Clusters, and log-normal lengths with the spread that models of MovieLens-100K have (sigma 0.4 and more). */
function factorsOf(count, centres, { uniform, normal }) {
  const values = new Float32Array(count * factors);
  for (let k = 0; k < count; k++) {
    const centre = factors * Math.floor(uniform() * clusters);
    const length = 0.3 * Math.exp(0.4 * normal());
    for (let f = 0; f < factors; f++) {
      values[k * factors + f] = length * (centres[centre + f] + 0.8 * normal());
    }
  }
  return values;
}

/** A model file as another program would write it. */
function safetensors(tensors) {
  const header = {};
  let end = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape, data_offsets: [end, (end += values.byteLength)] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = Object.values(tensors).map(({ values }) => Buffer.from(values.buffer));
  return new Uint8Array(Buffer.concat([length, json, ...data]));
}

function syntheticFile() {
  const random = normals(1);
  const centres = Float32Array.from({ length: clusters * factors }, random.normal);
  const list = (count, draw) => Float32Array.from({ length: count }, draw);
  return safetensors({
    user_factors: { shape: [users, factors], values: factorsOf(users, centres, random) },
    item_factors: { shape: [items, factors], values: factorsOf(items, centres, random) },
    user_biases: { shape: [users], values: list(users, () => 0) },
    item_biases: { shape: [items], values: list(items, () => 0.3 * random.normal()) },
  });
}

/** Milliseconds per user, each the median over three rounds in which the ways take turns. */
function inTurn(ids, ways) {
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < 4; round++) {
    for (const id of ids) {
      for (const [name, way] of Object.entries(ways)) {
        const begin = performance.now();
        way(id);
        if (round > 0) times[name].push(performance.now() - begin);
      }
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

const share = (found, truth) => truth.filter((id) => found.includes(id)).length / truth.length;
const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;

function int8Rows(model, report) {
  const ids = model.userIds();
  const top = (id, n, scan) => model.recommend(id, { n, scan, filterSeen: false });
  const begin = performance.now();
  top(ids[0], 1, "int8");
  const first = performance.now() - begin;
  let same = 0;
  const recalls = ids.map((id) => {
    const [exact, int8] = [top(id, 100, "exact"), top(id, 100, "int8")];
    if (JSON.stringify(exact) === JSON.stringify(int8)) same++;
    return share(
      int8.map(({ item }) => item),
      exact.map(({ item }) => item),
    );
  });
  report({
    id: "index.int8.recall",
    value: mean(recalls),
    unit: "recall@100",
    detail: `against the exact scan, ${items} items x ${factors}, synthetic; lists equal in items, scores and order: ${same} of ${users}`,
  });
  const measured = [100, 10].map((n) =>
    inTurn(ids, {
      exact: (id) => top(id, n, "exact"),
      int8: (id) => top(id, n, "int8"),
    }),
  );
  const [of100, of10] = measured;
  const times = ({ exact, int8 }) =>
    `exact ${exact.toFixed(3)} ms, int8 ${int8.toFixed(3)} ms (${(exact / int8).toFixed(2)} times)`;
  report({
    id: "index.int8.speedup",
    value: of100.exact / of100.int8,
    unit: "times",
    detail: `recommend(user, { n: 100 }) in wasm, ${items} items x ${factors}, synthetic: ${times(of100)}; n = 10: ${times(of10)}; rounding all items at first use ${first.toFixed(0)} ms`,
  });
}

/** The C++ program by itself, its median lines by name. */
function scans(command, args) {
  const output = execFileSync(command, [...args, "catalogue"], { encoding: "utf8" });
  const lines = output.trim().split("\n");
  return Object.fromEntries(lines.map((line) => [line.split(" ")[0], Number(line.split(" ")[1])]));
}

function nativeRow(report) {
  const native = scans(path.join(root, "build", "native", "featherfm_bench"), []);
  const wasm = scans(process.execPath, [path.join(root, "build", "wasm", "featherfm_bench.cjs")]);
  const ratio = (times, n) => times[`exact-top${n}`] / times[`int8-top${n}`];
  report({
    id: "index.int8.speedup.native",
    value: ratio(native, 100),
    unit: "times",
    detail: `the scans alone, top 100: native exact ${native["exact-top100"].toFixed(3)} ms, int8 ${native["int8-top100"].toFixed(3)} ms; top 10 ${ratio(native, 10).toFixed(2)} times; the same program as wasm ${ratio(wasm, 100).toFixed(2)} and ${ratio(wasm, 10).toFixed(2)} times; synthetic`,
  });
}

async function hnswRows(model, report) {
  const hnsw = await loadHnsw();
  const vectors = model.itemVectors();
  const begin = performance.now();
  const index = hnsw.build(vectors);
  const buildMs = performance.now() - begin;

  const { ids, vectors: all, dimensions } = model.userVectors();
  const queries = ids.map((_, k) => all.subarray(k * dimensions, (k + 1) * dimensions));
  const truth = ids.map((id) =>
    model.recommend(id, { n: 10, filterSeen: false }).map(({ item }) => item),
  );
  const measured = [undefined, 200].map((ef) => {
    const search = (k) => index.search(queries[k], { n: 10, ...(ef !== undefined && { ef }) });
    const recall = mean(
      queries.map((_, k) =>
        share(
          search(k).map(({ id }) => id),
          truth[k],
        ),
      ),
    );
    const { it } = inTurn([...ids.keys()], { it: search });
    return { ef: ef ?? 64, recall, us: it * 1000 };
  });
  const exact = inTurn([...ids.keys()], {
    exact: (k) => model.recommend(ids[k], { n: 10, filterSeen: false }),
  });
  const what = `${items} items x ${dimensions} with the bias column, metric "dot", synthetic`;
  const [usual, more] = measured;
  report({
    id: "index.hnsw.recall10",
    value: usual.recall,
    unit: "recall@10",
    detail: `ef ${usual.ef} (the default); ef ${more.ef}: ${more.recall.toFixed(4)}; ${what}`,
  });
  report({
    id: "index.hnsw.us",
    value: usual.us,
    unit: "µs",
    detail: `search(), top 10, ef ${usual.ef}; ef ${more.ef}: ${more.us.toFixed(0)} µs; recommend() with the exact scan ${(exact.exact * 1000).toFixed(0)} µs`,
  });
  report({
    id: "index.hnsw.build_ms",
    value: buildMs,
    unit: "ms",
    detail: `build() with defaults, m 16, efConstruction 200; ${what}`,
  });
  report({
    id: "index.hnsw.bytes",
    value: index.save().length,
    unit: "bytes",
    detail: `save(); the vectors alone are ${vectors.vectors.byteLength}`,
  });
  index.close();
  hnsw.close();
}

export async function run(report) {
  const ff = await load();
  const model = ff.loadModel(syntheticFile());
  int8Rows(model, report);
  nativeRow(report);
  await hnswRows(model, report);
  ff.close();
}

export const groups = [{ name: "fm", what: "large catalogues: int8 scan and HNSW", run }];
