"""One raw column: its type, its limits, its roles."""

import dataclasses
import enum

import pyarrow as pa


class Kind(enum.Enum):
    """The type of a column; its value is the Arrow type of raw batches."""

    FLOAT = pa.float32()
    INT = pa.int64()
    BYTES = pa.string()


@dataclasses.dataclass(frozen=True)
class Column:
    """One raw column.

    `minimum` and `maximum` are inclusive; a `boolean` number is 0 or 1; `domain` holds the expected strings, if any.
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

    def role(self, name: str) -> str | None:
        """Return what follows `name:` in the column's role of that name, `""` for a bare role, None without it."""
        for role in self.roles:
            head, _, tail = role.partition(":")
            if head == name:
                return tail
        return None
