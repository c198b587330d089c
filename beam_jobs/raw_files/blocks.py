"""Raw files checked, and read in blocks of rows."""

from collections.abc import Iterator, Sequence

from beam_jobs.raw_files.formats import format_of
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from schemas.errors import InputError
from schemas.schema import Schema


def check_files(files: Sequence[RawFile], schema: Schema) -> None:
    """Raise `InputError` for a file whose layout does not fit the schema, and if no file has a row."""
    for file in files:
        known = format_of(file.path, file.options)
        known.decoder(known.layout(file), schema, where=file.path)
    if not any(True for file in files for _ in read_file(file, schema.names)):
        below = " below the header" if all(format_of(file.path, file.options).name == "csv" for file in files) else ""
        raise InputError(f"{' '.join(file.path for file in files)}: no rows{below}; give files with data")


def read_file(file: RawFile, columns: Sequence[str] | None = None) -> Iterator[RawRows]:
    """Yield the rows of a file in blocks; raises `InputError` if it cannot be read to its end.

    Formats of columns read those named, or all.
    """
    return format_of(file.path, file.options).read(file, columns)
