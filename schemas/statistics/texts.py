"""What was seen of a string column: how often which text, how many different ones, their length."""

import collections
import re
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.statistics.detail import WEIGHT_UNIT, Detail, whole_weights
from schemas.statistics.distinct import Distinct
from schemas.statistics.frequent import Frequent
from schemas.statistics.text_hashes import text_hashes
from schemas.statistics.valency import Valency

_LONG = 1024
_SHOWN = 200
_STAND_IN = re.compile(r"\.\.\. \(\d{4,} bytes, [0-9a-f]{16}\)\Z")


class TextStatistics:
    """What was seen of a string column; the same texts give the same statistics in any order.

    Up to 20,000 different texts are counted as they are. Where there are more (`forgot`), only the frequent ones, which
    at least one row in 2000 has, keep a count; it may be too high by about a ten-thousandth of all rows; `distinct`
    is an estimate then. A text of more than 1024 bytes stands as its beginning and a hash.
    """

    def __init__(self, detail: Detail, lists: bool = False, weighted: bool = False):
        self.valency = Valency(detail, lists, weighted)
        self.bytes = 0
        self.texts = _Texts(detail)
        self.weighted = _Texts(detail) if weighted else None

    def add(self, column: pa.Array, weights: np.ndarray | None = None) -> None:
        """Take in one column of a block, and the weights of its rows if they have any."""
        values = self.valency.add(column, weights)
        if not len(values.array):
            return
        self.bytes += pc.sum(pc.binary_length(values.array)).as_py()
        if self.weighted is None or values.weights is None:
            counted = pc.value_counts(values.array)
            self.texts.add(_shortened(counted.field("values")), np.asarray(counted.field("counts")))
            return
        encoded = values.array.dictionary_encode()
        texts, codes = _shortened(encoded.dictionary), np.asarray(encoded.indices)
        self.texts.add(texts, np.bincount(codes, minlength=len(texts)).astype(np.int64))
        weights = whole_weights(values.weights)
        summed = np.zeros(len(texts), weights.dtype)
        np.add.at(summed, codes, weights)
        self.weighted.add(texts, summed)

    def merge(self, other: "TextStatistics") -> None:
        """Take in what another has seen."""
        self.valency.merge(other.valency)
        self.bytes += other.bytes
        self.texts.merge(other.texts)
        if self.weighted is not None and other.weighted is not None:
            self.weighted.merge(other.weighted)

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.valency.present

    @property
    def counts(self) -> Mapping[str, int]:
        """How often which text was seen, of those that are counted."""
        return self.texts.counts()

    @property
    def forgot(self) -> bool:
        """Whether there were more different texts than are counted as they are."""
        return self.texts.forgot

    @property
    def distinct(self) -> int:
        """How many different texts there were."""
        return self.texts.distinct

    def ranked(self) -> list[tuple[str, int]]:
        """Return texts and counts, the most frequent first; of equal counts the greater text first, as TFDV has it."""
        return ranked(self.texts.counts())

    def ranked_by_weight(self) -> list[tuple[str, float]]:
        """Return texts and the weights of their rows, the heaviest first."""
        found = ranked(self.weighted.counts()) if self.weighted is not None else []
        return [(text, count * WEIGHT_UNIT) for text, count in found]


def ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return texts and counts, the greatest count first; of equal counts the greater text first.

    >>> ranked({"a": 1, "b": 1, "c": 2})
    [('c', 2), ('b', 1), ('a', 1)]
    """
    return sorted(counts.items(), key=lambda item: (item[1], item[0]), reverse=True)


def stands_for_long(text: str) -> bool:
    """Return whether a counted text stands for one of more than 1024 bytes, and is no value that was seen.

    >>> stands_for_long("a... (2000 bytes, 0123456789abcdef)"), stands_for_long("a...")
    (True, False)
    """
    return _STAND_IN.search(text) is not None


class _Texts:
    """Counts of texts: as they are while there are few, by sketches from then on."""

    def __init__(self, detail: Detail):
        self._detail = detail
        self._counts: collections.Counter[str] = collections.Counter()
        self._many: tuple[Distinct, Frequent] | None = None

    def add(self, texts: pa.Array, counts: np.ndarray) -> None:
        """Take in different texts and their counts (int64)."""
        if self._many is not None:
            self._sketch(texts, counts)
            return
        self._counts.update(dict(zip(texts.to_pylist(), counts.tolist(), strict=True)))
        self._check_few()

    def merge(self, other: "_Texts") -> None:
        """Take in what another has seen."""
        if other._many is None:
            self.add(pa.array(other._counts.keys(), pa.string()), _whole(other._counts.values()))
            return
        distinct, frequent = self._sketches()
        distinct.merge(other._many[0])
        frequent.merge(other._many[1])

    def counts(self) -> Mapping[str, int]:
        """Return how often which text was seen."""
        return self._counts if self._many is None else self._many[1].counts()

    @property
    def forgot(self) -> bool:
        """Whether there were too many to count them as they are."""
        return self._many is not None

    @property
    def distinct(self) -> int:
        """How many different ones there were."""
        return len(self._counts) if self._many is None else max(self._many[0].count, self._detail.texts + 1)

    def _check_few(self) -> None:
        if len(self._counts) > self._detail.texts:
            self._sketches()

    def _sketches(self) -> tuple[Distinct, Frequent]:
        if self._many is None:
            self._many = Distinct(self._detail.distinct), Frequent(self._detail.frequent)
            counts, self._counts = self._counts, collections.Counter()
            self._sketch(pa.array(counts.keys(), pa.string()), _whole(counts.values()))
        return self._many

    def _sketch(self, texts: pa.Array, counts: np.ndarray) -> None:
        distinct, frequent = self._sketches()
        hashes = text_hashes(texts)
        distinct.add(hashes)
        frequent.add(texts, hashes, counts)


def _whole(counts: Iterable[int]) -> np.ndarray:
    """Return counts as an array: int64, or Python's integers if one is larger."""
    listed = list(counts)
    return np.array(listed, np.int64 if max(listed, default=0) < 2**63 else object)


def _shortened(texts: pa.Array) -> pa.Array:
    """Return different texts, those of more than 1024 bytes as their beginning and a hash: still different."""
    lengths = np.asarray(pc.binary_length(texts))
    long = np.flatnonzero(lengths > _LONG)
    if not len(long):
        return texts
    hashes = text_hashes(texts)
    listed = texts.to_pylist()
    for at in long.tolist():
        listed[at] = f"{listed[at][:_SHOWN]}... ({lengths[at]} bytes, {hashes[at]:016x})"
    return pa.array(listed, pa.string())
