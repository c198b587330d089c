"""From the values of a column to what it is: type, valency, what it allows, and what it is good for.

Types, presence and domains are judged as TensorFlow Data Validation does. What it does not look at (missing tokens,
times, ids, personal data) is judged so that no row of the sample is rejected. Limits of numbers are never made up: a
sample does not know them.
"""

import dataclasses
import datetime
import statistics
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.column import Kind, ValueCount
from schemas.inference import names, personal, texts
from schemas.inference.finding import Finding, Use
from schemas.inference.sample import ColumnSample

LARGEST_DOMAIN = 100
"""Distinct texts up to which a column has a domain, as in TFDV."""
_FEW_ROWS = 20  # in fewer rows all values are different by chance
_WHOLE_FLOAT32 = 2**24  # whole numbers that float32 holds
_LONG_WORDS = 3.0  # words per value from which many different texts are text
_FAR = 50.0  # times the distance of the 99th percentile from the median
_SECONDS = range(631_152_000, 4_102_444_800)  # 1990 to 2099
_NINES = 4  # digits
_JUNK = 3  # different texts among numbers that are taken for mistakes
_FEW_PERSONS = 25
_INT64 = range(-(2**63), 2**63)
_WHOLE_FLOAT64 = 2**53  # whole numbers that float64 holds
_TOO_LARGE = (2 - 2**-24) * 2.0**127  # from here on a float32 is infinite
_UNITS = {1: "s", 1000: "ms"}


class _Typed(NamedTuple):
    """The type of a column, its distinct values as that type has them, and what it allows."""

    kind: Kind
    values: Counter[Any]
    tags: tuple[str, ...] = ()
    boolean: bool = False
    words: tuple[str, str] | None = None
    form: texts.TimeForm | None = None
    unit: str | None = None
    notes: tuple[str, ...] = ()
    value_count: ValueCount | None = None
    missing: int = 0
    first_year: int | None = None


class Judged(NamedTuple):
    """What a column is, and how often each of its values was seen, as its type has them."""

    finding: Finding
    values: Counter[Any]


def judge(column: ColumnSample, label: str | None = None) -> Judged:
    """Return what a column is; which of several ids or times is the one, `inferred` decides.

    The column that is called as `label` is never taken for personal data: somebody wants it predicted.

    >>> column = ColumnSample("age", typed=False)
    >>> column.add_texts(["31", "NA", None, "45"])
    >>> found = judge(column).finding
    >>> found.kind.name, found.missing, found.tags, found.use.value
    ('INT', 2, ('missing:NA',), 'number')
    """
    typed = _typed(column)
    is_label = column.name == label
    rows, missing = column.rows, column.missing + typed.missing
    numbers = [value for value in typed.values if not isinstance(value, str)]
    finding = Finding(
        name=column.name,
        kind=typed.kind,
        use=Use.EMPTY,
        rows=rows,
        missing=missing,
        distinct=len(typed.values),
        low=min(numbers, default=None),
        high=max(numbers, default=None),
        value_count=typed.value_count,
        tags=typed.tags,
        words=typed.words,
        boolean=typed.boolean,
        form=typed.form.form if typed.form else None,
        unit=typed.form.unit if typed.form else typed.unit,
        first_year=typed.form.years[0] if typed.form else typed.first_year,
        look_at=typed.notes,
    )
    if column.nested and column.nested >= rows - missing - column.nested:
        finding = dataclasses.replace(finding, use=Use.NESTED)
        return Judged(finding.noting("objects or lists of lists; flatten what you need"), typed.values)
    if not typed.values:
        return Judged(finding, typed.values)
    if column.nested:
        finding = finding.noting(f"{column.nested:,} rows hold objects or lists of lists and would be rejected")
    why = None if is_label else _personal(finding, typed.values)
    if why is not None:
        return Judged(_dropped(finding, column.typed).noting(f"personal data, {why}; dropped"), typed.values)
    return Judged(_with_domain(_used(finding, typed), typed.values), typed.values)


