"""Raw files read in blocks, as a step of a pipeline."""

import dataclasses
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.metrics import Metrics

from beam_jobs.cli import progress
from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.raw_format import RawFile, RawRows

ROWS_READ = "rows_read"


@dataclasses.dataclass
class ReadRawRows(beam.PTransform):
    """From files to a PCollection of `RawRows`, each file read by one worker from its start to its end.

    Formats of columns read those named, or all.
    """

    files: Sequence[RawFile]
    columns: Sequence[str] | None = None

    def expand(self, root: beam.pvalue.PBegin) -> beam.PCollection[RawRows]:
        return (
            root
            | "List Files" >> beam.Create(list(self.files))
            | "Read Blocks" >> beam.ParDo(_ReadBlocks(self.columns))
        )


class _ReadBlocks(beam.DoFn):
    def __init__(self, columns: Sequence[str] | None) -> None:
        self._columns = columns
        self._rows = Metrics.counter("onegraph", ROWS_READ)

    def process(self, file: RawFile) -> Iterator[RawRows]:
        for block in read_file(file, self._columns):
            self._rows.inc(len(block))
            progress.advance(len(block))
            yield block
