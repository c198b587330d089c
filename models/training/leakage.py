"""Columns that know the label: found in a bounded sample of the rows of train, each column alone.

The sample is that of the smallest hashes of the rows' ids, so that parts merged in any order have the same one. Of a
column it holds numbers, or hashes of texts, never a text.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from models.training.one_column import Column, explained
from schemas.column import Column as SchemaColumn
from schemas.column import Kind
from schemas.schema import SERVING, Schema
from schemas.sets.anomaly import WARNING, Anomaly
from transforms.intake.split import id_hashes
from transforms.intake.split_rules import event_times

ROWS = 16_384
_CELLS = 1 << 22
_FEWEST = 100
_ALMOST_ALL = 0.99
_KIND = "CUSTOM_VALIDATION"
_MILLISECONDS = {"s": 1000, "ms": 1, "day": 86_400_000}


@dataclasses.dataclass(frozen=True)
class _Rows:
    """Sampled rows: their hashes (uint64), labels (float32), and every column that serving has by name."""

    ids: np.ndarray
    label: np.ndarray
    columns: dict[str, Column]

    def take(self, rows: np.ndarray) -> "_Rows":
        return _Rows(self.ids[rows], self.label[rows], {name: one.take(rows) for name, one in self.columns.items()})


class LeakageSample:
    """Samples rows of train, batch by batch; counts the times that are later than their event's."""

    def __init__(self, schema: Schema, task: str):
        self._schema, self._task = schema, task
        self._serving = schema.environment(SERVING).columns
        self._size = max(min(ROWS, _CELLS // max(len(self._serving), 1)), 2 * _FEWEST)
        self._parts: list[_Rows] = []
        self._rows = 0
        self._most = np.uint64(2**64 - 1)
        self._later: dict[str, int] = {}

    def add(self, batch: pa.RecordBatch, ids: np.ndarray, label: np.ndarray) -> None:
        """Take in rows of train: raw columns, hashes of ids (uint64 [rows]) and labels (float32 [rows])."""
        for name, later in _later(batch, self._schema):
            self._later[name] = self._later.get(name, 0) + later
        chosen = np.flatnonzero(ids <= self._most)
        if not len(chosen):
            return
        part = batch.take(pa.array(chosen))
        columns = {column.name: _encoded(part, column, self._schema) for column in self._serving}
        self._parts.append(_Rows(ids[chosen], label[chosen], columns))
        self._rows += len(chosen)
        if self._rows > 2 * self._size:
            self._settle()

    def merge(self, other: "LeakageSample") -> None:
        """Take in what another of the same schema has sampled."""
        for name, later in other._later.items():
            self._later[name] = self._later.get(name, 0) + later
        self._parts += other._parts
        self._rows += other._rows
        self._settle()

    def findings(self) -> list[Anomaly]:
        """Return a warning for every column that equals the label, alone predicts it, or is later than its event."""
        self._settle()
        found = [
            Anomaly(name, _KIND, WARNING, "rows in which it is later than the event", None, later)
            for name, later in sorted(self._later.items())
            if later
        ]
        if not self._parts or len(self._parts[0].ids) < _FEWEST:
            return found
        rows = self._parts[0]
        for name, column in rows.columns.items():
            if _equals(column, rows.label):
                what = "share of sampled rows of train in which it equals the label"
                found.append(Anomaly(name, _KIND, WARNING, what, None, 1.0))
                continue
            measure, share = explained(column, rows.label, self._task)
            if share >= _ALMOST_ALL:
                found.append(Anomaly(name, _KIND, WARNING, f"{measure} of this column alone", None, share))
        return found

    def _settle(self) -> None:
        """Keep the rows of the smallest hashes: all of an id, or none if they are too many."""
        if not self._parts:
            return
        first = self._parts[0]
        ids = np.concatenate([part.ids for part in self._parts])
        label = np.concatenate([part.label for part in self._parts])
        columns = {
            name: Column(
                np.concatenate([part.columns[name].values for part in self._parts]),
                np.concatenate([part.columns[name].known for part in self._parts]),
            )
            for name in first.columns
        }
        order = np.lexsort((label, ids))
        if len(order) > self._size:
            self._most = ids[order[self._size]]
            order = order[ids[order] < self._most]
        self._parts = [_Rows(ids, label, columns).take(order)]
        self._rows = len(order)


def _encoded(batch: pa.RecordBatch, column: SchemaColumn, schema: Schema) -> Column:
    """Return a column as numbers, or as hashes of its texts; of several values how many there are."""
    array = batch.column(column.name)
    known = array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_list(array.type):
        return Column(array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64), known)
    if column.kind is Kind.BYTES:
        return Column(_text_hashes(array), known)
    return Column(array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64), known)


def _text_hashes(array: pa.Array) -> np.ndarray:
    """Return a hash (uint64) of every text."""
    schema = Schema.from_text('feature { name: "x" type: BYTES annotation { tag: "id" } }')
    return id_hashes(pa.RecordBatch.from_arrays([array], names=["x"]), schema)


def _equals(column: Column, label: np.ndarray) -> bool:
    """Say whether a column of numbers is the label wherever it is known, which must be in most rows."""
    if column.values.dtype.kind != "f" or column.known.sum() * 2 < len(label):
        return False
    values, label = column.values[column.known], label[column.known]
    return len(np.unique(label)) > 1 and bool((values.astype(np.float32) == label).all())


def _later(batch: pa.RecordBatch, schema: Schema) -> Iterator[tuple[str, int]]:
    """Yield the columns of times that serving has, other than the event's, and how many of them are later than it."""
    if schema.event_time is None:
        return
    columns = _time_columns(schema)
    if not columns:
        return
    events, known = event_times(batch, schema)
    for name, milliseconds in columns.items():
        array = batch.column(name)
        times = array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64) * milliseconds
        both = known & array.is_valid().to_numpy(zero_copy_only=False)
        day = milliseconds == _MILLISECONDS["day"]
        limit = np.floor(events / milliseconds) * milliseconds if day else events
        yield name, int((both & (times > limit)).sum())


def _time_columns(schema: Schema) -> dict[str, int]:
    """Return the columns that are times by a `time:` tag, with the milliseconds of their unit."""
    serving, found = schema.environment(SERVING), {}
    for feature in schema.proto.feature:
        for tag in feature.annotation.tag:
            head, _, unit = tag.partition(":")
            is_time = head == "time" and unit in _MILLISECONDS and feature.name in serving
            if is_time and serving[feature.name].value_count is None:
                found[feature.name] = _MILLISECONDS[unit]
    return found
