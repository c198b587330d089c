"""Shares of keys: a key's place in a line of a million, and which owner has which parts of the line.

A share is a number of millionths, and an owner keeps its parts of the line when another's share changes: a key moves
only if its own owner gives a part away or takes one.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

MILLION = 1_000_000

Interval = tuple[int, int]
"""A part of the line: from and up to, in millionths; the end is not in it."""


class Line:
    """The line called `name`, 0 to a million, and the owner of every place on it.

    A key's place is the first 8 bytes of BLAKE2b (digest of 8 bytes) over name, a zero byte and key, read as a
    big-endian number, times a million, divided by 2^64, rounded down. Lines of two names have nothing to do with one
    another. `parts_by_owner` do not overlap; what no owner has is owner 0's, the first in the list is owner 1.

    >>> line = Line("autumn", [[(0, 100_000)], [(400_000, 500_000)]])
    >>> line.places([b"key-1", b"key-3", b"key-1"]), line.owners([b"key-1", b"key-3", b"key-1"])
    ([49602, 134001, 49602], [1, 0, 1])
    """

    def __init__(self, name: str, parts_by_owner: Sequence[Sequence[Interval]] = ()):
        self._start = blake2b(name.encode() + b"\0", digest_size=8)
        self._edges: list[bytes] = []
        self._owners = [0]
        end_before = 0
        for start, end, owner in sorted((*part, 1 + at) for at, parts in enumerate(parts_by_owner) for part in parts):
            if start == end_before and self._edges:
                self._owners[-1] = owner
            else:
                self._edges.append(_first_digest(start))
                self._owners.append(owner)
            if end < MILLION:
                self._edges.append(_first_digest(end))
                self._owners.append(0)
            end_before = end

    def places(self, keys: Iterable[bytes]) -> list[int]:
        """Return the place of every key in [0, 1,000,000)."""
        return [int.from_bytes(digest) * MILLION >> 64 for digest in self._digests(keys)]

    def owners(self, keys: Iterable[bytes]) -> list[int]:
        """Return the owner of every key."""
        edges, owners = self._edges, self._owners
        return [owners[bisect_right(edges, digest)] for digest in self._digests(keys)]

    def _digests(self, keys: Iterable[bytes]) -> Iterator[bytes]:
        copy = self._start.copy
        for key in keys:
            one = copy()
            one.update(key)
            yield one.digest()


def coordinates(topic: str, partition: int, offset: int) -> bytes:
    """Return what stands for the key of an event that has none.

    >>> coordinates("trips", 3, 17)
    b'trips/3/17'
    """
    return f"{topic}/{partition}/{offset}".encode()


def size(parts: Iterable[Interval]) -> int:
    """Return how many millionths the parts are together."""
    return sum(end - start for start, end in parts)


def resized(parts: Sequence[Interval], wanted: int, taken: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return an owner's parts grown or cut to `wanted` millionths, growing where no part of `taken` is.

    Raises `ValueError` if there is not so much left.

    >>> resized([(0, 100)], 250, taken=[(100, 200)])
    ((0, 100), (200, 350))
    >>> resized([(0, 100), (200, 350)], 120, taken=[])
    ((0, 100), (200, 220))
    """
    kept: list[Interval] = []
    for start, end in sorted(parts):
        end = min(end, start + wanted - size(kept))
        if end > start:
            kept.append((start, end))
    free = 0
    for start, end in [*sorted([*taken, *kept]), (MILLION, MILLION)]:
        missing = wanted - size(kept)
        if start > free and missing:
            kept.append((free, min(start, free + missing)))
        free = max(free, end)
    if size(kept) != wanted:
        raise ValueError(f"{wanted} millionths wanted, {size(kept)} left")
    return _joined(kept)


def _first_digest(place: int) -> bytes:
    return (-(-(place << 64) // MILLION)).to_bytes(8)


def _joined(parts: Iterable[Interval]) -> tuple[Interval, ...]:
    joined: list[Interval] = []
    for start, end in sorted(parts):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)
