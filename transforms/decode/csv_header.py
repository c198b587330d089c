"""The header of a CSV file: the names of its columns, compared with those that a schema wants."""

import csv
from collections.abc import Iterator, Sequence

from schemas.errors import InputError
from schemas.nearest import nearest
from schemas.schema import SERVING, Schema
from transforms.decode.csv_dialect import COMMON, CsvDialect, Unnamed

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHER_SEPARATORS = (";", "\t", "|")
_LOOKED_AT = 1000  # names of a header that are compared with a missing one
_SHOWN = 30
_SHOWN_LENGTH = 64


def read_header(line: bytes, where: str, dialect: CsvDialect = COMMON) -> list[str]:
    """Return the column names of a header line; raises `InputError` naming `where`."""
    try:
        text = line.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
        names = next(_reader(text, dialect), [])
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"{where}: its first line is not a CSV header in UTF-8; name the columns there") from None
    if not any(names):
        raise InputError(f"{where}: no header; its first line must name the columns")
    return names


def _reader(text: str, dialect: CsvDialect) -> Iterator[list[str]]:
    if dialect.quote is None:
        return csv.reader([text], strict=True, delimiter=dialect.separator, quoting=csv.QUOTE_NONE)
    return csv.reader([text], strict=True, delimiter=dialect.separator, quotechar=dialect.quote)


def check_header(header: Sequence[str], wanted: Sequence[str], where: str) -> None:
    """Raise `InputError`, naming `where`, for a header that lacks a wanted column or has it twice.

    What may be a row of data is not quoted: a line is taken for a header if it has a wanted name, in whatever case.

    >>> check_header(["id", "Tip"], ["id", "tip"], "t.csv")
    Traceback (most recent call last):
    schemas.errors.InputError: t.csv: its header lacks tip (did you mean Tip?), which the schema names; it has id, Tip
    >>> check_header(["7", "1.5"], ["id", "fare"], "t.csv")
    Traceback (most recent call last):
    schemas.errors.InputError: t.csv: its first line names none of the columns that the schema has: id, fare; is it a \
row? The first line must name the columns, or say --csv-header none
    """
    missing = [name for name in wanted if name not in header]
    if missing:
        raise InputError(f"{where}: {_in_words(header, wanted, missing)}")
    twice = sorted({name for name in wanted if header.count(name) > 1})
    if twice:
        raise InputError(f"{where}: its header has {', '.join(twice)} twice; give every column one name")


def schema_order(layout: Unnamed, schema: Schema, where: str) -> tuple[str, ...]:
    """Return the names of a file's columns by the schema; raises `InputError` if they are another number.

    The label is what the schema has in training and not in serving. A file may have the columns of training where those
    of serving are wanted: whoever scores what was trained on has the label too.

    >>> schema = Schema.from_text('feature { name: "x" type: INT } feature { name: "y" type: INT '
    ...     'not_in_environment: "SERVING" } default_environment: "TRAINING" default_environment: "SERVING"')
    >>> schema_order(Unnamed(2, True), schema, "t.csv")
    ('y', 'x')
    """
    names = schema.named if layout.width == len(schema.named) else schema.names
    if layout.label_first:
        serving = schema.environment(SERVING)
        names = (*(name for name in names if name not in serving), *(name for name in names if name in serving))
    if len(names) != layout.width:
        raise InputError(
            f"{where}: {layout.width} columns without names, the schema has {len(names)}: {', '.join(names[:30])}; "
            "name the columns of the file with --csv-columns"
        )
    return names


def _in_words(header: Sequence[str], wanted: Sequence[str], missing: Sequence[str]) -> str:
    for separator in _OTHER_SEPARATORS:
        cells = header[0].split(separator)
        if len(header) == 1 < len(cells) and {cell.strip(' "') for cell in cells} & set(wanted):
            return f"its first line has {separator!r} between the columns, wanted commas; or say --csv-separator"
    if not {name.strip().casefold() for name in header} & {name.casefold() for name in wanted}:
        return (
            f"its first line names none of the columns that the schema has: {_listed(wanted)}; is it a row? "
            "The first line must name the columns, or say --csv-header none"
        )
    others = [name for name in header[:_LOOKED_AT] if name not in wanted and len(name) <= _SHOWN_LENGTH]
    lacking = [name + _nearest(name, others) for name in missing[:_SHOWN]]
    return f"its header lacks {_listed(lacking, len(missing))}, which the schema names; it has {_listed(header)}"


def _nearest(name: str, others: Sequence[str]) -> str:
    near = nearest(name, others)
    return "" if near is None else f" (did you mean {near}?)"


def _listed(names: Sequence[str], count: int | None = None) -> str:
    count = len(names) if count is None else count
    shown = [name if len(name) <= _SHOWN_LENGTH else f"{name[:_SHOWN_LENGTH]}..." for name in names[:_SHOWN]]
    more = [f"{count - len(shown):,} more"] if count > len(shown) else []
    return ", ".join(shown + more)
