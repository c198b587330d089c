"""How well one column alone tells the label: by its buckets' labels in half of the rows, measured on the other half.

Numbers fall into 32 buckets of equally many rows, texts are their own, and what is missing is a bucket too. So a column
whose middle values mean yes, or whose gaps do, is found as one that rises with the label is; and an id, whose values
in one half say nothing of the other, is not.
"""

import dataclasses

import numpy as np

_BUCKETS = 32
_FEWEST_OF_A_CLASS = 20


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: float64 numbers or uint64 hashes of texts [rows], and which of them are known (bool)."""

    values: np.ndarray
    known: np.ndarray

    def take(self, rows: np.ndarray) -> "Column":
        """Return some of the rows."""
        return Column(self.values[rows], self.known[rows])


def explained(column: Column, label: np.ndarray, task: str) -> tuple[str, float]:
    """Return the name of the measure and how well a column alone tells the label (float32 [rows]), 1 at best.

    It is the area under the ROC curve of a binary label, the share of the error of guessing the most frequent class
    that is gone for several classes, R2 for a number or a relevance. NaN if there are too few rows to say.

    >>> label = np.arange(1000, dtype=np.float32) // 2 % 2
    >>> explained(Column(label + 5.0, np.ones(1000, bool)), label, "binary")
    ('AUC', 1.0)
    """
    rows = np.arange(len(label))
    learn, judge = rows[rows % 2 == 0], rows[rows % 2 == 1]
    buckets = _buckets(column, learn)
    if task in ("regression", "ranking"):
        return "R2", _r2(buckets, label.astype(np.float64), learn, judge)
    if task == "multiclass":
        return "share of errors that is gone by use", _error_gone(buckets, label, learn, judge)
    return "AUC", _auc(_means(buckets, label.astype(np.float64), learn)[buckets[judge]], label[judge])


def _buckets(column: Column, learn: np.ndarray) -> np.ndarray:
    """Return the bucket (int) of every row; 0 is missing, 1 a value that the rows to learn from have not."""
    values, known = column.values, column.known
    seen = np.unique(values[learn][known[learn]])
    if values.dtype.kind == "f" and len(seen) > _BUCKETS:
        edges = np.unique(np.quantile(values[learn][known[learn]], np.linspace(0, 1, _BUCKETS + 1)[1:-1]))
        return np.where(known, 2 + np.searchsorted(edges, values, side="right"), 0)
    if not len(seen):
        return np.where(known, 1, 0)
    at = np.minimum(np.searchsorted(seen, values), len(seen) - 1)
    return np.where(known, np.where(seen[at] == values, 2 + at, 1), 0)


def _means(buckets: np.ndarray, label: np.ndarray, learn: np.ndarray) -> np.ndarray:
    """Return the mean label of every bucket among the rows to learn from, drawn towards that of all by one row."""
    size = int(buckets.max()) + 1
    counts = np.bincount(buckets[learn], minlength=size)
    sums = np.bincount(buckets[learn], weights=label[learn], minlength=size)
    return (sums + label[learn].mean()) / (counts + 1)


def _auc(score: np.ndarray, label: np.ndarray) -> float:
    positive = label == 1
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if min(ones, zeros) < _FEWEST_OF_A_CLASS:
        return np.nan
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _r2(buckets: np.ndarray, label: np.ndarray, learn: np.ndarray, judge: np.ndarray) -> float:
    spread = ((label[judge] - label[judge].mean()) ** 2).sum()
    if not spread:
        return np.nan
    return float(1 - ((label[judge] - _means(buckets, label, learn)[buckets[judge]]) ** 2).sum() / spread)


def _error_gone(buckets: np.ndarray, label: np.ndarray, learn: np.ndarray, judge: np.ndarray) -> float:
    classes, numbers = np.unique(label, return_inverse=True)
    counts = np.zeros((int(buckets.max()) + 1, len(classes)))
    np.add.at(counts, (buckets[learn], numbers[learn]), 1)
    overall = counts.sum(axis=0)
    guess = (counts + overall / max(overall.sum(), 1)).argmax(axis=1)[buckets[judge]]
    base = (numbers[judge] != overall.argmax()).mean()
    if base * len(judge) < _FEWEST_OF_A_CLASS:
        return np.nan
    return float(1 - (numbers[judge] != guess).mean() / base)
