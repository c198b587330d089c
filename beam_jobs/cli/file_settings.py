"""Which raw files a verb reads, and how they are written: what all verbs that read some have in common."""

import dataclasses
from typing import Any

from beam_jobs.cli.options import Settings, fields, option
from transforms.decode.csv_dialect import COMMON, HEADERS, CsvDialect

DATA_FORMATS = ("csv", "jsonl", "parquet", "avro", "tfrecord")
RAW_FILES = "raw files (CSV, JSON lines, Parquet, Avro, TFRecord), patterns allowed"
_SEPARATORS = {"tab": "\t", "\\t": "\t", "blank": " "}
_GROUP = "how the files are written"


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """The format by its name in the table of formats, None where names of files say it; what CSV files do otherwise."""

    data_format: str | None = None
    dialect: CsvDialect = COMMON


BY_NAME = FileOptions()
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
"""How the name of a compressed file ends, and as what."""
JSON_LINES = (".jsonl", ".ndjson")
"""How the names of JSON lines end."""


def without_compression(path: str) -> str:
    """Return a path in lower case without the end that says how the file is compressed.

    >>> without_compression("trips/2016.CSV.gz")
    'trips/2016.csv'
    """
    path = path.lower()
    return path.removesuffix(next((suffix for suffix in COMPRESSED if path.endswith(suffix)), ""))


def are_json_lines(path: str, options: FileOptions) -> bool:
    """Say whether a file has JSON lines, which are events as they stand."""
    if options.data_format is not None:
        return options.data_format == "jsonl"
    return without_compression(path).endswith(JSON_LINES)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileFormat(Settings):
    """How raw files are written."""

    data_format: str | None = option(
        "format of the raw files, where the end of their names does not say it",
        None,
        choices=DATA_FORMATS,
        group=_GROUP,
    )
    csv_header: str = option(
        "where CSV columns have their names from",
        "first-line",
        choices=dict(
            zip(HEADERS, ("of the file", "the schema, in order", "so too, what only training has first"), strict=True)
        ),
        group=_GROUP,
    )
    csv_columns: str | None = option(
        "names of the columns of CSV files without a header", None, metavar="NAME,NAME", group=_GROUP
    )
    csv_separator: str = option("between the cells; or the word tab, or blank", ",", metavar="CHARACTER", group=_GROUP)
    csv_quote: str = option("around cells; none where there are no quotes", '"', metavar="CHARACTER", group=_GROUP)
    csv_comment: str | None = option("lines that begin with it are no rows", None, metavar="CHARACTER", group=_GROUP)

    def check(self) -> None:
        """Refuse what is no dialect of CSV."""
        super().check()
        _ = self.file_options

    @property
    def file_options(self) -> FileOptions:
        """How the files are written; raises `UsageError` for options that make no dialect of CSV."""
        names = self.csv_columns.split(",") if self.csv_columns else []
        return FileOptions(
            self.data_format,
            CsvDialect(
                separator=_SEPARATORS.get(self.csv_separator, self.csv_separator),
                quote=None if self.csv_quote == "none" else self.csv_quote,
                comment=self.csv_comment,
                header=self.csv_header,
                columns=tuple(name.strip() for name in names),
            ),
        )

    def format_options(self) -> dict[str, Any]:
        """Return what is set here, to hand it on to another verb's settings."""
        return {field.name: getattr(self, field.name) for field in fields(FileFormat)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RawData(FileFormat):
    """Which raw files, and how they are written."""

    data: tuple[str, ...] = option(RAW_FILES, metavar="FILE")
