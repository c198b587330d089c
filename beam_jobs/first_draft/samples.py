"""Raw files read as a sample: every row as its format has it, without a schema."""

import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastavro

from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.csv_format import CsvFormat
from beam_jobs.raw_files.formats import format_of
from beam_jobs.raw_files.parquet_format import ParquetFormat
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from beam_jobs.raw_files.tfrecord_format import TFRecordFormat
from schemas.errors import InputError
from schemas.inference.sample import Sample
from schemas.inference.written import quoted
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder
from transforms.decode.csv_dialect import Unnamed
from transforms.examples.example_values import example_values

_SHOWN = 3
_UNREADABLE = (ValueError, EOFError, LookupError, TypeError, RecursionError)  # what readers raise for odd bytes


def sampled(files: Sequence[RawFile], most: int) -> Sample:
    """Return the first rows of some files as a sample, as many of each, `most` altogether.

    Raises `InputError` for a file that cannot be read, and if no row can.
    """
    sample = Sample(_named([file.name for file in files]))
    for file in files:
        _add_file(sample, file, max(1, most // len(files)))
    if sample.unread and (listing := next(filter(_holds_a_list, files), None)):
        raise InputError(f"{listing.path}: it holds a list, wanted one object per line")
    if not sample.rows:
        raise InputError(f"{sample.where}: no rows that can be read; give files with data")
    return sample


def _holds_a_list(file: RawFile) -> bool:
    """Say whether a file of JSON begins with a list of objects: its first line is `[`, or such a list as a whole."""
    if format_of(file.path, file.options).name != "jsonl":
        return False
    first = next((bytes(value) for rows in read_file(file) for value in rows.values if value.strip()), b"").strip()
    return first == b"[" or first.startswith((b"[{", b"[ {"))


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more files" if len(names) > _SHOWN else ""
    return " ".join(names[:_SHOWN]) + more


def _add_file(sample: Sample, file: RawFile, most: int) -> None:
    left = most
    for rows in read_file(file):
        if len(rows) > left:
            sample.more = True
        if left <= 0:
            return
        if isinstance(format_of(file.path, file.options), CsvFormat):
            _add_cells(sample, rows, left)
        else:
            _add_records(sample, rows, left)
        left -= len(rows)


def _add_cells(sample: Sample, rows: RawRows, most: int) -> None:
    """Add rows of CSV: every cell is text, as the decoder reads text. Columns without a name are left out."""
    layout: Any = rows.layout
    header = [f"c{at}" for at in range(1, layout.width + 1)] if isinstance(layout, Unnamed) else layout
    names = [name for name in header if name]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{rows.file.path}: two columns are called {twice!r}; rename one")
    sample.unnamed = max(sample.unnamed, len(header) - len(names))
    schema = Schema.from_text("\n".join(f"feature {{ name: {quoted(name)} type: BYTES }}" for name in names))
    decoder = CsvDecoder(schema, header, rows.file.path, dialect=rows.file.options.dialect)
    decoded = decoder(rows.values[:most])
    sample.unread += len(decoded.rejections)
    columns = {name: decoded.batch.column(name).to_pylist() for name in names}
    sample.add_texts(columns, decoded.batch.num_rows)


def _add_records(sample: Sample, rows: RawRows, most: int) -> None:
    """Add rows of a format that tells numbers from text."""
    of_format = format_of(rows.file.path, rows.file.options)
    if isinstance(of_format, ParquetFormat):
        sample.add_records(rows.values.slice(0, most).to_pylist())
        return
    read = _readers(rows)[of_format.name]
    records = []
    for value in itertools.islice(rows.values, most):
        try:
            record = read(value)
        except _UNREADABLE:
            record = None
        if isinstance(record, Mapping):
            records.append(record)
        else:
            sample.unread += 1
    sample.add_records(records, listed=isinstance(of_format, TFRecordFormat))


def _readers(rows: RawRows) -> Mapping[str, Callable[[bytes], Any]]:
    """Return what reads one row, by the name of the format."""

    def avro(value: bytes) -> Any:
        return fastavro.schemaless_reader(io.BytesIO(value), written, None)

    written: Any = fastavro.parse_schema(json.loads(str(rows.layout))) if rows.layout else None
    return {"jsonl": lambda value: json.loads(value, parse_constant=_refuse), "avro": avro, "tfrecord": example_values}


def _refuse(_: str) -> None:
    raise ValueError("no number of JSON")
