"""From the values of a sampled column to its type: kind, valency, and how the values may be written.

Judged so that no row of the sample is rejected: missing tokens, times, whole floats, booleans as words.
"""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.column import Kind, ValueCount
from schemas.inference import names, texts
from schemas.inference.sample import ColumnSample

FEW_ROWS = 20  # in fewer rows all values are different by chance
FAR = 50.0  # times the distance of the 99th percentile from the median
_NINES = 4  # digits
_JUNK = 3  # different texts among numbers that are taken for mistakes
_INT64 = range(-(2**63), 2**63)
_WHOLE_FLOAT64 = 2**53  # whole numbers that float64 holds
_TOO_LARGE = (2 - 2**-24) * 2.0**127  # from here on a float32 is infinite


class Typed(NamedTuple):
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


def typed_values(column: ColumnSample) -> Typed:
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


def _without_nines(typed: Typed) -> Typed:
    """Nines alone, again and again, and far from all other numbers: they stand for a missing value."""
    if typed.kind is Kind.BYTES or typed.boolean or typed.form or typed.unit or len(typed.values) < FEW_ROWS:
        return typed
    sizes = sorted(map(abs, typed.values))
    found = [value for value in typed.values if abs(value) == sizes[-1]]
    digits = str(abs(found[0])).removesuffix(".0")
    far = sizes[-1] > FAR * sizes[-2] if len(found) == 1 else False
    if not far or set(digits) != {"9"} or len(digits) < _NINES or typed.values[found[0]] < 2:
        return typed
    count = typed.values[found[0]]
    kept = Counter({value: times for value, times in typed.values.items() if value != found[0]})
    text = ("-" if found[0] < 0 else "") + digits
    note = f"{count:,} rows hold nines alone: missing values, declared so"
    tags, notes = (*typed.tags, f"missing:{text}"), (*typed.notes, note)
    return typed._replace(values=kept, tags=tags, notes=notes, missing=typed.missing + count)


def _of_scalars(column: ColumnSample) -> Typed:
    numbers = column.integers + column.reals
    if column.nan:
        typed = _of_scalars(dataclasses.replace(column, nan=0, missing=column.missing + column.nan))
        return typed._replace(tags=(*typed.tags, "missing:NaN"), missing=typed.missing + column.nan)
    if column.times:
        return _of_instants(column)
    if not column.texts:
        return _oftyped_values(column, numbers)
    if numbers or column.booleans:
        return _of_mixed(column, numbers)
    return _of_texts(column.texts, column)


def _oftyped_values(column: ColumnSample, numbers: Counter[Any]) -> Typed:
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


def _of_held(column: ColumnSample, numbers: Counter[Any]) -> Typed:
    booleans = column.booleans
    if booleans:
        values = Counter({int(value): count for value, count in booleans.items()})
        if not numbers or set(numbers) <= {0, 1}:
            return Typed(Kind.INT, values + numbers, ("accepts:boolean",), boolean=True)
        note = f"{booleans.total():,} values are true or false among numbers, and would be rejected"
        return _of_held(dataclasses.replace(column, booleans=Counter()), numbers)._replace(notes=(note,))
    if not column.reals:
        return Typed(Kind.INT if numbers else Kind.BYTES, numbers)
    whole = all(value.is_integer() and abs(value) <= _WHOLE_FLOAT64 for value in column.reals)
    if whole and (column.integers or column.missing):
        values = Counter[Any](column.integers)
        for value, count in column.reals.items():
            values[int(value)] += count
        return Typed(Kind.INT, values, ("accepts:whole_float",))
    return Typed(Kind.FLOAT, numbers)


def _of_instants(column: ColumnSample) -> Typed:
    """Times that the format says are times."""
    days = not any(isinstance(time, datetime.datetime) for time in column.times)
    fine = not days and any(time.microsecond for time in column.times if isinstance(time, datetime.datetime))
    others = column.values - column.times.total()
    notes = (f"{others:,} values are no times, and would be rejected",) if others else ()
    values, first = Counter(map(str, column.times.elements())), min(time.year for time in column.times)
    return Typed(Kind.INT, values, unit=_instant_unit(days, fine), notes=notes, first_year=first)


