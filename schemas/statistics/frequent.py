"""The frequent ones among very many different texts, in bounded memory, the same in any order.

Counts are kept by hash (a count-min sketch): sums, so no order matters. The texts themselves are kept while their
count is a share of all rows worth the while: a text that is frequent in the whole is so in one of the parts at least.
"""

import numpy as np
import pyarrow as pa

from schemas.statistics.detail import summable
from schemas.statistics.text_hashes import mixed

WIDTH = 16_384
SHARE = 2000
"""A text is told if at least one row in so many has it."""
_ROWS = 4
_SEEDS = np.arange(1, _ROWS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


class Frequent:
    """Counts of texts by four hashes each, and the texts that may be frequent.

    A count is never too low; it is too high by about a ten-thousandth of all rows.
    """

    def __init__(self, width: int = WIDTH):
        self._table = np.zeros((_ROWS, width), np.int64)
        self._total = 0
        self._texts: dict[str, int] = {}

    def add(self, texts: pa.Array, hashes: np.ndarray, counts: np.ndarray) -> None:
        """Take in different texts with their hashes (uint64) and counts (int64), all [texts]."""
        places = self._places(hashes)
        self._total += int(summable(counts).sum())
        self._widen()
        for row, place in zip(self._table, places, strict=True):
            np.add.at(row, place, counts)
        kept = np.flatnonzero(self._counted(places) * (2 * SHARE) >= self._total)
        self._texts.update(zip(texts.take(pa.array(kept)).to_pylist(), hashes[kept].tolist(), strict=True))
        self._forget(2 * SHARE)

    def merge(self, other: "Frequent") -> None:
        """Take in what another of the same width has seen."""
        self._total += other._total
        self._widen()
        self._table = self._table + other._table
        self._texts.update(other._texts)
        self._forget(2 * SHARE)

    def counts(self) -> dict[str, int]:
        """Return the texts that at least one row in 2000 has, with their counts."""
        return {text: count for text, count in self._counts().items() if count * SHARE >= self._total}

    def _widen(self) -> None:
        """Count with Python's integers from where int64 could wrap."""
        if self._total >= 2**63 and self._table.dtype != object:
            self._table = self._table.astype(object)

    def _forget(self, share: int) -> None:
        counts = self._counts()
        self._texts = {text: of for text, of in self._texts.items() if counts[text] * share >= self._total}

    def _counts(self) -> dict[str, int]:
        hashes = np.array(list(self._texts.values()), np.uint64)
        return dict(zip(self._texts, self._counted(self._places(hashes)).tolist(), strict=True))

    def _places(self, hashes: np.ndarray) -> np.ndarray:
        width = np.uint64(self._table.shape[1])
        return (mixed(hashes[np.newaxis, :] ^ _SEEDS[:, np.newaxis]) % width).astype(np.int64)

    def _counted(self, places: np.ndarray) -> np.ndarray:
        found = np.take_along_axis(self._table, places, axis=1)
        return np.minimum.reduce(found, axis=0)
