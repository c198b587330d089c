"""Files as events: the rows of a CSV file as typed JSON objects, the lines of a JSON lines file as they are."""

import gzip
import pathlib
import zlib
from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.raw_files.reading import RawFile, read_file
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder

_BLOCK_BYTES = 1 << 20


def events_of(file: pathlib.Path, schema: Schema) -> Iterator[tuple[int, bytes | None]]:
    """Yield row number and JSON event of every row of a .csv or .jsonl file (.gz too); None where it cannot be read.

    CSV cells are typed by the schema and missing ones left out; JSON lines are events already and stay as they are.
    """
    name = file.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        yield from enumerate(line.rstrip(b"\r\n") for line in _lines(file))
    elif name.endswith(".csv"):
        yield from _csv_events(file, schema)
    else:
        raise InputError(f"{file}: wanted a .csv or .jsonl file, or one of them with .gz")


def json_events(batch: pa.RecordBatch) -> list[bytes]:
    """Return one JSON object per row, without its missing cells.

    >>> json_events(pa.record_batch({"fare": pa.array([1.5, None], pa.float32()), "company": ["A", "B"]}))
    [b'{"fare":1.5,"company":"A"}', b'{"company":"B"}']
    """
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        texts = pc.cast(column, pa.string()).to_pylist()  # of a float32 the shortest text that reads back equal
        encode = msgspec.json.encode if pa.types.is_string(column.type) else str.encode
        head = msgspec.json.encode(name) + b":"
        columns.append([None if text is None else head + encode(text) for text in texts])
    return [b"{" + b",".join(filter(None, row)) + b"}" for row in zip(*columns, strict=True)]


def _csv_events(file: pathlib.Path, schema: Schema) -> Iterator[tuple[int, bytes | None]]:
    decoder = None
    for block in read_file(RawFile(str(file), file.name, 0)):
        decoder = decoder or CsvDecoder(schema, block.header, str(file))
        decoded = decoder(block.values)
        events: list[bytes | None] = [None] * len(block.values)
        for row, event in zip(decoded.rows.tolist(), json_events(decoded.batch), strict=True):
            events[row] = event
        yield from enumerate(events, block.first_row)


def _lines(file: pathlib.Path) -> Iterator[bytes]:
    rest = b""
    for block in _blocks(file):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _blocks(file: pathlib.Path) -> Iterator[bytes]:
    try:
        with gzip.open(file, "rb") if file.name.endswith(".gz") else file.open("rb") as source:
            while block := source.read(_BLOCK_BYTES):
                yield block
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{file}: not a whole gzip file: {error}") from None
