import fs from "node:fs/promises";
import { load } from "featherfm";
import {
  ArgumentError,
  ClosedError,
  FileFormatError,
  type HnswIndex,
  type HnswOptions,
  LoadError,
  loadHnsw,
  type Vectors,
} from "featherfm/hnsw";
import { describe, expect, test } from "vitest";
import {
  at,
  cosine,
  dot,
  expectFailure,
  fingerprint,
  randomFrom,
  readSafetensors,
  sample,
  thrown,
  writeSafetensors,
} from "./support.js";

const hnsw = await loadHnsw();

/** Clusters of vectors of different length; every other id is a string. */
function clustered(count: number, dimensions: number, seed: number): Vectors {
  const random = randomFrom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = Array.from({ length: 30 }, () => Array.from({ length: dimensions }, normal));
  const vectors = new Float32Array(count * dimensions);
  for (let k = 0; k < count; k++) {
    const centre = at(centres, Math.floor(random() * 30));
    const length = Math.exp(0.4 * normal());
    for (let d = 0; d < dimensions; d++) {
      vectors[k * dimensions + d] = length * (at(centre, d) + 0.7 * normal());
    }
  }
  const ids = Array.from({ length: count }, (_, k) => (k % 2 === 0 ? k : `item ${k}`));
  return { ids, vectors, dimensions };
}

const row = ({ vectors, dimensions }: Vectors, k: number) =>
  vectors.slice(k * dimensions, (k + 1) * dimensions);

const items = clustered(2000, 32, 1);
const queries = clustered(40, 32, 2);
const small = clustered(50, 4, 3);
const smallOptions: HnswOptions = { m: 4, efConstruction: 20 };

describe.each(["dot", "cosine"] as const)("an index by %s", (metric) => {
  const index = hnsw.build(items, { metric });
  const compare = metric === "dot" ? dot : cosine;

  test("finds nine of ten of the best", () => {
    let hits = 0;
    queries.ids.forEach((_, q) => {
      const query = row(queries, q);
      const best = items.ids
        .map((id, k) => ({ id, score: compare(query, row(items, k)) }))
        .sort((a, b) => b.score - a.score)
        .slice(0, 10);
      const found = index.search(query, { n: 10, ef: 100 }).map(({ id }) => id);
      hits += best.filter(({ id }) => found.includes(id)).length;
    });
    expect(hits / (10 * queries.ids.length)).toBeGreaterThanOrEqual(0.9);
  });

  test("gives ids as they came, with their scores, best first", () => {
    const query = row(queries, 3);
    const found = index.search(query, { n: 50 });
    expect(found).toHaveLength(50);
    found.forEach(({ id, score }, k) => {
      const own = items.ids.indexOf(id);
      expect(own).toBeGreaterThanOrEqual(0);
      expect(score).toBeCloseTo(compare(query, row(items, own)), 3);
      if (k > 0) expect(score).toBeLessThanOrEqual(at(found, k - 1).score);
    });
    expect(index.search(query)).toEqual(index.search(query, { n: 10, ef: 64 }));
  });

  test("answers many queries as it answers each", () => {
    const all = index.searchAll(queries.vectors, { n: 5 });
    expect(all).toEqual(queries.ids.map((_, q) => index.search(row(queries, q), { n: 5 })));
    expect(index.searchAll([])).toEqual([]);
  });

  test("says what it is", () => {
    expect(index).toMatchObject({ size: 2000, dimensions: 32, metric });
  });
});

describe("an index of a model's items", () => {
  test("recommends what the model does", async () => {
    using ff = await load();
    const model = ff.train(ff.dataset(sample()), { model: "mf", factors: 5, epochs: 10 });
    const users = model.userVectors();
    using index = hnsw.build(model.itemVectors());
    users.ids.forEach((user, u) => {
      const found = index.search(row(users, u), { n: 5, ef: 100 });
      expect(found.map(({ id }) => id)).toEqual(
        model.recommend(user, { n: 5, filterSeen: false }).map(({ item }) => item),
      );
    });
    expect(hnsw.build(users).size).toBe(model.userCount);
  });
});

