"""implicit's ALS on the ratings that bench/rows/ranking.mjs hands over, one thread.

    quality OPTIONS FOLDER SEEDS   NDCG@10, P@10, R@10: means over the files train1, test1, train2, ... of FOLDER
    time TRAIN FACTORS SWEEPS      mean time of a sweep with default options, the first one left out

OPTIONS is JSON with the arguments of AlternatingLeastSquares. The files have a "user item rating" line for each rating, counted from
0; the rating is the confidence before `alpha`. Prints one line of JSON.
"""

import json
import os
import sys
from importlib.metadata import version

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares

users, items, k = 943, 1682, 10


def read(file):
    user, item, rating = np.loadtxt(file, dtype=np.int64).T
    return sp.csr_matrix((rating.astype(np.float32), (user, item)), shape=(users, items))


def ranking(scores, train, test):
    """Means over the users with test items, the training items left out of the ranking."""
    scores[train.nonzero()] = -np.inf
    relevant = test.toarray() > 0
    counts = relevant.sum(axis=1)
    top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(relevant, top, axis=1)[counts > 0]
    counts = counts[counts > 0]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    best = np.cumsum(discounts)[np.minimum(counts, k) - 1]
    return {
        "ndcg10": np.mean(hits @ discounts / best),
        "p10": np.mean(hits.sum(axis=1) / k),
        "r10": np.mean(hits.sum(axis=1) / counts),
    }


def quality(options, folder, seeds):
    results = []
    for seed in range(1, int(seeds) + 1):
        train, test = (read(os.path.join(folder, f"{part}{seed}")) for part in ("train", "test"))
        model = AlternatingLeastSquares(**json.loads(options), num_threads=1, random_state=1)
        model.fit(train, show_progress=False)
        results.append(ranking(model.user_factors @ model.item_factors.T, train, test))
    means = {name: float(np.mean([result[name] for result in results])) for name in results[0]}
    return {**means, "version": version("implicit")}


def sweep_time(train_file, factors, sweeps):
    model = AlternatingLeastSquares(
        factors=int(factors), iterations=int(sweeps), num_threads=1, random_state=1
    )
    seconds = []
    model.fit(
        read(train_file),
        show_progress=False,
        callback=lambda sweep, elapsed, loss: seconds.append(elapsed),
    )
    return {"ms": 1000 * float(np.mean(seconds[1:])), "version": version("implicit")}


verbs = {"quality": quality, "time": sweep_time}
print(json.dumps(verbs[sys.argv[1]](*sys.argv[2:])))
