"""What a column is good for, by its values and, where they leave it open, by its name: an id, a time, a category."""

import dataclasses
import statistics
from collections import Counter
from typing import Any

from schemas.column import Kind
from schemas.inference import names, texts
from schemas.inference.column_type import FAR, FEW_ROWS, Typed
from schemas.inference.finding import Finding, Use

LARGEST_DOMAIN = 100
"""Distinct texts up to which a column has a domain, as in TFDV."""
_WHOLE_FLOAT32 = 2**24  # whole numbers that float32 holds
_LONG_WORDS = 3.0  # words per value from which many different texts are text
_SECONDS = range(631_152_000, 4_102_444_800)  # 1990 to 2099
_UNITS = {1: "s", 1000: "ms"}


def with_use(finding: Finding, typed: Typed) -> Finding:
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


def _use_of_lists(finding: Finding) -> Use:
    if finding.value_count is not None and finding.value_count.fixed:
        return Use.VECTOR
    return {Kind.BYTES: Use.LIST, Kind.INT: Use.CODES, Kind.FLOAT: Use.NUMBERS}[finding.kind]


def _of_words(finding: Finding, values: Counter[str], use: Any) -> Finding:
    rows = finding.rows - finding.missing
    if finding.distinct > max(LARGEST_DOMAIN // 2, rows // 10) and texts.words_per_text(values) >= _LONG_WORDS:
        return use(Use.TEXT)
    if rows >= FEW_ROWS and finding.distinct > 0.9 * rows:
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
        return single and (names.is_id(finding.name) or (finding.rows >= FEW_ROWS and _like_uuids(values)))
    consecutive = finding.rows >= FEW_ROWS and max(values) - min(values) == finding.rows - 1
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
    if len(ordered) < 2 * FEW_ROWS:
        return False
    middle, low, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.01, 0.99))
    spread = max(high - middle, middle - low)
    return spread > 0 and max(ordered[-1] - middle, middle - ordered[0]) > FAR * spread
