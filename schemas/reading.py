"""How the values of a column may be written: what a schema allows besides the column's own type, once for every format.

| in the schema | means |
|---|---|
| `missing:TEXT` (a tag of a column or of the whole schema) | this text stands for a missing value |
| `accepts:number_text` | a number may come as text, `"12.50"` |
| `accepts:whole_float` | an integer may come as a float without a fraction, `1.0`, as pandas writes it |
| `accepts:boolean` | a number that is 0 or 1 may come as a boolean, or as one of the words of its `bool_domain` |
| `time_domain { string_format: "%Y-%m-%d" }` | a time comes as text of this form; the column has it as an integer |
| `time:s`, `time:ms`, `time:day` | the unit of that integer, since 1970 (UTC); the role `event_time` says it too |
| `zone:Europe/Paris` | the zone of such a text that does not say one; UTC without this |
| `separator:TEXT` | parts the values of a column of several in a CSV cell |
"""

import dataclasses
import functools
import re
import zoneinfo
from collections.abc import Iterable, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.errors import InputError
from schemas.nearest import did_you_mean

ACCEPTS = ("number_text", "whole_float", "boolean")
UNITS = ("s", "ms", "day")
SEPARATOR = "|"
"""What parts the values of a CSV cell where the schema says nothing."""
_HEADS = ("missing", "accepts", "time", "zone", "separator")


@dataclasses.dataclass(frozen=True)
class TimeText:
    """A time as text: its form as `strptime` has it, its zone, and the unit (`s`, `ms`, `day`) of the column."""

    form: str
    unit: str
    zone: str = "UTC"


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a column allows besides its own type.

    `words` are the texts for 0 and 1 of a column that accepts booleans, None where the schema has none. `unit` (`s`,
    `ms`, `day`) and `zone` are those of a column of times, whether or not they may come as text: what a timestamp or a
    date of Parquet or Avro becomes.
    """

    missing: frozenset[str] = frozenset()
    number_text: bool = False
    whole_float: bool = False
    boolean: bool = False
    words: tuple[str | None, str | None] = (None, None)
    time: TimeText | None = None
    separator: str = SEPARATOR
    unit: str | None = None
    zone: str = "UTC"

    @property
    def plain(self) -> bool:
        """Whether values come in the column's own type and in no other way."""
        return not (self.missing or self.number_text or self.whole_float or self.boolean or self.time)


PLAIN = Reading()


def is_reading(tag: str) -> bool:
    """Say whether a tag says how values are written; every other tag is a role.

    >>> is_reading("missing:NA"), is_reading("id")
    (True, False)
    """
    return tag.partition(":")[0] in _HEADS


def reading(feature: schema_pb2.Feature, everywhere: Iterable[str], where: str) -> Reading:
    """Return what a feature allows; `everywhere` are the tags of the whole schema. Raises `InputError` naming it.

    >>> feature = schema_pb2.Feature(name="n", type=schema_pb2.INT)
    >>> feature.annotation.tag.append("accepts:whole_float")
    >>> reading(feature, ["missing:NA"], "loans.pbtxt") == Reading(missing=frozenset({"NA"}), whole_float=True)
    True
    """
    where = f"{where}: {feature.name}"
    tags = [tag for tag in feature.annotation.tag if is_reading(tag)]
    accepts = [_one_of(tag, ACCEPTS, where) for tag in tags if tag.startswith("accepts:")]
    number = feature.type != schema_pb2.BYTES
    domain = feature.bool_domain if feature.HasField("bool_domain") else None
    if accepts and not number:
        raise InputError(f"{where}: tag accepts:{accepts[0]} of text; it is for type INT and FLOAT")
    if "whole_float" in accepts and feature.type != schema_pb2.INT:
        raise InputError(f"{where}: tag accepts:whole_float of type FLOAT, which holds fractions; take it out")
    if "boolean" in accepts and domain is None:
        raise InputError(f"{where}: tag accepts:boolean without a bool_domain; add bool_domain {{ }}")
    words: tuple[str | None, str | None] = (None, None)
    if domain is not None and "boolean" in accepts:
        false = domain.false_value if domain.HasField("false_value") else None
        words = (false, domain.true_value if domain.HasField("true_value") else None)
    if numbers := [word for word in words if word is not None and _says_another(word, words.index(word))]:
        raise InputError(
            f"{where}: bool_domain has {numbers[0]!r}, a number that is not the one it stands for; wanted a word"
        )
    time, unit, zone = _time(feature, tags, where)
    return Reading(
        missing=frozenset(_texts([*everywhere, *tags], "missing", where)),
        number_text="number_text" in accepts,
        whole_float="whole_float" in accepts,
        boolean="boolean" in accepts,
        words=words,
        time=time,
        separator=_last(_texts(tags, "separator", where), SEPARATOR),
        unit=unit,
        zone=zone,
    )


