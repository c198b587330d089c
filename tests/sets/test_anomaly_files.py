"""Anomalies are read back from their file, those too of sets that were built before anomalies had severities."""

import json

import pytest

from beam_jobs.sets.anomaly_files import ANOMALIES, read_anomalies, write_anomalies
from schemas.errors import ArtifactError
from schemas.schema import Schema
from schemas.sets.anomaly import ERROR, WARNING, Anomaly

LOW = "FEATURE_TYPE_LOW_FRACTION_PRESENT"
ENTRY = Anomaly("town", LOW, WARNING, "presence.min_fraction", 0.9, 0.25, "train").to_json()


def test_what_was_written_is_read_errors_first(tmp_path):
    schema = Schema.from_text('feature { name: "town" type: BYTES }')
    found = [Anomaly("town", LOW, one, "presence.min_fraction", 0.9, 0.25, "a") for one in (WARNING, ERROR)]
    write_anomalies(tmp_path, found, schema, {"rejections": []})
    written = json.loads((tmp_path / ANOMALIES).read_text())
    assert set(written) == {"rejections", "anomalies"}
    assert read_anomalies(written, tmp_path) == found[::-1]


def test_limits_and_unseen_strings_of_an_older_set():
    found = {
        "limits": [{"column": "empty", "limit": "presence.min_fraction", "wanted": 0.9, "found": 0.0}],
        "unseen": {"train": {"town": {"rows": 7, "distinct": 2, "values": {"x": 5}}}},
    }
    assert [(one.severity, str(one)) for one in read_anomalies(found, "anomalies.json")] == [
        (ERROR, "presence.min_fraction of empty: 0.0, wanted 0.9"),
        (WARNING, "rows with strings outside the domain of town (train): 7"),
    ]


@pytest.mark.parametrize(
    "found",
    [
        {"anomalies": 3},
        {"anomalies": ["x"]},
        {"anomalies": [{**ENTRY, "severity": None}]},
        {"anomalies": [{**ENTRY, "found": "0.5"}]},
        {"anomalies": [{**ENTRY, "column": ["town"]}]},
        {"anomalies": [{name: ENTRY[name] for name in ENTRY if name != "where"}]},
        {"limits": [{"column": "town"}]},
        {"limits": 3},
        {"unseen": {"train": []}},
        {"unseen": {"train": {"town": 3}}},
    ],
)
def test_what_is_none_is_one_line(found):
    with pytest.raises(ArtifactError, match=r"^t/anomalies.json: an anomaly in it is none of this version; copy"):
        read_anomalies(found, "t/anomalies.json")
