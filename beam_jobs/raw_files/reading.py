"""Raw files: patterns expanded through Beam's filesystems, then read as blocks of raw rows in constant memory."""

import dataclasses
import os
import zlib
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from beam_jobs.cli import progress
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder, read_header, split_lines

SUFFIXES = (".csv", ".csv.gz")
ROWS_READ = "rows_read"

_ROWS_PER_BLOCK = 8192
_READ_BYTES = 1 << 20
_BLOCK_BYTES = 8 << 20
_LINE_BYTES = 64 << 20
_GZIP = 31  # zlib's code for a gzip header around the largest window


@dataclasses.dataclass(frozen=True)
class RawFile:
    """A file to read: where it is, its name in ids and reports, and its place among the files."""

    path: str
    name: str
    place: int


@dataclasses.dataclass(frozen=True)
class RawRows:
    """Some thousand rows of one file, in order, as they stand there without line ends.

    `first_row` counts from 0 after the header; blank lines are no rows.
    """

    file: RawFile
    header: tuple[str, ...]
    first_row: int
    values: list[bytes]


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
            self._rows.inc(len(block.values))
            progress.advance(len(block.values))
            yield block


def find_files(patterns: Sequence[str]) -> list[RawFile]:
    """Expand patterns, each to at least one file, in order of path.

    A file's name is its path below the folder that all of them share, so that no two have the same. Raises
    `InputError` for a pattern that matches nothing and for a file that is not CSV by its name.
    """
    paths: set[str] = set()
    for pattern in patterns:
        try:
            matched = [found.path for result in FileSystems.match([pattern]) for found in result.metadata_list]
        except (BeamIOError, ValueError) as error:
            raise InputError(f"{pattern}: cannot look for files there: {_first_line(error)}") from None
        if not matched:
            raise InputError(f"{pattern}: no such file; check the path or quote the pattern")
        paths.update(matched)
    for path in sorted(paths):
        if not path.endswith(SUFFIXES):
            raise InputError(f"{path}: not a raw file by its name; wanted {' or '.join(SUFFIXES)}")
    shared = os.path.commonpath([os.path.dirname(path) for path in paths])
    names = {path: path[len(shared) :].lstrip("/") for path in paths}
    return [RawFile(path, names[path], place) for place, path in enumerate(sorted(paths))]


def read_header_of(file: RawFile) -> tuple[str, ...]:
    """Return the columns of a file; raises `InputError` where it is empty or not readable."""
    blocks = _lines(file, _READ_BYTES >> 4)
    first = next((line for lines in blocks for line in lines if line.strip()), None)
    if first is None:
        raise InputError(f"{file.path}: empty; its first line must name the columns")
    return tuple(read_header(first, file.path))


def check_files(files: Sequence[RawFile], schema: Schema) -> None:
    """Raise `InputError` for a file whose header does not fit the schema, and where no file has a row."""
    for file in files:
        CsvDecoder(schema, read_header_of(file), where=file.path)
    if not any(True for file in files for _ in read_file(file)):
        raise InputError(f"{' '.join(file.path for file in files)}: no rows below the header; give files with data")


def read_file(file: RawFile) -> Iterator[RawRows]:
    """Yield the rows of a file in blocks; raises `InputError` where it cannot be read to its end."""
    header = read_header_of(file)
    several = len(header) > 1
    waiting: list[bytes] = []
    first_row, is_header = 0, True
    for lines in _lines(file, _READ_BYTES):
        if is_header:
            place = next((place for place, line in enumerate(lines) if line.strip()), None)
            if place is None:
                continue
            lines, is_header = lines[place + 1 :], False
        waiting += [line for line in lines if line] if several and b"" in lines else lines
        size = len(waiting)
        while size >= _ROWS_PER_BLOCK:
            yield RawRows(file, header, first_row, waiting[:_ROWS_PER_BLOCK])
            first_row += _ROWS_PER_BLOCK
            waiting = waiting[_ROWS_PER_BLOCK:]
            size -= _ROWS_PER_BLOCK
        if sum(map(len, waiting)) > _BLOCK_BYTES:
            yield RawRows(file, header, first_row, waiting)
            first_row, waiting = first_row + size, []
    if waiting:
        yield RawRows(file, header, first_row, waiting)


def _lines(file: RawFile, size: int) -> Iterator[list[bytes]]:
    """Yield complete records, quotes regarded, as they become complete."""
    rest = b""
    for data in _content(file, size):
        lines, rest = split_lines(rest + data if rest else data)
        if len(rest) > _LINE_BYTES:
            raise InputError(f"{file.path}: a line of more than {_LINE_BYTES >> 20} MiB; is this a text file?")
        yield lines
    lines, _ = split_lines(rest, final=True)
    yield lines


def _content(file: RawFile, size: int) -> Iterator[bytes]:
    """Yield a file's bytes, inflated where it is gzip by its name; every member must be complete."""
    try:
        with FileSystems.open(file.path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            if not file.path.endswith(".gz"):
                while data := stream.read(size):
                    yield data
                return
            inflate, begun = zlib.decompressobj(_GZIP), False
            while data := stream.read(size >> 2):
                text = b""
                while data or len(text) == size:  # as many bytes as were asked for: there may be more
                    begun = True
                    text = inflate.decompress(data, size)
                    yield text
                    data = inflate.unconsumed_tail
                    if inflate.eof:
                        data, text = inflate.unused_data, b""
                        inflate, begun = zlib.decompressobj(_GZIP), False
            if begun:
                raise InputError(f"{file.path}: its gzip stream ends too early; copy the file again")
    except zlib.error:
        raise InputError(f"{file.path}: not a gzip file, or altered; copy it again") from None
    except (OSError, BeamIOError) as error:
        raise InputError(f"{file.path}: cannot be read: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
