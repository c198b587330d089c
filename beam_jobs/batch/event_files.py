"""Files as events: rows of any format as typed JSON objects, the lines of a JSON lines file as they are."""

import pathlib
from collections.abc import Iterator

import pyarrow as pa

from beam_jobs.cli.file_settings import BY_NAME, FileOptions, are_json_lines
from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.json_lines_format import read_lines
from beam_jobs.raw_files.json_text import json_texts
from beam_jobs.raw_files.raw_format import RawFile
from schemas.schema import Schema


def events_of(
    path: pathlib.Path | str, schema: Schema, options: FileOptions = BY_NAME
) -> Iterator[tuple[int, bytes | None]]:
    """Yield row number and JSON event of every row of a raw file; None if it cannot be read.

    Cells are typed by the schema and missing ones left out; JSON lines are events already and stay as they are, blank
    ones are no rows. Raises `InputError` for a file of no known format and for one that cannot be read.
    """
    file = RawFile(str(path), pathlib.PurePath(path).name, 0, options=options)
    if are_json_lines(file.path, options):
        yield from enumerate(line for lines in read_lines(file) for line in lines if line.strip())
    else:
        yield from _typed_events(file, schema)


def json_events(batch: pa.RecordBatch) -> list[bytes]:
    """Return one JSON object per row, without its missing cells.

    >>> json_events(pa.record_batch({"fare": pa.array([1.5, None], pa.float32()), "company": ["A", "B"]}))
    [b'{"fare":1.5,"company":"A"}', b'{"company":"B"}']
    """
    return json_texts(batch).to_pylist()


def _typed_events(file: RawFile, schema: Schema) -> Iterator[tuple[int, bytes | None]]:
    decoder = RawRowsDecoder(schema)
    for rows in read_file(file, schema.names):
        decoded = decoder.decoder(rows)(rows.values)
        events: list[bytes | None] = [None] * len(rows)
        for row, event in zip(decoded.rows.tolist(), json_events(decoded.batch), strict=True):
            events[row] = event
        yield from enumerate(events, rows.first_row)
