"""What the demo replays, and how what came back is joined with it."""

import json

import numpy as np
import pytest

from beam_jobs.demo.replay import BROKEN, BROKEN_KEY, HeldOut, observe, quantiles
from beam_jobs.kafka.records import Record


def event(partition: int, offset: int, key: bytes, at: int) -> Record:
    return Record("trips", partition, offset, at, key, b"{}", [])


def prediction(source: str, score: float, bundle: str, at: int) -> Record:
    value = json.dumps({"id": source, "score": score, "bundle": bundle}).encode()
    return Record("predictions", 0, 0, at, b"key", value, [])


def test_events_and_predictions_are_joined_by_where_the_event_stands() -> None:
    events = [event(0, 0, b"5", 1000), event(1, 0, b"2", 2000), event(1, 1, b"9", 3000)]
    predictions = [
        prediction("trips/1/0", 0.25, "second", 2007),
        prediction("trips/0/0", 0.5, "first", 1004),
        prediction("trips/0/0", 0.75, "second", 1900),  # again, after a failure
    ]
    seen = observe(events, predictions)
    assert seen.rows.tolist() == [2, 5]
    assert seen.scores.dtype == np.float32
    assert seen.scores.tolist() == [0.25, 0.5]
    assert seen.bundles.tolist() == ["second", "first"]
    assert seen.milliseconds.tolist() == [7.0, 4.0]


def test_broken_events_are_spread_and_every_event_keeps_its_number() -> None:
    pairs = HeldOut([b'{"row": %d}' % row for row in range(50)], np.zeros(50)).keyed()
    broken = [place for place, (key, _) in enumerate(pairs) if key.startswith(b"broken")]
    assert len(broken) == len(BROKEN)
    assert min(np.diff(broken)) > 3
    assert pairs[broken[3]] == (BROKEN_KEY % 3, BROKEN[3])
    assert [value for key, value in pairs if key == b"49"] == [b'{"row": 49}']


def test_few_rows_still_meet_every_broken_event() -> None:
    pairs = HeldOut([b"{}"] * 2, np.zeros(2)).keyed()
    assert len(pairs) == 2 + len(BROKEN)


def test_quantiles_have_names() -> None:
    assert quantiles(np.arange(101, dtype=np.float64)) == pytest.approx({"p50": 50.0, "p90": 90.0, "p99": 99.0})
