"""Which split every row is in, by the rule of the use case, and which rows of train a build keeps, at which weight."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from models.spec import ModelSpec
from models.splits import SPLITS, ColumnSplit, GroupSplit, SplitRule, TimeSplit
from schemas.schema import Schema
from transforms.intake.split import sampled, share_of
from transforms.intake.split_rules import NO_SPLIT, by_column, by_group, by_time

LEFT_OUT = NO_SPLIT


def assign(split: SplitRule, batch: pa.RecordBatch, schema: Schema, ids: np.ndarray) -> np.ndarray:
    """Return the number of every row's split in `SPLITS`, `LEFT_OUT` for a row of none: int8 [rows].

    `ids` are the rows' `id_hashes`, which a split by shares goes by.
    """
    if isinstance(split, TimeSplit):
        spans = [getattr(split, name) for name in SPLITS]
        return by_time(batch, schema, [(span.first, span.end) for span in spans])
    if isinstance(split, ColumnSplit):
        return by_column(batch, schema, [getattr(split, name) for name in SPLITS])
    if isinstance(split, GroupSplit):
        return by_group(batch, schema, {name: getattr(split, name) for name in SPLITS})
    return share_of(ids, split)


def remaining(split: SplitRule, given: Sequence[str]) -> SplitRule | str:
    """Return how the rows of other files are split if there are files for the splits `given`: a rule, or one split.

    Shares keep their proportions.

    >>> remaining({"train": 0.25, "eval": 0.25, "test": 0.5}, ["test"])
    {'train': 0.5, 'eval': 0.5, 'test': 0.0}
    >>> remaining({"train": 0.6, "eval": 0.2, "test": 0.2}, ["eval", "test"])
    'train'
    """
    if set(given) >= {"eval", "test"}:
        return "train"
    if not given:
        return split
    if not isinstance(split, Mapping):
        raise ValueError("only shares are split anew")
    whole = sum(share for name, share in split.items() if name not in given)
    return {name: 0.0 if name in given else share / whole for name, share in split.items()}


@dataclasses.dataclass(frozen=True)
class Placed:
    """The split of every row as a number, int8 [rows], and how many rows it stands for, float32 [rows] or None.

    `left_out` counts by cause the rows that are in no split.
    """

    split: np.ndarray
    weight: np.ndarray | None
    left_out: Mapping[str, int]


def place(
    model: ModelSpec,
    given: Mapping[int, str],
    file: int,
    batch: pa.RecordBatch,
    schema: Schema,
    ids: np.ndarray,
    label: np.ndarray,
) -> Placed:
    """Place the rows of one block: in the split of their file, if `given` has its number, else by the model's rule.

    Then train keeps of each class the share that the model's `down_sample` says, by a stable hash of the rows' ids.
    """
    rule = given[file] if file in given else remaining(model.split, sorted(set(given.values())))
    if isinstance(rule, str):
        split = np.full(batch.num_rows, SPLITS.index(rule), np.int8)
    else:
        split = assign(rule, batch, schema, ids)
    left_out = {"no split": int((split == LEFT_OUT).sum())}
    if not model.down_sample:
        return Placed(split, None, left_out)
    train, dropped = split == SPLITS.index("train"), np.zeros(batch.num_rows, np.bool_)
    for value, share in model.down_sample.items():
        dropped |= train & (label == value) & ~sampled(ids, share)
    weight = np.where(train, stands_for(label, model.down_sample), np.float32(1.0))
    return Placed(
        np.where(dropped, np.int8(LEFT_OUT), split), weight, {**left_out, "down-sampling": int(dropped.sum())}
    )


def stands_for(label: np.ndarray, down_sample: Mapping[int, float]) -> np.ndarray:
    """Return how many rows every kept row of train stands for: float32 [rows].

    >>> stands_for(np.array([0, 1], np.float32), {0: 0.1}).tolist()
    [10.0, 1.0]
    """
    weights = np.ones(len(label), np.float32)
    for value, share in down_sample.items():
        weights[label == value] = 1.0 / share
    return weights
