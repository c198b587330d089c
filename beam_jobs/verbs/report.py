"""`onegraph report`: the page of a training set or of a model, which opens offline; against another one too."""

import pathlib
from typing import Any

from beam_jobs.cli.settings import Report
from beam_jobs.reports.candidates import model_page
from beam_jobs.reports.candidates.metric_names import HEADLINES, name_of
from beam_jobs.reports.candidates.opened_model import KINDS, OpenedModel
from beam_jobs.reports.metrics_text import short
from beam_jobs.reports.sets import set_page
from beam_jobs.reports.sets.opened_set import OpenedSet
from beam_jobs.reports.terminal_text import shown
from schemas.address import check_here
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError, InputError
from schemas.plain_files import write_whole

_GENERATOR = b'content="onegraph report"'
_HEAD = 1000
_SHOWN = 5


def check(settings: Report) -> None:
    """Raise for a directory that has nothing to show, and for a file that is there and no page of ours."""
    _opened(settings)
    _check_output(_output(settings))


def plan(settings: Report) -> list[str]:
    """Return which file would be written."""
    check(settings)
    output = _output(settings)
    return [f"{'replace' if output.exists() else 'write'} {output}"]


def run(settings: Report) -> dict[str, Any]:
    """Write the page; return where it is, and which columns differ by more than chance, or what a model's page has."""
    opened, against = _opened(settings)
    output = _output(settings)
    _check_output(output)
    if isinstance(opened, OpenedModel):
        other = against if isinstance(against, OpenedModel) else None
        text, told = model_page.page(opened, other), model_page.as_json(opened, other)
    else:
        before = against if isinstance(against, OpenedSet) else None
        text, told = set_page.page(opened, before), _differences(opened, before)
    try:
        write_whole(output, text.encode())
    except OSError as error:
        raise InputError(f"{output}: cannot be written, {error.strerror}; name another place with --output") from None
    return {"page": str(output), **told}


def describe(result: dict[str, Any]) -> str:
    """Return it for people."""
    return _model_text(result) if "metrics" in result else _set_text(result)


def _differences(opened: OpenedSet, against: OpenedSet | None) -> dict[str, Any]:
    found = [one for one in set_page.compared(opened, against) if one["more_than_chance"]]
    sides = len(opened.splits) if against is None else 2
    return {"columns": len(opened.columns), "compared": sides, "differing": found}


def _set_text(result: dict[str, Any]) -> str:
    lines = [f"{result['page']}: {result['columns']} columns"]
    differing = result["differing"]
    for one in differing[:_SHOWN]:
        lines.append(f"  {one['column']}: {one['difference']:.1%} apart, {' and '.join(one['between'])}")
    if len(differing) > _SHOWN:
        lines.append(f"  and {len(differing) - _SHOWN} more that differ by more than chance")
    if result["compared"] > 1 and not differing:
        lines.append("  nothing differs by more than chance")
    return "\n".join(lines)


def _model_text(result: dict[str, Any]) -> str:
    verdict = "passed its gates" if result["passed"] else "DID NOT PASS its gates"
    lines = [f"{result['page']}: {shown(result['use_case'])}, {verdict}"]
    numbers = result["metrics"]
    named = [name for name in HEADLINES.get(result["task"], ()) if numbers.get(name) is not None]
    for name in named[:_SHOWN]:
        line = f"  {name_of(name)} {short(numbers[name])}"
        compared = result.get("against", {}).get("metrics", {}).get(name)
        lines.append(line if compared is None else f"{line}, the other {short(compared['other'])}")
    looks_at = [one["field"] for one in result.get("explanation", {}).get("fields", [])[:_SHOWN]]
    return "\n".join([*lines, *([f"  looks most at {shown(', '.join(looks_at))}"] if looks_at else [])])


def _opened(settings: Report) -> tuple[OpenedSet | OpenedModel, OpenedSet | OpenedModel | None]:
    """Return what is at the path, and the other one of its sort."""
    for path in (settings.path, settings.against):
        if path is not None:
            check_here(path)
    if not _is_model(settings.path):
        return OpenedSet.open(settings.path), None if settings.against is None else OpenedSet.open(settings.against)
    opened = OpenedModel.open(settings.path)
    against = None if settings.against is None else OpenedModel.open(settings.against)
    if against is not None:
        model_page.check_against(opened, against)
    return opened, against


def _is_model(path: str) -> bool:
    try:
        return artifact.kind_of(pathlib.Path(path)) in KINDS
    except (ArtifactError, OSError):  # whoever opens it says what is wrong
        return False


def _output(settings: Report) -> pathlib.Path:
    """Return where the page goes: beside what it is of, but nothing is written into a registry."""
    if settings.output is not None:
        return pathlib.Path(settings.output)
    path = pathlib.Path(settings.path).resolve()
    beside = path.name if _is_bundle(settings.path) else str(path)
    return pathlib.Path(f"{beside}.html")


def _is_bundle(path: str) -> bool:
    return _is_model(path) and artifact.kind_of(pathlib.Path(path)) == ArtifactKind.BUNDLE


def _is_ours(path: pathlib.Path) -> bool:
    with path.open("rb") as file:
        return _GENERATOR in file.read(_HEAD)


def _check_output(path: pathlib.Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: a directory, wanted the name of a page to write with --output")
    if not path.parent.is_dir():
        raise InputError(f"{path}: its folder is not there; make it, or name another place with --output")
    if path.exists() and not _is_ours(path):
        raise InputError(f"{path}: is there and no page of onegraph report; name another place with --output")
