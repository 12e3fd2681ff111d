"""myFM's ordered probit on MovieLens-100K's u1, with the features of bench/rows/mcmc.mjs.

Arguments: the folder with u.data, the number of sweeps, and how many of them are burn-in.
Prints one line of JSON.
"""

import json
import os
import sys
import time

import numpy as np
import scipy.sparse as sp
from importlib.metadata import version
from myfm import MyFMOrderedProbit, RelationBlock

folder, sweeps, burn_in = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
users, items, test_rows = 943, 1682, 20_000


def table(name):
    with open(os.path.join(folder, name), encoding="latin1") as lines:
        return [line.rstrip("\n").split("|") for line in lines if line.strip()]


def one_hot(values):
    """A column for each value in order of appearance; None has none."""
    places, rows, columns = {}, [], []
    for row, value in enumerate(values):
        if value is not None:
            rows.append(row)
            columns.append(places.setdefault(value, len(places)))
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(values), len(places)))


def by_root_of_size(matrix):
    """Sets: 1 / sqrt(size) for each member."""
    sizes = np.asarray(matrix.sum(axis=1)).ravel()
    return (sp.diags(1 / np.sqrt(np.maximum(1, sizes))) @ matrix).tocsr()


def buckets(values, count):
    """Buckets with about as many values in each."""
    ordered = sorted(values)
    edges = {ordered[(k + 1) * len(ordered) // count] for k in range(count - 1)}
    return np.searchsorted(sorted(e for e in edges if e > ordered[0]), values, side="right")


ratings = np.loadtxt(os.path.join(folder, "u.data"), dtype=np.int64)
test, train = ratings[:test_rows], ratings[test_rows:]
people, films = table("u.user"), table("u.item")

met = sp.csr_matrix(
    (np.ones(len(train)), (train[:, 0] - 1, train[:, 1] - 1)), shape=(users, items)
)
genres = sp.csr_matrix(np.array([[float(flag) for flag in film[5:24]] for film in films]))
user_fields = [
    sp.identity(users, format="csr"),
    one_hot(list(buckets([int(person[1]) for person in people], 8))),
    one_hot([person[2] for person in people]),
    one_hot([person[3] for person in people]),
    one_hot([person[4][:2] for person in people]),
    by_root_of_size(met),
]
item_fields = [
    sp.identity(items, format="csr"),
    by_root_of_size(genres),
    one_hot([film[2][-4:] or None for film in films]),
    by_root_of_size(met.T.tocsr()),
]
day_of = {day: k for k, day in enumerate(dict.fromkeys(train[:, 3] // 86_400))}


def days(rows):
    """The day of each rating; days that are not among those of training have no column."""
    known = [(k, day_of[day]) for k, day in enumerate(rows[:, 3] // 86_400) if day in day_of]
    place = np.array(known).reshape(-1, 2)
    shape = (len(rows), len(day_of))
    return sp.csr_matrix((np.ones(len(place)), (place[:, 0], place[:, 1])), shape=shape)


user_block, item_block = (sp.hstack(fields).tocsr() for fields in (user_fields, item_fields))


def blocks(rows):
    return [RelationBlock(rows[:, 0] - 1, user_block), RelationBlock(rows[:, 1] - 1, item_block)]


shapes = [len(day_of)] + [field.shape[1] for field in user_fields + item_fields]
model = MyFMOrderedProbit(rank=10, random_seed=1)
begin = time.perf_counter()
model.fit(
    days(train),
    train[:, 2] - 1,
    X_rel=blocks(train),
    n_iter=sweeps,
    n_kept_samples=sweeps - burn_in,
    group_shapes=shapes,
)
seconds = time.perf_counter() - begin
errors = model.predict_proba(days(test), X_rel=blocks(test)) @ np.arange(1, 6) - test[:, 2]
print(
    json.dumps(
        {
            "rmse": float(np.sqrt(np.mean(errors**2))),
            "mae": float(np.mean(np.abs(errors))),
            "seconds": seconds,
            "version": version("myfm"),
        }
    )
)
