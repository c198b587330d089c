"""How often every id is there, and on which sides, in bounded memory and in whatever order rows come.

Ids are 64-bit hashes, spread evenly. All of them are kept, up to a million distinct ones: then counts are exact, but
for two ids that share a hash (one chance in 40 million at a million ids). Beyond, those are kept whose hash begins
with zero bits, one more bit whenever there are too many. Every row of a kept id counts, so that counts times the power
of two are estimates without bias, and parts merged in any order keep the same ids. A single repeated id among
billions may then be missed; that a share of them repeats is not.
"""

import dataclasses

import numpy as np

LIMIT = 1 << 20
_PENDING = 1 << 19
_BITS = 64


@dataclasses.dataclass(frozen=True)
class IdFindings:
    """What was found; `exact` says whether counts are, else they are estimates.

    `repeated` counts the rows beyond the first of their id, `on_two_sides` the ids with rows on more than one side.
    """

    exact: bool
    distinct: int
    repeated: int
    on_two_sides: int


class IdCounts:
    """Counts rows by id; a side is a bit of one byte.

    >>> counts = IdCounts()
    >>> counts.add(np.array([7, 7, 8], np.uint64), np.array([0, 1, 1], np.uint8))
    >>> counts.findings()
    IdFindings(exact=True, distinct=2, repeated=1, on_two_sides=1)
    """

    def __init__(self, limit: int = LIMIT):
        self._limit = limit
        self._level = 0
        self._ids = np.empty(0, np.uint64)
        self._rows = np.empty(0, np.int64)
        self._sides = np.empty(0, np.uint8)
        self._pending: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._waiting = 0

    def add(self, ids: np.ndarray, sides: np.ndarray) -> None:
        """Take in rows: the hashes of their ids (uint64 [rows]) and the number of each one's side, 0 to 7."""
        kept = self._of_level(ids)
        if kept is not None:
            ids, sides = ids[kept], sides[kept]
        bits = np.left_shift(np.uint8(1), sides.astype(np.uint8), dtype=np.uint8)
        self._wait(ids, np.ones(len(ids), np.int64), bits)

    def merge(self, other: "IdCounts") -> None:
        """Take in what another of the same limit has counted."""
        other._settle()
        if other._level > self._level:
            self._settle()
            self._level = other._level
            self._drop()
        ids, rows, sides = other._ids, other._rows, other._sides
        kept = self._of_level(ids)
        self._wait(*((ids, rows, sides) if kept is None else (ids[kept], rows[kept], sides[kept])))

    def findings(self) -> IdFindings:
        """Return what was counted so far."""
        self._settle()
        times = 1 << self._level
        two = np.bitwise_count(self._sides) > 1
        repeated = int(self._rows.sum()) - len(self._ids)
        return IdFindings(self._level == 0, len(self._ids) * times, repeated * times, int(two.sum()) * times)

    def _wait(self, ids: np.ndarray, rows: np.ndarray, sides: np.ndarray) -> None:
        self._pending.append((ids, rows, sides))
        self._waiting += len(ids)
        if self._waiting > _PENDING:
            self._settle()

    def _settle(self) -> None:
        """Count what waits among what is kept, then keep fewer ids if there are too many."""
        if not self._pending:
            return
        parts = [(self._ids, self._rows, self._sides), *self._pending]
        self._pending, self._waiting = [], 0
        ids, rows, sides = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(ids, kind="stable")
        ids, rows, sides = ids[order], rows[order], sides[order]
        starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]])) if len(ids) else np.empty(0, np.int64)
        self._ids = ids[starts]
        self._rows = np.add.reduceat(rows, starts) if len(starts) else rows
        self._sides = np.bitwise_or.reduceat(sides, starts) if len(starts) else sides
        while len(self._ids) > self._limit:
            self._level += 1
            self._drop()

    def _drop(self) -> None:
        kept = self._of_level(self._ids)
        if kept is not None:
            self._ids, self._rows, self._sides = self._ids[kept], self._rows[kept], self._sides[kept]

    def _of_level(self, ids: np.ndarray) -> np.ndarray | None:
        """Return which ids this level keeps, None for all."""
        return None if not self._level else (ids >> np.uint64(_BITS - self._level)) == 0
