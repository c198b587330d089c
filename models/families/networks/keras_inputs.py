"""What a network of the family `keras` makes of the columns of a feature matrix before its first layer.

| column | becomes |
|---|---|
| number | scaled by mean and deviation of the train split, at most `_FARTHEST` deviations; missing is the mean |
| number missing in a row of train | a column more: 1 where it is missing, else 0 |
| integer of few values, such as a word's number | a row of the table of embeddings; if train has not its value, zeros |
| list of ids, counted | the sum of the embeddings of its ids: its counts times a table |
| part of a vector that stays within -1 to 1 | itself |

It is written once, in TensorFlow's operations, and both trained and scored through.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.families.family import FeatureColumns
from models.families.team import Team
from transforms.graph.wide_outputs import IDS

_FARTHEST = 10.0
_FEWEST_IDS = 3
_SMALLEST = np.float32(1e-12)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """One batch as a network takes it: numbers float32 [rows, n]; places of embeddings int32 [rows, id columns]; and
    for every list of ids its counts, float32 [rows, width]."""

    numbers: tf.Tensor
    places: tf.Tensor
    counts: tuple[tf.Tensor, ...]


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What becomes of every column, as learnt from the train split; arrays are float32 or int32.

    `numbers` are columns with their `mean` and `scale`, `missing` those with a column more. `ids` are columns whose
    value less `least` finds in `known`, behind `start`, its place among all `embeddings` rows; -1 is never found there.
    `bags` are (first column, width) of lists of ids.
    """

    numbers: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    missing: np.ndarray
    ids: np.ndarray
    least: np.ndarray
    size: np.ndarray
    start: np.ndarray
    unseen: np.ndarray
    known: np.ndarray
    embeddings: int
    bags: tuple[tuple[int, int], ...]

    @classmethod
    def learnt(cls, features: np.ndarray, columns: FeatureColumns, most_ids: int, team: Team) -> "Inputs":
        """Return what becomes of the columns of features float32 [rows, features], those of the train split.

        Of a team it is the same for all: the rows are this worker's part, a column of all of them is put together.
        """
        bags = tuple((one.first, one.width) for one in columns.wide if one.form == IDS)
        in_bags = {column for first, width in bags for column in range(first, first + width)}
        in_vectors = {at for one in columns.wide if one.form != IDS for at in range(one.first, one.first + one.width)}
        ids: list[tuple[int, np.ndarray]] = []
        numbers: list[tuple[int, float, float]] = []
        missing = []
        for column in range(len(columns.names)):
            if column in in_bags:
                continue
            values = team.joined(features[:, column])
            there = values[~np.isnan(values)]
            if (
                columns.kinds[column] == "int"
                and column not in in_vectors
                and (found := _ids(there, most_ids)) is not None
            ):
                ids.append((column, found))
                continue
            numbers.append((column, *_scaling(there, column in in_vectors)))
            if 0 < len(there) < len(values):
                missing.append(column)
        known, start, unseen, rows, places = [], [], [], 0, 0
        for _, found in ids:
            table = np.zeros(int(found[-1] - found[0]) + 1, np.int32)
            table[(found - found[0]).astype(np.int64)] = np.arange(1, len(found) + 1)
            known.append(table + rows)
            start.append(places)
            unseen.append(rows)
            places += len(table)
            rows += len(found) + 1
        return cls(
            numbers=np.array([column for column, _, _ in numbers], np.int32),
            mean=np.array([mean for _, mean, _ in numbers], np.float32),
            scale=np.array([scale for _, _, scale in numbers], np.float32),
            missing=np.array(missing, np.int32),
            ids=np.array([column for column, _ in ids], np.int32),
            least=np.array([found[0] for _, found in ids], np.float32),
            size=np.array([len(table) for table in known], np.float32),
            start=np.array(start, np.int32),
            unseen=np.array(unseen, np.int32),
            known=np.concatenate(known) if known else np.zeros(0, np.int32),
            embeddings=rows,
            bags=bags,
        )

    def prepared(self, features: tf.Tensor) -> Prepared:
        """Return a batch of features, float32 [rows, features], as a network takes it."""
        found = tf.gather(features, self.numbers, axis=1)
        scaled = (found - self.mean) * self.scale
        scaled = tf.clip_by_value(
            tf.where(tf.math.is_nan(scaled), tf.zeros_like(scaled), scaled), -_FARTHEST, _FARTHEST
        )
        if len(self.missing):
            gone = tf.cast(tf.math.is_nan(tf.gather(features, self.missing, axis=1)), tf.float32)
            scaled = tf.concat([scaled, gone], 1)
        counts = tuple(features[:, first : first + width] for first, width in self.bags)
        return Prepared(scaled, self._places(features), tuple(_without_nan(one) for one in counts))

    def _places(self, features: tf.Tensor) -> tf.Tensor:
        if not len(self.ids):
            return tf.zeros([tf.shape(features)[0], 0], tf.int32)
        index = tf.gather(features, self.ids, axis=1) - self.least
        within = (index >= 0) & (index < self.size)  # neither is true of what is missing
        index = tf.cast(tf.where(within, index, tf.zeros_like(index)), tf.int32)
        return tf.where(within, tf.gather(self.known, index + self.start), self.unseen)


def _ids(values: np.ndarray, most: int) -> np.ndarray | None:
    """Return the different values (sorted) of a column of integers if they are few enough to be ids, else None."""
    if not len(values) or values.max() - values.min() >= 16 * most:
        return None
    found = np.unique(values)
    return found if _FEWEST_IDS <= len(found) <= most and (np.trunc(found) == found).all() else None


def _scaling(values: np.ndarray, in_vector: bool) -> tuple[float, float]:
    """Return by how much a column is shifted and then scaled; what is the same in every row is scaled to nothing."""
    if not len(values):
        return 0.0, 0.0
    if in_vector and np.abs(values).max() <= 1:
        return 0.0, 1.0
    mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return mean, 0.0 if deviation <= _SMALLEST * max(1.0, abs(mean)) else 1 / deviation


def _without_nan(values: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)


def background(features: np.ndarray, ids: Sequence[int], rows: int, seed: int, team: Team) -> np.ndarray:
    """Return `rows` rows that are like those of features float32 [rows, features], and are none of them.

    In a team the features are this worker's part, and the rows are like those of all parts.

    Every column is filled from its own values alone, in an order of its own: of `ids` those in the middle of equal
    parts of the sorted values, of others the means of the parts. Missing values keep their share.
    """
    made = np.full((rows, features.shape[1]), np.nan, np.float32)
    random = np.random.default_rng(seed)
    for column in range(features.shape[1]):
        values = np.sort(team.joined(features[:, column]))
        there = values[: len(values) - int(np.isnan(values).sum())]
        filled = round(rows * len(there) / max(len(values), 1)) if len(there) else 0
        if filled:
            edges = np.linspace(0, len(there), filled + 1)
            middles = there[((edges[:-1] + edges[1:]) / 2).astype(np.int64).clip(max=len(there) - 1)]
            if column not in ids:
                starts = edges[:-1].astype(np.int64)
                ends = np.maximum(starts + 1, edges[1:].astype(np.int64))
                sums = np.concatenate([[0.0], np.cumsum(there, dtype=np.float64)])
                middles = (sums[ends] - sums[starts]) / (ends - starts)
            made[:filled, column] = middles
        made[:, column] = random.permutation(made[:, column])
    return made
