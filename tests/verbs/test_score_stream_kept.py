"""`score_stream --registry-copy`: a job that starts while its registry is away scores with what served last."""

import json
import shutil

import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.stream.job import running
from beam_jobs.verbs import score_stream
from models.registry.pointer import read_pointer
from models.registry.registry import Registry
from schemas.schema import SERVING
from tests.support.kafka_records import read
from tests.support.present import present


def test_a_launch_keeps_what_it_found_and_a_plan_keeps_nothing(broker, topics, registry, tmp_path, monkeypatch):
    source, predictions, rejected = (topics(name, partitions=1) for name in ("trips", "predictions", "rejected"))
    settings = ScoreStream(
        bootstrap_servers=broker, registry=str(registry), group=source, source_topic=source,
        predictions_topic=predictions, rejected_topic=rejected, accept_rejected_topic=True,
        registry_copy=str(tmp_path / "kept"),
    )  # fmt: skip
    monkeypatch.setattr(running, "run", lambda settings, stop: {})  # its workers are elsewhere
    score_stream.plan(settings)
    assert list((tmp_path / "kept").glob("*/live.json")) == []
    score_stream.run(settings)
    (kept,) = (tmp_path / "kept").glob("*/live.json")
    assert read_pointer(kept) == Registry(registry).released()


@pytest.mark.needs_time
def test_a_job_starts_without_its_registry(broker, topics, registry, taxi, trips, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    bundle = own.released().champion
    source, predictions, rejected = (topics(name, partitions=2) for name in ("trips", "predictions", "rejected"))
    events = json_events(trips.slice(0, 40).select(taxi.schema.environment(SERVING).names))

    def send(values):
        producer = Producer(broker)
        try:
            send_rows(producer, source, ((b"%d" % at, value) for at, value in enumerate(values)))
        finally:
            producer.close()

    def job(*more):
        argv = ["score_stream", "--bootstrap-servers", broker, "--registry", str(own.path), "--source-topic", source]
        argv += ["--predictions-topic", predictions, "--rejected-topic", rejected, "--accept-rejected-topic"]
        return main([*argv, "--group", source, "--until-caught-up", *more])

    copy = ["--registry-copy", str(tmp_path / "kept"), "--registry-wait-ms", "0"]
    send(events[:20])
    assert job(*copy) == 0
    own.path.rename(tmp_path / "away")
    send(events[20:])
    capsys.readouterr()
    assert job() == 1
    assert "no such directory" in capsys.readouterr().err
    assert job(*copy) == 0
    assert "which served here last, serves from" in capsys.readouterr().err
    found = [json.loads(present(one.value)) for one in read(broker, predictions)]
    assert len(found) == len(events)
    assert {one["bundle"] for one in found} == {bundle}
    assert job("--registry-copy", str(tmp_path / "empty"), "--registry-wait-ms", "0") == 1
    assert "no bundle is released here" in capsys.readouterr().err
