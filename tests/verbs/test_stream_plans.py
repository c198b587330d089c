"""What the verbs of the stream would do: said from what is there, and nothing is written."""

import contextlib
import subprocess
import sys

import pytest

from beam_jobs.cli.settings import ReplayRejected, ScoreStream, Send, SkipTo
from beam_jobs.kafka.groups.lease import new_lease
from beam_jobs.kafka.groups.position_note import Note
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.topics import topics as kafka_topics
from beam_jobs.stream.job import plan as plans
from beam_jobs.stream.rejected_records import our_headers
from beam_jobs.verbs import replay_rejected, score_stream, send, skip_to
from models.registry.pointer import read_live
from schemas.rejection import Reason, Rejection, Stage
from tests.support.kafka_records import commit, committed, put, read
from tests.support.present import present


@pytest.fixture
def source(broker, topics):
    name = topics("trips", partitions=3)
    put(broker, name, 0, [b"{}"] * 5)
    put(broker, name, 2, [b"{}"] * 2)
    return name


def test_a_stream_says_where_it_would_begin_and_who_would_score(broker, source, registry):
    def plan(**more):
        names = {"source_topic": source, "predictions_topic": f"{source}.p", "rejected_topic": f"{source}.r"}
        given = {"bootstrap_servers": broker, "registry": str(registry), "group": source, "create_topics": True}
        return score_stream.plan(ScoreStream(**names | given | more))

    champion = present(read_live(registry)).champion
    last = [
        f"would score with generation 1: champion {champion[:12]}",
        f"would write {source}.p and, what is rejected, {source}.r",
    ]
    read = f"would read {source} (3 partitions) from"
    nothing = f"{read} the earliest offsets, nothing is committed: 0, 0, 0 (lag 7) as group {source}"
    assert plan() == [f"would create topics {source}.p, {source}.r", nothing, *last]
    commit(broker, source, source, {0: 4, 1: 0, 2: 2})
    assert plan()[1] == f"{read} committed offsets 4, 0, 2 (lag 1) as group {source}"
    assert plan(source_topic=f"{source}.new")[:2] == [
        f"would create topics {source}.new, {source}.p, {source}.r",
        f"would read {source}.new from its start as group {source}",
    ]
    assert set(kafka_topics.describe(broker, [f"{source}.{end}" for end in ("p", "r", "new")])) == set()
    assert committed(broker, source, source) == {0: 4, 1: 0, 2: 2}


def test_a_stream_that_goes_on_from_a_savepoint_says_so(broker, source, registry):
    commit(broker, source, source, {0: 4, 1: 0, 2: 2})
    settings = ScoreStream(
        bootstrap_servers=broker, registry=str(registry), group=source, source_topic=source,
        predictions_topic=f"{source}.p", rejected_topic=f"{source}.r", runner="flink", from_savepoint="/s/1",
    )  # fmt: skip
    lines = plans.plan(settings, kafka_topics.describe(broker, [source]), present(read_live(registry)))
    assert lines[1] == f"would read {source} (3 partitions) from where savepoint /s/1 stands as group {source}"
    assert "offsets" not in "".join(lines)


def test_a_refused_stream_has_loaded_nothing_heavy(broker, source, registry, tmp_path):
    code = (
        "import sys; from beam_jobs.cli.command_line import main; code = main(['score_stream', *sys.argv[1:]]);"
        "print(code, sorted({'tensorflow', 'apache_beam', 'xgboost'} & set(sys.modules)))"
    )
    names = ["--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r"]
    taken = broker.rpartition(":")[2]
    (tmp_path / "bundles").mkdir()
    for servers, topic, where, port, message in [
        (broker, source[:-1], registry, "0", f"did you mean {source}"),
        ("127.0.0.1:1", source, registry, "0", "no Kafka broker answers at 127.0.0.1:1 within 3 s"),
        (
            broker,
            source,
            tmp_path,
            "0",
            f"{tmp_path}: no bundle is released here (no live.json); run `onegraph release`",
        ),
        (
            broker,
            source,
            registry,
            taken,
            f"--metrics-port {taken}: cannot listen on 127.0.0.1: address already in use",
        ),
    ]:
        argv = [*names, "--bootstrap-servers", servers, "--source-topic", topic]
        argv += ["--registry", str(where), "--metrics-port", port]
        done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
        assert done.stdout == "1 []\n"
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_skip_says_what_it_would_leave_out(broker, source):
    commit(broker, source, source, {0: 1})
    settings = SkipTo(bootstrap_servers=broker, topic=source, group=source, partition=0, offset=3)
    (line,) = skip_to.plan(settings)
    assert line.startswith(
        f"would move it: group '{source}' leaves out offsets 1 to 2 of topic '{source}' partition 0 (2"
    )
    assert committed(broker, source, source) == {0: 1}
    lease = new_lease("fares", outlives=True)
    with contextlib.closing(Consumer(broker, source, source)) as consumer:
        note = Note(topic_id=consumer.topic_id(), partitions=frozenset({0, 1, 2}), lease=lease)
        consumer.commit({0: 1}, note.text())
    assert skip_to.plan(settings)[1:] == [
        f"group {source} is held by {lease} now; unless that has ended, the move is refused"
    ]


def test_a_replay_says_what_it_would_send(broker, source, topics):
    rejected = topics("rejected")
    before = len(read(broker, source))
    headers = [our_headers(Rejection(0, Stage.DECODE, Reason.TYPE, "/fare"), f"{source}/0/1", "b", 1), []]
    put(broker, rejected, 0, [b"1", b"2"], headers=headers)
    group = f"replay-{source}"
    settings = ReplayRejected(bootstrap_servers=broker, source_topic=source, rejected_topic=rejected, group=group)
    assert replay_rejected.plan(settings) == [
        f"would send 1 events to {source} again (1 TYPE at /fare); left: 1 no headers of ours"
    ]
    assert len(read(broker, source)) == before
    assert committed(broker, rejected, f"{group}.TYPE") == {}


def test_sending_says_how_events_would_be_keyed(broker, source, tmp_path):
    file = str(tmp_path / "trips.jsonl")
    (tmp_path / "trips.jsonl").write_text("{}")
    settings = Send(bootstrap_servers=broker, file=file, topic=source, key="company", limit=5, use_case="taxi")
    assert send.plan(settings) == [
        f"would send 5 rows at most of {file} to topic {source} (3 partitions), keyed by their company"
    ]
