"""Raw files read as a sample: every row as its format has it, without a schema."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.csv_format import CsvFormat
from beam_jobs.raw_files.formats import format_of
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from schemas.errors import InputError
from schemas.inference.sample import Sample
from schemas.inference.written import quoted
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder

_SHOWN = 3


def sampled(files: Sequence[RawFile], most: int) -> Sample:
    """Return the first rows of some files as a sample, as many of each, `most` altogether.

    Raises `InputError` for a file that cannot be read, and if no row can.
    """
    sample = Sample(_named([file.name for file in files]))
    for file in files:
        _add_file(sample, file, max(1, most // len(files)))
    if not sample.rows:
        raise InputError(f"{sample.where}: no rows that can be read; give files with data")
    return sample


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more files" if len(names) > _SHOWN else ""
    return " ".join(names[:_SHOWN]) + more


def _add_file(sample: Sample, file: RawFile, most: int) -> None:
    left = most
    for rows in read_file(file):
        count = len(rows)
        if count > left:
            sample.more = True
        if left <= 0:
            return
        if isinstance(format_of(file.path), CsvFormat):
            _add_cells(sample, rows, left)
        else:
            _add_lines(sample, rows, left)
        left -= count


def _add_cells(sample: Sample, rows: RawRows, most: int) -> None:
    """Add rows of CSV: every cell is text, as the decoder reads text."""
    header: Any = rows.layout
    names = [name for name in header if name]
    schema = Schema.from_text("\n".join(f"feature {{ name: {quoted(name)} type: BYTES }}" for name in names))
    decoded = CsvDecoder(schema, header, rows.file.path)(rows.values[:most])
    sample.unread += len(decoded.rejections)
    columns = {name: decoded.batch.column(name).to_pylist() for name in names}
    sample.add_texts(columns, decoded.batch.num_rows)


def _add_lines(sample: Sample, rows: RawRows, most: int) -> None:
    """Add rows of JSON, each an object."""
    records = []
    for line in itertools.islice(rows.values, most):
        try:
            record = json.loads(line, parse_constant=_refuse)
        except ValueError:
            record = None
        if isinstance(record, Mapping):
            records.append(record)
        else:
            sample.unread += 1
    sample.add_records(records)


def _refuse(_: str) -> None:
    raise ValueError("no number of JSON")
