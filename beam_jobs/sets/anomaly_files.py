"""The files that tell the anomalies of a set: JSON for people, pages and programs, a proto for the field's tools."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.schema import Schema
from schemas.sets.anomalies_proto import to_proto
from schemas.sets.anomaly import Anomaly, ordered

ANOMALIES, ANOMALIES_PROTO = "anomalies.json", "anomalies.pb"


def write_anomalies(folder: pathlib.Path, found: Sequence[Anomaly], schema: Schema, beside: Mapping[str, Any]) -> None:
    """Write both files into a folder; `beside` is what else the JSON says."""
    listed = [anomaly.to_json() for anomaly in ordered(found)]
    text = json.dumps({**beside, "anomalies": listed}, indent=1, ensure_ascii=False)
    (folder / ANOMALIES).write_text(text + "\n")
    (folder / ANOMALIES_PROTO).write_bytes(to_proto(found, schema.proto).SerializeToString(deterministic=True))
