"""What goes into a graph and comes out of it; a schema alone."""

import pathlib
from collections.abc import Mapping
from typing import Any

from beam_jobs.inspection.finding import of_kind, read_json
from beam_jobs.reports.terminal_text import shown
from beam_jobs.reports.text_table import number, table
from schemas.column import Column
from schemas.schema import SERVING, Schema

FEATURES = "features.json"
SCHEMA = "schema.pbtxt"
_HEAD = ("column", "type", "required", "min", "max", "strings", "roles")


def look_at_graph(folder: pathlib.Path) -> dict[str, Any]:
    """Return the columns that a graph takes and the features that it makes, in their order."""
    listed = read_json(folder / FEATURES, dict, "the features of a graph").get("features")
    features = of_kind(listed, list, folder / FEATURES, "a list of features")
    for one in features:
        of_kind(of_kind(one, dict, folder / FEATURES, "features by name and kind").get("name"), str, folder, "names")
    return {"columns": _columns(Schema.load(folder / SCHEMA)), "features": features}


def look_at_schema(path: pathlib.Path) -> dict[str, Any]:
    """Return the columns of a schema, and which of them only training has."""
    schema = Schema.load(path)
    serving = set(schema.environment(SERVING).names)
    return {"columns": _columns(schema), "training_only": [name for name in schema.names if name not in serving]}


def graph_text(found: Mapping[str, Any]) -> list[str]:
    """Return both for people."""
    features = [[shown(one["name"]), shown(str(one.get("kind", "-")))] for one in found["features"]]
    lines = [f"  columns in: {len(found['columns'])}", *_table(found["columns"])]
    return [
        *lines,
        f"  features out: {len(features)}",
        *(f"  {line}" for line in table(["feature", "type"], features, [1])),
    ]


def schema_text(found: Mapping[str, Any]) -> list[str]:
    """Return the columns for people."""
    only = ", ".join(map(shown, found["training_only"])) or "none"
    return [f"  {len(found['columns'])} columns; of training only: {only}", *_table(found["columns"])]


def _columns(schema: Schema) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "type": _type(column),
            "required": column.required,
            "min": column.minimum,
            "max": column.maximum,
            "strings": None if column.domain is None else len(column.domain),
            "roles": list(column.roles),
        }
        for column in schema.columns
    ]


def _type(column: Column) -> str:
    """Return a column's type, with how many values a row has if that is not one: `FLOAT[3]`, `INT[1-]`."""
    count = column.value_count
    if count is None:
        return column.kind.name
    several = str(count.fixed or f"{count.least}-{count.most or ''}")
    return f"{column.kind.name}[{several}]"


def _table(columns: list[dict[str, Any]]) -> list[str]:
    rows = [
        [
            shown(one["name"]),
            one["type"],
            "yes" if one["required"] else "no",
            *(number(one[limit]) for limit in ("min", "max", "strings")),
            shown(" ".join(one["roles"])) or "-",
        ]
        for one in columns
    ]
    return [f"  {line}" for line in table(_HEAD, rows, texts=[1, 2, 6])]
