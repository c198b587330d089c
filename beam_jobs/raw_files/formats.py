"""The table of raw formats: which one a file is of, by name or by the end of its name. A new format is a line here."""

from collections.abc import Sequence

import pyarrow as pa

from beam_jobs.cli.file_settings import BY_NAME, FileOptions, without_compression
from beam_jobs.raw_files.avro_format import AvroFormat
from beam_jobs.raw_files.csv_format import CsvFormat
from beam_jobs.raw_files.json_lines_format import JsonLinesFormat
from beam_jobs.raw_files.parquet_format import ParquetFormat
from beam_jobs.raw_files.raw_format import RawFormat, RawRows
from beam_jobs.raw_files.tfrecord_format import TFRecordFormat
from schemas.errors import InputError

FORMATS: tuple[RawFormat, ...] = (CsvFormat(), JsonLinesFormat(), ParquetFormat(), AvroFormat(), TFRecordFormat())


def format_of(path: str, options: FileOptions = BY_NAME) -> RawFormat:
    """Return the format of a file: the one that is named, else by the end of its name, in whatever case.

    Raises `InputError` if there is none such.

    >>> format_of("trips/2016.CSV.gz").name, format_of("part-00000", FileOptions("parquet")).name
    ('csv', 'parquet')
    """
    for known in FORMATS:
        if options.data_format == known.name or (
            options.data_format is None and without_compression(path).endswith(known.suffixes)
        ):
            return known.written(options)
    suffixes = [known.suffixes[0] for known in FORMATS]
    raise InputError(
        f"{path}: not a raw file by its name; wanted {', '.join(suffixes[:-1])} or {suffixes[-1]}, or say --data-format"
    )


def originals(rows: RawRows, numbers: Sequence[int]) -> pa.Array:
    """Return rows of a block, by their index in it, as bytes (binary) that a rejected row is kept as."""
    return format_of(rows.file.path, rows.file.options).originals(rows, numbers)