def _typed(column: ColumnSample) -> _Typed:
    """Return the type of a column's values, those of its lists if it has any."""
    found = column
    parted: tuple[str, ...] = ()
    lengths: Counter[int] = column.lengths
    if not column.typed and (mark := _separator(column.texts)):
        found, lengths = _parted(column, mark)
        parted = (f"separator:{mark}",)
    typed = _without_nines(_of_scalars(found))
    if not lengths or (column.listed and set(lengths) == {1}):
        return typed
    alone = found.values - sum(length * count for length, count in lengths.items())
    notes = typed.notes
    if alone and column.typed:
        notes += (f"{alone:,} rows hold one value and no list, and would be rejected",)
    tags = (*parted, *typed.tags)
    return typed._replace(value_count=_value_count(lengths, typed.kind), tags=tags, notes=notes)


def _separator(cells: Counter[str]) -> str | None:
    kept = Counter({text: cells[text] for text in cells if text not in texts.NO_VALUE})
    return texts.separator(kept)


def _parted(column: ColumnSample, mark: str) -> tuple[ColumnSample, Counter[int]]:
    """Return a column of cells as the values in them, and how many cells have how many values."""
    parts, lengths = ColumnSample(column.name, typed=False), Counter[int]()
    for text, count in column.texts.items():
        values = [text] if text in texts.NO_VALUE else text.split(mark)
        lengths[len(values)] += count
        for value in values:
            parts.texts[value] += count
    return parts, lengths


def _value_count(lengths: Mapping[int, int], kind: Kind) -> ValueCount:
    """A vector has numbers, always as many; how long lists get, a sample does not know."""
    if len(lengths) == 1 and kind is not Kind.BYTES and sum(lengths.values()) > 1 and min(lengths) > 1:
        return ValueCount(min(lengths), min(lengths))
    return ValueCount(1, None)


def _without_nines(typed: _Typed) -> _Typed:
    """Nines alone, again and again, and far from all other numbers: they stand for a missing value."""
    if typed.kind is Kind.BYTES or typed.boolean or typed.form or typed.unit or len(typed.values) < _FEW_ROWS:
        return typed
    sizes = sorted(map(abs, typed.values))
    found = [value for value in typed.values if abs(value) == sizes[-1]]
    digits = str(abs(found[0])).removesuffix(".0")
    far = sizes[-1] > _FAR * sizes[-2] if len(found) == 1 else False
    if not far or set(digits) != {"9"} or len(digits) < _NINES or typed.values[found[0]] < 2:
        return typed
    count = typed.values[found[0]]
    kept = Counter({value: times for value, times in typed.values.items() if value != found[0]})
    text = ("-" if found[0] < 0 else "") + digits
    note = f"{count:,} rows hold nines alone: missing values, declared so"
    tags, notes = (*typed.tags, f"missing:{text}"), (*typed.notes, note)
    return typed._replace(values=kept, tags=tags, notes=notes, missing=typed.missing + count)


def _of_scalars(column: ColumnSample) -> _Typed:
    numbers = column.integers + column.reals
    if column.nan:
        typed = _of_scalars(dataclasses.replace(column, nan=0, missing=column.missing + column.nan))
        return typed._replace(tags=(*typed.tags, "missing:NaN"), missing=typed.missing + column.nan)
    if column.times:
        return _of_instants(column)
    if not column.texts:
        return _of_typed(column, numbers)
    if numbers or column.booleans:
        return _of_mixed(column, numbers)
    return _of_texts(column.texts, column)


def _of_typed(column: ColumnSample, numbers: Counter[Any]) -> _Typed:
    """Return the type of numbers, without those that no column of their type can hold."""
    kept = _without_beyond(numbers, column)
    if len(kept) == len(numbers):
        return _of_held(column, numbers)
    held = dataclasses.replace(
        column,
        integers=Counter({value: count for value, count in column.integers.items() if value in kept}),
        reals=Counter({value: count for value, count in column.reals.items() if value in kept}),
    )
    typed = _of_held(held, kept)
    return typed._replace(notes=(*typed.notes, *_beyond(numbers.total() - kept.total())))


def _beyond(count: int) -> tuple[str, ...]:
    return (f"{count:,} values are beyond 64 bits (or infinite), and would be rejected",) if count else ()


