"""What the steps tell: stage times by a clock that the test turns, lag and watermark a few times a second."""

import numpy as np
import pytest

from beam_jobs.monitoring import measures
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.step_watch import BatchWatch, PollWatch
from schemas.schema import Schema
from transforms.decode.json_decoder import JsonDecoder
from transforms.intake.take_in import take_in

SCHEMA = Schema.from_text(
    'feature { name: "fare" type: FLOAT presence { min_fraction: 1 } } '
    'feature { name: "company" type: BYTES string_domain { value: "blue" } }'
)


@pytest.fixture(autouse=True)
def store():
    measures.STORE.clear()
    return measures.STORE


def stage(store, name):
    """How many events a stage has, and their seconds on average."""
    (series,) = [one for one in store.series("stage_seconds") if one.labels == (name,)]
    return sum(series.counts), series.value / sum(series.counts)


def test_laps_add_up_and_count_for_every_event(store):
    now = iter([0.0, 1.0, 1.5, 1.75, 2.0, 3.0, 7.0, 9.0])
    watch = BatchWatch(lambda: next(now))
    watch.start()
    for name in ("decode", "transform", "score", "transform", "encode"):
        watch.lap(name)
    watch.scored(np.array([0.15, 0.95], np.float32), "champion")
    watch.scored(np.array([0.5], np.float32), "challenger")
    watch.predicted(1, "challenger")
    assert store.value("predictions", variant="challenger") == 0, "nothing is told of a batch that may be scored again"
    watch.finish(4, {("TYPE", "/fare"): 1})
    assert stage(store, "decode") == (4, 0.5)
    assert stage(store, "transform") == (4, 1.25)
    assert stage(store, "score") == (4, 0.25)
    assert stage(store, "encode") == (4, 4.0)
    assert (store.value("events"), store.value("batches"), store.value("rejected", reason="TYPE")) == (4, 1, 1)
    assert store.value("predictions", variant="challenger") == 1
    watch.start()
    watch.finish(1, {})
    assert stage(store, "decode") == (4, 0.5), "a batch takes no time of the one before"


def test_rejections_are_counted_by_reason_and_by_reason_and_field(store):
    watch = BatchWatch()
    watch.finish(9, {("TYPE", "/fare"): 4, ("TYPE", ""): 1, ("JSON_SYNTAX", ""): 2})
    watch.finish(1, {("TYPE", "/fare"): 1})
    assert {one.labels: one.value for one in store.series("rejected")} == {("TYPE",): 6, ("JSON_SYNTAX",): 2}
    by_field = {one.labels: one.value for one in store.series("rejected_fields")}
    assert by_field == {("TYPE", "/fare"): 5, ("TYPE", ""): 1, ("JSON_SYNTAX", ""): 2}


def test_unseen_categories_and_unknown_fields_are_counted_without_their_values(store):
    values = [b'{"fare":1,"company":"blue"}', b'{"fare":1,"company":"secret","more":1,"other":2}', b'{"more":1}']
    watch = BatchWatch()
    watch.took_in(take_in(values, JsonDecoder(SCHEMA), SCHEMA), SCHEMA)
    watch.finish(3, {})
    assert store.value("unseen_categories", column="company") == 1
    assert store.value("unknown_fields") == 3
    assert b"secret" not in store.text()
    assert b'="more"' not in store.text()


def batch_of(timestamps_ms):
    count = len(timestamps_ms)
    empty: list[bytes | None] = [None] * count
    return EventBatch("t", [0] * count, list(range(count)), timestamps_ms, empty, empty, [[]] * count, {0: count})


def test_waiting_begins_at_the_oldest_events_broker_time(store):
    PollWatch(True, clock=lambda: 10.0).polled(batch_of([9_000, 8_000]), dict, {})
    assert stage(store, "queue") == (2, 2.0)
    PollWatch(True, clock=lambda: 10.0).polled(batch_of([12_000]), dict, {})
    assert stage(store, "queue") == (3, 4 / 3), "a broker's clock that is ahead makes no negative time"
    PollWatch(True, clock=lambda: 10.0).polled(batch_of([]), dict, {})
    PollWatch(False, clock=lambda: 10.0).polled(batch_of([9_000]), dict, {})
    assert stage(store, "queue")[0] == 3, "an event's own time tells nothing about waiting"


def test_lag_is_asked_for_a_few_times_a_second(store):
    now, asked = [100.0], []

    def lag():
        asked.append(now[0])
        return {0: 7, 3: 0}

    watch = PollWatch(False, clock=lambda: now[0])
    for tick in range(1000):
        now[0] = 100 + tick / 1000
        watch.polled(batch_of([]), lag, {0: 5_000, 3: -1})
    assert len(asked) == 4
    assert store.value("lag_events", partition=0) == 7
    assert store.value("watermark_seconds", partition=0) == 5
    assert [series.labels for series in store.series("watermark_seconds")] == [("0",)], "nothing is known of the other"
    assert store.value("last_poll_seconds") == 100.999
