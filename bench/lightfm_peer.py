"""LightFM on the ratings that bench/rows/ranking.mjs hands over, one thread, options as there.

    quality TRAIN TEST SEEDS    means over the seeds 1 to SEEDS for each loss
    time TRAIN FACTORS EPOCHS   mean time of an epoch of WARP, the first one left out

TRAIN and TEST are files with a "user item rating" line for each rating, counted from 0. From 4 stars on they are positives,
the others have label -1. Prints one line of JSON.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import scipy.sparse as sp
from lightfm import LightFM
from lightfm.evaluation import auc_score, precision_at_k

users, items = 943, 1682


def labels(file):
    user, item, rating = np.loadtxt(file, dtype=np.int64).T
    label = np.where(rating >= 4, 1, -1).astype(np.float32)
    return sp.coo_matrix((label, (user, item)), shape=(users, items))


def positives(matrix):
    kept = matrix.data > 0
    return sp.coo_matrix(
        (matrix.data[kept], (matrix.row[kept], matrix.col[kept])), shape=matrix.shape
    )


def new_model(loss, factors, seed):
    return LightFM(no_components=factors, learning_rate=0.05, loss=loss, random_state=seed)


def quality(train_file, test_file, seeds):
    train = labels(train_file)
    # precision_at_k() counts every stored entry of the test set as a hit, also those of -1.
    test = positives(labels(test_file))
    met = positives(train)
    result = {"version": version("lightfm-next")}
    for loss in ("logistic", "bpr", "warp", "warp-kos"):
        models = [
            new_model(loss, 10, seed).fit(train, epochs=10, num_threads=1)
            for seed in range(1, int(seeds) + 1)
        ]
        result[loss] = {
            "p10": float(np.mean([precision_at_k(model, test, k=10).mean() for model in models])),
            "auc": float(np.mean([auc_score(model, test).mean() for model in models])),
            "auc_train": float(np.mean([auc_score(model, met).mean() for model in models])),
        }
    return result


def epoch_time(train_file, factors, epochs):
    train = labels(train_file)
    model = new_model("warp", int(factors), 1).fit(train, epochs=1, num_threads=1)
    begin = time.perf_counter()
    model.fit_partial(train, epochs=int(epochs) - 1, num_threads=1)
    seconds = time.perf_counter() - begin
    return {"ms": 1000 * seconds / (int(epochs) - 1), "version": version("lightfm-next")}


verbs = {"quality": quality, "time": epoch_time}
print(json.dumps(verbs[sys.argv[1]](*sys.argv[2:])))
