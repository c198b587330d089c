"""How many different values a stream has: exact while they are few, estimated after, the same in any order."""

import numpy as np

SIZE = 16_384


class Distinct:
    """The `size` least hashes (k minimum values): where the greatest of them lies says how many there are in all.

    The estimate is off by 1 / sqrt(size), 0.8 %, in two of three cases.

    >>> distinct = Distinct()
    >>> distinct.add(np.array([7, 9, 7], np.uint64))
    >>> distinct.count
    2
    """

    def __init__(self, size: int = SIZE):
        self.size = size
        self._least = np.empty(0, np.uint64)

    def add(self, hashes: np.ndarray) -> None:
        """Take in hashes, uint64 [values]."""
        if len(self._least) == self.size:
            hashes = hashes[hashes < self._least[-1]]
        if len(hashes):
            self._least = np.union1d(self._least, hashes)[: self.size]

    def merge(self, other: "Distinct") -> None:
        """Take in what another of the same size has seen."""
        self.add(other._least)

    @property
    def count(self) -> int:
        """How many different ones there were."""
        if len(self._least) < self.size:
            return len(self._least)
        return round((self.size - 1) * 2.0**64 / float(self._least[-1]))
