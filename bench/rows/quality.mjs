// Error and ranking quality on MovieLens-100K beside published figures for the same split.
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

async function ranking(report) {
  const lists = await movieLens();
  if (lists === null) return;
  const ff = await load();
  const { train, test } = ff.split(ff.dataset(lists), { by: "random", testFraction: 0.2, seed: 1 });
  const metrics = ["precision@10", "ndcg@10", "auc", "coverage@10"];
  const models = [
    ["popularity", { model: "popularity" }],
    ["mf-sgd", { model: "mf" }],
    ["mf-adagrad-logistic", { model: "mf", optimizer: "adagrad", loss: "logistic" }],
    ["svd-fill-0", { model: "svd", fill: 0, factors: 24 }],
  ];
  for (const [name, options] of models) {
    const values = ff.evaluate(ff.train(train, options), test, { metrics, train, relevantFrom: 4 });
    report({
      id: `ranking-${name}-precision10`,
      value: values["precision@10"],
      unit: "P@10",
      detail: `random 80/20, relevant from 4 stars, training items left out; NDCG@10 ${values["ndcg@10"].toFixed(3)}, AUC ${values.auc.toFixed(3)}, coverage ${values["coverage@10"].toFixed(3)}`,
    });
  }
  // The setting of the published figures for tuned implicit models: every rating counts as relevant.
  const model = ff.train(train, { model: "svd", fill: 0, factors: 24 });
  const all = ff.evaluate(model, test, {
    metrics: ["precision@10", "recall@10", "ndcg@10"],
    train,
  });
  report({
    id: "ranking-svd-all-precision10",
    value: all["precision@10"],
    unit: "P@10",
    detail: `fill 0, 24 factors, all ratings relevant; R@10 ${all["recall@10"].toFixed(3)}, NDCG@10 ${all["ndcg@10"].toFixed(3)}. Published, tuned: implicit MF .366, .242, .440`,
  });
  ff.close();
}

export const groups = [
  { name: "quality", what: "rating error on the five official folds", run: fiveFolds },
  { name: "ranking", what: "top-10 quality beside popularity", run: ranking },
];