def _without_beyond(numbers: Counter[Any], column: ColumnSample) -> Counter[Any]:
    """Leave out integers of more than 64 bits among integers, and what float32 does not hold among floats."""
    finite = [value for value in column.reals if abs(value) < _TOO_LARGE]
    if finite:
        return Counter({value: count for value, count in numbers.items() if abs(value) < _TOO_LARGE})
    return Counter({value: count for value, count in column.integers.items() if value in _INT64})


def _of_held(column: ColumnSample, numbers: Counter[Any]) -> _Typed:
    booleans = column.booleans
    if booleans:
        values = Counter({int(value): count for value, count in booleans.items()})
        if not numbers or set(numbers) <= {0, 1}:
            return _Typed(Kind.INT, values + numbers, ("accepts:boolean",), boolean=True)
        note = f"{booleans.total():,} values are true or false among numbers, and would be rejected"
        return _of_held(dataclasses.replace(column, booleans=Counter()), numbers)._replace(notes=(note,))
    if not column.reals:
        return _Typed(Kind.INT if numbers else Kind.BYTES, numbers)
    whole = all(value.is_integer() and abs(value) <= _WHOLE_FLOAT64 for value in column.reals)
    if whole and (column.integers or column.missing):
        values = Counter[Any](column.integers)
        for value, count in column.reals.items():
            values[int(value)] += count
        return _Typed(Kind.INT, values, ("accepts:whole_float",))
    return _Typed(Kind.FLOAT, numbers)


def _of_instants(column: ColumnSample) -> _Typed:
    """Times that the format says are times."""
    days = not any(isinstance(time, datetime.datetime) for time in column.times)
    fine = not days and any(time.microsecond for time in column.times if isinstance(time, datetime.datetime))
    others = column.values - column.times.total()
    notes = (f"{others:,} values are no times, and would be rejected",) if others else ()
    values, first = Counter(map(str, column.times.elements())), min(time.year for time in column.times)
    return _Typed(Kind.INT, values, unit=_instant_unit(days, fine), notes=notes, first_year=first)


def _instant_unit(days: bool, fine: bool) -> str:
    return "day" if days else "ms" if fine else "s"


def _of_mixed(column: ColumnSample, numbers: Counter[Any]) -> _Typed:
    """Numbers and texts in one column of a format that tells them apart."""
    words = _of_texts(column.texts, column)
    if words.kind is not Kind.BYTES and words.form is None and not words.boolean and not column.booleans:
        both = _of_typed(column, numbers)
        kind = Kind.FLOAT if Kind.FLOAT in (both.kind, words.kind) else Kind.INT
        tags = tuple(dict.fromkeys((*both.tags, *words.tags, "accepts:number_text")))
        return _Typed(kind, both.values + words.values, tags, missing=words.missing, notes=(*both.notes, *words.notes))
    count, others = column.texts.total(), numbers.total() + column.booleans.total()
    if others > count:
        note = f"{count:,} values are text among numbers, and would be rejected"
        typed = _of_typed(column, numbers)
        return typed._replace(notes=(*typed.notes, note))
    note = f"{others:,} values are numbers among text, and would be rejected"
    return words._replace(notes=(*words.notes, note))


def _of_texts(cells: Counter[str], column: ColumnSample) -> _Typed:
    for words in (False, True):
        tokens = texts.missing_tokens(cells, words)
        rest = Counter({text: cells[text] for text in cells if text not in tokens})
        typed = _of_rest(rest, column, sum(cells[token] for token in tokens))
        if typed.kind is not Kind.BYTES or words:
            break
    missing = tuple(f"missing:{token}" for token in tokens)
    if not rest:  # nothing but tokens: the column is empty, and its type is anybody's guess
        return _Typed(Kind.BYTES, rest, missing, missing=cells.total())
    return typed._replace(tags=(*typed.tags, *missing), missing=typed.missing + sum(cells[token] for token in tokens))


