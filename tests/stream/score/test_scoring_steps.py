"""`ScoreBatches` in a process: what its copies share, what comes out, and that a new generation takes over."""

import contextlib
import json
import shutil
import time

import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.monitoring import measures
from beam_jobs.process import process_wide, run_files
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.breaker import BreakerSettings, TooManyRejected
from beam_jobs.stream.score.event_policy import EventPolicy
from beam_jobs.stream.score.isolated_scoring import IsolationSettings
from beam_jobs.stream.score.score_settings import ScoreSettings
from beam_jobs.stream.score.scoring_steps import ScoreBatches
from beam_jobs.stream.stream_job import TopicFacts
from schemas.schema import SERVING
from tests.support.stream_jobs import stream_job


@pytest.fixture(scope="module")
def values(taxi, trips):
    return json_events(trips.slice(0, 8).select(taxi.schema.environment(SERVING).names))


@pytest.fixture
def started():
    """Set a DoFn up as a runner does; it is torn down at the end."""
    with contextlib.ExitStack() as stack:

        def start(job, settings=None):
            step = ScoreBatches(job, settings or ScoreSettings())
            step.setup()
            stack.callback(step.teardown)
            return step

        yield start


def events(values, next_offsets=None):
    count = len(values)
    rows = list(range(count))
    return EventBatch(
        topic="trips",
        partitions=[0] * count,
        offsets=rows,
        timestamps_ms=[1_000] * count,
        keys=[b"k"] * count,
        values=list(values),
        headers=[[] for _ in rows],
        next_offsets=next_offsets or {0: count},
    )


def test_a_batch_comes_out_as_one_outcome_and_is_counted(started, registry, values):
    measures.STORE.clear()
    step = started(stream_job(registry=str(registry), name="counted"))
    (outcome,) = step.process(events([*values, b"{"]))
    assert (len(outcome.predictions), len(outcome.rejected), outcome.next_offsets) == (8, 1, {0: 9})
    counted = {name: measures.STORE.value(name) for name in ("events", "batches")}
    assert counted == {"events": 9, "batches": 1}
    assert measures.STORE.value("rejected", reason="JSON_SYNTAX") == 1


def test_a_batch_without_events_says_how_far_reading_is_and_is_not_scored(started, registry):
    measures.STORE.clear()
    step = started(stream_job(registry=str(registry), name="empty"))
    (outcome,) = step.process(events([], {0: 17}))
    assert (len(outcome.predictions), len(outcome.rejected), outcome.next_offsets) == (0, 0, {0: 17})
    assert measures.STORE.value("batches") == 0


def test_tombstones_that_are_dropped_are_counted(started, registry, values):
    measures.STORE.clear()
    settings = ScoreSettings(policy=EventPolicy(drop_tombstones=True))
    (outcome,) = started(stream_job(registry=str(registry), name="dropped"), settings).process(events([*values, None]))
    assert (len(outcome.predictions), len(outcome.rejected)) == (8, 0)
    assert measures.STORE.value("dropped", reason="tombstone") == 1


def test_predictions_fit_into_their_topic(started, registry, values):
    small = TopicFacts("predictions", max_message_bytes=150)
    step = started(stream_job(registry=str(registry), name="small", predictions=small))
    (outcome,) = step.process(events(values))
    reasons = {dict(headers)["onegraph.reason"] for headers in outcome.rejected.headers}
    assert (len(outcome.predictions), reasons) == (0, {b"OUT_TOO_LARGE"})


def test_copies_of_a_job_share_its_breaker(started, registry, values):
    settings = ScoreSettings(breaker=BreakerSettings("stop", 0.3, 12))
    job = stream_job(registry=str(registry), name="two copies")
    first, second = started(job, settings), started(job, settings)
    assert len(list(first.process(events([*values[:4], b"{", b"{", b"{"])))) == 1, "7 events are too few to judge"
    with pytest.raises(TooManyRejected, match="6 of 14"):
        list(second.process(events([*values[:4], b"{", b"{", b"{"])))


def test_a_new_generation_takes_over_between_two_batches(started, registry, second_bundle, values, tmp_path):
    own = tmp_path / "registry"
    shutil.copytree(registry, own)
    step = started(stream_job(registry=str(own), name="swap"), ScoreSettings(pointer_poll_s=0.05))
    (before,) = step.process(events(values))
    wanted = second_bundle(own).champion
    ends, bundles = time.monotonic() + 120, set[str]()
    while bundles != {wanted}:
        assert time.monotonic() < ends
        (after,) = step.process(events(values))
        bundles = {json.loads(line)["bundle"] for line in after.predictions.values}
        assert len(bundles) == 1, "a batch is scored by one generation"
    assert {json.loads(line)["bundle"] for line in before.predictions.values} != {wanted}


def test_batches_are_named_in_the_folder_of_what_the_job_reads(registry, values, tmp_path):
    folder = tmp_path / "markers"
    settings = ScoreSettings(isolation=IsolationSettings(str(folder), 60.0))
    step = ScoreBatches(stream_job(registry=str(registry), name="marked"), settings)
    step.setup()
    try:
        assert [path.suffix for path in folder.iterdir()] == [".batch"]
        (outcome,) = step.process(events(values))
        assert len(outcome.predictions) == 8
    finally:
        step.teardown()
    assert not folder.exists(), "a job that ends well leaves no folder"


def test_a_worker_process_announces_itself_where_its_measures_are_wanted(started, registry):
    job = stream_job(registry=str(registry), name="announced worker")
    started(job, ScoreSettings(metrics_host="127.0.0.1"))
    (about,) = [one for one in run_files.running() if one["name"] == job.name]
    assert (about["role"], about["group"], about["source_topic"]) == ("worker", "group", "trips")
    assert about["url"].startswith("http://127.0.0.1:")


def test_a_setup_that_fails_keeps_nothing(registry, tmp_path):
    job = stream_job(registry=str(tmp_path / "no registry"), name="fails")
    step = ScoreBatches(job, ScoreSettings(metrics_host="127.0.0.1"))
    with pytest.raises(Exception, match="no registry"):
        step.setup()
    assert [one for one in run_files.running() if one["name"] == job.name] == []
    assert not process_wide.stop_signal(job.name).is_set()
