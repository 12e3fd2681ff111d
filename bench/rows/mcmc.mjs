// Bayesian factorization machines on MovieLens-100K's u1: error and time with ids, side data and everything, sampled and by variational
// inference, on five folds, in a page, and compressed; beside them myFM on the same features, and sweeps per second natively and as
// WebAssembly.
import { load } from "featherfm";
import { unpackMovieLens } from "../../tools/movielens.mjs";
import { coarseFeatures, ratingsAround } from "../rating_features.mjs";
import { inChromium } from "../browser.mjs";
import { pythonPeer } from "../peers.mjs";
import { coreTimes, foldRows, median, movieLens, sideFeatures } from "../support.mjs";

const sweeps = 512;
const burnIn = 20;
const derived = ["user-items", "item-users", "day"];
const side = "ids, age, gender, occupation, zip prefix, genres, year";
const everything = `${side}, items of the user, users of the item, day`;
const ordinal = { task: "ordinal", derived, burnIn, samples: sweeps - burnIn, keep: 100 };

/** Every row's options, and what it is given. */
const rows = {
  u1: [{ fields: [] }, "squared loss, ids alone, default options"],
  u1_side: [{}, `squared loss, ${side}, default options`],
  u1_full: [{ derived }, `squared loss, ${everything}, default options`],
  u1_full_ordinal: [ordinal, `ordered probit, ${everything}, ${sweeps} sweeps, 100 samples kept`],
};

// Four chains: by cross-validation as in bench/rating_features.mjs better than one as long as all of them, or than more and shorter ones.
const chains = 4;
const inChains = { ...ordinal, chains, samples: sweeps - chains * burnIn };
// More factors and fewer sweeps take the same time.
const best = { ...inChains, derived: ["user-items", "item-users"], factors: 16, samples: 304 };
const coarse =
  "ids, age and year in 10 buckets, occupation, a digit of the zip code, genres, items of the user, users of the item";

/** Options, whether the user's ratings around the same time are among the features, and what it is given. */
const otherRows = {
  u1_coarse: [inChains, false, `${coarse}, day: myFM's published features`],
  u1_best: [best, true, `${coarse}, the user's ratings around the same time`],
};

/** Rows of the same names as `rows`, of models with the features of bench/rating_features.mjs. */
async function otherFeatures(report, ff, lists) {
  const { fields, ...features } = await coarseFeatures();
  const testRows = foldRows(1);
  const around = ratingsAround(lists, testRows);
  for (const [name, [options, withAround, what]] of Object.entries(otherRows)) {
    const context = withAround ? around.context : {};
    const given = { ...fields, ...(withAround ? around.fields : {}) };
    const all = ff.dataset({ ...lists, ...features, context, fields: given });
    const { train, test } = ff.split(all, { by: "rows", testRows });
    const detail = `ordered probit, ${what}, ${chains * burnIn + options.samples} sweeps in ${chains} chains, ${options.keep} samples kept`;
    measure(report, ff, name, train, test, options, detail);
  }
}

function measure(report, ff, name, train, test, options, what) {
  const model = ff.train(train, { model: "fm", solver: "mcmc", ...options });
  const { rmse, mae } = ff.evaluate(model, test);
  const seconds = model.summary.elapsedMs / 1000;
  const count = model.summary.epochs.length;
  const detail = `${what}, ${options.factors ?? 10} factors`;
  report({ id: `fm.mcmc.${name}.rmse`, value: rmse, unit: "RMSE", detail });
  report({ id: `fm.mcmc.${name}.mae`, value: mae, unit: "MAE", detail });
  report({
    id: `fm.mcmc.${name}.seconds`,
    value: seconds,
    unit: "s",
    detail: `train() in Node, ${count} sweeps, ${((1000 * seconds) / count).toFixed(1)} ms each`,
  });
  model.close();
}

async function quality(report) {
  const lists = await movieLens();
  const features = await sideFeatures();
  if (lists === null || features === null) return;
  const ff = await load();
  const all = ff.dataset({ ...lists, ...features });
  const { train, test } = ff.split(all, { by: "rows", testRows: foldRows(1) });
  for (const [name, [options, what]] of Object.entries(rows)) {
    measure(report, ff, name, train, test, options, what);
  }
  await otherFeatures(report, ff, lists);
  await variational(report, ff, train, test);
  compressed(report, ff, train, test);
  await folds(report, ff, all);
  ff.close();
  await inPage(report, lists, features);
  await peer(report);
}

/** Variational inference with the features of the rows above. */
function variational(report, ff, train, test) {
  const settings = {
    u1: [{ fields: [] }, "ids alone"],
    u1_side: [{}, side],
    u1_full: [{ derived }, everything],
  };
  for (const [name, [options, what]] of Object.entries(settings)) {
    const model = ff.train(train, { model: "fm", solver: "vb", ...options });
    const { rmse, mae } = ff.evaluate(model, test);
    const { elapsedMs, epochs } = model.summary;
    const detail = `variational inference, squared loss, ${what}, default options; MAE ${mae.toFixed(4)}`;
    report({ id: `fm.vb.${name}.rmse`, value: rmse, unit: "RMSE", detail });
    report({
      id: `fm.vb.${name}.seconds`,
      value: elapsedMs / 1000,
      unit: "s",
      detail: `train() in Node, ${epochs.length} sweeps, ${(elapsedMs / epochs.length).toFixed(1)} ms each`,
    });
    model.close();
  }
}

