"""What differs between two bundles, for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from beam_jobs.reports.terminal_text import shown
from beam_jobs.reports.text_table import number, shortened, table

_HEAD = ("of", "what", "before", "after")
_LONGEST = 24
_SHOWN = 20


def bundle_difference_text(found: Mapping[str, Any]) -> str:
    """Return a table of all that differs; `found` is as `bundle_difference` returns it.

    >>> same = {"facts": {}, "versions": {}, "parameters": {}, "metrics": {}, "schema": []}
    >>> print(bundle_difference_text({"before": "a", "after": "b", **same, "features": _NO_FEATURES}))
    a and b: no difference in facts, parameters, features, metrics and schema
    """
    rows = [
        *_pairs("bundle", found["facts"]),
        *_pairs("parameter", found["parameters"]),
        *_pairs("metric", found["metrics"]),
        *_pairs("version", found["versions"]),
        *_features(found["features"]),
        *(
            ["schema", _cell(f"{one['column'] or 'all'}: {one['what']}"), _cell(one["before"]), _cell(one["after"])]
            for one in found["schema"]
        ),
    ]
    title = f"{found['before']} and {found['after']}"
    if not rows:
        return f"{title}: no difference in facts, parameters, features, metrics and schema"
    return "\n".join([f"{title}:", *(f"  {line}" for line in table(_HEAD, rows, texts=[1, 2, 3]))])


_NO_FEATURES: Mapping[str, Any] = {"added": [], "removed": [], "moved": False}


def _pairs(of: str, pairs: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, (before, after) in pairs.items():
        yield [of, _cell(name), _cell(before), _cell(after)]


def _features(found: Mapping[str, Any]) -> Iterator[list[str]]:
    for before, after, names in (("-", "added", found["added"]), ("removed", "-", found["removed"])):
        for name in names[:_SHOWN]:
            yield ["feature", _cell(name), before, after]
        if len(names) > _SHOWN:
            yield ["feature", f"{len(names) - _SHOWN:,} more", before, after]
    if found["moved"]:
        yield ["feature", "order", "-", "another one"]


def _cell(value: Any) -> str:
    if type(value) in (int, float):
        return number(value)
    text = "-" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return shortened(shown(text), _LONGEST)
