"""What texts stand for: numbers, yes and no, times, several values in one, or words.

Every function here looks at the distinct texts of a column, each once.
"""

import datetime
import itertools
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

_INTEGER = re.compile(r"[+-]?[0-9]+")
_REAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+\.0+")
_CODE = re.compile(r"[+-]?0[0-9]+")  # a number would lose its zeros
_INT64 = range(-(2**63), 2**63)
_INT64_DIGITS = 20

NO_VALUE = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", "NaN", "nan", "?", "\\N")
"""Texts that stand for a missing value wherever they are."""
NO_NUMBER = (*NO_VALUE, "None", "none", "-", "--", ".", "na", "Na", " ", "missing", "unknown", "Unknown")
"""Texts that stand for a missing value among numbers and times; among words they may be words."""
_COUNTRIES = 10  # so many codes of two capital letters are countries or states, and NA is Namibia

_WORDS = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"))
SEPARATORS = ("|", ";")
_LEAST_LISTS = 0.05  # of the rows that have a value, to call them lists

_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d")
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
_ZONES = ("", "%z")  # which takes Z too
FORMS = (
    *_DATES,
    *(date + " " + clock for date, clock in itertools.product(_DATES, _CLOCKS)),
    *(f"{date}T{clock}{zone}" for date, clock, zone in itertools.product(_DATES[:1], _CLOCKS, _ZONES)),
)
"""The forms in which times are looked for, as `strptime` has them; the first that fits all texts counts."""
_TRIED = 20  # texts that a form must fit before all are looked at
_YEARS = range(1900, 2101)


class TimeForm(NamedTuple):
    """The form of a column of times as text, another that reads other times from it, and the first and last year."""

    form: str
    other: str | None
    years: tuple[int, int]

    @property
    def unit(self) -> str:
        """The finest unit that the form tells: `day`, `s` or `ms`."""
        return "ms" if "%f" in self.form else "s" if "%H" in self.form else "day"


def missing_tokens(texts: Collection[str], words: bool) -> tuple[str, ...]:
    """Return the texts that stand for a missing value, among words or among numbers and times.

    >>> missing_tokens(["a", "NA", "none"], words=True), missing_tokens(["1", "-", "?"], words=False)
    (('NA',), ('?', '-'))
    """
    found = tuple(token for token in (NO_VALUE if words else NO_NUMBER) if token in texts)
    if words and "NA" in found:
        others = [text for text in texts if text not in found]
        if len(others) >= _COUNTRIES and all(len(text) == 2 and text.isupper() for text in others):
            return tuple(token for token in found if token != "NA")
    return found


def are_integers(texts: Collection[str]) -> bool:
    """Say whether all texts are whole numbers of 64 bits, none of them a code with zeros in front.

    >>> are_integers(["7", "-12"]), are_integers(["007"]), are_integers(["9" * 30]), are_integers([])
    (True, False, False, False)
    """
    return bool(texts) and all(
        _INTEGER.fullmatch(text) and not _CODE.fullmatch(text) and len(text) <= _INT64_DIGITS and int(text) in _INT64
        for text in texts
    )


def are_reals(texts: Collection[str]) -> bool:
    """Say whether all texts are numbers, none of them a code with zeros in front.

    >>> are_reals(["7", "1.5e3", ".5"]), are_reals(["007"]), are_reals(["nan"])
    (True, False, False)
    """
    return bool(texts) and all(_REAL.fullmatch(text) and not _CODE.fullmatch(text) for text in texts)


def are_whole(texts: Collection[str]) -> bool:
    """Say whether all texts are whole numbers written with a point and zeros, as pandas writes integers with gaps.

    >>> are_whole(["1.0", "20.0"]), are_whole(["1.5", "1.0"])
    (True, False)
    """
    return bool(texts) and all(_WHOLE.fullmatch(text) for text in texts)


def yes_and_no(texts: Collection[str]) -> tuple[str, str] | None:
    """Return the words for 0 and 1 if the texts are two words of that kind, else None.

    >>> yes_and_no(["Yes", "No"]), yes_and_no(["yes"]), yes_and_no(["red", "blue"])
    (('No', 'Yes'), None, None)
    """
    if len(texts) != 2:
        return None
    by_word = {text.lower(): text for text in texts}
    for no, yes in _WORDS:
        if set(by_word) == {no, yes}:
            return by_word[no], by_word[yes]
    return None


def time_form(texts: Collection[str], named_so: bool) -> TimeForm | None:
    """Return the form of times that all texts have, None if there is none.

    Eight digits are a date only if the name of the column says so.

    >>> time_form(["2024-01-31", "2023-12-01"], False)
    TimeForm(form='%Y-%m-%d', other=None, years=(2023, 2024))
    >>> time_form(["05/06/2024"], False)
    TimeForm(form='%m/%d/%Y', other='%d/%m/%Y', years=(2024, 2024))
    """
    if not texts or max(map(len, texts)) > 40:
        return None
    some = list(itertools.islice(texts, _TRIED))
    fitting = [form for form in FORMS if (form != "%Y%m%d" or named_so) and _years(some, form) and _years(texts, form)]
    if not fitting:
        return None
    form = fitting[0]
    others = [other for other in fitting[1:] if any(_read(text, other) != _read(text, form) for text in texts)]
    years = _years(texts, form)
    return TimeForm(form, others[0] if others else None, years) if years else None


def _read(text: str, form: str) -> datetime.datetime:
    return datetime.datetime.strptime(text, form)


def _years(texts: Collection[str], form: str) -> tuple[int, int] | None:
    """Return the first and last year of texts of a form, None if one is of another form or of an unlikely year."""
    if form == "%Y%m%d" and any(len(text) != 8 for text in texts):
        return None
    try:
        years = {datetime.datetime.strptime(text, form).year for text in texts}
    except ValueError:
        return None
    return (min(years), max(years)) if min(years) in _YEARS and max(years) in _YEARS else None


def separator(texts: Mapping[str, int]) -> str | None:
    """Return what parts several values in one text, if enough texts have it and the parts come again.

    >>> separator({"Comedy|Drama": 3, "Drama": 1, "Comedy": 2}), separator({"a; b": 1, "c": 40})
    ('|', None)
    """
    rows = sum(texts.values())
    for mark in SEPARATORS:
        several = [text for text in texts if mark in text]
        if not several or sum(texts[text] for text in several) < _LEAST_LISTS * rows:
            continue
        parts = [text.split(mark) for text in texts]
        flat = [part for one in parts for part in one]
        numbers = are_reals(set(flat))
        if all(flat) and (numbers or (len(set(flat)) < len(flat) and max(map(len, flat)) <= 40)):
            return mark
    return None


def words_per_text(texts: Mapping[str, int]) -> float:
    """Return how many words a text has on average."""
    rows = sum(texts.values())
    return sum(len(text.split()) * count for text, count in texts.items()) / rows if rows else 0.0
