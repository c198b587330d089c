"""JSON records to columns, strictly and fast.

The fast path decodes with msgspec into a struct made from the schema. msgspec keeps the last of two equal keys and
skips unknown fields unread, so a record counts as read only when its colons prove that it has no other key than those
decoded: if no escape stands for a colon, every colon is either inside a decoded string or belongs to one key.
Everything else takes the strict path, which alone decides what is rejected and why.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from schemas.column import Column, Kind
from schemas.schema import Schema
from transforms.decode.cells import read_value, read_values
from transforms.decode.decoding import (
    FLOAT32_OVERFLOW,
    UNKNOWN_NAME_LENGTH,
    Decoded,
    Faults,
    Limits,
    UnknownCounts,
    build_batch,
)
from transforms.decode.strict_json import Refused, StrictJson

_INT64 = msgspec.Meta(ge=-(2**63), le=2**63 - 1)
_FINITE = msgspec.Meta(gt=-FLOAT32_OVERFLOW, lt=FLOAT32_OVERFLOW)
_TYPES: Mapping[Kind, Any] = {
    Kind.FLOAT: Annotated[float, _FINITE],
    Kind.INT: Annotated[int, _INT64],
    Kind.BYTES: str,
}
_ANY_SCALAR = int | float | str | bool | None | msgspec.UnsetType
_UNSET = msgspec.UNSET
_LEARNED_FIELDS = 32
_LOOKED_AT = 1_000  # names of a batch are looked at for the fields to learn, and no more
# A NUL, a colon, or half of a surrogate pair: the first is refused, the others spoil the count or may stand alone.
_HARD_ESCAPE = re.compile(rb"\\u(?:0000|003|[dD])")
_astuple = msgspec.structs.astuple


class JsonDecoder:
    """Decodes JSON records of one schema; the result is the same whatever came before.

    Fields that the schema does not name are ignored and counted. Those seen once with a plain value are read on the
    fast path from then on.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT }')
    >>> decoded = JsonDecoder(schema)([b'{"fare": 1.5}', b'{"fare": "1.5"}', None])
    >>> decoded.batch.to_pydict(), [rejection.reason.value for rejection in decoded.rejections]
    ({'fare': [1.5]}, ['TYPE', 'TOMBSTONE'])
    """

    def __init__(self, schema: Schema, limits: Limits | None = None):
        self.schema = schema
        self.limits = limits or Limits()
        self._strict = StrictJson(schema, self.limits)
        self._plain_names = all(map(_is_plain, schema.names))
        self._allowing = [(at, column) for at, column in enumerate(schema.columns) if not column.reading.plain]
        self._learned: tuple[str, ...] = ()
        self._learned_unknown: list[tuple[int, str]] = []
        if self._plain_names:
            self._make_fast_path()

    def __reduce__(self) -> tuple[Any, ...]:
        return JsonDecoder, (self.schema, self.limits)

    def __call__(self, values: Sequence[bytes | None]) -> Decoded:
        rows, complete = self._fast_rows(values)
        if self._allowing:
            rows = [None if row is None else self._read_allowed(row) for row in rows]
        unknown = UnknownCounts(self.schema, self.limits)
        for index, name in self._learned_unknown:
            if present := sum([row is not None and row[index] is not _UNSET for row in rows]):
                unknown.add((name,), present)
        faults, plain = Faults(), set[str]()
        for index in [index for index, row in enumerate(rows) if row is None]:
            try:
                rows[index], names = self._strict.read(values[index])
            except Refused as refused:
                faults.add(index, refused.reason, refused.path)
            else:
                unknown.add(names)
                if len(plain) < _LOOKED_AT:
                    plain.update(name for name, is_plain in names.items() if is_plain)
        if self._plain_names:
            self._learn(plain)
        kept = np.arange(len(rows), dtype=np.int64)
        if faults:
            kept = np.array([index for index, row in enumerate(rows) if row is not None], np.int64)
            rows = [row for row in rows if row is not None]
        return Decoded(build_batch(self.schema, self._columns(rows, complete)), kept, faults.sorted(), unknown.counts)

    def _fast_rows(self, values: Sequence[bytes | None]) -> tuple[list[Any], bool]:
        """Return the cells of every value that is proven good, None for every other; and whether no cell is unset."""
        if not self._plain_names or not values:
            return [None] * len(values), True
        known: Sequence[Any] = values
        try:
            if max(map(len, known)) <= self.limits.max_bytes:
                try:
                    return self._keep_proven(known, list(map(_astuple, map(self._decode_complete, known)))), True
                except msgspec.ValidationError:  # a field is absent somewhere, or worse
                    return self._keep_proven(known, list(map(_astuple, map(self._decode, known)))), False
        except Exception:  # one value of the batch is not good: the loop finds out which
            pass
        return self._keep_proven(known, [self._fast_row(value) for value in values]), False

    def _read_allowed(self, row: tuple[Any, ...]) -> list[Any] | None:
        """Return a row with the cells of the columns that allow more than their type; None if one is not allowed."""
        cells = list(row)
        try:
            for at, column in self._allowing:
                if cells[at] is not _UNSET:
                    read = read_value if column.value_count is None else read_values
                    cells[at] = read(column, cells[at])
        except Refused:  # the strict path says why
            return None
        return cells

    def _fast_row(self, value: bytes | None) -> Any:
        if value is None or len(value) > self.limits.max_bytes:
            return None
        try:
            return _astuple(self._decode(value))
        except Exception:  # whatever it is, the strict path says it better
            return None

    def _keep_proven(self, values: Sequence[bytes], rows: list[Any]) -> list[Any]:
        """Replace by None every row whose colons do not prove it: keys + colons in strings must be all there are."""
        if self._all_proven(values, rows):
            return rows
        width = len(self.schema.columns) + len(self._learned)
        for index, (value, row) in enumerate(zip(values, rows, strict=True)):
            if row is None:
                continue
            colons = value.count(b":") - (width - row.count(_UNSET))
            if colons:
                colons -= sum([row[column].count(":") for column in self._text if row[column].__class__ is str])
                for column in self._lists_of_text:
                    if row[column].__class__ is list:
                        colons -= _joined(row[column]).count(":")
            if colons or (b"\\" in value and _HARD_ESCAPE.search(value)):
                rows[index] = None
        return rows

    def _all_proven(self, values: Sequence[bytes], rows: list[Any]) -> bool:
        """Prove all rows at once: without escapes no row has fewer colons than it must, so equal sums are enough."""
        if None in rows:
            return False
        joined = b"".join(values)
        if b"\\" in joined:
            return False
        columns = list(zip(*rows, strict=True))
        more = np.count_nonzero(np.frombuffer(joined, np.uint8) == ord(":")) - len(rows) * len(columns)
        more += sum([column.count(_UNSET) for column in columns])
        if more:
            texts = [[cell for cell in columns[index] if cell.__class__ is str] for index in self._text]
            texts += [
                [_joined(cell) for cell in columns[index] if cell.__class__ is list] for index in self._lists_of_text
            ]
            more -= sum(["".join(cells).count(":") for cells in texts])
        return not more

    def _columns(self, rows: list[Any], complete: bool) -> list[Sequence[Any]]:
        columns: list[Sequence[Any]] = list(itertools.islice(zip(*rows, strict=False), len(self.schema.columns)))
        if not columns:
            return [()] * len(self.schema.columns)
        if complete:
            return columns
        return [
            [None if cell is _UNSET else cell for cell in column] if _UNSET in column else column for column in columns
        ]

    def _learn(self, names: set[str]) -> None:
        room = _LEARNED_FIELDS - len(self._learned)
        fresh = names - set(self._learned)
        # a longer name is counted cut off, as another one of the same record may be
        new = sorted(name for name in fresh if _is_plain(name) and len(name) <= UNKNOWN_NAME_LENGTH)[:room]
        if new:
            self._learned += tuple(new)
            self._make_fast_path()

    def _make_fast_path(self) -> None:
        types = [_type(column) for column in self.schema.columns] + [_ANY_SCALAR] * len(self._learned)
        names = (*self.schema.names, *self._learned)
        self._learned_unknown = [(at, name) for at, name in enumerate(names) if name not in self.schema.named]
        fields = [(f"c{index}", kind, _UNSET) for index, kind in enumerate(types)]
        rename = {f"c{index}": name for index, name in enumerate(names)}
        record = msgspec.defstruct("Record", fields, rename=rename, gc=False)
        self._decode = msgspec.json.Decoder(record).decode
        required = [(name, kind) for name, kind, _ in fields]
        complete = msgspec.defstruct("CompleteRecord", required, rename=rename, gc=False)
        self._decode_complete = msgspec.json.Decoder(complete).decode
        columns = list(enumerate(self.schema.columns))
        texts = {at for at, column in columns if column.kind is Kind.BYTES or not column.reading.plain}
        lists = {at for at, column in columns if column.value_count is not None}
        self._lists_of_text = tuple(sorted(texts & lists))
        strings = [at for at, column in columns if at in texts and (at not in lists or column.reading.missing)]
        self._text = tuple(strings + list(range(len(self.schema.columns), len(names))))


def _joined(values: list[Any]) -> str:
    return "".join([value for value in values if value.__class__ is str])


def _type(column: Column) -> Any:
    one: Any = _TYPES[column.kind] if column.reading.plain else int | float | str | bool
    if column.value_count is None:
        return one | None | msgspec.UnsetType
    several: Any = list.__class_getitem__(one)
    return (several | str if column.reading.missing else several) | None | msgspec.UnsetType


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isprintable() and not set(name) & set(':"\\')
