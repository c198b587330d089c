"""`score_stream` while generations change under load: every output is that of the bundle and role that it names."""

import itertools
import os
import re
import shutil
import threading
import time

import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.records import Record
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.process import process_wide
from beam_jobs.stream.value_format import ValueFormat
from beam_jobs.verbs import score_stream
from benchmarks.swaps import generations, recompute, scored_alone, swap
from models.live.live import LiveScorer
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from schemas.schema import SERVING
from tests.support.artifact_fixtures import another_bundle
from tests.support.kafka_records import end_of
from tests.support.present import present

SWAPS = 12
POLL_MS = 20
PATIENCE_S = 120


@pytest.fixture
def names(topics):
    """Source, predictions, rejected and shadow topic."""
    return [topics(name, partitions=3) for name in ("trips", "predictions", "rejected", "shadow")]


def send_until(done, broker, topic, events):
    """Send events, every third without a key, at a steady rate until `done`."""
    producer = Producer(broker)
    try:
        rows = enumerate(itertools.takewhile(lambda _: not done.is_set(), itertools.cycle(events)))
        send_rows(producer, topic, ((b"%d" % (row % 200) if row % 3 else None, value) for row, value in rows), 300)
    finally:
        producer.close()


def wait_for_the_end(broker, source, predictions, job):
    ends = time.monotonic() + PATIENCE_S
    while end_of(broker, predictions) < end_of(broker, source):
        assert job.is_alive(), "the job ended"
        assert time.monotonic() < ends, f"predictions not within {PATIENCE_S} s"
        time.sleep(0.2)


def without_contributions(value):
    return re.sub(rb',"contributions":{[^}]*}', b"", value)


def test_twelve_generations_under_load(broker, names, registry, second_candidate, taxi, trips, tmp_path):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    first = own.released().champion
    second = own.release(second_candidate, "tests", "now", "").champion
    bundles = [first, second, another_bundle(own.bundle_path(first), threshold=0.01)]
    events = json_events(trips.slice(0, 2000).select(taxi.schema.environment(SERVING).names))
    source, predictions, rejected, shadow = names
    settings = ScoreStream(
        bootstrap_servers=broker, registry=str(own.path), group=source, source_topic=source,
        predictions_topic=predictions, rejected_topic=rejected, shadow_topic=shadow, pointer_poll_ms=POLL_MS,
        contributions=3, contribution_share=0.1, accept_rejected_topic=True,
    )  # fmt: skip
    stop, done, results = threading.Event(), threading.Event(), []
    key = "scorer", os.path.abspath(settings.registry), None, ValueFormat()
    live = process_wide.borrow(key, lambda: LiveScorer(key[1], POLL_MS / 1000))
    job = threading.Thread(target=lambda: results.append(score_stream.run(settings, stop)))
    sender = threading.Thread(target=send_until, args=(done, broker, source, events))
    try:
        job.start()
        sender.start()
        assert len(swap(own, live, itertools.islice(generations(bundles), SWAPS))) == SWAPS
        assert live.refused == 0
    finally:
        done.set()
        sender.join()
        wait_for_the_end(broker, source, predictions, job)
        stop.set()
        job.join()
        process_wide.give_back(key)
    scorers = {bundle: Scorer.load(own.bundle_path(bundle)) for bundle in bundles}
    sent, predicted, beside = (read_topic(broker, topic) for topic in (source, predictions, shadow))
    plain = [one._replace(value=without_contributions(one.value)) for one in predicted]
    found = recompute(sent, plain, scorers)
    assert (found["lost"], found["repeated"], found["differing"]) == (0, 0, 0)
    assert set(found["by_variant"]) == {"champion", "challenger"}
    of_shadows = recompute(sent, [one._replace(value=without_contributions(one.value)) for one in beside], scorers)
    assert (of_shadows["differing"], set(of_shadows["by_variant"])) == (0, {"shadow"})
    assert 0.02 < sum(b"contributions" in present(one.value) for one in predicted) / len(predicted) < 0.3
    assert results[0]["by_variant"] == {**found["by_variant"], "shadow": len(beside)}
    assert sum(results[0]["shadowed"].values()) == len(beside)


def test_a_prediction_that_is_bent_is_found(registry, taxi, trips):
    """The check itself can fail: one wrong digit, one wrong bundle, one lost event."""
    scorer = Scorer.load(Registry(registry).champion())
    other = dict.fromkeys([scorer.bundle_id, "0123456789ab"], scorer)
    (value,) = json_events(trips.slice(0, 1).select(taxi.schema.environment(SERVING).names))
    source = [Record("t", 0, offset, 0, None, value, []) for offset in (0, 1)]
    lines = scored_alone(scorer, source)
    good = [one._replace(value=line) for one, line in zip(source, lines, strict=True)]
    assert recompute(source, good, other)["differing"] == 0
    for spoil in (
        lambda text: text.replace(b'"score":', b'"score":1'),
        lambda text: text.replace(scorer.bundle_id.encode(), b"0123456789ab"),
    ):
        assert recompute(source, [good[0], good[1]._replace(value=spoil(lines[1]))], other)["differing"] == 1
    assert recompute(source, good[:1], other)["lost"] == 1
    assert recompute(source, [*good, good[0]], other)["repeated"] == 1