def _instant_unit(days: bool, fine: bool) -> str:
    return "day" if days else "ms" if fine else "s"


def _of_mixed(column: ColumnSample, numbers: Counter[Any]) -> Typed:
    """Numbers and texts in one column of a format that tells them apart."""
    words = _of_texts(column.texts, column)
    if words.kind is not Kind.BYTES and words.form is None and not words.boolean and not column.booleans:
        both = _oftyped_values(column, numbers)
        kind = Kind.FLOAT if Kind.FLOAT in (both.kind, words.kind) else Kind.INT
        tags = tuple(dict.fromkeys((*both.tags, *words.tags, "accepts:number_text")))
        return Typed(kind, both.values + words.values, tags, missing=words.missing, notes=(*both.notes, *words.notes))
    count, others = column.texts.total(), numbers.total() + column.booleans.total()
    if others > count:
        note = f"{count:,} values are text among numbers, and would be rejected"
        typed = _oftyped_values(column, numbers)
        return typed._replace(notes=(*typed.notes, note))
    note = f"{others:,} values are numbers among text, and would be rejected"
    return words._replace(notes=(*words.notes, note))


def _of_texts(cells: Counter[str], column: ColumnSample) -> Typed:
    for words in (False, True):
        tokens = texts.missing_tokens(cells, words)
        rest = Counter({text: cells[text] for text in cells if text not in tokens})
        typed = _of_rest(rest, column, sum(cells[token] for token in tokens))
        if typed.kind is not Kind.BYTES or words:
            break
    missing = tuple(f"missing:{token}" for token in tokens)
    if not rest:  # nothing but tokens: the column is empty, and its type is anybody's guess
        return Typed(Kind.BYTES, rest, missing, missing=cells.total())
    return typed._replace(tags=(*typed.tags, *missing), missing=typed.missing + sum(cells[token] for token in tokens))


def _of_rest(cells: Counter[str], column: ColumnSample, missing: int) -> Typed:
    """Return the type of texts none of which stands for a missing value.

    Whole numbers that a typed format gives as text are codes; numbers with a fraction are numbers.
    """
    if not cells:
        return Typed(Kind.BYTES, cells)
    named_so = names.is_time(column.name)
    if named_so and (form := texts.time_form(cells, named_so)):
        return _of_times(cells, form)
    if texts.are_integers(cells) and not column.typed:
        return Typed(Kind.INT, _converted(cells, int))
    if texts.are_whole(cells) and (missing or column.missing) and not column.typed:
        return Typed(Kind.INT, _converted(cells, lambda text: int(float(text))), ("accepts:whole_float",))
    if texts.are_reals(cells) and not (column.typed and texts.are_integers(cells)):
        tags = ("accepts:number_text",) if column.typed else ()
        values = _converted(cells, float)
        held = Counter({value: count for value, count in values.items() if abs(value) < _TOO_LARGE})
        return Typed(Kind.FLOAT, held, tags, notes=_beyond(values.total() - held.total()))
    if words := texts.yes_and_no(cells):
        return Typed(Kind.INT, _converted(cells, lambda text: int(text == words[1])), ("accepts:boolean",), True, words)
    if form := texts.time_form(cells, named_so):
        return _of_times(cells, form)
    return _without_junk(cells, column) or Typed(Kind.BYTES, cells)


def _of_times(cells: Counter[str], form: texts.TimeForm) -> Typed:
    notes = (f"could be {form.other} as well as {form.form}",) if form.other else ()
    return Typed(Kind.INT, cells, form=form, notes=notes)


def _without_junk(cells: Counter[str], column: ColumnSample) -> Typed | None:
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
    return Typed(
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
