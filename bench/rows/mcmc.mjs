// Bayesian factorization machines on MovieLens-100K's u1: error and time with ids, side data and everything; beside them myFM on the
// same features, and sweeps per second natively and as WebAssembly.
import { load } from "featherfm";
import { unpackMovieLens } from "../../tools/movielens.mjs";
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

async function quality(report) {
  const lists = await movieLens();
  const features = await sideFeatures();
  if (lists === null || features === null) return;
  const ff = await load();
  const all = ff.dataset({ ...lists, ...features });
  const { train, test } = ff.split(all, { by: "rows", testRows: foldRows(1) });
  for (const [name, [options, what]] of Object.entries(rows)) {
    const model = ff.train(train, { model: "fm", solver: "mcmc", ...options });
    const { rmse, mae } = ff.evaluate(model, test);
    const seconds = model.summary.elapsedMs / 1000;
    const count = model.summary.epochs.length;
    const detail = `${what}, 10 factors`;
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
  ff.close();
  await peer(report);
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
