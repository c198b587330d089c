"""Files as events: the rows of a CSV file as typed JSON objects, the lines of a JSON lines file as they are."""

import itertools
import pathlib
from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.content import read_content
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawFile
from schemas.errors import InputError
from schemas.schema import Schema

_READ_BYTES = 1 << 20


def events_of(file: pathlib.Path, schema: Schema) -> Iterator[tuple[int, bytes | None]]:
    """Yield row number and JSON event of every row of a .csv or .jsonl file (.gz too); None if it cannot be read.

    CSV cells are typed by the schema and missing ones left out; JSON lines are events already and stay as they are.
    Raises `InputError` for any other file and for one that cannot be read.
    """
    name = file.name.lower().removesuffix(".gz")
    if name.endswith(".jsonl"):
        yield from enumerate(line.rstrip(b"\r\n") for line in _lines(str(file)))
    elif name.endswith(".csv"):
        yield from _typed_events(RawFile(str(file), file.name, 0), schema)
    else:
        raise InputError(f"{file}: wanted a .csv or .jsonl file, or one of them with .gz")


def json_events(batch: pa.RecordBatch) -> list[bytes]:
    """Return one JSON object per row, without its missing cells; several values are an array.

    >>> json_events(pa.record_batch({"fare": pa.array([1.5, None], pa.float32()), "company": ["A", "B"]}))
    [b'{"fare":1.5,"company":"A"}', b'{"company":"B"}']
    """
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_list(column.type):
            columns.append(_list_texts(name, column))
            continue
        texts = pc.cast(column, pa.string()).to_pylist()  # of a float32 the shortest text that reads back equal
        encode = msgspec.json.encode if pa.types.is_string(column.type) else str.encode
        head = msgspec.json.encode(name) + b":"
        columns.append([None if text is None else head + encode(text) for text in texts])
    return [b"{" + b",".join(filter(None, row)) + b"}" for row in zip(*columns, strict=True)]


def _list_texts(name: str, column: pa.ListArray) -> list[bytes | None]:
    """Return the field of every row as JSON; None where a row has no values."""
    head = msgspec.json.encode(name) + b":["
    encode = msgspec.json.encode if pa.types.is_string(column.type.value_type) else str.encode
    values = iter([encode(text) for text in pc.cast(column.flatten(), pa.string()).to_pylist()])
    lengths = column.value_lengths().fill_null(0).to_pylist()
    return [head + b",".join(itertools.islice(values, size)) + b"]" if size else None for size in lengths]


def _typed_events(file: RawFile, schema: Schema) -> Iterator[tuple[int, bytes | None]]:
    decoder = RawRowsDecoder(schema)
    for rows in read_file(file):
        decoded = decoder.decoder(rows)(rows.values)
        events: list[bytes | None] = [None] * len(rows)
        for row, event in zip(decoded.rows.tolist(), json_events(decoded.batch), strict=True):
            events[row] = event
        yield from enumerate(events, rows.first_row)


def _lines(path: str) -> Iterator[bytes]:
    rest = b""
    for content in read_content(path, _READ_BYTES):
        *lines, rest = (rest + content).split(b"\n")
        yield from lines
    if rest:
        yield rest
