// Factorization machines: error on MovieLens-100K's u1 beside the published figure, training time, and rows per second natively and
// as WebAssembly.
import { load } from "featherfm";
import { coreTimes, foldRows, median, movieLens, sideFeatures } from "../support.mjs";

const solvers = ["sgd", "adam", "adagrad", "als"];

async function quality(report) {
  const lists = await movieLens();
  const features = await sideFeatures();
  if (lists === null || features === null) return;
  const ff = await load();
  const folds = [1, 2, 3, 4, 5].map((k) =>
    ff.split(ff.dataset({ ...lists, ...features }), { by: "rows", testRows: foldRows(k) }),
  );
  const errorsOf = (fold, options) => {
    const model = ff.train(fold.train, { model: "fm", ...options });
    const errors = ff.evaluate(model, fold.test);
    const ms = model.summary.elapsedMs;
    model.close();
    return { ...errors, ms };
  };
  const fiveFolds = (options) =>
    folds.reduce((sum, fold) => sum + errorsOf(fold, options).rmse / folds.length, 0);
  const row = (id, options, what) => {
    const { rmse, mae } = errorsOf(folds[0], options);
    const mean = fiveFolds(options);
    report({
      id,
      value: rmse,
      unit: "RMSE",
      detail: `${what}, default options; MAE ${mae.toFixed(4)}; mean RMSE over u1..u5 ${mean.toFixed(4)}`,
    });
  };
  for (const solver of solvers) {
    const reference = solver === "als" ? "; libFM's ALS, regularization 10: .9248" : "";
    row(`fm.${solver}.u1.rmse`, { solver, fields: [] }, `ids alone${reference}`);
    const times = Array.from({ length: 5 }, () => errorsOf(folds[0], { solver, fields: [] }).ms);
    report({
      id: `fm.${solver}.u1.train_ms`,
      value: median(times),
      unit: "ms",
      detail: "train() with default options, ids alone, 80,000 ratings, in Node",
    });
  }
  const side = "ids, age, gender, occupation, zip prefix, genres, year";
  const derived = ["user-items", "item-users", "day"];
  for (const solver of solvers) {
    row(`fm.${solver}.u1_side.rmse`, { solver }, side);
    row(
      `fm.${solver}.u1_all.rmse`,
      { solver, derived },
      `${side}, items of the user, users of the item, day`,
    );
  }
  ff.close();
}

function throughput(report) {
  const [sgd, als] = ["fm-sgd-", "fm-als-"].map((name) => coreTimes(name));
  const rowsPerSecond = (ms) => (80_000 / ms) * 1000;
  const ratios = [];
  for (const fields of ["ids", "side"]) {
    const [wasm, native] = ["wasm", "native"].map((target) =>
      median(sgd[target].get(`fm-sgd-epoch-${fields}-k16`)),
    );
    const [wasmAls, nativeAls] = ["wasm", "native"].map((target) =>
      median(als[target].get(`fm-als-sweep-${fields}-k16`)),
    );
    ratios.push(native / wasm, nativeAls / wasmAls);
    const detail =
      `SGD, 16 factors, synthetic in the shape of MovieLens-100K, ` +
      (fields === "ids" ? "user and item alone" : "with five side fields");
    report({
      id: `fm.rows_per_s.${fields}.wasm`,
      value: rowsPerSecond(wasm),
      unit: "rows/s",
      detail: `${detail}; a sweep of ALS takes ${wasmAls.toFixed(1)} ms`,
    });
    report({
      id: `fm.rows_per_s.${fields}.native`,
      value: rowsPerSecond(native),
      unit: "rows/s",
      detail: `${detail}; a sweep of ALS takes ${nativeAls.toFixed(1)} ms`,
    });
  }
  report({
    id: "fm.wasm_over_native",
    value: ratios.reduce((sum, ratio) => sum + ratio / ratios.length, 0),
    unit: "times",
    detail: `speed as wasm over native, mean of SGD and ALS, ids and side: ${ratios.map((r) => r.toFixed(2)).join(", ")}. The aim is at least 0.7`,
  });
}

async function run(report) {
  await quality(report);
  throughput(report);
}

export const groups = [{ name: "fm", what: "factorization machines", run }];
