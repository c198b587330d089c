"""How a CSV file is written: what parts its cells and quotes them, and where its columns have their names from."""

import dataclasses
from typing import NamedTuple

from schemas.errors import UsageError

HEADERS = ("first-line", "none", "label-first")
"""Where the columns' names are: in the file, or in the schema, in its order or with the label before the others."""


@dataclasses.dataclass(frozen=True)
class CsvDialect:
    """What a CSV file does otherwise than RFC 4180; `separator`, `quote` and `comment` are one ASCII character each.

    Without `quote` no cell is quoted; lines that begin with `comment` are none. `columns` are the names where the file
    has none; without them `header` says where they are.
    """

    separator: str = ","
    quote: str | None = '"'
    comment: str | None = None
    header: str = "first-line"
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        marks = {"separator": self.separator, "quote": self.quote, "comment": self.comment}
        for name, mark in marks.items():
            if mark is not None and (len(mark) != 1 or not mark.isascii() or mark in "\r\n\0"):
                raise UsageError(f"--csv-{name} is {mark[:20]!r}, wanted one ASCII character")
        given = [mark for mark in marks.values() if mark is not None]
        if len(set(given)) != len(given):
            raise UsageError("--csv-separator, --csv-quote and --csv-comment must differ from one another")
        if self.columns and self.header != "first-line":
            raise UsageError("--csv-columns and --csv-header both say where names come from; give one of the two")
        if "" in self.columns:
            raise UsageError("--csv-columns has an empty name; wanted NAME,NAME")


COMMON = CsvDialect()


class Unnamed(NamedTuple):
    """The layout of a file without names: how many columns it has, and whether the label stands before the others."""

    width: int
    label_first: bool