def _of_rest(cells: Counter[str], column: ColumnSample, missing: int) -> _Typed:
    """Return the type of texts none of which stands for a missing value.

    Whole numbers that a typed format gives as text are codes; numbers with a fraction are numbers.
    """
    if not cells:
        return _Typed(Kind.BYTES, cells)
    named_so = names.is_time(column.name)
    if named_so and (form := texts.time_form(cells, named_so)):
        return _of_times(cells, form)
    if texts.are_integers(cells) and not column.typed:
        return _Typed(Kind.INT, _converted(cells, int))
    if texts.are_whole(cells) and (missing or column.missing) and not column.typed:
        return _Typed(Kind.INT, _converted(cells, lambda text: int(float(text))), ("accepts:whole_float",))
    if texts.are_reals(cells) and not (column.typed and texts.are_integers(cells)):
        tags = ("accepts:number_text",) if column.typed else ()
        values = _converted(cells, float)
        held = Counter({value: count for value, count in values.items() if abs(value) < _TOO_LARGE})
        return _Typed(Kind.FLOAT, held, tags, notes=_beyond(values.total() - held.total()))
    if words := texts.yes_and_no(cells):
        return _Typed(
            Kind.INT, _converted(cells, lambda text: int(text == words[1])), ("accepts:boolean",), True, words
        )
    if form := texts.time_form(cells, named_so):
        return _of_times(cells, form)
    return _without_junk(cells, column) or _Typed(Kind.BYTES, cells)


def _of_times(cells: Counter[str], form: texts.TimeForm) -> _Typed:
    notes = (f"could be {form.other} as well as {form.form}",) if form.other else ()
    return _Typed(Kind.INT, cells, form=form, notes=notes)


def _without_junk(cells: Counter[str], column: ColumnSample) -> _Typed | None:
    """Numbers with very few rows of something else: a mistake, or a way to say that a value is missing."""
    if column.typed:
        return None
    junk = [text for text in cells if not texts.are_reals([text])]
    rows = sum(cells[text] for text in junk)
    if len(junk) > _JUNK or len(junk) * 10 > len(cells) or rows * 10 > cells.total():
        return None
    numbers = Counter({text: count for text, count in cells.items() if text not in junk})
    whole = texts.are_integers(numbers)
    note = f"{rows:,} rows hold text among numbers: missing values, declared so"
    return _Typed(
        Kind.INT if whole else Kind.FLOAT,
        _converted(numbers, int if whole else float),
        tuple(f"missing:{text}" for text in junk),
        notes=(note,),
        missing=rows,
    )


def _converted(cells: Counter[str], convert: Any) -> Counter[Any]:
    converted = Counter[Any]()
    for text, count in cells.items():
        converted[convert(text)] += count
    return converted


def _used(finding: Finding, typed: _Typed) -> Finding:
    """Return the finding with what the column is good for."""

    def use(what: Use, *notes: str) -> Finding:
        return dataclasses.replace(finding, use=what).noting(*notes)

    values, name = typed.values, finding.name
    if finding.value_count is not None:
        return use(_use_of_lists(finding))
    if finding.unit is not None:
        return use(Use.TIME)
    if finding.distinct == 1 and not finding.missing:
        return use(Use.CONSTANT, "one value in all rows: no feature")
    if finding.boolean:
        return use(Use.YES_NO)
    if _names_rows(finding, values):
        return use(Use.ID)
    if names.is_id(name) and finding.distinct > 2 and names.is_owner(name):
        return use(Use.KEY, "names whose record it is; no feature")
    if finding.kind is Kind.BYTES:
        return _of_words(finding, values, use)
    if finding.kind is Kind.INT:
        unit = _epoch(values) if names.is_time(name) else None
        if unit:
            return dataclasses.replace(use(Use.TIME), unit=unit)
        if names.is_id(name) and finding.distinct > 2:
            return use(Use.CODE, "looks like the id of something else")
        if names.is_code(name) or statistics.median(map(abs, values)) > _WHOLE_FLOAT32:
            return use(Use.CODE)
    return use(Use.LONG_TAIL if _has_long_tail(values) else Use.NUMBER)


def _personal(finding: Finding, values: Counter[Any]) -> str | None:
    """Return why a column is personal data, None if it is not."""
    looks = personal.form([str(value) for value in values if isinstance(value, str | int)])
    if looks:
        return f"{looks}, by their form"
    return "by its name" if names.is_personal(finding.name) and _like_persons(finding) else None