describe("building", () => {
  test("gives the same index for the same seed", () => {
    const bytes = (options: HnswOptions) => fingerprint(hnsw.build(small, options).save());
    expect(bytes({ seed: 3 })).toBe(bytes({ seed: 3 }));
    expect(bytes({})).toBe(bytes({ metric: "dot", m: 16, efConstruction: 200, seed: 1 }));
    expect(bytes({ seed: 3 })).not.toBe(bytes({ seed: 4 }));
  });

  test("gives the same index in slices, and tells how far it is", async () => {
    const shares: number[] = [];
    const index = await hnsw.buildAsync(items, { onProgress: (share) => shares.push(share) });
    expect(index.save()).toEqual(hnsw.build(items).save());
    expect(shares.length).toBeGreaterThan(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  test("can be cancelled, before and on the way", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    const { signal } = controller;
    expect(await thrown(() => hnsw.buildAsync(items, { onProgress, signal }))).toBe(reason);
    expect(await thrown(() => hnsw.buildAsync(items, { signal }))).toBe(reason);
    expect(hnsw.build(small).size).toBe(50);
  });

  test("ends with what a callback throws", async () => {
    const mine = new Error("mine");
    const onProgress = () => {
      throw mine;
    };
    expect(await thrown(() => hnsw.buildAsync(items, { onProgress }))).toBe(mine);
  });

  test("takes a copy of the vectors", () => {
    const given = clustered(50, 4, 3);
    const index = hnsw.build(given, smallOptions);
    const before = index.search([1, 0, 1, 0]);
    given.vectors.fill(0);
    given.ids.length = 0;
    expect(index.search([1, 0, 1, 0])).toEqual(before);
  });
});

describe("a saved index", () => {
  const index = hnsw.build(small, smallOptions);
  const bytes = index.save();

  test.each(["dot", "cosine"] as const)("gives the same answers, by %s", (metric) => {
    const built = hnsw.build(small, { ...smallOptions, metric });
    const loaded = hnsw.load(built.save());
    expect(loaded).toMatchObject({ size: 50, dimensions: 4, metric });
    for (let k = 0; k < 50; k++) {
      const query = row(small, k);
      expect(loaded.search(query, { n: 7 })).toEqual(built.search(query, { n: 7 }));
    }
    expect(loaded.save()).toEqual(built.save());
    expect(hnsw.load(built.save().buffer).size).toBe(50);
  });

  test("is safetensors with the vectors as they came", () => {
    const { metadata, tensors } = readSafetensors(bytes);
    expect(metadata).toMatchObject({ format: "featherfm-hnsw", metric: "dot", m: "4", seed: "1" });
    expect(tensors.get("vectors")?.shape).toEqual([50, 4]);
    expect(new Float32Array(tensors.get("vectors")?.bytes.buffer as ArrayBuffer)).toEqual(
      small.vectors,
    );
  });

  const expectRefused = (damaged: Uint8Array) =>
    expectFailure(() => hnsw.load(damaged), FileFormatError, "MALFORMED_FILE", "bytes");

  test("that was cut short is refused", async () => {
    for (let size = 0; size < bytes.length; size += 64) await expectRefused(bytes.slice(0, size));
    expect(hnsw.load(bytes).search(row(small, 1))).toEqual(index.search(row(small, 1)));
  });

  test("that was damaged is refused, or answers", () => {
    const random = randomFrom(9);
    let refused = 0;
    for (let round = 0; round < 500; round++) {
      const damaged = bytes.slice();
      damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
      try {
        using loaded = hnsw.load(damaged);
        loaded.search(new Float32Array(loaded.dimensions).fill(1), { n: 5 });
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(50);
    expect(refused).toBeLessThan(500);
  });

  test("must have an id for every vector, each different", async () => {
    const { metadata, tensors } = readSafetensors(bytes);
    for (const ids of ["[1]", "{}", "nonsense", "", JSON.stringify(new Array(50).fill(1))]) {
      const encoded = new TextEncoder().encode(ids);
      const parts = Object.fromEntries(tensors);
      parts["ids"] = { dtype: "U8", shape: [encoded.length], bytes: encoded };
      if (ids === "") continue; // none at all: 0, 1, 2 ...
      await expectRefused(writeSafetensors(parts, metadata));
    }
  });

  test("is no model, and a model is no index", async () => {
    using ff = await load();
    await expectFailure(() => ff.loadModel(bytes), FileFormatError, "MALFORMED_FILE");
    await expectRefused(ff.train(ff.dataset(sample()), { model: "popularity" }).save());
  });
});

describe("bad input", () => {
  type Loose = Record<string, (...args: unknown[]) => unknown>;
  const loose = hnsw as unknown as Loose;
  const index = hnsw.build(small, smallOptions);
  const looseIndex = index as unknown as Loose;

  const builds: [string, unknown, unknown, string][] = [
    ["nothing", undefined, {}, "vectors"],
    ["null", null, {}, "vectors"],
    ["a list", [1, 2], {}, "vectors"],
    ["a misspelt name", { ...small, dimension: 4 }, {}, "dimension"],
    ["no ids", { ...small, ids: undefined }, {}, "ids"],
    ["an id that is none", { ...small, ids: [null, ...small.ids.slice(1)] }, {}, "ids[0]"],
    ["an id twice", { ...small, ids: small.ids.map(() => 1) }, {}, "ids"],
    ["too few ids", { ...small, ids: small.ids.slice(1) }, {}, "vectors"],
    ["no vectors", { ...small, vectors: null }, {}, "vectors"],
    ["vectors of strings", { ids: [1], vectors: ["1"], dimensions: 1 }, {}, "vectors"],
    ["vectors with NaN", { ids: [1], vectors: [NaN], dimensions: 1 }, {}, "vectors"],
    ["vectors with infinity", { ids: [1], vectors: [Infinity], dimensions: 1 }, {}, "vectors"],
    ["vectors beyond measure", { ids: [1], vectors: [1e30], dimensions: 1 }, {}, "vectors"],
    ["none at all", { ids: [], vectors: [], dimensions: 3 }, {}, "vectors"],
    ["no dimensions", { ...small, dimensions: 0 }, {}, "dimensions"],
    ["half a dimension", { ...small, dimensions: 0.5 }, {}, "dimensions"],
    ["dimensions that do not fit", { ...small, dimensions: 5 }, {}, "vectors"],
    ["options that are none", small, 5, "options"],
    ["an unknown option", small, { M: 16 }, "M"],
    ["an unknown metric", small, { metric: "euclidean" }, "metric"],
    ["m of 1", small, { m: 1 }, "m"],
    ["m of 129", small, { m: 129 }, "m"],
    ["m in words", small, { m: "16" }, "m"],
    ["efConstruction of 0", small, { efConstruction: 0 }, "efConstruction"],
    ["efConstruction beyond measure", small, { efConstruction: 1e6 }, "efConstruction"],
    ["a seed of -1", small, { seed: -1 }, "seed"],
  ];
  test.each(builds)("to build: %s", async (_, vectors, options, argument) => {
    for (const verb of ["build", "buildAsync"]) {
      const error = (await thrown(() => loose[verb]?.(vectors, options))) as ArgumentError;
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error.argument).toBe(argument);
    }
  });

  test("to build in slices: controls that are none", async () => {
    for (const [name, value] of [
      ["onProgress", 5],
      ["signal", {}],
    ] as const) {
      const call = () => loose["buildAsync"]?.(small, { [name]: value });
      await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", name);
      await expectFailure(
        () => loose["build"]?.(small, { [name]: value }),
        ArgumentError,
        "INVALID_ARGUMENT",
        name,
      );
    }
  });

  const searches: [string, unknown, unknown, string, string][] = [
    ["nothing", undefined, {}, "INVALID_ARGUMENT", "vector"],
    ["a string", "1234", {}, "INVALID_ARGUMENT", "vector"],
    ["strings", ["1", "2", "3", "4"], {}, "INVALID_ARGUMENT", "vector"],
    ["too short a vector", [1, 2, 3], {}, "SIZE_MISMATCH", "vector"],
    ["too long a vector", [1, 2, 3, 4, 5], {}, "SIZE_MISMATCH", "vector"],
    ["an empty vector", [], {}, "SIZE_MISMATCH", "vector"],
    ["NaN", [1, NaN, 3, 4], {}, "NOT_FINITE", "vector"],
    ["infinity", [1, 2, 3, -Infinity], {}, "NOT_FINITE", "vector"],
    ["a vector beyond measure", [1, 2, 3, 1e30], {}, "OUT_OF_RANGE", "vector"],
    ["options that are none", [1, 2, 3, 4], null, "INVALID_ARGUMENT", "options"],
    ["an unknown option", [1, 2, 3, 4], { k: 10 }, "INVALID_ARGUMENT", "k"],
    ["n of 0", [1, 2, 3, 4], { n: 0 }, "OUT_OF_RANGE", "n"],
    ["half an n", [1, 2, 3, 4], { n: 0.5 }, "INVALID_ARGUMENT", "n"],
    ["ef of 0", [1, 2, 3, 4], { ef: 0 }, "OUT_OF_RANGE", "ef"],
    ["ef of NaN", [1, 2, 3, 4], { ef: NaN }, "NOT_FINITE", "ef"],
    ["ef beyond measure", [1, 2, 3, 4], { ef: 1e9 }, "OUT_OF_RANGE", "ef"],
  ];
  test.each(searches)("to search: %s", async (name, vector, options, code, argument) => {
    await expectFailure(
      () => looseIndex["search"]?.(vector, options),
      ArgumentError,
      code,
      argument,
    );
    if (name === "an empty vector") return;
    const inAll = argument === "vector" ? "vectors" : argument;
    await expectFailure(
      () => looseIndex["searchAll"]?.(vector, options),
      ArgumentError,
      code,
      inAll,
    );
  });

  test.each([undefined, null, "bytes", 5, [1, 2], {}])("to load: %j", async (bytes) => {
    const call = () => loose["load"]?.(bytes);
    await expectFailure(call, ArgumentError, "INVALID_ARGUMENT", "bytes");
  });

  test("more of n or ef than there are vectors gives what there is", () => {
    expect(index.search([1, 2, 3, 4], { n: 1e9, ef: 1e5 }).length).toBeLessThanOrEqual(50);
    expect(index.search([1, 2, 3, 4], { n: 30, ef: 1 })).toHaveLength(30);
  });
});

describe("the life of an index", () => {
  const uses: [string, (index: HnswIndex) => unknown][] = [
    ["search", (index) => index.search([1, 2, 3, 4])],
    ["searchAll", (index) => index.searchAll([1, 2, 3, 4])],
    ["save", (index) => index.save()],
  ];
  test.each(uses)("ends with close(): %s", async (_, use) => {
    const index = hnsw.build(small, smallOptions);
    index.close();
    index.close();
    await expectFailure(() => use(index), ClosedError, "CLOSED");
    expect(index.size).toBe(50);
  });

  test("ends with its engine's", async () => {
    const other = await loadHnsw();
    const index = other.build(small, smallOptions);
    other.close();
    other.close();
    index.close();
    await expectFailure(() => index.search([1, 2, 3, 4]), ClosedError, "CLOSED");
    await expectFailure(() => other.build(small), ClosedError, "CLOSED");
    await expectFailure(() => other.load(new Uint8Array(9)), ClosedError, "CLOSED");
  });
});

describe("loadHnsw()", () => {
  const file = new URL("../../dist/hnsw.wasm", import.meta.url);

  test("takes the module from anywhere", async () => {
    const bytes = await fs.readFile(file);
    for (const wasm of [file, file.href, file.pathname, bytes, await WebAssembly.compile(bytes)]) {
      using other = await loadHnsw({ wasm });
      expect(other.build(small, smallOptions).size).toBe(50);
    }
  });

  test("refuses what is no module, and what is none of its options", async () => {
    await expectFailure(() => loadHnsw({ wasm: new Uint8Array(9) }), LoadError, "LOAD_FAILED");
    const options = (given: unknown) => () => loadHnsw(given as object);
    await expectFailure(options({ wasm: 5 }), ArgumentError, "INVALID_ARGUMENT", "wasm");
    await expectFailure(options({ url: "" }), ArgumentError, "INVALID_ARGUMENT", "url");
    await expectFailure(options(null), ArgumentError, "INVALID_ARGUMENT", "options");
  });
});
