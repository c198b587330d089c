"""What an example carries behind features, slices and lists of ids: weight, columns for metrics, query, in this order.

Each is a `features` message of its own. Where the messages of an example end is told by their lengths, so the examples
of a block are walked over together, a message at a time, and nothing is parsed.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from transforms.examples import wire
from transforms.examples.names import COLUMN, QUERY, WEIGHT

WEIGHT_BYTES, QUERY_BYTES = 4, 9
"""Of a float, and of a varint of 63 bits."""
WEIGHT_HEAD = wire.message(WEIGHT, wire.FLOATS, wire.field(wire.VALUES, bytes(WEIGHT_BYTES)))[:-WEIGHT_BYTES]
"""The bytes before those of a weight."""
QUERY_HEAD = wire.message(QUERY, wire.INTEGERS, wire.field(wire.VALUES, bytes(QUERY_BYTES)))[:-QUERY_BYTES]
"""The bytes before those of a query."""
_LONGEST_LENGTH = 4  # bytes of a varint: an example is never as long


@dataclasses.dataclass(frozen=True)
class Carried:
    """What the examples of a training set carry."""

    weighted: bool = False
    columns: tuple[str, ...] = ()
    query: bool = False

    def find(self, parts: Sequence[bytes], before: int) -> "Found | None":
        """Return where that is in parts of examples, which begin with `before` other messages.

        None if one of them has anything else, or anything behind it.
        """
        if not parts:
            return None
        ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
        data = np.frombuffer(b"".join(parts) + bytes(1 + _LONGEST_LENGTH), np.uint8)
        begin = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        at: np.ndarray | None = begin
        for _ in range(before):
            at = None if at is None else _after(data, at, ends)
        if at is None:
            return None
        own, weight, query, texts = at - begin, None, None, {}
        if self.weighted:
            values, at = _numbers(data, at, ends, WEIGHT_HEAD, WEIGHT_BYTES)
            if values is None:
                return None
            weight = values.view("<f4")[:, 0]
        for name in self.columns:
            after = _after(data, at, ends)
            places = None if after is None else _texts(data, at, after, name)
            if after is None or places is None:
                return None
            texts[name], at = places, after
        if self.query:
            values, at = _numbers(data, at, ends, QUERY_HEAD, QUERY_BYTES)
            query = None if values is None else _whole(values)
            if query is None:
                return None
        return Found(own, weight, texts, query) if np.array_equal(at, ends) else None


NOTHING = Carried()


@dataclasses.dataclass(frozen=True)
class Found:
    """What examples carry: `own` (int64 [rows]) is how many bytes of each part stand before it.

    `texts` has, by a column's name, begin and end of every row's text among the bytes of all parts, int64 [rows, 2];
    -1 where a row has none.
    """

    own: np.ndarray
    weight: np.ndarray | None
    texts: dict[str, np.ndarray]
    query: np.ndarray | None


def query_at_end(examples: Sequence[bytes]) -> np.ndarray | None:
    """Return the queries with which examples end, int64 [rows]; None if one does not."""
    width = len(QUERY_HEAD) + QUERY_BYTES
    parts = b"".join([example[-width:] for example in examples])
    if len(parts) != width * len(examples):
        return None
    rows = np.frombuffer(parts, np.uint8).reshape(len(examples), width)
    heads, values = rows[:, : len(QUERY_HEAD)], rows[:, len(QUERY_HEAD) :]
    return _whole(values) if (heads == np.frombuffer(QUERY_HEAD, np.uint8)).all() else None


def _whole(varints: np.ndarray) -> np.ndarray | None:
    """Return the whole numbers of varints that fill their bytes; None if one does not."""
    full = (varints[:, :-1] >= wire.MORE).all() and (varints[:, -1] < wire.MORE).all()
    return wire.whole_numbers(varints) if full else None


def _after(data: np.ndarray, at: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """Return where the messages end that begin at these places, None if one begins or ends behind its `ends`."""
    if (at >= ends).any() or (data[at] != wire.FEATURES).any():
        return None
    length, at = np.zeros(len(at), np.int64), at + 1
    goes_on = np.ones(len(at), np.bool_)
    for place in range(_LONGEST_LENGTH):
        byte = np.where(goes_on, data[at], 0)
        length |= (byte & 0x7F).astype(np.int64) << 7 * place
        at = at + goes_on
        goes_on = byte >= wire.MORE
        if not goes_on.any():
            break
    after = at + length
    return None if goes_on.any() or (after > ends).any() else after


def _numbers(
    data: np.ndarray, at: np.ndarray, ends: np.ndarray, head: bytes, size: int
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the bytes behind a head, uint8 [rows, size], and where they end; None if one is no such message."""
    width = len(head) + size
    if (at + width > ends).any():
        return None, at
    found = _windows(data, at, width)
    same = (found[:, : len(head)] == np.frombuffer(head, np.uint8)).all()
    return np.ascontiguousarray(found[:, len(head) :]) if same else None, at + width


def _texts(data: np.ndarray, begin: np.ndarray, end: np.ndarray, name: str) -> np.ndarray | None:
    """Return begin and end of the one text that messages have under a column's name, None if one is another message."""
    sizes = end - begin
    places = np.full((len(begin), 2), -1, np.int64)
    alike = sizes[0] == sizes.max() == sizes.min()
    for size in sizes[:1].tolist() if alike else np.unique(sizes).tolist():
        rows = slice(None) if alike else np.flatnonzero(sizes == size)
        head = _text_head(name, size)
        if head is None or (_windows(data, begin[rows], len(head)) != np.frombuffer(head, np.uint8)).any():
            return None
        if head != _no_text(name):
            places[rows, 0], places[rows, 1] = begin[rows] + len(head), end[rows]
    return places


def _windows(data: np.ndarray, at: np.ndarray, width: int) -> np.ndarray:
    """Return the bytes from each of these places on, uint8 [rows, width]."""
    items = np.ndarray(len(data) - width + 1, f"V{width}", data, strides=(1,))
    return items[at].view(np.uint8).reshape(len(at), width)


def _no_text(name: str) -> bytes:
    return wire.message(COLUMN + name, wire.TEXTS, b"")


@functools.lru_cache(4096)
def _text_head(name: str, size: int) -> bytes | None:
    """Return what stands before the text in a message of so many bytes; all of it if it has none, None if it is none.

    >>> _text_head("a", len(_no_text("a"))) == _no_text("a"), _text_head("a", 4)
    (True, None)
    """
    if size == len(none := _no_text(name)):
        return none
    lengths = 5 * _LONGEST_LENGTH  # more bytes than the lengths in a message can add
    most = size - len(none) - 2
    for text in range(most, max(-1, most - lengths), -1):
        whole = wire.message(COLUMN + name, wire.TEXTS, wire.field(wire.VALUES, bytes(text)))
        if len(whole) == size:
            return whole[: size - text]
    return None
