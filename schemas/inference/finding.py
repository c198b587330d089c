"""What was found out about one column of a sample."""

import dataclasses
import enum

from schemas.column import Kind, ValueCount


class Use(enum.StrEnum):
    """What a column is good for; the words are those that people read."""

    NUMBER = "number"
    LONG_TAIL = "number, a few far off"
    YES_NO = "yes or no"
    CATEGORY = "category"
    CODE = "category in digits"
    TEXT = "text"
    TIME = "time"
    LIST = "list of words"
    CODES = "list of whole numbers"
    NUMBERS = "list of numbers"
    VECTOR = "vector of numbers"
    LABEL = "label"
    ID = "id"
    KEY = "key"
    PERSONAL = "personal"
    CONSTANT = "always the same"
    DISTINCT = "all different"
    EMPTY = "empty"
    NESTED = "nested"


FEATURES = frozenset(
    (
        Use.NUMBER,
        Use.LONG_TAIL,
        Use.YES_NO,
        Use.CATEGORY,
        Use.CODE,
        Use.TEXT,
        Use.TIME,
        Use.LIST,
        Use.CODES,
        Use.NUMBERS,
        Use.VECTOR,
    )
)
"""The uses that make features."""
NO_COLUMNS = frozenset((Use.EMPTY, Use.NESTED))
"""The uses of what the schema names and does not take."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One column: its type, what it allows, what it is for, and what a person should look at.

    `rows`, `missing` and `distinct` are counts of the sample; `low` and `high` the least and greatest number there.
    `tags` are roles and what is allowed, as `schemas.roles` and `schemas.reading` have them. `words` are the texts
    for 0 and 1, `form` the form of times as text, `unit` theirs or that of times in numbers, `first_year` the earliest
    year of times as text or as the format's own. `look_at` has no value of the data in it.
    """

    name: str
    kind: Kind
    use: Use
    rows: int
    missing: int
    distinct: int
    low: float | int | None = None
    high: float | int | None = None
    value_count: ValueCount | None = None
    tags: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    words: tuple[str, str] | None = None
    boolean: bool = False
    form: str | None = None
    unit: str | None = None
    first_year: int | None = None
    look_at: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether every row of the sample has the column."""
        return not self.missing and self.use not in NO_COLUMNS

    def noting(self, *notes: str) -> "Finding":
        """Return the finding with more to look at."""
        return dataclasses.replace(self, look_at=(*self.look_at, *notes))
