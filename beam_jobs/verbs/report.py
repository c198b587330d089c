"""`onegraph report`: the page of a training set, which opens offline; against another set too."""

import pathlib
from typing import Any

from beam_jobs.cli.settings import Report
from beam_jobs.reports.sets import set_page
from beam_jobs.reports.sets.opened_set import OpenedSet
from schemas.address import check_here
from schemas.errors import InputError

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
    """Write the page; return where it is, and which columns differ by more than chance."""
    opened, against = _opened(settings)
    output = _output(settings)
    _check_output(output)
    try:
        set_page.write_page(output, opened, against)
    except OSError as error:
        raise InputError(f"{output}: cannot be written, {error.strerror}; name another place with --output") from None
    compared = set_page.compared(opened, against)
    found = [one for one in compared if one["more_than_chance"]]
    sides = len(opened.splits) if against is None else 2
    return {"page": str(output), "columns": len(opened.columns), "compared": sides, "differing": found}


def describe(result: dict[str, Any]) -> str:
    """Return it for people."""
    lines = [f"{result['page']}: {result['columns']} columns"]
    differing = result["differing"]
    for one in differing[:_SHOWN]:
        lines.append(f"  {one['column']}: {one['difference']:.1%} apart, {' and '.join(one['between'])}")
    if len(differing) > _SHOWN:
        lines.append(f"  and {len(differing) - _SHOWN} more that differ by more than chance")
    if result["compared"] > 1 and not differing:
        lines.append("  nothing differs by more than chance")
    return "\n".join(lines)


def _opened(settings: Report) -> tuple[OpenedSet, OpenedSet | None]:
    for path in (settings.path, settings.against):
        if path is not None:
            check_here(path)
    against = None if settings.against is None else OpenedSet.open(settings.against)
    return OpenedSet.open(settings.path), against


def _output(settings: Report) -> pathlib.Path:
    if settings.output is not None:
        return pathlib.Path(settings.output)
    path = pathlib.Path(settings.path).resolve()
    return pathlib.Path(f"{path}.html")


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
