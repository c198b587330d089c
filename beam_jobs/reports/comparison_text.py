"""A candidate against the champion, and how its decisions differ over groups, for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from beam_jobs.reports.metrics_text import short
from beam_jobs.reports.terminal_text import shown
from beam_jobs.reports.text_table import table
from schemas.rejection_counts import rejections_text

_RATES = {
    "selection_rate": "selected",
    "true_positive_rate": "found of the positive",
    "false_positive_rate": "taken of the negative",
}


def comparison_lines(comparison: Mapping[str, Any]) -> Iterator[str]:
    """Return a line per metric: the candidate, the champion, the difference and its interval; first which rows count.

    >>> one = {"candidate": 0.8, "champion": 0.7, "difference": 0.1, "interval": [0.05, 0.15]}
    >>> for line in comparison_lines({"champion": "c0ffee", "metrics": {"auc": one}}):
    ...     print(line)
    against champion c0ffee on the same rows
      metric  candidate  champion  difference        95% interval
      auc        0.8000    0.7000     +0.1000  +0.0500 to +0.1500
    """
    yield f"against champion {comparison['champion']} on {compared_rows(comparison)}"
    rows = [
        [
            name.replace("_", " "),
            short(one["candidate"]),
            short(one["champion"]),
            _signed(one["difference"]),
            " to ".join(map(_signed, one["interval"])) if one["interval"] is not None else "-",
        ]
        for name, one in comparison["metrics"].items()
        if one["candidate"] is not None or one["champion"] is not None
    ]
    yield from (f"  {line}" for line in table(["metric", "candidate", "champion", "difference", "95% interval"], rows))


def compared_rows(comparison: Mapping[str, Any]) -> str:
    """Return for people which rows a comparison is of.

    >>> rejected = [{"reason": "RANGE", "field": "/fare", "count": 40}]
    >>> compared_rows({}), compared_rows({"rows": 960, "rejected": rejected})
    ('the same rows', 'the 960 rows that it scores; it rejects 40 RANGE at /fare')
    """
    rejected = comparison.get("rejected")
    if not rejected:
        return "the same rows"
    return f"the {comparison['rows']:,} rows that it scores; it rejects {shown(rejections_text(rejected))}"


def fairness_lines(fairness: Mapping[str, Any]) -> Iterator[str]:
    """Return, by slice, how far apart the rates of its values are; a slice of too small groups says so."""
    for column, found in fairness.items():
        said = [f"{words} {_apart(found[name])}" for name, words in _RATES.items() if found.get(name) is not None]
        few = len(found["too_few"])
        left = f"; {few} of {len(found['values'])} values have under {found['fewest']} rows of a kind" if few else ""
        yield f"fairness by {column}: {'; '.join(said) or 'too few rows to say'}{left}"


def _apart(rate: Mapping[str, Any]) -> str:
    least, most = (
        f"{end['rate']:.1%} of {'(missing)' if end['value'] is None else shown(str(end['value']))}"
        for end in (rate["least"], rate["most"])
    )
    return f"{least} to {most}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}" if abs(value) < 1_000 else f"{value:+,.1f}"
