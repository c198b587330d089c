"""Predictions: JSON that reads back exactly, the same bytes every time."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.registry.registry import Registry
from models.scoring.prediction import PredictionEncoder, _numbers, _texts
from models.scoring.scorer import Scorer
from schemas.errors import OnegraphError
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import Schema


@pytest.fixture(scope="module")
def scorer(registry) -> Scorer:
    return Scorer.load(Registry(registry).champion())


def test_fields_and_order(scorer, trips):
    batch = trips.slice(0, 3)
    scored = scorer.score(batch)
    lines = PredictionEncoder(scorer).encode(batch, scored.scores, scored.features, ["t/0/17", "t/1/0", "t/0/18"])
    first = json.loads(lines[0])
    assert list(first) == [
        "id",
        "fare",
        "trip_start_timestamp",
        "trip_miles",
        "trip_seconds",
        "score",
        "label",
        "bundle",
        "variant",
        "event_time",
    ]
    assert (first["id"], first["bundle"], first["variant"]) == ("t/0/17", scorer.bundle_id, "champion")
    assert first["trip_start_timestamp"] * 1000 == first["event_time"] == 1_400_269_500_000
    for line, score in zip(lines, scored.scores, strict=True):
        assert np.float32(json.loads(line)["score"]) == score
        assert json.loads(line)["label"] == int(score >= np.float32(scorer.threshold))


def test_features_on_request(scorer, trips):
    batch = trips.slice(0, 50)
    scored = scorer.score(batch)
    ids = [f"t/0/{row}" for row in range(50)]
    lines = PredictionEncoder(scorer, with_features=True).encode(batch, scored.scores, scored.features, ids, "shadow")
    for row, line in enumerate(lines):
        found = json.loads(line)
        assert found["variant"] == "shadow"
        assert list(found["features"]) == list(scorer.feature_names)
        assert np.array(list(found["features"].values()), np.float32).tobytes() == scored.features[row].tobytes()


def test_same_bytes_whatever_the_batch(scorer, trips):
    batch = trips.slice(0, 40)
    encoder = PredictionEncoder(scorer, with_features=True)
    ids = [f"t/0/{row}" for row in range(40)]
    whole = encoded(encoder, batch, scorer.score(batch), ids)
    single = []
    for row in range(40):
        part = batch.slice(row, 1)
        single += encoded(encoder, part, scorer.score(part), ids[row : row + 1])
    assert single == whole


def encoded(encoder, batch, scored, ids):
    return encoder.encode(batch, scored.scores, scored.features, ids)


def test_missing_id_is_null(scorer, trips):
    rows = trips.filter(pa.compute.is_null(trips.column("trip_seconds")))
    assert rows.num_rows == 6
    lines = encoded(PredictionEncoder(scorer), rows, scorer.score(rows), [str(n) for n in range(6)])
    assert all(json.loads(line)["trip_seconds"] is None for line in lines)


def test_every_row_wants_one_of_each(scorer, trips):
    scored = scorer.score(trips.slice(0, 2))
    with pytest.raises(OnegraphError, match="3 rows, 2 scores"):
        PredictionEncoder(scorer).encode_rows(trips.slice(0, 3), scored.scores, scored.features, ["a", "b", "c"])


def test_no_rows(scorer, trips):
    none = trips.slice(0, 0)
    assert encoded(PredictionEncoder(scorer, True), none, scorer.score(none), []) == []


def test_personal_ids_are_left_out(scorer, monkeypatch):
    schema = Schema.from_text(
        """
        feature { name: "card" type: BYTES annotation { tag: "id" tag: "personal:hash" } }
        feature { name: "trip" type: BYTES annotation { tag: "id" } }
        """
    )
    monkeypatch.setattr(scorer, "schema", schema)
    batch = pa.record_batch({"card": ["4111"], "trip": ['a "b"\n']})
    (line,) = PredictionEncoder(scorer).encode(
        batch, np.array([0.25], np.float32), np.zeros((1, 16), np.float32), ["t/0/0"]
    )
    assert b"4111" not in line
    assert json.loads(line)["trip"] == 'a "b"\n'
    assert "event_time" not in json.loads(line)


IDS = """
feature { name: "ID" type: INT annotation { tag: "id" } }
feature { name: "trip" type: BYTES annotation { tag: "id" } }
feature { name: "ids.x" type: FLOAT annotation { tag: "id" } }
feature { name: "at" type: INT annotation { tag: "event_time:s" } }
"""


def test_ids_with_names_of_ours_stand_apart(scorer, monkeypatch):
    monkeypatch.setattr(scorer, "schema", Schema.from_text(IDS))
    batch = pa.record_batch({"ID": [5], "trip": ["a"], "ids.x": pa.array([0.5], pa.float32()), "at": [1_700_000_000]})
    scored = batch, np.array([0.25], np.float32), np.zeros((1, 16), np.float32), ["t/0/0"]
    (line,) = PredictionEncoder(scorer).encode(*scored)
    assert line.startswith(b'{"id":"t/0/0","trip":"a","ids":{"ID":5,"ids.x":0.5},"score":0.25,')
    columns = PredictionEncoder(scorer).columns(*scored)
    assert columns.schema.names[:5] == ["id", "trip", "ids.ID", "ids.ids.x", "score"]


@pytest.mark.parametrize("bad", [[0], [3, 4, 9], list(range(10))])
def test_a_row_that_cannot_be_written_costs_only_itself(scorer, monkeypatch, bad, caplog):
    """An event time that nobody validated: in milliseconds it is more than 64 bits, and must not wrap to 0."""
    monkeypatch.setattr(scorer, "schema", Schema.from_text(IDS))
    times = [2**62 if row in bad else 1_700_000_000 for row in range(10)]
    floats = pa.array([0.5] * 10, pa.float32())
    batch = pa.record_batch({"ID": list(range(10)), "trip": ["secret"] * 10, "ids.x": floats, "at": times})
    scored = batch, np.full(10, 0.25, np.float32), np.zeros((10, 16), np.float32), [f"t/0/{row}" for row in range(10)]
    encoder, good = PredictionEncoder(scorer), [row for row in range(10) if row not in bad]
    lines, kept, rejections = encoder.encode_rows(*scored)
    assert [json.loads(line)["id"] for line in lines] == [f"t/0/{row}" for row in good]
    assert kept.tolist() == good
    assert rejections == [Rejection(row, Stage.WRITE, Reason.BAD_OUTPUT) for row in bad]
    batches, kept, again = encoder.column_rows(*scored)
    assert [one for part in batches for one in part.column("ids.ID").to_pylist()] == kept.tolist() == good
    assert again == rejections
    assert "secret" not in caplog.text
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        encoder.encode(*scored)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_the_shortest_text_that_reads_back(values):
    floats = np.array(values, np.float32)
    for text, value in zip(_numbers(pa.array(floats)).to_pylist(), floats, strict=True):
        assert np.float32(json.loads(text)).tobytes() == value.tobytes()
        digits = sum(character.isdigit() for character in text.split("e")[0].replace(".", "").strip("-0"))
        shortest = np.format_float_scientific(value, unique=True, trim="-").split("e")[0]
        assert digits <= max(sum(c.isdigit() for c in shortest.replace(".", "").strip("-0")), 1)


def test_numbers_that_are_none():
    assert _numbers(pa.array([np.nan, np.inf, None, 1.0], pa.float32())).to_pylist() == ["null", "null", "null", "1"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text())))
def test_texts_are_escaped(values):
    assert [json.loads(text) for text in _texts(pa.array(values, pa.string()))] == values
