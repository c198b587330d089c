"""The same rows written in every raw format, for tests of what reads them."""

import csv
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.column import Column, Kind
from schemas.schema import Schema
from transforms.examples.tfrecord import ShardWriter

FORMATS = ("csv", "jsonl", "parquet", "avro", "tfrecord")
_AVRO = {Kind.INT: "long", Kind.FLOAT: "double", Kind.BYTES: "string"}
_ARROW = {Kind.INT: pa.int64(), Kind.FLOAT: pa.float64(), Kind.BYTES: pa.string()}

Row = Mapping[str, Any]


def write(name: str, path: pathlib.Path, rows: Sequence[Row], schema: Schema) -> pathlib.Path:
    """Write rows of values of the columns' own types, None or absent where missing, as a format; returns the path."""
    {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "avro": _avro, "tfrecord": _tfrecord}[name](path, rows, schema)
    return path


def _csv(path: pathlib.Path, rows: Sequence[Row], schema: Schema) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(schema.names)
    for row in rows:
        cells = [(column, row.get(column.name)) for column in schema.columns]
        writer.writerow([_cell(column, cell) for column, cell in cells])
    path.write_text(out.getvalue(), encoding="utf-8")


def _cell(column: Column, cell: Any) -> str:
    if cell is None or cell == []:
        return ""
    if isinstance(cell, list):
        return column.reading.separator.join(map(str, cell))
    return str(cell)


def _jsonl(path: pathlib.Path, rows: Sequence[Row], schema: Schema) -> None:
    lines = [json.dumps({name: row[name] for name in schema.names if row.get(name) is not None}) for row in rows]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _parquet(path: pathlib.Path, rows: Sequence[Row], schema: Schema) -> None:
    fields = [pa.field(one.name, _of(one, _ARROW[one.kind], pa.list_)) for one in schema.columns]
    cells = {one.name: [row.get(one.name) for row in rows] for one in schema.columns}
    pq.write_table(pa.Table.from_pydict(cells, pa.schema(fields)), path, row_group_size=700)


def _avro(path: pathlib.Path, rows: Sequence[Row], schema: Schema) -> None:
    fields = [
        {"name": one.name, "type": ["null", _of(one, _AVRO[one.kind], lambda kind: {"type": "array", "items": kind})]}
        for one in schema.columns
    ]
    with path.open("wb") as file:
        writer = fastavro.parse_schema({"type": "record", "name": "Row", "fields": fields})
        records = [{one.name: row.get(one.name) for one in schema.columns} for row in rows]
        fastavro.writer(file, writer, records, codec="deflate")


def _of(column: Column, kind: Any, several: Any) -> Any:
    return kind if column.value_count is None else several(kind)


def _tfrecord(path: pathlib.Path, rows: Sequence[Row], schema: Schema) -> None:
    shard = ShardWriter(path, "gzip" if path.name.endswith(".gz") else "none")
    shard.write([example({one.name: row.get(one.name) for one in schema.columns}) for row in rows])
    shard.close()


def example(features: Row) -> bytes:
    """Return a serialized tf.train.Example; a feature that is None is not there."""
    import tensorflow as tf

    made = {}
    for name, value in features.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        if value is None:
            continue
        if any(isinstance(one, float) for one in values):
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        elif all(isinstance(one, int) for one in values):
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            texts = [one if isinstance(one, bytes) else one.encode() for one in values]
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()
