"""`score_stream` against a real broker: live, stopped, killed and started again, with its bundle swapped under it."""

import collections
import contextlib
import dataclasses
import json
import logging
import shutil
import signal
import threading

import numpy as np
import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.monitoring import measures
from beam_jobs.process.loopback import free_port
from beam_jobs.verbs import score_stream
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from models.variants.variants import Variants
from schemas.errors import ServiceError
from schemas.schema import SERVING
from tests.support.kafka_records import committed, end_of, put, read
from tests.support.present import present
from tests.support.waiting import wait_until

MAIN = "beam_jobs.cli.command_line:main"
PATIENCE_S = 180


@pytest.fixture(scope="session")
def events(taxi, trips):
    return json_events(trips.slice(0, 4000).select(taxi.schema.environment(SERVING).names))


@pytest.fixture
def argv(broker, topics, registry):
    """The command line of a job on fresh topics, of which only the source exists."""
    source = topics("trips", partitions=3, message_timestamp_type="LogAppendTime")
    return [
        "score_stream",
        *("--bootstrap-servers", broker, "--registry", str(registry), "--group", source),
        *("--source-topic", source, "--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r"),
        "--create-topics",
    ]


def test_an_option_that_beam_does_not_have_is_told_before_the_broker_is_asked(argv, capsys):
    argv[argv.index("--bootstrap-servers") + 1] = f"127.0.0.1:{free_port()}"
    assert main([*argv, "--frobnicate=1"]) == 2
    assert capsys.readouterr().err.startswith("onegraph score_stream: unknown option --frobnicate=1; ours are in")
    assert main(argv) == 1
    assert "unknown option" not in capsys.readouterr().err


@pytest.mark.parametrize(("batches", "said"), [(1, "7 events scored in 1 batch, 0 rejected"), (2, "in 2 batches, 0")])
def test_the_end_is_told_with_the_number_of_batches(batches, said):
    result = {"predictions": 7, "batches": batches, "by_variant": {"champion": 7}, "rejected": 0, "rejections": []}
    assert said in score_stream.describe(result | {"dropped": 0, "stopped": False, "group": "g"})


def send(broker, topic, values, rate=None):
    producer = Producer(broker)
    try:
        send_rows(producer, topic, ((b"%d" % row, value) for row, value in enumerate(values)), rate)
    finally:
        producer.close()


def check_every_event_ended(broker, source, predictions=None, rejected=None):
    """Check by source offsets that nothing was lost and that repeats are equal bytes; return the distinct ends."""
    wanted = {f"{one.topic}/{one.partition}/{one.offset}" for one in read(broker, source)}
    ends = collections.defaultdict(set)
    for one in read(broker, predictions or f"{source}.p"):
        ends[json.loads(present(one.value))["id"]].add(one.value)
    for one in read(broker, rejected or f"{source}.r"):
        ends[present(dict(one.headers)["onegraph.source"]).decode()].add(one.value)
    assert set(ends) == wanted
    assert {len(values) for values in ends.values()} == {1}
    return ends


