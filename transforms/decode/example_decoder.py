"""Serialized tf.train.Examples to columns: the same cells as JSON gives for the same record.

A feature that an example lacks, or whose list is empty, is missing. tfx_bsl reads many examples at once; where one of
them is none, or has a feature of another type than the rest, every example is read alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.column import Column
from schemas.rejection import Reason, pointer
from schemas.schema import Schema
from transforms.decode.arrow_columns import arrow_column, misfit, one_value
from transforms.decode.arrow_decoder import list_column
from transforms.decode.cells import read_value
from transforms.decode.decoding import Decoded, Faults, Limits, UnknownCounts, build_batch, shown_name
from transforms.decode.refused import Refused
from transforms.examples.example_values import example_values


class ExampleRecordDecoder:
    """Decodes serialized examples of one schema.

    Features that the schema does not name are counted and not looked at.
    """

    def __init__(self, schema: Schema, limits: Limits | None = None):
        self.schema = schema
        self.limits = limits or Limits()
        self._named = frozenset(schema.named)
        self._many: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return ExampleRecordDecoder, (self.schema, self.limits)

    def __call__(self, values: Sequence[bytes | None]) -> Decoded:
        usual = [value is not None and len(value) <= self.limits.max_bytes for value in values]
        decoded = self._together(values) if values and all(usual) else None  # type: ignore[arg-type]
        return decoded or self._each(values)

    def _together(self, values: Sequence[bytes]) -> Decoded | None:
        """Decode examples of the same types, all of which the columns can have; None if they are not."""
        if self._many is None:
            from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder  # here, for whoever has no examples

            self._many = ExamplesToRecordBatchDecoder()
        try:
            rows = self._many.DecodeBatch(values)
        except (RuntimeError, ValueError):  # it says nothing of which example it is
            return None
        faults, arrays, names = Faults(), [], rows.schema.names
        for column in self.schema.columns:
            array = rows.column(names.index(column.name)) if column.name in names else None
            if array is None or pa.types.is_null(array.type):
                arrays.append(pa.nulls(len(values), column.arrow_type))
                continue
            kind = array.type if column.value_count is not None else array.type.value_type
            if misfit(column, kind):
                return None
            arrays.append(_column(column, array, self.limits.max_bytes, faults))
        if faults:
            return None
        others = [(name, len(values) - rows.column(at).null_count) for at, name in enumerate(names)]
        others = [(name, present) for name, present in others if present and name not in self._named]
        if len({shown_name(name) for name, _ in others}) < len(others):  # how many rows have either?
            return None
        unknown = UnknownCounts(self.schema, self.limits)
        for name, present in others:
            unknown.add((name,), present)
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema.arrow_schema)
        return Decoded(batch, np.arange(len(values), dtype=np.int64), [], unknown.counts)

    def _each(self, values: Sequence[bytes | None]) -> Decoded:
        faults, cells, kept = Faults(), [], []
        unknown = UnknownCounts(self.schema, self.limits)
        for row, value in enumerate(values):
            try:
                found = self._features(value)
                cells.append([_cell(column, found.get(column.name) or []) for column in self.schema.columns])
            except Refused as refused:
                faults.add(row, refused.reason, refused.path)
                continue
            kept.append(row)
            unknown.add(found)
        columns: Sequence[Sequence[Any]] = list(zip(*cells, strict=True)) or [()] * len(self.schema.columns)
        return Decoded(build_batch(self.schema, columns), np.array(kept, np.int64), faults.sorted(), unknown.counts)

    def _features(self, value: bytes | None) -> dict[str, list[Any]]:
        if value is None:
            raise Refused(Reason.TOMBSTONE)
        if len(value) > self.limits.max_bytes:
            raise Refused(Reason.TOO_LARGE)
        try:
            return example_values(value)
        except ValueError:
            raise Refused(Reason.EXAMPLE_SYNTAX) from None


def _column(column: Column, array: pa.Array, max_bytes: int, faults: Faults) -> pa.Array:
    if column.value_count is not None:
        return list_column(column, array, max_bytes, faults)
    array, several = one_value(array)
    cells, bad = arrow_column(column, array, max_bytes)
    for row in [*np.flatnonzero(several).tolist(), *(row for row, _ in bad)]:
        faults.add(row, Reason.VALUE_COUNT, pointer(column.name))  # whichever it is, every example is read alone
    return cells


def _cell(column: Column, values: list[Any]) -> Any:
    path = pointer(column.name)
    if column.value_count is None:
        if len(values) > 1:
            raise Refused(Reason.VALUE_COUNT, path)
        return _value(column, values[0], path) if values else None
    return [_value(column, value, f"{path}/{at}") for at, value in enumerate(values)] or None


def _value(column: Column, value: Any, path: str) -> Any:
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(Reason.ENCODING, path) from None
    try:
        return read_value(column, value)
    except Refused as refused:
        raise Refused(refused.reason, path) from None
