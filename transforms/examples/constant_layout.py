"""Examples whose bytes differ in their numbers alone, as `ExampleEncoder` writes them, read without a parser.

Of every block the first example is taken apart. Where all others have the same bytes between their numbers, the numbers
are columns of a matrix of bytes; what follows them, slices and lists of ids, is taken apart once per different text,
after what the examples carry was cut off behind it. Whatever else a file may hold gives None here, and is read by
tfx_bsl: same values, slower.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from transforms.examples import wire
from transforms.examples.carried import NOTHING, Carried, Found

_FLOAT_BYTES = 4
_LONGEST_VARINT = 10
_MOST_TAILS = 20_000  # remembered, so that blocks do not take the same ones apart again


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Where the numbers of one feature are in an example: `places` has begin and end of each."""

    kind: int
    places: tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class Layout:
    """What examples of one layout have in common: `template` where `mask` has bits, and the places of the numbers."""

    template: np.ndarray
    mask: np.ndarray
    numbers: Mapping[str, Numbers]

    @property
    def width(self) -> int:
        """The bytes of the part that is alike."""
        return len(self.template)

    def fits(self, heads: np.ndarray) -> bool:
        """Say whether all of these bytes, uint8 [rows, width], are of this layout."""
        return not ((heads ^ self.template) & self.mask).any()

    def values(self, heads: np.ndarray, name: str) -> np.ndarray:
        """Return the numbers of a feature, [rows, numbers]: float32 or int64."""
        found = self.numbers[name]
        if found.kind == wire.FLOATS:
            begin, end = found.places[0][0], found.places[-1][1]
            return np.ascontiguousarray(heads[:, begin:end]).view("<f4")
        return np.stack([wire.whole_numbers(heads[:, begin:end]) for begin, end in found.places], axis=1)


class ConstantLayouts:
    """Reads blocks of examples; the layout of the last block and the tails seen so far are kept."""

    def __init__(self, wanted: Mapping[str, int], lists: Mapping[str, int], carried: Carried):
        """`wanted` has the kind of each feature that stands in the common part, `lists` of each that follows it."""
        self._wanted, self._lists, self._carried = dict(wanted), dict(lists), carried
        self._layout: Layout | None = None
        self._tails: dict[bytes, dict[str, list] | None] = {}

    def read(self, examples: Sequence[bytes]) -> "Block | None":
        """Return a block's bytes taken apart, None if they are not of one layout."""
        if not examples:
            return None
        if self._layout is None or not examples[0].startswith(self._layout.template[:1].tobytes()):
            self._layout = layout_of(examples[0], self._wanted)
        block = self._block(examples)
        if block is None:
            self._layout = layout_of(examples[0], self._wanted)
            block = self._block(examples)
        return block

    def _block(self, examples: Sequence[bytes]) -> "Block | None":
        layout = self._layout
        if layout is None:
            return None
        width = layout.width
        joined = b"".join([example[:width] for example in examples])
        if len(joined) != width * len(examples):
            return None
        heads = np.frombuffer(joined, np.uint8).reshape(len(examples), width)
        if not layout.fits(heads):
            return None
        tails = [example[width:] for example in examples]
        carried = None
        if self._carried != NOTHING:
            carried = self._carried.find(tails, len(self._lists))
            if carried is None:
                return None
            tails = [tail[:own] for tail, own in zip(tails, carried.own.tolist(), strict=True)]
        numbers = {tail: number for number, tail in enumerate(dict.fromkeys(tails))}
        codes = np.fromiter(map(numbers.__getitem__, tails), np.int64, len(tails))
        if len(self._tails) > _MOST_TAILS:
            self._tails.clear()
        parsed = []
        for tail in numbers:
            if tail not in self._tails:
                self._tails[tail] = self._taken_apart(tail)
            if (found := self._tails[tail]) is None:
                return None
            parsed.append(found)
        return Block(layout, heads, codes, parsed, carried)

    def _taken_apart(self, tail: bytes) -> dict[str, list] | None:
        """Return the lists of what follows the common part, None if anything in it is not expected there."""
        found: dict[str, list] = {}
        try:
            for name, kind, begin, end in _entries(tail, 0, len(tail)):
                if self._lists.get(name) != kind or name in found:
                    return None
                found[name] = _list(tail, kind, begin, end)
        except (ValueError, IndexError):
            return None
        return found if len(found) == len(self._lists) else None


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of examples of one layout: `codes` (int64 [rows]) says which of `tails` follows each."""

    layout: Layout
    heads: np.ndarray
    codes: np.ndarray
    tails: Sequence[Mapping[str, list]]
    carried: Found | None

    @property
    def weight(self) -> np.ndarray | None:
        """The weights, float32 [rows], if the examples carry them."""
        return None if self.carried is None else self.carried.weight

    @property
    def query(self) -> np.ndarray | None:
        """The queries, int64 [rows], if the examples carry them."""
        return None if self.carried is None else self.carried.query

    def values(self, name: str) -> np.ndarray:
        """Return the numbers of a feature, [rows, numbers]."""
        return self.layout.values(self.heads, name)


def layout_of(example: bytes, wanted: Mapping[str, int]) -> Layout | None:
    """Return the layout of an example's first message, None if it has not each wanted feature once, with numbers."""
    try:
        if example[0] != wire.FEATURES:
            return None
        begin, end = _length(example, 1)
        mask = np.full(end, 0xFF, np.uint8)
        numbers = {}
        for name, kind, first, last in _map_entries(example, begin, end):
            if name not in wanted:
                continue
            if name in numbers or wanted[name] != kind:
                return None
            places = _places(example, kind, first, last)
            if not places:
                return None
            numbers[name] = Numbers(kind, places)
            mask[places[0][0] : places[-1][1]] = 0 if kind == wire.FLOATS else wire.MORE
    except (ValueError, IndexError):
        return None
    return Layout(np.frombuffer(example[:end], np.uint8), mask, numbers) if len(numbers) == len(wanted) else None


