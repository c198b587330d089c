"""What differs between two schemas, column by column, and what it means for records that fitted the first."""

import dataclasses
from collections.abc import Iterator

from schemas.column import Column
from schemas.reading import Reading, TimeText
from schemas.schema import SERVING, Schema

_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Difference:
    """One difference: in which column (empty: in all of the schema), of what, from what to what.

    `rejects` says that records which the first schema takes may be rejected by the second.
    """

    column: str
    what: str
    before: str
    after: str
    rejects: bool = False


def differences(before: Schema, after: Schema) -> list[Difference]:
    """Return what differs, in the order of the first schema, then what only the second has.

    >>> one = Schema.from_text('feature { name: "fare" type: FLOAT }')
    >>> two = Schema.from_text('feature { name: "fare" type: FLOAT presence { min_fraction: 1 } }')
    >>> differences(one, two)
    [Difference(column='fare', what='required', before='no', after='yes', rejects=True)]
    """
    found = []
    if before.unknown_fields is not after.unknown_fields:
        rejects = after.unknown_fields.value == "reject"
        found.append(Difference("", "unknown fields", before.unknown_fields, after.unknown_fields, rejects))
    for column in before.columns:
        if column.name in after:
            found += _of_column(column, after[column.name])
            found += _of_environment(column.name, before, after)
        else:
            strict = after.unknown_fields.value == "reject"
            found.append(Difference(column.name, "column", _described(column), "none", strict))
    for column in after.columns:
        if column.name not in before:
            found.append(Difference(column.name, "column", "none", _described(column), column.required))
    return found


def _of_environment(name: str, before: Schema, after: Schema) -> Iterator[Difference]:
    was, now = (name in schema.environment(SERVING) for schema in (before, after))
    if was != now:
        said = {True: "training and serving", False: "training only"}
        yield Difference(name, "environment", said[was], said[now], now and after[name].required)


def _of_column(before: Column, after: Column) -> Iterator[Difference]:
    name = before.name
    if before.kind is not after.kind:
        yield Difference(name, "type", before.kind.name, after.kind.name, True)
    if before.value_count != after.value_count:
        yield Difference(name, "values per row", _count(before), _count(after), True)
    if before.required != after.required:
        yield Difference(name, "required", _yes(before.required), _yes(after.required), after.required)
    if before.minimum != after.minimum:
        low = after.minimum is not None and (before.minimum is None or after.minimum > before.minimum)
        yield Difference(name, "minimum", _number(before.minimum), _number(after.minimum), low)
    if before.maximum != after.maximum:
        high = after.maximum is not None and (before.maximum is None or after.maximum < before.maximum)
        yield Difference(name, "maximum", _number(before.maximum), _number(after.maximum), high)
    if before.boolean != after.boolean:
        yield Difference(name, "0 or 1 only", _yes(before.boolean), _yes(after.boolean), after.boolean)
    if before.domain != after.domain:
        yield Difference(name, "domain", *_domains(before.domain, after.domain))
    if set(before.roles) != set(after.roles):
        yield Difference(name, "roles", " ".join(before.roles) or "none", " ".join(after.roles) or "none")
    yield from _of_reading(name, before.reading, after.reading)


def _of_reading(name: str, before: Reading, after: Reading) -> Iterator[Difference]:
    for field in dataclasses.fields(Reading):
        was, now = getattr(before, field.name), getattr(after, field.name)
        if was != now:
            fewer = field.name in ("number_text", "whole_float", "boolean") and was and not now
            lost = field.name == "missing" and not was <= now
            other = field.name in ("words", "time", "unit", "zone", "separator")
            what = _WORDS.get(field.name, field.name)
            yield Difference(name, what, _allowed(was), _allowed(now), bool(fewer or lost or other))


_WORDS = {
    "missing": "texts for missing",
    "number_text": "numbers as text",
    "whole_float": "integers as floats",
    "boolean": "booleans",
    "words": "words for 0 and 1",
    "time": "form of times",
    "unit": "unit of times",
    "zone": "zone of times",
}


def _allowed(value: object) -> str:
    if isinstance(value, TimeText):
        return f"{value.form} {value.zone}, in {value.unit}"
    if isinstance(value, frozenset):
        return ", ".join(map(repr, sorted(value))) or "none"
    if isinstance(value, tuple):
        return " and ".join("none" if one is None else repr(one) for one in value)
    if isinstance(value, bool):
        return "taken" if value else "not taken"
    return "none" if value is None else repr(value)


def _domains(before: frozenset[str] | None, after: frozenset[str] | None) -> tuple[str, str]:
    """Return what two domains are: each one's number of texts, and the texts that only it has."""
    return _domain(before, after or frozenset()), _domain(after, before or frozenset())


def _domain(domain: frozenset[str] | None, other: frozenset[str]) -> str:
    if domain is None:
        return "any text"
    own = sorted(domain - other) if other else []
    shown = ", ".join(map(repr, own[:_SHOWN])) + (f" and {len(own) - _SHOWN:,} more" if len(own) > _SHOWN else "")
    return f"{len(domain):,} texts" + (f", only here {shown}" if own else "")


def _described(column: Column) -> str:
    count = "" if column.value_count is None else f", {_count(column)} values"
    return f"{column.kind.name}{count}, {'required' if column.required else 'may be missing'}"


def _count(column: Column) -> str:
    count = column.value_count
    if count is None:
        return "1"
    return str(count.fixed) if count.fixed else f"{count.least} to {count.most or 'any'}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else f"{value}"
