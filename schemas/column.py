"""One raw column: its type, its limits, its roles."""

import dataclasses
import enum

import pyarrow as pa

from schemas.reading import PLAIN, Reading
from schemas.text_limits import TextLimits


class Kind(enum.Enum):
    """The type of a column; its value is the Arrow type of raw batches."""

    FLOAT = pa.float32()
    INT = pa.int64()
    BYTES = pa.string()


@dataclasses.dataclass(frozen=True)
class ValueCount:
    """How many values a row has of a column of several: `least`, and `most` where there is a limit.

    A row without any has none: an empty list is a missing value.
    """

    least: int
    most: int | None = None

    @property
    def fixed(self) -> int | None:
        """How many values every row has that has the column, if that is always the same: a vector."""
        return self.least if self.least == self.most else None


@dataclasses.dataclass(frozen=True)
class Column:
    """One raw column: one value per row, or several where `value_count` says how many; null is a missing one.

    `minimum` and `maximum` are inclusive; a `boolean` number is 0 or 1; `domain` holds the expected strings, if any;
    `text_limits` are those for which a row is rejected.
    Times of events always have limits: those of `roles.time_range`.
    """

    name: str
    kind: Kind
    required: bool
    minimum: float | int | None = None
    maximum: float | int | None = None
    boolean: bool = False
    domain: frozenset[str] | None = None
    roles: tuple[str, ...] = ()
    value_count: ValueCount | None = None
    reading: Reading = PLAIN
    text_limits: TextLimits | None = None

    @property
    def arrow_type(self) -> pa.DataType:
        """The type of the column in a raw batch."""
        return self.kind.value if self.value_count is None else pa.list_(self.kind.value)

    def role(self, name: str) -> str | None:
        """Return what follows `name:` in the column's role of that name, `""` for a bare role, None without it."""
        for role in self.roles:
            head, _, tail = role.partition(":")
            if head == name:
                return tail
        return None
