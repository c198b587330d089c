"""Raw files checked, and read in blocks, as a step of a pipeline too."""

import dataclasses
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.metrics import Metrics

from beam_jobs.cli import progress
from beam_jobs.raw_files.formats import format_of
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from schemas.errors import InputError
from schemas.schema import Schema

ROWS_READ = "rows_read"


@dataclasses.dataclass
class ReadRawRows(beam.PTransform):
    """From files to a PCollection of `RawRows`, each file read by one worker from its start to its end."""

    files: Sequence[RawFile]

    def expand(self, root: beam.pvalue.PBegin) -> beam.PCollection[RawRows]:
        return root | "List Files" >> beam.Create(list(self.files)) | "Read Blocks" >> beam.ParDo(_ReadBlocks())


class _ReadBlocks(beam.DoFn):
    def __init__(self) -> None:
        self._rows = Metrics.counter("onegraph", ROWS_READ)

    def process(self, file: RawFile) -> Iterator[RawRows]:
        for block in read_file(file):
            self._rows.inc(len(block))
            progress.advance(len(block))
            yield block


def check_files(files: Sequence[RawFile], schema: Schema) -> None:
    """Raise `InputError` for a file whose layout does not fit the schema, and if no file has a row."""
    for file in files:
        known = format_of(file.path)
        known.decoder(known.layout(file), schema, where=file.path)
    if not any(True for file in files for _ in read_file(file)):
        raise InputError(f"{' '.join(file.path for file in files)}: no rows below the header; give files with data")


def read_file(file: RawFile) -> Iterator[RawRows]:
    """Yield the rows of a file in blocks; raises `InputError` if it cannot be read to its end."""
    return format_of(file.path).read(file)
