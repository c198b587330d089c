"""What the variants made of one batch of events, put together; and that every event ends exactly once."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from models.live.serving import ScoredRows
from schemas.errors import OnegraphError


@dataclasses.dataclass(frozen=True)
class PredictedRows:
    """What one variant scored of a batch: the rows of the events and what it made of them."""

    rows: list[int]
    scored: ScoredRows

    def said(self) -> np.ndarray:
        """Return what the scores say of these rows: labels, or scores of a regression (object [rows])."""
        return self.scored.variant.scorer.form.said(self.scored.scored.scores)


class Predicted:
    """The parts of one batch that variants scored, and their predictions."""

    def __init__(self) -> None:
        self.parts: list[PredictedRows] = []
        self._values: list[bytes] = []
        self._keys: list[bytes | None] = []

    def add(self, rows: list[int], values: list[bytes], keys: list[bytes | None], scored: ScoredRows) -> None:
        """Add what one variant scored; `values` are the predictions, none if it is only counted, `keys` theirs."""
        self.parts.append(PredictedRows(rows, scored))
        self._values += values
        self._keys += keys

    def in_order(self) -> tuple[list[int], list[bytes], list[bytes | None]]:
        """Return rows, predictions and their keys in the order of the events."""
        rows = [row for part in self.parts for row in part.rows]
        if len(self.parts) < 2 or len(rows) != len(self._values):
            return (rows, self._values, self._keys) if self._values else ([], [], [])
        order = sorted(range(len(rows)), key=rows.__getitem__)
        return [rows[at] for at in order], [self._values[at] for at in order], [self._keys[at] for at in order]

    def said(self, events: int) -> np.ndarray:
        """Return what was said of every event (object [events]), None for one that has no scores."""
        said = np.full(events, None, object)
        for part in self.parts:
            said[part.rows] = part.said()
        return said


def check_complete(count: int, scored: Sequence[int], predictions: int, rejected: Sequence[int]) -> None:
    """Raise `OnegraphError` unless each of `count` events is scored, with a prediction, or rejected, and only once."""
    ends = np.bincount(np.array([*scored, *rejected], np.int64), minlength=count)
    if predictions != len(scored) or len(ends) != count or (ends != 1).any():
        raise OnegraphError(
            f"{count} events in, {predictions} predictions for {len(scored)} of them and {len(rejected)} rejected: "
            "every event must end exactly once; nothing of this batch was sent, report this"
        )
