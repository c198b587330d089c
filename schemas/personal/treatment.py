"""What becomes of one personal column: how a treatment is written in a schema, and the column that it leaves.

| tag | what leaves `take_in` |
|---|---|
| `personal:hidden` | the values as they are; they are shown nowhere |
| `personal:drop` | nothing: the column is not there |
| `personal:hash` | a keyed hash (HMAC-SHA256): 32 hexadecimal digits of a text, 53 bits of an integer |
| `personal:truncate:3` | the first so many characters of a text |
| `personal:bucket:10` | the start of the number's bucket, 40 of 47 |
| `personal:bucket:0,18,65` | the same, starts listed |
| `personal:bucket:month` | the first moment of the time's `hour`, `day`, `month` or `year` (UTC) |
"""

import dataclasses

from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.column import Column, Kind
from schemas.errors import InputError
from schemas.nearest import did_you_mean

HIDDEN, DROP, HASH, TRUNCATE, BUCKET = "hidden", "drop", "hash", "truncate", "bucket"
WORDS = (HIDDEN, DROP, HASH, TRUNCATE, BUCKET)
HASHED = "personal:hashed"
"""The tag of a column that holds hashes: it stays personal, so that no statistic and no page shows its values."""

HASH_BITS = 53
"""Of a hashed integer: as many as every reader of JSON keeps."""

PERIODS = ("hour", "day", "month", "year")
PER_DAY = {"s": 86_400, "ms": 86_400_000, "day": 1}
WANTED = (
    "personal:drop, personal:hash, personal:truncate:N of text, personal:bucket:N (or N,N,... or hour, day, month, "
    "year) of numbers, personal:hidden"
)
_EXACT = 2**53


@dataclasses.dataclass(frozen=True)
class Treatment:
    """What becomes of a column's values.

    Of a truncated text `length` characters stay. A bucket has a `width`, or its start is in `starts`, or it is a
    `period` of a time with `per_day` units a day.
    """

    word: str
    length: int = 0
    width: float = 0.0
    starts: tuple[float, ...] = ()
    period: str = ""
    per_day: int = 0

    @property
    def acts(self) -> bool:
        """Whether values change, or go."""
        return self.word != HIDDEN

    @property
    def hashes(self) -> bool:
        """Whether values become hashes, which are those of one key."""
        return self.word == HASH


def may_be_told(column: Column) -> bool:
    """Whether a prediction may have the values of a treated schema's column: hashes too, but no hidden ones."""
    said = column.role("personal")
    return said is None or f"personal:{said}" == HASHED


def treatment(column: Column, feature: schema_pb2.Feature, where: str) -> Treatment | None:
    """Return the treatment of a column, None if it is not personal; raises `InputError` naming `where` and the column.

    >>> feature = schema_pb2.Feature(name="age", type=schema_pb2.INT)
    >>> age = Column("age", Kind.INT, False, roles=("personal:bucket:10",))
    >>> treatment(age, feature, "loans.pbtxt")
    Treatment(word='bucket', length=0, width=10.0, starts=(), period='', per_day=0)
    """
    said = column.role("personal")
    if said is None:
        return None
    where = f"{where}: {column.name}: tag personal:{said}"
    word, _, rest = said.partition(":")
    if word not in WORDS:
        raise InputError(f"{where}: no treatment, wanted {WANTED}{did_you_mean(word, WORDS)}")
    if word in (TRUNCATE, BUCKET):
        return _truncation(column, rest, where) if word == TRUNCATE else _bucket(column, feature, rest, where)
    if rest:
        raise InputError(f"{where}: {word} takes nothing behind it, wanted personal:{word}")
    if word == HASH:
        _check_hashable(column, where)
    return Treatment(word)


def _check_hashable(column: Column, where: str) -> None:
    if column.kind is Kind.FLOAT:
        raise InputError(f"{where}: a number of type FLOAT names nobody, wanted personal:bucket:N or personal:drop")
    if column.role("event_time") is not None:
        raise InputError(f"{where}: the hash of a time is no time, wanted personal:bucket:day or personal:drop")


def _truncation(column: Column, rest: str, where: str) -> Treatment:
    if column.kind is not Kind.BYTES:
        raise InputError(f"{where}: of type {column.kind.name}, and text is truncated; wanted personal:bucket:N")
    if not (rest.isascii() and rest.isdigit() and int(rest[:9]) > 0 and len(rest) < 9):
        raise InputError(f"{where}: wanted how many characters stay, as in personal:truncate:3")
    return Treatment(TRUNCATE, length=int(rest))


def _bucket(column: Column, feature: schema_pb2.Feature, rest: str, where: str) -> Treatment:
    if column.kind is Kind.BYTES:
        raise InputError(f"{where}: of text, and numbers have buckets; wanted personal:truncate:N")
    if column.boolean:
        raise InputError(f"{where}: a column of 0 and 1 has no buckets, wanted personal:hidden or personal:drop")
    if rest in PERIODS:
        return _period(column, feature, rest, where)
    unit = unit_of(column, feature)
    if unit is not None:
        raise InputError(f"{where}: of a time, wanted personal:bucket: and one of {', '.join(PERIODS)}")
    try:
        numbers = tuple(float(text) for text in rest.split(","))
    except ValueError:
        raise InputError(
            f"{where}: wanted a width (personal:bucket:10), starts (personal:bucket:0,18,65) or, of a time, one of "
            f"{', '.join(PERIODS)}{did_you_mean(rest, PERIODS)}"
        ) from None
    if not all(abs(number) < _EXACT for number in numbers):
        raise InputError(f"{where}: wanted numbers below 2^53")
    if column.kind is Kind.INT and not all(number == int(number) for number in numbers):
        raise InputError(f"{where}: of type INT, wanted whole numbers")
    if len(numbers) == 1:
        if numbers[0] <= 0:
            raise InputError(f"{where}: wanted a width above 0")
        return Treatment(BUCKET, width=numbers[0])
    if list(numbers) != sorted(set(numbers)):
        raise InputError(f"{where}: wanted starts that rise")
    if column.minimum is None or column.minimum < numbers[0]:
        raise InputError(
            f"{where}: values below {numbers[0]:g} would have no bucket; give the column a domain with min: "
            f"{numbers[0]:g} or more, or begin the starts lower"
        )
    return Treatment(BUCKET, starts=numbers)


def _period(column: Column, feature: schema_pb2.Feature, period: str, where: str) -> Treatment:
    unit = unit_of(column, feature)
    if column.kind is not Kind.INT or unit is None:
        raise InputError(f"{where}: of what is no time, wanted type INT with a tag event_time:s, time:s, :ms or :day")
    if unit == "day" and period == "hour":
        raise InputError(f"{where}: of a time in days, wanted day, month or year")
    return Treatment(BUCKET, period=period, per_day=PER_DAY[unit])


def unit_of(column: Column, feature: schema_pb2.Feature) -> str | None:
    """Return the unit of a column of times, `s`, `ms` or `day`, None if nothing says that it is one."""
    unit = column.role("event_time")
    if unit is None:
        units = [tag.partition(":")[2] for tag in feature.annotation.tag if tag.startswith("time:")]
        unit = units[-1] if units else None
    return unit if unit in PER_DAY else None
