"""The files that tell the anomalies of a set: JSON for people, pages and programs, a proto for the field's tools."""

import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.errors import ArtifactError
from schemas.schema import Schema
from schemas.sets.anomalies_proto import to_proto
from schemas.sets.anomaly import ERROR, WARNING, Anomaly, from_json, ordered

ANOMALIES, ANOMALIES_PROTO = "anomalies.json", "anomalies.pb"


def write_anomalies(folder: pathlib.Path, found: Sequence[Anomaly], schema: Schema, beside: Mapping[str, Any]) -> None:
    """Write both files into a folder; `beside` is what else the JSON says."""
    listed = [anomaly.to_json() for anomaly in ordered(found)]
    text = json.dumps({**beside, "anomalies": listed}, indent=1, ensure_ascii=False)
    (folder / ANOMALIES).write_text(text + "\n")
    (folder / ANOMALIES_PROTO).write_bytes(to_proto(found, schema.proto).SerializeToString(deterministic=True))


def read_anomalies(found: Mapping[str, Any], where: str | pathlib.Path) -> list[Anomaly]:
    """Return the anomalies of an `anomalies.json`, errors first; raises `ArtifactError`, naming `where`.

    >>> entry = {"column": "tip", "limit": "presence.min_fraction", "wanted": 0.9, "found": 0.5}
    >>> [str(anomaly) for anomaly in read_anomalies({"limits": [entry]}, "anomalies.json")]
    ['presence.min_fraction of tip: 0.5, wanted 0.9']
    """
    try:
        if "anomalies" in found:
            return ordered([from_json(entry) for entry in found["anomalies"]])
        return ordered(_without_severity(found))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ArtifactError(f"{where}: an anomaly in it is none of this version; copy the directory again") from None


def _without_severity(found: Mapping[str, Any]) -> Iterator[Anomaly]:
    """Yield what files told before anomalies had a severity."""
    for entry in found.get("limits", []):
        yield from_json({**entry, "type": "", "severity": ERROR, "where": ""})
    for split, columns in found.get("unseen", {}).items():
        for name, seen in columns.items():
            said = {"limit": "rows with strings outside the domain", "wanted": None, "found": seen["rows"]}
            yield from_json({"column": name, "type": "", "severity": WARNING, "where": split, **said})