def _dropped(finding: Finding, typed: bool) -> Finding:
    """Return a personal column without a trace of its values: text, where the format does not say the type."""
    if typed:
        usual = {f"missing:{text}" for text in texts.NO_NUMBER}
        tags = [tag for tag in finding.tags if tag in usual or not tag.startswith("missing:")]
        return dataclasses.replace(finding, use=Use.PERSONAL, tags=("personal:drop", *tags), low=None, high=None)
    return Finding(
        name=finding.name,
        kind=Kind.BYTES,
        use=Use.PERSONAL,
        rows=finding.rows,
        missing=finding.missing,
        distinct=finding.distinct,
        tags=("personal:drop",),
    )


def _like_persons(finding: Finding) -> bool:
    """Say whether values are as those of persons: many different ones, or the name says that they name persons.

    A column of yes or no, as `email` may be, or of a few kinds of streets tells who nobody is.
    """
    if finding.boolean:
        return False
    return names.names_persons(finding.name) or finding.distinct > _FEW_PERSONS or finding.distinct * 2 > finding.rows


def _use_of_lists(finding: Finding) -> Use:
    if finding.value_count is not None and finding.value_count.fixed:
        return Use.VECTOR
    return {Kind.BYTES: Use.LIST, Kind.INT: Use.CODES, Kind.FLOAT: Use.NUMBERS}[finding.kind]


def _of_words(finding: Finding, values: Counter[str], use: Any) -> Finding:
    rows = finding.rows - finding.missing
    if finding.distinct > max(LARGEST_DOMAIN // 2, rows // 10) and texts.words_per_text(values) >= _LONG_WORDS:
        return use(Use.TEXT)
    if rows >= _FEW_ROWS and finding.distinct > 0.9 * rows:
        return use(Use.DISTINCT, "nearly every row has a value of its own: no feature")
    if finding.distinct > LARGEST_DOMAIN:
        return use(Use.CATEGORY, f"{finding.distinct:,} different values; the most frequent count")
    return use(Use.CATEGORY)


def _names_rows(finding: Finding, values: Counter[Any]) -> bool:
    """Say whether every row has a value of its own, and by name or form it is there to name the row."""
    if finding.missing or finding.kind is Kind.FLOAT or finding.value_count is not None:
        return False
    if finding.unit is not None or finding.boolean or finding.distinct != finding.rows:
        return False
    if finding.kind is Kind.BYTES:
        single = all(" " not in value and len(value) <= 64 for value in values)
        return single and (names.is_id(finding.name) or (finding.rows >= _FEW_ROWS and _like_uuids(values)))
    consecutive = finding.rows >= _FEW_ROWS and max(values) - min(values) == finding.rows - 1
    return names.is_id(finding.name) or (consecutive and not names.is_time(finding.name))


def _like_uuids(values: Counter[str]) -> bool:
    lengths = {len(value) for value in values}
    return (
        len(lengths) == 1
        and min(lengths) >= 16
        and all(set(value) <= set("0123456789abcdefABCDEF-") for value in values)
    )


def _epoch(values: Counter[int]) -> str | None:
    """Return the unit of whole numbers that are times of the years 1990 to 2099, None if they are none."""
    for per_second, unit in _UNITS.items():
        if min(values) // per_second in _SECONDS and max(values) // per_second in _SECONDS:
            return unit
    return None


def _has_long_tail(values: Counter[Any]) -> bool:
    """Say whether a few numbers are so far off that a mean tells nothing of the others."""
    ordered = sorted(values.elements())
    if len(ordered) < 2 * _FEW_ROWS:
        return False
    middle, low, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.01, 0.99))
    spread = max(high - middle, middle - low)
    return spread > 0 and max(ordered[-1] - middle, middle - ordered[0]) > _FAR * spread


def _with_domain(finding: Finding, values: Counter[Any]) -> Finding:
    """Return the finding with the texts that are expected, if there are few and they are nobody's."""
    if finding.kind is not Kind.BYTES or finding.use not in (Use.CATEGORY, Use.LIST, Use.CONSTANT, Use.LABEL):
        return finding
    if finding.distinct > LARGEST_DOMAIN:
        return finding
    return dataclasses.replace(finding, domain=tuple(sorted(values)))
