"""A sample of data without a schema: per column, how often each value was seen and in which form it came."""

import collections
import dataclasses
import datetime
import decimal
import math
from collections.abc import Iterable, Mapping
from typing import Any

Distinct = collections.Counter[Any]


@dataclasses.dataclass
class ColumnSample:
    """The values of one column, by their kind.

    `texts`, `integers`, `reals`, `booleans` and `times` count values, those inside lists too; `nan` reals that are no
    numbers. `lengths` counts lists by how many values they have, `nested` what no column can hold: objects, lists of
    lists. `typed` says whether the format tells numbers from text: a cell of CSV is text whatever it holds; `listed`
    whether all its values are lists, and a column of one value has lists of one.
    """

    name: str
    typed: bool
    listed: bool = False
    missing: int = 0
    nested: int = 0
    nan: int = 0
    texts: Distinct = dataclasses.field(default_factory=collections.Counter)
    integers: Distinct = dataclasses.field(default_factory=collections.Counter)
    reals: Distinct = dataclasses.field(default_factory=collections.Counter)
    booleans: Distinct = dataclasses.field(default_factory=collections.Counter)
    times: Distinct = dataclasses.field(default_factory=collections.Counter)
    lengths: Distinct = dataclasses.field(default_factory=collections.Counter)

    @property
    def values(self) -> int:
        """How many values there are, those of lists one by one."""
        counted = (self.texts, self.integers, self.reals, self.booleans, self.times)
        return self.nan + sum(one.total() for one in counted)

    @property
    def rows(self) -> int:
        """How many rows were seen."""
        lists = self.lengths.total()
        alone = self.values - sum(length * count for length, count in self.lengths.items())
        return self.missing + self.nested + lists + alone

    def add_texts(self, cells: Iterable[str | None]) -> None:
        """Count cells of text, None where missing."""
        self.texts.update(cells)
        self.missing += self.texts.pop(None, 0)

    def add(self, values: Iterable[Any]) -> None:
        """Count values as JSON has them; an empty list is a missing value.

        >>> column = ColumnSample("genres", typed=True)
        >>> column.add([["a", "b"], [], None, 1, {"x": 1}])
        >>> column.rows, column.missing, column.nested, dict(column.texts), dict(column.lengths)
        (5, 2, 1, {'a': 1, 'b': 1}, {2: 1})
        """
        for value in values:
            if value is None or value == []:
                self.missing += 1
            elif isinstance(value, list):
                self._add_list(value)
            elif not self._add_one(value):
                self.nested += 1

    def _add_list(self, values: list[Any]) -> None:
        if any(isinstance(value, list | dict | None) for value in values):
            self.nested += 1
            return
        self.lengths[len(values)] += 1
        for value in values:
            self._add_one(value)

    def _add_one(self, value: Any) -> bool:
        if isinstance(value, bytes):
            value = _text(value)
        if isinstance(value, bool):
            self.booleans[value] += 1
        elif isinstance(value, str):
            self.texts[value] += 1
        elif isinstance(value, int):
            self.integers[value] += 1
        elif isinstance(value, float | decimal.Decimal):
            if math.isnan(value):
                self.nan += 1
            else:
                self.reals[float(value)] += 1
        elif isinstance(value, datetime.date):  # a datetime is one too
            self.times[value] += 1
        else:
            return False
        return True


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


@dataclasses.dataclass
class Sample:
    """Rows of data, column by column in the order in which they were first seen; `where` names them for people.

    `unread` counts rows that could not be read as rows, `unnamed` columns without a name, which no schema can have;
    `more` says that the data goes on behind the last row.
    """

    where: str
    columns: dict[str, ColumnSample] = dataclasses.field(default_factory=dict)
    rows: int = 0
    unread: int = 0
    more: bool = False
    unnamed: int = 0

    def add_texts(self, columns: Mapping[str, list[str | None]], rows: int) -> None:
        """Add rows of cells of text, given by column."""
        for name in columns:
            self._column(name, False).add_texts(columns[name])
        self._fill(rows)

    def add_records(self, records: list[Mapping[str, Any]], listed: bool = False) -> None:
        """Add rows as JSON has them, each with the fields that it has; `listed` if every value is a list."""
        names = dict.fromkeys(name for record in records for name in record)
        for name in names:
            self._column(name, True, listed).add(record.get(name) for record in records)
        self._fill(len(records))

    def _column(self, name: str, typed: bool, listed: bool = False) -> ColumnSample:
        if name not in self.columns:
            self.columns[name] = ColumnSample(name, typed, listed, missing=self.rows)
        return self.columns[name]

    def _fill(self, rows: int) -> None:
        """A column that some rows do not have is missing there."""
        self.rows += rows
        for column in self.columns.values():
            column.missing += self.rows - column.rows