def _entries(data: bytes, at: int, end: int) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, kind and place of the list of every feature of an example's messages, which lie in a row."""
    while at < end:
        if data[at] != wire.FEATURES:
            raise ValueError("no features")
        begin, at = _within(data, at + 1, end)
        yield from _map_entries(data, begin, at)


def _map_entries(data: bytes, at: int, end: int) -> Iterator[tuple[str, int, int, int]]:
    while at < end:
        if data[at] != wire.ENTRY:
            raise ValueError("no entry")
        begin, at = _within(data, at + 1, end)
        if data[begin] != wire.KEY:
            raise ValueError("no key")
        name, value = _within(data, begin + 1, at)
        text = data[name:value].decode()
        if data[value] != wire.VALUE:
            raise ValueError("no value")
        begin, after = _within(data, value + 1, at)
        kind = data[begin]
        first, last = _within(data, begin + 1, after)
        if after != at or last != after or kind not in (wire.TEXTS, wire.FLOATS, wire.INTEGERS):
            raise ValueError("no list of values")
        yield text, kind, first, last


def _places(data: bytes, kind: int, begin: int, end: int) -> tuple[tuple[int, int], ...]:
    """Return begin and end of every number of a packed list; none if it is not packed."""
    if kind == wire.TEXTS or begin == end or data[begin] != wire.VALUES:
        return ()
    at, last = _within(data, begin + 1, end)
    if last != end:
        return ()
    if kind == wire.FLOATS:
        return tuple((one, one + _FLOAT_BYTES) for one in range(at, end, _FLOAT_BYTES)) if not (end - at) % 4 else ()
    found = []
    while at < end:
        after = at + 1
        while data[after - 1] & wire.MORE:
            after += 1
        if after > end or after - at > _LONGEST_VARINT:
            raise ValueError("no whole number")
        found.append((at, after))
        at = after
    return tuple(found)


def _list(data: bytes, kind: int, begin: int, end: int) -> list:
    """Return the texts (bytes) or whole numbers of a list, which may be empty."""
    if begin == end:
        return []
    if kind == wire.INTEGERS:
        rows = np.frombuffer(data, np.uint8)[None, :]
        found = [int(wire.whole_numbers(rows[:, first:last])[0]) for first, last in _places(data, kind, begin, end)]
        if not found:
            raise ValueError("not packed")
        return found
    texts = []
    while begin < end:
        if kind != wire.TEXTS or data[begin] != wire.VALUES:
            raise ValueError("no text")
        first, begin = _within(data, begin + 1, end)
        texts.append(data[first:begin])
    return texts


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return begin and end of what a varint before it gives the length of."""
    length = shift = 0
    while True:
        byte = data[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & wire.MORE:
            break
    if at + length > len(data):
        raise ValueError("cut")
    return at, at + length


def _within(data: bytes, at: int, end: int) -> tuple[int, int]:
    begin, after = _length(data, at)
    if after > end:
        raise ValueError("longer than what it is in")
    return begin, after
