"""Explanation: which raw columns made a score, on request, for some of the predictions.

A contribution is in log-odds; a row's contributions and the bias add up to the log-odds of its score. Of a regression
or a ranking they add up to the score, or to its natural logarithm if the loss is Poisson, Tweedie or Gamma; of several
classes to that of the likeliest one before softmax. What the features of one raw
column contribute is added up under its name; a feature of several columns has their names, joined. A name that could be
taken for one of these, as in a column called `(bias)` or `a+b`, stands in quotes.
"""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np

from models.scoring.scorer import Scorer
from models.variants.shares import MILLION, Line
from schemas.errors import UsageError

BIAS, OTHERS, CONSTANT = "(bias)", "(others)", "(constant)"
JOIN = "+"

_LINE = Line("contributions")


@dataclasses.dataclass(frozen=True)
class Explanation:
    """How many contributions a prediction names, and which predictions do: a share of them, those above a score.

    A prediction is in the share by a hash of its id, so that the same one says the same each time. With neither
    `share` nor `above` all do, with both those of either. Raises `UsageError` for values that make no sense.
    """

    top: int
    share: float | None = None
    above: float | None = None

    def __post_init__(self) -> None:
        if self.top < 1:
            raise UsageError(f"--contributions is {self.top}, wanted 1 or more")
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(f"--contribution-share is {self.share}, wanted above 0 and at most 1")
        if self.above is not None and not 0 <= self.above <= 1:
            raise UsageError(f"--contribution-above is {self.above}, wanted a score between 0 and 1")

    @classmethod
    def of(cls, top: int | None, share: float | None, above: float | None) -> "Explanation | None":
        """Return what the options ask for; raises `UsageError` for a share or score without `--contributions`.

        >>> Explanation.of(None, None, None), Explanation.of(3, 0.01, None)
        (None, Explanation(top=3, share=0.01, above=None))
        """
        if top is None:
            if share is not None or above is not None:
                raise UsageError("--contribution-share and --contribution-above want --contributions, as in 3")
            return None
        return cls(top, share, above)

    def chosen(self, ids: Sequence[str], scores: np.ndarray) -> np.ndarray:
        """Return the rows that are explained (int64); `ids` are those of the predictions, `scores` float32 [rows]."""
        if self.share is None and self.above is None:
            return np.arange(len(ids))
        found = np.zeros(len(ids), np.bool_)
        if self.above is not None:
            found |= scores >= np.float32(self.above)
        if self.share is not None:
            found |= np.array(_LINE.places(map(str.encode, ids)), np.int64) < round(self.share * MILLION)
        return np.flatnonzero(found)

    def texts(self, scorer: Scorer, features: np.ndarray, scores: np.ndarray) -> list[str]:
        """Return a JSON object per row: the largest contributions, what the others add up to, the bias.

        `features` are float32 [rows, features], `scores` the scorer's own of them.
        """
        contributions = scorer.model.contributions(features)
        if contributions.ndim > 2:
            contributions = contributions[np.arange(len(features)), scorer.form.label_numbers(scores)]
        names, sums = by_origin(contributions[:, :-1], scorer.graph.feature_columns)
        rows = []
        for values, bias in zip(sums, contributions[:, -1], strict=True):
            order = np.argsort(-np.abs(values), kind="stable")
            named = {names[at]: np.float32(values[at]) for at in order[: self.top]}
            others = np.float32(values[order[self.top :]].sum())
            named |= {OTHERS: others, BIAS: bias}
            texts = {name: _number(value) for name, value in named.items()}
            rows.append(json.dumps(texts, separators=(",", ":")))
        return rows


def by_origin(values: np.ndarray, columns: Sequence[Sequence[str]]) -> tuple[list[str], np.ndarray]:
    """Add up what features have by the raw columns that they come from.

    `values` is [rows, features], `columns` has the columns of each feature; returns the names in the order of the
    features, and float64 [rows, names].

    >>> by_origin(np.float32([[1, 2, 4, 8]]), [["a"], ["b"], ["a"], ["a", "b"]])
    (['a', 'b', 'a+b'], array([[5., 2., 8.]]))
    """
    origin = [JOIN.join(map(_unmistakable, one)) or CONSTANT for one in columns]
    names = list(dict.fromkeys(origin))
    sums = np.zeros((len(values), len(names)))
    for feature, name in enumerate(origin):
        sums[:, names.index(name)] += values[:, feature]
    return names, sums


def _unmistakable(column: str) -> str:
    r"""Return a column's name as contributions have it.

    >>> _unmistakable("fare"), _unmistakable("(bias)"), _unmistakable("a+b")
    ('fare', '"(bias)"', '"a+b"')
    """
    return json.dumps(column, ensure_ascii=False) if JOIN in column or column[:1] in ("(", '"') else column


def _number(value: np.float32) -> float | None:
    """Return the float whose text is the shortest that reads back as this float32."""
    return float(str(value)) if np.isfinite(value) else None
