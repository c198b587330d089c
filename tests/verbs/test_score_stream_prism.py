"""The streaming job on Prism: the same bytes as on FnApiRunner, stopped and resumed like there."""

import json
import threading

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.verbs import score_stream
from tests.support.kafka_records import committed, end_of, put, read
from tests.support.waiting import wait_until
from tests.verbs.test_score_stream import check_every_event_ended, events  # noqa: F401

pytestmark = pytest.mark.needs_prism


def arguments(broker, registry, prism_binary, source, group):
    return ScoreStream(
        runner="prism",
        beam_args=(f"--prism_location={prism_binary}",),
        bootstrap_servers=broker,
        registry=str(registry),
        group=group,
        source_topic=source,
        predictions_topic=f"{source}.{group}",
        rejected_topic=f"{source}.{group}.r",
        create_topics=True,
        read_budget_ms=500,
    )


def test_the_same_bytes_as_on_the_local_runner(broker, topics, registry, prism_binary, events, capsys):  # noqa: F811
    source = topics("trips", partitions=3)
    for partition in range(3):
        put(broker, source, partition, [*events[partition * 100 : partition * 100 + 100], b"{"])
    found = {}
    for runner in ("local", "prism"):
        beam_args = [f"--prism_location={prism_binary}"] if runner == "prism" else []
        names = (
            "--source-topic",
            source,
            "--predictions-topic",
            f"{source}.{runner}",
            "--rejected-topic",
            f"{source}.r",
        )
        given = ["--create-topics", "--until-caught-up", "--runner", runner, "--json", *beam_args]
        where = ["--bootstrap-servers", broker, "--registry", str(registry), "--group", runner]
        code = main(["score_stream", *where, *names, *given])
        result = json.loads(capsys.readouterr().out)
        assert (code, result["predictions"], result["rejected"]) == (0, 300, 3)
        found[runner] = [(one.partition, one.key, one.value) for one in read(broker, f"{source}.{runner}")]
        assert committed(broker, source, runner) == {0: 101, 1: 101, 2: 101}
    assert found["prism"] == found["local"]


def test_live_stopped_and_resumed(broker, topics, registry, prism_binary, events):  # noqa: F811
    source = topics("trips", partitions=2)
    settings = arguments(broker, registry, prism_binary, source, "p")
    for first in (0, 200):
        stop, results = threading.Event(), []
        job = threading.Thread(target=lambda: results.append(score_stream.run(settings, stop)))  # noqa: B023
        put(broker, source, 0, events[first : first + 100])
        job.start()
        put(broker, source, 1, events[first + 100 : first + 200])
        wait_until(lambda: committed(broker, source, "p") == {0: first // 2 + 100, 1: first // 2 + 100}, "all of it")  # noqa: B023
        stop.set()
        job.join(60)
        assert results[0]["predictions"] == 200
    assert end_of(broker, f"{source}.p") == 400
    check_every_event_ended(broker, source, f"{source}.p", f"{source}.p.r")
