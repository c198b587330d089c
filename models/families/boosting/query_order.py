"""The rows of a ranking, query by query."""

import dataclasses

import numpy as np

from models.families.family import Split
from schemas.errors import InputError


def queries_of(split: Split) -> np.ndarray:
    """Return the query of every row, int64 [rows]; raises `InputError` for rows that have none."""
    if split.query is None:
        raise InputError("ranking: the rows have no queries; build the training set again")
    return split.query


def by_query(split: Split) -> tuple[Split, np.ndarray, np.ndarray | None]:
    """Return a split with the rows of each query together, the query of every row, and the weight of every query.

    Queries are numbered from 0 (int32 [rows]) and stand by their hash, their rows in the order that they came in.
    Weights are float32 [queries], None if there are none. Raises `InputError` for rows of one query that weigh
    differently: a query counts as a whole.

    >>> rows = Split(np.zeros((3, 1), np.float32), np.float32([7, 8, 9]), {}, query=np.array([5, 3, 5]))
    >>> found, queries, _ = by_query(rows)
    >>> found.label.tolist(), queries.tolist()
    ([8.0, 7.0, 9.0], [0, 1, 1])
    """
    order = np.argsort(queries_of(split), kind="stable")
    _, firsts, numbers = np.unique(queries_of(split)[order], return_index=True, return_inverse=True)
    weight = None
    if split.weight is not None:
        of_rows = split.weight[order]
        weight = of_rows[firsts]
        other = np.unique(numbers[of_rows != weight[numbers]])
        if len(other):
            raise InputError(
                f"ranking: rows of one query have other weights, in {len(other):,} of {len(firsts):,} queries; give "
                "all rows of a query the same weight"
            )
    ordered = dataclasses.replace(
        split,
        features=split.features[order],
        label=split.label[order],
        slices={},
        weight=None,
        query=queries_of(split)[order],
    )
    return ordered, numbers.astype(np.int32), weight