def _says_another(word: str, number: int) -> bool:
    """Whether a word for 0 or 1 reads as another number: in a CSV cell it would be the one, in JSON the other."""
    try:
        return float(word) != number
    except ValueError:
        return False


def _time(feature: schema_pb2.Feature, tags: Sequence[str], where: str) -> tuple[TimeText | None, str | None, str]:
    """Return how a time comes as text, if it may, and unit and zone of a column of times."""
    units = [_one_of(tag, UNITS, where) for tag in tags if tag.startswith("time:")]
    units += [tag.partition(":")[2] for tag in feature.annotation.tag if tag.startswith("event_time:")]
    zone = _last(_texts(tags, "zone", where), "UTC")
    if zone != "UTC" and zone not in _zones():
        near = did_you_mean(zone, _zones())
        raise InputError(f"{where}: zone {zone!r} is none that is known, wanted one as Europe/Paris{near}")
    unit = units[0] if len(set(units)) == 1 and units[0] in UNITS else None
    if not feature.HasField("time_domain") or not feature.time_domain.string_format:
        return None, unit, zone
    if feature.type != schema_pb2.INT:
        raise InputError(f"{where}: a time_domain with a string_format, wanted type INT, which the text becomes")
    if unit is None:
        got = " and ".join(sorted(set(units))) or "none"
        raise InputError(f"{where}: time as text needs one unit, got {got}; add the tag time:s, time:ms or time:day")
    form = feature.time_domain.string_format
    _check_form(form, where)
    return TimeText(form, unit, zone), unit, zone


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())  # opens every file of the zones' folder: 27 ms


def _check_form(form: str, where: str) -> None:
    """Refuse a form that does not say a day, or whose meaning is another on another machine."""
    directives = re.findall("%(.?)", form.replace("%%", ""))
    if local := [one for one in directives if one and one in "ZcxX"]:
        raise InputError(
            f"{where}: string_format {form!r}: %{local[0]} means something else on other machines; "
            "write its parts, such as %Y-%m-%d %H:%M:%S%z"
        )
    if unknown := [one for one in directives if not one or one not in "aAbBdHIjmMpSfyYzUWuGV"]:
        raise InputError(f"{where}: string_format {form!r}: %{unknown[0]} is not known, wanted one as %Y-%m-%d")
    if not {"y", "Y", "G"} & set(directives):
        raise InputError(f"{where}: string_format {form!r} says no year, wanted one as %Y-%m-%d")


def _texts(tags: Iterable[str], head: str, where: str) -> list[str]:
    found = [tag.partition(":")[2] for tag in tags if tag.partition(":")[0] == head]
    if "" in found:
        raise InputError(f"{where}: tag {head}: names nothing; write what stands behind the colon")
    return found


def _last(texts: Sequence[str], default: str) -> str:
    return texts[-1] if texts else default


def _one_of(tag: str, known: Sequence[str], where: str) -> str:
    head, _, word = tag.partition(":")
    if word not in known:
        raise InputError(
            f"{where}: tag {tag!r} is none, wanted {head}: and one of {', '.join(known)}{did_you_mean(word, known)}"
        )
    return word
