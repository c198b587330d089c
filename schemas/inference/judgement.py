"""From the values of a column to what it is: type, valency, what it allows, and what it is good for.

Types, presence and domains are judged as TensorFlow Data Validation does. What it does not look at (missing tokens,
times, ids, personal data) is judged so that no row of the sample is rejected. Limits of numbers are never made up: a
sample does not know them.
"""

import dataclasses
from collections import Counter
from typing import Any, NamedTuple

from schemas.column import Kind
from schemas.inference import names, personal, texts
from schemas.inference.column_type import typed_values
from schemas.inference.column_use import LARGEST_DOMAIN, with_use
from schemas.inference.finding import Finding, Use
from schemas.inference.sample import ColumnSample

_FEW_PERSONS = 25


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
    typed = typed_values(column)
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
    return Judged(_with_domain(with_use(finding, typed), typed.values), typed.values)


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


def _with_domain(finding: Finding, values: Counter[Any]) -> Finding:
    """Return the finding with the texts that are expected, if there are few and they are nobody's."""
    if finding.kind is not Kind.BYTES or finding.use not in (Use.CATEGORY, Use.LIST, Use.CONSTANT, Use.LABEL):
        return finding
    if finding.distinct > LARGEST_DOMAIN:
        return finding
    return dataclasses.replace(finding, domain=tuple(sorted(values)))
