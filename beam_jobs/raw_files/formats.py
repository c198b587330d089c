"""The table of raw formats: which one a file is of, by the end of its name. A new format is a line here."""

from collections.abc import Sequence

import pyarrow as pa

from beam_jobs.raw_files.csv_format import CsvFormat
from beam_jobs.raw_files.raw_format import RawFormat, RawRows
from schemas.errors import InputError

FORMATS: tuple[RawFormat, ...] = (CsvFormat(),)


def format_of(path: str) -> RawFormat:
    """Return the format of a file, in whatever case its name ends; raises `InputError` if its name is that of none.

    >>> format_of("trips/2016.CSV.gz").suffixes
    ('.csv', '.csv.gz')
    """
    for known in FORMATS:
        if path.lower().endswith(known.suffixes):
            return known
    suffixes = [suffix for known in FORMATS for suffix in known.suffixes]
    raise InputError(f"{path}: not a raw file by its name; wanted {' or '.join(suffixes)}")


def originals(rows: RawRows, numbers: Sequence[int]) -> pa.Array:
    """Return rows of a block, by their index in it, as bytes (binary) that a rejected row is kept as."""
    return format_of(rows.file.path).originals(rows, numbers)
