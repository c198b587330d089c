"""From a sample to all that is known of its columns: which is the label, the id, the time of the event."""

import dataclasses
from collections.abc import Sequence

from schemas.errors import InputError
from schemas.inference import names
from schemas.inference.finding import Finding, Use
from schemas.inference.judgement import judge
from schemas.inference.sample import Sample
from schemas.inference.target import Target, target
from schemas.nearest import did_you_mean, listed

_SEPARATOR_ASKED = "; --csv-separator?"
_FIRST_YEAR = 1971  # of events; an earlier one is rejected


@dataclasses.dataclass(frozen=True)
class Inferred:
    """The columns of a sample in its order, what is to be predicted if a label was named, and the sample's size."""

    findings: tuple[Finding, ...]
    target: Target | None
    where: str
    rows: int
    more: bool = False
    unread: int = 0
    unnamed: int = 0

    def of_use(self, *uses: Use) -> tuple[Finding, ...]:
        """Return the columns of some uses, in order."""
        return tuple(finding for finding in self.findings if finding.use in uses)


def infer(sample: Sample, label: str | None = None, task: str | None = None) -> Inferred:
    """Judge every column of a sample; raises `InputError` for a sample or a label that makes no use case.

    >>> sample = Sample("loans.csv")
    >>> sample.add_texts({"loan_id": ["1", "2", "3"], "paid": ["yes", "no", "yes"]}, 3)
    >>> found = infer(sample, "paid")
    >>> [finding.use.value for finding in found.findings], found.target.task, found.target.classes
    (['id', 'label'], 'binary', (0, 1))
    """
    if label is not None and label not in sample.columns:
        raise InputError(
            f"{sample.where}: no column is called {label!r} (it has {listed(sample.columns)})"
            f"{did_you_mean(label, sample.columns)}"
            f"{_SEPARATOR_ASKED if any(map(_has_separator, sample.columns)) else ''}"
        )
    findings, predicted = [], None
    for name, column in sample.columns.items():
        judged = judge(column, label)
        finding = judged.finding
        if name == label:
            predicted = target(finding, judged.values, task)
            finding = dataclasses.replace(finding, use=Use.LABEL, look_at=predicted.look_at)
        findings.append(finding)
    findings = _with_one_time(_with_one_id(findings))
    findings = [
        finding.noting(f"a name with a separator in it{_SEPARATOR_ASKED}") if _has_separator(finding.name) else finding
        for finding in findings
    ]
    size = (sample.rows, sample.more, sample.unread, sample.unnamed)
    return Inferred(tuple(findings), predicted, sample.where, *size)


def _has_separator(name: str) -> bool:
    return ";" in name or "\t" in name


def _with_one_id(findings: Sequence[Finding]) -> list[Finding]:
    """Of the columns that could name a row, the one that is best named does, and the first of several such."""
    candidates = [finding for finding in findings if finding.use is Use.ID]
    chosen = min(candidates, key=lambda finding: not names.is_id(finding.name), default=None)
    others = "names the row as well: no feature"
    return [
        _tagged(finding, "id")
        if finding is chosen
        else dataclasses.replace(finding, use=Use.DISTINCT).noting(others)
        if finding.use is Use.ID
        else _tagged(finding, "key")
        if finding.use is Use.KEY
        else finding
        for finding in findings
    ]


def _with_one_time(findings: Sequence[Finding]) -> list[Finding]:
    """Of the times one is when it happened, by its name; of the others the schema says the unit."""
    candidates = [finding for finding in findings if finding.use is Use.TIME and not _is_early(finding)]
    chosen = min(candidates, key=lambda finding: names.event_rank(finding.name), default=None)
    others = any(finding.use is Use.TIME and finding is not chosen for finding in findings)
    return [
        _tagged(dataclasses.replace(finding, unit="ms" if finding.unit == "ms" else "s"), _event_tag(finding)).noting(
            *(("taken for the time of the event; is it?",) if others or not names.is_event(finding.name) else ())
        )
        if finding is chosen
        else _tagged(finding, f"time:{finding.unit}")
        if finding.use is Use.TIME or (finding.unit is not None and finding.use is not Use.LABEL)
        else finding
        for finding in findings
    ]


def _is_early(finding: Finding) -> bool:
    """Say whether a column has times before 1971, which events do not have."""
    return finding.first_year is not None and finding.first_year < _FIRST_YEAR


def _event_tag(finding: Finding) -> str:
    return "event_time:ms" if finding.unit == "ms" else "event_time:s"


def _tagged(finding: Finding, tag: str) -> Finding:
    return dataclasses.replace(finding, tags=(tag, *finding.tags))
