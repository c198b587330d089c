"""A schema as a person would write it: one feature per line, and above it what the sample does not say for sure."""

from collections.abc import Iterable, Iterator

from google.protobuf import text_encoding

from schemas.column import ValueCount
from schemas.inference.finding import NO_COLUMNS, Finding, Use
from schemas.inference.inferred import Inferred

_WIDTH = 120


def written(inferred: Inferred, title: str) -> str:
    """Return the text of a schema file; `title` is its first line."""
    rows = f"the first {inferred.rows:,} rows" if inferred.more else f"{inferred.rows:,} rows"
    lines = [
        f"# {title}",
        f"# Judged from {rows} of {inferred.where}.",
        "# A sample knows no limits: add those that you know, as in int_domain { min: 18 max: 120 } or",
        "# float_domain { min: 0 }; rows outside of them are rejected.",
        "",
    ]
    for finding in inferred.findings:
        lines += [f"# {note}" for note in _notes(finding)]
        lines += _one_or_more_lines(_feature(finding, domain_of(finding)))
    for finding in inferred.findings:
        if finding.domain:
            lines += ["", *_domain(finding)]
    return "\n".join([*lines, ""])


def domain_of(finding: Finding) -> str:
    """Return the name of a column's string domain; empty if it has none."""
    return finding.name if finding.domain else ""


def _notes(finding: Finding) -> Iterator[str]:
    """Yield what a person should look at; of numbers, that name nobody and nothing, how far they go."""
    yield from finding.look_at
    seen = finding.use in (Use.NUMBER, Use.LONG_TAIL) or (finding.use is Use.LABEL and finding.distinct > 2)
    if seen and finding.low is not None and finding.high is not None:
        yield f"{_number(finding.low)} to {_number(finding.high)} in the sample"


def _feature(finding: Finding, domain: str) -> list[str]:
    parts = [f"name: {quoted(finding.name)}", f"type: {finding.kind.name}"]
    if finding.use in NO_COLUMNS:
        return [*parts, "lifecycle_stage: PLANNED"]
    if finding.required and finding.use is not Use.LABEL:
        parts.append("presence { min_fraction: 1 }")
    if finding.value_count is not None:
        parts.append(_valency(finding.value_count))
    if domain:
        parts.append(f"domain: {quoted(domain)}")
    if finding.boolean:
        words = finding.words
        parts.append(
            f"bool_domain {{ true_value: {quoted(words[1])} false_value: {quoted(words[0])} }}"
            if words
            else "bool_domain { }"
        )
    if finding.form is not None:
        parts.append(f"time_domain {{ string_format: {quoted(finding.form)} }}")
    if finding.use is Use.LABEL:
        parts.append('not_in_environment: "SERVING"')
    if finding.tags:
        parts.append(f"annotation {{ {' '.join(f'tag: {quoted(tag)}' for tag in finding.tags)} }}")
    return parts


def _valency(count: ValueCount) -> str:
    return f"shape {{ dim {{ size: {count.fixed} }} }}" if count.fixed else f"value_count {{ min: {count.least} }}"


def _one_or_more_lines(parts: Iterable[str]) -> list[str]:
    parts = list(parts)
    line = f"feature {{ {' '.join(parts)} }}"
    return [line] if len(line) <= _WIDTH else ["feature {", *(f"  {part}" for part in parts), "}"]


def _domain(finding: Finding) -> list[str]:
    values = [f"value: {quoted(text)}" for text in finding.domain]
    line = f"string_domain {{ name: {quoted(finding.name)} {' '.join(values)} }}"
    if len(line) <= _WIDTH:
        return [line]
    return ["string_domain {", f"  name: {quoted(finding.name)}", *_filled(values), "}"]


def _filled(parts: Iterable[str]) -> list[str]:
    """Return as many parts in a line as it takes."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 1 + len(part) <= _WIDTH:
            lines[-1] += f" {part}"
        else:
            lines.append(f"  {part}")
    return lines


def quoted(text: str) -> str:
    r"""Return a text as protobuf's text form has it.

    >>> print(quoted('a "b"'))
    "a \"b\""
    """
    return f'"{text_encoding.CEscape(text.encode(), as_utf8=True)}"'


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
