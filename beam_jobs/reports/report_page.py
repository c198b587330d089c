"""One HTML file that opens without a network: figures, charts as inline SVG, tables. No link."""

import dataclasses
import importlib.resources
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2


@dataclasses.dataclass(frozen=True)
class Table:
    """A titled table; the first column is text, the others are aligned as numbers."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


def write_page(
    path: pathlib.Path,
    title: str,
    lead: str,
    figures: Sequence[tuple[str, str]],
    charts: Sequence[str],
    tables: Sequence[Table],
) -> None:
    """Write the page. `charts` are trusted `<svg>` elements (from `charts`); everything else is escaped."""
    page = render("report.html", title=title, lead=lead, figures=figures, charts=charts, tables=tables)
    path.write_text(page, encoding="utf-8")


def render(template: str, **values: Any) -> str:
    """Return a page of one of the templates; whatever a template does not call safe is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("beam_jobs.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def packaged(name: str) -> str:
    """Return the text of a file beside the templates."""
    return importlib.resources.files("beam_jobs.reports").joinpath("templates", name).read_text(encoding="utf-8")