/** What a sampled machine loses with its factors. */
function compressed(report, ff, train, test) {
  const model = ff.train(train, { model: "fm", solver: "mcmc" });
  const whole = model.save().length;
  const { rmse: before } = ff.evaluate(model, test);
  for (const factors of [16, 32, 64]) {
    const begin = performance.now();
    const small = model.compress({ factors });
    const milliseconds = performance.now() - begin;
    const { rmse } = ff.evaluate(small, test);
    report({
      id: `compress.mcmc.u1_side.rmse_k${factors}`,
      value: rmse,
      unit: "RMSE",
      detail: `${model.factors} factors (50 samples) to ${factors} in ${milliseconds.toFixed(0)} ms; before ${before.toFixed(4)}; file ${(small.save().length / 1e6).toFixed(2)} MB, before ${(whole / 1e6).toFixed(1)}`,
    });
    small.close();
  }
  model.close();
}

/** Means of the best setting over the five folds. */
async function folds(report, ff, all) {
  const errors = [];
  for (let fold = 1; fold <= 5; fold++) {
    const { train, test } = ff.split(all, { by: "rows", testRows: foldRows(fold) });
    const model = ff.train(train, { model: "fm", solver: "mcmc", ...ordinal });
    errors.push(ff.evaluate(model, test));
    model.close();
  }
  for (const metric of ["rmse", "mae"]) {
    const values = errors.map((one) => one[metric]);
    report({
      id: `fm.mcmc.mean_full_ordinal.${metric}`,
      value: values.reduce((sum, value) => sum + value, 0) / values.length,
      unit: metric.toUpperCase(),
      detail: `u1 to u5: ${values.map((value) => value.toFixed(4)).join(", ")}; ${rows.u1_full_ordinal[1]}`,
    });
  }
}

/** The training of the best setting as a visitor's tab does it. */
async function inPage(report, lists, { userFeatures, itemFeatures, fields }) {
  const input = {
    lists,
    features: {
      userFeatures: Object.fromEntries(userFeatures),
      itemFeatures: Object.fromEntries(itemFeatures),
      fields,
    },
    testRows: foldRows(1),
    options: { model: "fm", solver: "mcmc", ...ordinal },
  };
  const result = await inChromium(async ({ lists, features, testRows, options }) => {
    const { FeatherClient } = await import("/client.js");
    const client = new FeatherClient();
    const all = await client.dataset({ ...lists, ...features });
    const { train, test } = await client.split(all, { by: "rows", testRows });
    const begin = performance.now();
    const model = await client.train(train, options);
    const seconds = (performance.now() - begin) / 1000;
    const { rmse } = await client.evaluate(model, test);
    return { seconds, rmse };
  }, input);
  if (result === null) return;
  report({
    id: "page.mcmc.u1_full_ordinal.seconds",
    value: result.seconds,
    unit: "s",
    detail: `the same in a worker of a page in Chromium; RMSE ${result.rmse.toFixed(4)}`,
  });
}

async function peer(report) {
  const myfm = pythonPeer({
    name: "myfm",
    // What myFM is built with where there is no wheel of it, and what it imports.
    installs: [["setuptools<80", "wheel", "numpy", "scipy"], ["myfm"]],
    module: "myfm",
  });
  const result = myfm?.(await unpackMovieLens(), sweeps, burnIn);
  if (!result) return;
  const { rmse, mae, seconds, version } = result;
  const what = `myFM ${version}, ordered probit, rank 10, ${sweeps} sweeps, one thread, ${everything}`;
  report({
    id: "peer.myfm.u1_full_ordinal.rmse",
    value: rmse,
    unit: "RMSE",
    detail: `${what}; MAE ${mae.toFixed(4)}`,
  });
  report({
    id: "peer.myfm.u1_full_ordinal.seconds",
    value: seconds,
    unit: "s",
    detail: `fit() with relation blocks of users and items, ${((1000 * seconds) / sweeps).toFixed(1)} ms a sweep`,
  });
}

function throughput(report) {
  const times = coreTimes("fm-mcmc-");
  for (const target of ["wasm", "native"]) {
    const [ids, withSide] = ["ids", "side"].map((fields) =>
      median(times[target].get(`fm-mcmc-sweep-${fields}-k16`)),
    );
    report({
      id: `fm.mcmc.sweeps_per_s.${target}`,
      value: 1000 / ids,
      unit: "sweeps/s",
      detail: `16 factors, squared loss, synthetic in the shape of MovieLens-100K, ids alone: ${ids.toFixed(1)} ms a sweep; with five side fields ${withSide.toFixed(1)} ms`,
    });
  }
}

async function run(report) {
  throughput(report);
  await quality(report);
}

export const groups = [{ name: "mcmc", what: "Bayesian factorization machines", run }];
