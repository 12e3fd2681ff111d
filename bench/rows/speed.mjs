// Speed: of the core natively and as wasm, and of the package as a user calls it.
import { load } from "featherfm";
import { coreTimes, foldRows, median, medianTime, movieLens } from "../support.mjs";

/** The same C++ program, natively and as wasm, in turn. */
async function core(report) {
  const times = coreTimes("");
  for (const [id, wasmTimes] of times.wasm) {
    const wasm = median(wasmTimes);
    const native = median(times.native.get(id));
    const epoch = /^(mf|fm)-sgd/.test(id);
    report({
      id: `core-${id}-wasm`,
      value: wasm,
      unit: "ms",
      detail: `native ${native.toFixed(3)} ms, ${(native / wasm).toFixed(2)} of native speed; synthetic, shape of MovieLens-100K${epoch ? `; ${(80 / wasm).toFixed(1)} M updates/s` : ""}`,
    });
  }
}

/** The loop a web developer would write by hand: typed arrays, no WebAssembly. */
function plainJavaScriptEpoch(users, items, ratings, factors) {
  const p = new Float32Array(943 * factors).fill(0.1);
  const q = new Float32Array(1682 * factors).fill(0.1);
  const bu = new Float32Array(943);
  const bi = new Float32Array(1682);
  return () => {
    for (let k = 0; k < users.length; k++) {
      const u = users[k] * factors;
      const i = items[k] * factors;
      let score = 3.5 + bu[users[k]] + bi[items[k]];
      for (let f = 0; f < factors; f++) score += p[u + f] * q[i + f];
      const error = ratings[k] - score;
      bu[users[k]] += 0.01 * (error - 0.05 * bu[users[k]]);
      bi[items[k]] += 0.01 * (error - 0.05 * bi[items[k]]);
      for (let f = 0; f < factors; f++) {
        const old = p[u + f];
        p[u + f] += 0.01 * (error * q[i + f] - 0.05 * old);
        q[i + f] += 0.01 * (error * old - 0.05 * q[i + f]);
      }
    }
  };
}

async function page(report) {
  const lists = await movieLens();
  if (lists === null) return;
  const loading = [];
  for (let k = 0; k < 5; k++) {
    const begin = performance.now();
    (await load()).close();
    loading.push(performance.now() - begin);
  }
  report({
    id: "load",
    value: median(loading),
    unit: "ms",
    detail: "load(): read, compile, instantiate, in Node",
  });

  const ff = await load();
  report({
    id: "dataset-100k",
    value: medianTime(5, () => ff.dataset(lists).close()),
    unit: "ms",
    detail: "dataset() of 100,000 ratings, checks and id maps included",
  });
  const data = ff.dataset(lists);
  const { train, test } = ff.split(data, { by: "rows", testRows: foldRows(1) });
  report({
    id: "train-default",
    value: medianTime(5, () => ff.train(train, { model: "mf" }).close()),
    unit: "ms",
    detail: "train() with default options: 30 epochs, 32 factors, 80,000 ratings",
  });

  const kept = lists.users.map((_, k) => k).slice(20_000);
  const javaScript = plainJavaScriptEpoch(
    Uint32Array.from(kept, (k) => lists.users[k] - 1),
    Uint32Array.from(kept, (k) => lists.items[k] - 1),
    Float32Array.from(kept, (k) => lists.ratings[k]),
    32,
  );
  const epochs = (count) =>
    medianTime(5, () => ff.train(train, { model: "mf", epochs: count }).close());
  const ours = (epochs(41) - epochs(1)) / 40;
  const theirs = medianTime(5, javaScript);
  report({
    id: "epoch-vs-javascript",
    value: theirs / ours,
    unit: "times",
    detail: `an epoch of 80,000 ratings, k=32: ${ours.toFixed(2)} ms, the same loop over typed arrays in JavaScript ${theirs.toFixed(2)} ms`,
  });

  const model = ff.train(train, { model: "mf" });
  report({
    id: "recommend-one",
    value: medianTime(50, () => model.recommend(196)) * 1000,
    unit: "µs",
    detail: "recommend(user, 10 of 1,682 items)",
  });
  report({
    id: "recommend-all",
    value: medianTime(5, () => model.recommendAll()),
    unit: "ms",
    detail: "recommendAll(): top 10 for 943 users",
  });
  const ratings = data.ratingsOf(196).filter(({ item }) => model.hasItem(item));
  report({
    id: "fold-in",
    value: medianTime(50, () => model.foldInUser(ratings)) * 1000,
    unit: "µs",
    detail: `foldInUser() with ${ratings.length} ratings, 32 factors`,
  });
  report({
    id: "evaluate",
    value: medianTime(5, () =>
      ff.evaluate(model, test, { metrics: ["rmse", "precision@10", "ndcg@10", "auc"], train }),
    ),
    unit: "ms",
    detail: "RMSE and ranking metrics over all users of u1",
  });
  ff.close();
}

export const groups = [
  { name: "core", what: "the C++ core, natively and as WebAssembly", run: core },
  { name: "page", what: "the package as a page calls it, in Node", run: page },
];
