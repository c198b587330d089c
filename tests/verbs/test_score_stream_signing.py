"""`score_stream --trusted-keys`: unsigned bundles neither start a job nor take over; signed ones do."""

import collections
import json
import shutil
import threading

import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.monitoring import measures
from beam_jobs.monitoring.live_watch import LIVE_WATCH
from beam_jobs.stream.job import running
from beam_jobs.verbs import score_stream
from models.registry.registry import Registry
from schemas.artifacts.signature import load_private_key
from schemas.schema import SERVING
from tests.support.kafka_records import read
from tests.support.present import present
from tests.support.signing_keys import make_key
from tests.support.waiting import wait_until
from tests.verbs.test_score_stream import PATIENCE_S, end_of


@pytest.fixture
def own(registry, tmp_path):
    return Registry(shutil.copytree(registry, tmp_path / "registry"))


@pytest.fixture
def pair(tmp_path):
    return make_key(tmp_path)


@pytest.fixture
def events(taxi, trips):
    return json_events(trips.slice(0, 60).select(taxi.schema.environment(SERVING).names))


@pytest.fixture
def settings(broker, topics, own, pair):
    source, predictions, rejected = (topics(name, partitions=2) for name in ("trips", "predictions", "rejected"))
    return ScoreStream(
        bootstrap_servers=broker, registry=str(own.path), group=source, source_topic=source,
        predictions_topic=predictions, rejected_topic=rejected, accept_rejected_topic=True, pointer_poll_ms=20,
        trusted_keys=str(pair.public),
    )  # fmt: skip


def test_a_job_does_not_start_with_an_unsigned_bundle(settings, own, capsys, monkeypatch):
    monkeypatch.setattr(running.Schema, "load", lambda _: pytest.fail("parsed, and signed by nobody"))
    argv = ["score_stream", "--bootstrap-servers", settings.bootstrap_servers, "--registry", settings.registry]
    for name in ("source_topic", "predictions_topic", "rejected_topic", "trusted_keys"):
        argv += ["--" + name.replace("_", "-"), getattr(settings, name)]
    assert main([*argv, "--accept-rejected-topic", "--until-caught-up"]) == 1
    error = capsys.readouterr().err
    assert f"{own.champion()}: not signed, wanted a signature by one of release.pem" in error
    assert error.count("\n") == 1
    assert not read(settings.bootstrap_servers, settings.predictions_topic)


@pytest.mark.needs_time
def test_an_unsigned_generation_is_refused_under_load_and_a_signed_one_taken(
    settings, own, pair, events, second_bundle, second_candidate
):
    broker, key = settings.bootstrap_servers, load_private_key(pair.private)
    first = own.released().champion
    own.sign(first, key)
    measures.STORE.clear()
    LIVE_WATCH.clear()
    stop, results, sent = threading.Event(), [], []
    job = threading.Thread(target=lambda: results.append(score_stream.run(settings, stop)))
    job.start()

    def answers(values):
        """Send events and wait; return how many predictions each bundle made so far."""
        producer = Producer(broker)
        try:
            send_rows(producer, settings.source_topic, ((b"%d" % at, value) for at, value in enumerate(values)))
        finally:
            producer.close()
        sent.extend(values)
        wait_until(lambda: end_of(broker, settings.predictions_topic) == len(sent), "predictions")
        return collections.Counter(
            json.loads(present(one.value))["bundle"] for one in read(broker, settings.predictions_topic)
        )

    try:
        assert answers(events[:20]) == {first: 20}
        second = second_bundle(own.path).champion
        wait_until(lambda: measures.STORE.value("refused_generations") == 1, "the refusal")
        assert answers(events[20:40]) == {first: 40}
        (refusal,) = [one for one in LIVE_WATCH.history() if not one["served"]]
        assert (refusal["generation"], refusal["bundle"]) == (2, second)
        assert f"{second}: not signed, wanted a signature by one of release.pem" in refusal["why"]
        assert own.release(second_candidate, "me", "now", "signed now", sign_key=key).champion == second
        wait_until(lambda: measures.STORE.value("swaps") == 1, "the swap")
        assert answers(events[40:]) == {first: 40, second: 20}
    finally:
        stop.set()
        job.join(PATIENCE_S)
    assert results[0]["predictions"] == len(events)