def test_until_caught_up_and_again(broker, argv, events, capsys):
    source = argv[argv.index("--source-topic") + 1]
    send(broker, source, events[:1000])
    put(broker, source, 1, [b"{", None, b"[1]", b'{"fare":1e999}'])
    measures.STORE.clear()
    assert main([*argv, "--until-caught-up", "--json", "--partition-groups", "2"]) == 0
    stages = {series.labels[0]: sum(series.counts) for series in measures.STORE.series("stage_seconds")}
    assert stages == dict.fromkeys(measures.STAGES, 1004), "every event once in every stage"
    assert {int(series.labels[0]): series.value for series in measures.STORE.series("lag_events")} == {0: 0, 1: 0, 2: 0}
    assert len(measures.STORE.series("watermark_seconds")) == 3
    assert sum(measures.STORE.series("score")[0].counts) == measures.STORE.value("predictions", variant="champion")
    result = json.loads(capsys.readouterr().out)
    assert (result["predictions"], result["rejected"]) == (1000, 4)
    assert {(one["reason"], one["field"], one["count"]) for one in result["rejections"]} == {
        ("JSON_SYNTAX", "", 1),
        ("TOMBSTONE", "", 1),
        ("TYPE", "", 1),
        ("NUM_NONFINITE", "/fare", 1),
    }
    said = score_stream.describe(result)
    assert "1,000 events scored" in said
    assert "1 NUM_NONFINITE at /fare" in said
    check_every_event_ended(broker, source)
    assert sum(committed(broker, source, source).values()) == 1004
    assert main([*argv, "--until-caught-up", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"] == 0


def test_the_bundle_is_swapped_while_events_flow(
    broker, argv, events, registry, second_bundle, tmp_path, capsys, caplog
):
    source = argv[argv.index("--source-topic") + 1]
    own = tmp_path / "registry"
    shutil.copytree(registry, own)
    first = Registry(own).released().champion
    settings = ScoreStream(
        bootstrap_servers=broker, registry=str(own), group=source, source_topic=source, create_topics=True,
        predictions_topic=f"{source}.p", rejected_topic=f"{source}.r", pointer_poll_ms=20,
    )  # fmt: skip
    caplog.set_level(logging.WARNING, logger="models.live.live")
    stop, results = threading.Event(), []
    job = threading.Thread(target=lambda: results.append(score_stream.run(settings, stop)))
    job.start()
    seen: list[str] = []

    def bundles(values):
        """Send events one after the other; return the bundles that answered the new ones."""
        send(broker, source, values)
        sent = end_of(broker, source)
        wait_until(lambda: end_of(broker, f"{source}.p") == sent, "predictions")
        everything = [json.loads(present(one.value)) for one in read(broker, f"{source}.p")]
        new = {one["id"]: one["bundle"] for one in everything if one["id"] not in seen}
        seen.extend(new)
        return set(new.values())

    try:
        wait_until(lambda: not job.is_alive() or rejected_are(broker, source, 0), "topics")
        assert bundles(events[:50]) == {first}
        second = second_bundle(own).champion
        wait_until(lambda: bundles(events[50:51]) == {second}, "the second bundle")

        broken = next((own / "bundles" / first / "graph").rglob("saved_model.pb"))
        broken.write_bytes(broken.read_bytes()[:-1] + b"\0")
        point_without_looking(own, first)
        wait_until(lambda: "goes on serving" in caplog.text, "the refusal")
        assert bundles(events[51:100]) == {second}
    finally:
        stop.set()
        job.join(PATIENCE_S)
    assert results[0]["stopped"]
    assert results[0]["predictions"] == len(seen)
    check_every_event_ended(broker, source)
    for one in map(json.loads, (present(record.value) for record in read(broker, f"{source}.p"))):
        assert one["bundle"] in (first, second)


def test_the_breaker_holds_until_another_bundle_serves(broker, argv, events, registry, second_bundle, tmp_path, caplog):
    source = argv[argv.index("--source-topic") + 1]
    own = tmp_path / "registry"
    shutil.copytree(registry, own)
    settings = ScoreStream(
        bootstrap_servers=broker, registry=str(own), group=source, source_topic=source, create_topics=True,
        predictions_topic=f"{source}.p", rejected_topic=f"{source}.r", pointer_poll_ms=20,
        breaker_events=100, breaker_share=0.1,
    )  # fmt: skip
    stop, results = threading.Event(), []
    job = threading.Thread(target=lambda: results.append(score_stream.run(settings, stop)))
    job.start()

    def ended():
        return end_of(broker, f"{source}.p"), end_of(broker, f"{source}.r")

    try:
        wait_until(lambda: not job.is_alive() or rejected_are(broker, source, 0), "topics")
        put(broker, source, 0, [*[b"{"] * 15, *events[:45]])
        wait_until(lambda: ended() == (45, 15), "the first events")
        put(broker, source, 0, [b"{", *events[45:104]])  # 16 of 120
        wait_until(lambda: "holding for up to 300 s: 16 of 120 events" in caplog.text, "the breaker")
        assert ended() == (45, 15), "nothing of the batch is sent"
        assert sum(committed(broker, source, source).values()) <= 60
        second = second_bundle(own).champion
        wait_until(lambda: ended() == (104, 16), "the other bundle")
    finally:
        stop.set()
        job.join(PATIENCE_S)
    assert results[0]["stopped"]
    last = [json.loads(present(one.value))["bundle"] for one in read(broker, f"{source}.p")][45:]
    assert set(last) == {second}
    check_every_event_ended(broker, source)


def test_a_prediction_that_its_topic_does_not_take_is_rejected(broker, argv, topics, events, capsys):
    source = argv[argv.index("--source-topic") + 1]
    small = topics("small", partitions=3, max_message_bytes="200")
    argv[argv.index(f"{source}.p")] = small
    put(broker, source, 0, events[:5])
    assert main([*argv, "--until-caught-up", "--json"]) == 0
    too_large = {"reason": "OUT_TOO_LARGE", "field": "", "count": 5}
    assert json.loads(capsys.readouterr().out)["rejections"] == [too_large]
    with pytest.raises(ServiceError, match=r"MessageSizeTooLarge|RecordTooLarge"):
        put(broker, small, 0, [b"x" * 300])  # what the broker would have said
    assert [one.value for one in read(broker, f"{source}.r")] == events[:5]


def point_without_looking(registry, bundle):
    """Write the next generation by hand, as no command of ours would: they look at the bundle first."""
    pointer = Registry(registry).released()
    new = registry / "live.json.new"
    new.write_text(dataclasses.replace(pointer, generation=pointer.generation + 1, variants=Variants(bundle)).text())
    new.replace(registry / "live.json")


def rejected_are(broker, source, count):
    with contextlib.suppress(ServiceError):  # no topic yet
        return end_of(broker, f"{source}.r") == count
    return False


@pytest.mark.needs_time
def test_killed_and_started_again_loses_nothing(broker, argv, events, jobs):
    source = argv[argv.index("--source-topic") + 1]
    send(broker, source, [b"{"])
    sender = threading.Thread(target=send, args=(broker, source, events, 600))
    job = jobs(MAIN, argv)
    wait_until(lambda: rejected_are(broker, source, 1), "the job to be live")
    sender.start()
    wait_until(lambda: end_of(broker, f"{source}.p") > 1_000, "predictions")
    wait_until(lambda: sum(committed(broker, source, source).values()) > 1, "a commit of some of them")
    job.signal(signal.SIGKILL)
    assert job.wait(PATIENCE_S) == -signal.SIGKILL
    sender.join(PATIENCE_S)
    scored, kept = end_of(broker, f"{source}.p"), sum(committed(broker, source, source).values())
    assert scored < len(events), "killed in the middle"
    job = jobs(MAIN, argv)
    wait_until(lambda: sum(committed(broker, source, source).values()) == len(events) + 1, "catching up")
    job.signal(signal.SIGTERM)
    assert job.wait(30) == 0, job.err.read_text()
    assert "stopped: " in job.out.read_text()
    ends = check_every_event_ended(broker, source)
    assert len(ends) == len(events) + 1
    repeated = end_of(broker, f"{source}.p") - len(events)
    assert repeated == scored - (kept - 1), "what was written behind the last commit, the rejected one is before it"


def test_predictions_are_those_of_the_scorer(broker, argv, events, registry, trips, capsys):
    source = argv[argv.index("--source-topic") + 1]
    own = [[("traceparent", b"00-%d-\xff" % row), ("cookie", b"1")] for row in range(300)]
    put(broker, source, 0, events[:300], headers=own)
    argv += ["--pass-header", "traceparent", "baggage"]
    assert main([*argv, "--until-caught-up", "--with-features"]) == 0
    out, err = capsys.readouterr()
    assert "300 events scored" in out
    assert err == ""
    handed_on = [[(name, value) for name, value in record.headers] for record in read(broker, f"{source}.p")]
    assert handed_on == [one[:1] for one in own]
    wanted = Scorer.load(Registry(registry).champion()).score(trips.slice(0, 300))
    found = [json.loads(present(record.value)) for record in read(broker, f"{source}.p")]
    assert np.array([one["score"] for one in found], np.float32).tobytes() == wanted.scores.tobytes()
    features = np.array([list(one["features"].values()) for one in found], np.float32)
    assert features.tobytes() == wanted.features.tobytes()


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"--source-topic": "nowhere", "--create-topics": None}, 1, "no topic 'nowhere'; create it"),
        ({"--predictions-topic": "same", "--rejected-topic": "same"}, 2, "must differ"),
        ({"--registry": "/nowhere"}, 1, "/nowhere: no such directory, wanted a registry"),
        ({"--max-batch": "0"}, 2, "--max-batch is 0, wanted 1 or more"),
        ({"--runner": "spark"}, 2, "--runner spark: no such runner"),
        ({"--parallel=2": None}, 2, "unknown option --parallel=2"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_refused_in_one_line(argv, change, code, message, capsys):
    for option, value in change.items():
        if option == "--create-topics":
            argv.remove(option)
        elif value is None:
            argv.append(option)
        elif option in argv:
            argv[argv.index(option) + 1] = value
        else:
            argv += [option, value]
    assert main(argv) == code
    out, err = capsys.readouterr()
    assert message in err
    assert err.startswith("onegraph score_stream: ")
    assert err.count("\n") == 1
    assert not out


def test_a_broker_that_is_down_is_named(argv, capsys, monkeypatch):
    monkeypatch.setattr("beam_jobs.kafka.topics.topics.FIRST_ANSWER_S", 0.5)
    argv[argv.index("--bootstrap-servers") + 1] = "127.0.0.1:1"
    argv.remove("--create-topics")
    assert main(argv) == 1
    assert "no Kafka broker answers at 127.0.0.1:1 within 0.5 s" in capsys.readouterr().err


def test_a_compacted_topic_to_write_to_ends_the_start_and_a_compacted_source_does_not(broker, topics, registry, capsys):
    compacted, fine = topics("compacted", cleanup_policy="compact"), topics("fine")
    for place in ("--predictions-topic", "--rejected-topic", "--shadow-topic", "--source-topic"):
        named = {name: topics("other") for name in ("--source-topic", "--predictions-topic", "--rejected-topic")}
        argv = [word for pair in (named | {"--shadow-topic": fine} | {place: compacted}).items() for word in pair]
        argv += ["--bootstrap-servers", broker, "--registry", str(registry), "--accept-rejected-topic", "--dry-run"]
        code = main(["score_stream", *argv])
        err = capsys.readouterr().err
        assert code == (0 if place == "--source-topic" else 1), err
        assert (f"topic '{compacted}': cleanup.policy is compact, wanted delete" in err) == (code == 1)
