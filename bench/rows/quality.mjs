// Rating error on MovieLens-100K beside published figures for the same split.
import { load } from "featherfm";
import { foldRows, movieLens } from "../support.mjs";

const cases = [
  ["mf-sgd", {}, "MyMediaLite BiasedMF, k=40: RMSE .9076, MAE .7172; Surprise SVD .934"],
  ["mf-adagrad", { optimizer: "adagrad" }, ""],
  ["mf-adam", { optimizer: "adam" }, ""],
  ["mf-als", { optimizer: "als" }, "cmfrec, k=50, u1 alone: .934"],
  ["mf-sgd-logistic", { loss: "logistic" }, ""],
  ["mf-adagrad-logistic", { loss: "logistic", optimizer: "adagrad" }, "best of the family"],
  ["biases", { factors: 0 }, "baseline: global, user and item bias"],
];

async function fiveFolds(report) {
  const lists = await movieLens();
  if (lists === null) return;
  const ff = await load();
  const data = ff.dataset(lists);
  const folds = [1, 2, 3, 4, 5].map((k) => ff.split(data, { by: "rows", testRows: foldRows(k) }));
  const metrics = ["rmse", "mae", "mae-rounded"];
  for (const [name, options, reference] of cases) {
    const sums = { rmse: 0, mae: 0, "mae-rounded": 0 };
    let first;
    for (const { train, test } of folds) {
      const model = ff.train(train, { model: "mf", ...options });
      const errors = ff.evaluate(model, test, { metrics });
      first ??= errors.rmse;
      for (const metric of metrics) sums[metric] += errors[metric] / folds.length;
      model.close();
    }
    report({
      id: `quality-${name}-rmse`,
      value: sums.rmse,
      unit: "RMSE",
      detail: `u1..u5, default options; u1 ${first.toFixed(4)}, MAE ${sums.mae.toFixed(4)}, rounded ${sums["mae-rounded"].toFixed(4)}. ${reference}`,
    });
  }
  ff.close();
}

export const groups = [
  { name: "quality", what: "rating error on the five official folds", run: fiveFolds },
];
