"""Rows of Arrow columns as JSON objects, a column at a time."""

import json
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

_SPECIAL = r'["\\\x00-\x1f]'


def json_texts(batch: pa.RecordBatch) -> pa.Array:
    """Return one JSON object per row (binary), without its missing cells; numbers in the fewest digits that say them.

    >>> rows = pa.record_batch({"fare": pa.array([1.5, None], pa.float32()), "company": ["A", "B"]})
    >>> json_texts(rows).to_pylist()
    [b'{"fare":1.5,"company":"A"}', b'{"company":"B"}']
    """
    cells = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        head = pa.scalar(msgspec.json.encode(name).decode("utf-8") + ":")
        cells.append(pc.binary_join_element_wise(head, _texts(column), "", null_handling="emit_null"))
    if not cells:
        return pa.array([b"{}"] * batch.num_rows, pa.binary())
    joined = pc.binary_join_element_wise(*cells, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", joined, "}", "").cast(pa.binary())


def _texts(column: pa.Array) -> pa.Array:
    """Return the JSON text of every cell, null where it is missing."""
    kind = column.type
    if pa.types.is_dictionary(kind) and _is_text(kind.value_type):
        return _texts(column.dictionary).take(column.indices)
    if _is_text(kind):
        if not pc.any(pc.match_substring_regex(column, _SPECIAL)).as_py():
            return pc.binary_join_element_wise('"', column.cast(pa.string()), '"', "")
    elif pa.types.is_integer(kind) or (
        pa.types.is_floating(kind) and pc.all(pc.is_finite(column)).as_py() is not False
    ):
        return column.cast(pa.string())
    return pa.array([None if cell is None else _text(cell) for cell in column.to_pylist()], pa.string())


def _text(cell: Any) -> str:
    return json.dumps(cell, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(cell: Any) -> str:
    """Return times, decimals and bytes as text."""
    return cell.decode("utf-8", "backslashreplace") if isinstance(cell, bytes) else str(cell)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
