"""A stream with records that end the process: they are rejected after restarts, everything else is scored."""

import collections
import json

import kafka
import pytest

from beam_jobs.batch.event_files import json_events
from schemas.schema import SERVING
from tests.support.deadly_stream import ABORT, HANG, SLOW
from tests.support.kafka_records import committed, put, read
from tests.support.present import present


@pytest.mark.needs_time
def test_records_that_crash_or_hang_the_process_are_rejected_and_the_rest_is_scored(
    broker, topics, registry, taxi, trips, jobs, tmp_path
):
    source, good, bad = (topics(name, partitions=2) for name in ("trips", "predictions", "rejected"))
    values = json_events(trips.slice(0, 40).select(taxi.schema.environment(SERVING).names))
    values[7], values[9], values[23] = ABORT, b"{", HANG
    put(broker, source, 1, values, headers=[[("theirs", b"x")] for _ in values])
    log = tmp_path / "exits"
    argv = [
        *("score_stream", "--bootstrap-servers", broker, "--registry", str(registry), "--group", source),
        *("--source-topic", source, "--predictions-topic", good, "--rejected-topic", bad, "--until-caught-up", "-q"),
        "--accept-rejected-topic",
        *("--batch-deadline-ms", "4000", "--marker-folder", str(tmp_path / "markers"), "--json"),
    ]
    job = jobs("tests.support.deadly_stream:supervise", [str(log), *argv])
    assert job.wait(300) == 0, job.err.read_text()
    assert log.read_text().split() == ["-6", "-6", "0"]
    result = json.loads(job.out.read_text())
    assert result["rejections"] == [
        {"reason": reason, "field": "", "count": 1} for reason in ("JSON_SYNTAX", "NATIVE_CRASH", "TIMEOUT")
    ]
    scored = {json.loads(present(record.value))["id"] for record in read(broker, good)}
    assert scored == {f"{source}/1/{row}" for row in range(40) if row not in (7, 9, 23)}
    rejected = [
        (
            record.value,
            headers["theirs"],
            headers["onegraph.source"],
            headers["onegraph.stage"],
            headers["onegraph.reason"],
        )
        for record in read(broker, bad)
        if (headers := dict(record.headers))
    ]
    places = [f"{source}/1/{row}".encode() for row in (7, 9, 23)]
    assert rejected == [
        (ABORT, b"x", places[0], b"score", b"NATIVE_CRASH"),
        (b"{", b"x", places[1], b"decode", b"JSON_SYNTAX"),
        (HANG, b"x", places[2], b"score", b"TIMEOUT"),
    ]
    assert committed(broker, source, source)[1] == 40


@pytest.fixture(params=["kafka-python", "confluent"])
def run(request, broker, topics, registry, jobs, tmp_path):
    """Runs a job to its topic's end, again after every death; returns its summary, the exits, and what came out."""

    def run(source, *options):
        good, bad, log = topics("predictions", partitions=2), topics("rejected", partitions=2), tmp_path / "exits"
        argv = [
            *("score_stream", "--bootstrap-servers", broker, "--registry", str(registry), "--group", source),
            *("--source-topic", source, "--predictions-topic", good, "--rejected-topic", bad, "--until-caught-up"),
            *("--accept-rejected-topic", "--marker-folder", str(tmp_path / "markers"), "--breaker", "off", "--json"),
            *("--kafka-client", request.param, *options),
        ]
        job = jobs("tests.support.deadly_stream:supervise", [str(log), *argv])
        assert job.wait(500) == 0, job.err.read_text()
        scored = [json.loads(present(record.value))["id"] for record in read(broker, good)]
        rejected = [present(dict(record.headers)["onegraph.source"]).decode() for record in read(broker, bad)]
        return json.loads(job.out.read_text()), log.read_text().split(), scored, rejected

    return run


@pytest.mark.needs_time
def test_what_is_slow_only_together_is_scored_in_parts_each_event_once_and_in_order(broker, topics, run, taxi, trips):
    source = topics("slow", partitions=2)
    values = json_events(trips.slice(0, 60).select(taxi.schema.environment(SERVING).names))
    for partition in (0, 1):
        slow = [value[:-1] + b", " + SLOW + b"}" if 5 <= row < 25 else value for row, value in enumerate(values[:30])]
        put(broker, source, partition, slow)
    result, exits, scored, rejected = run(source, "--batch-deadline-ms", "4000", "--read-budget-ms", "60000")
    assert exits[-1] == "0"
    assert set(exits[:-1]) == {"1"}, "the watchdog ended them"
    assert rejected == []
    # What was sent and not committed before a death comes again; else each is there once, in its partition's order.
    assert list(dict.fromkeys(scored)) == [f"{source}/{partition}/{row}" for partition in (0, 1) for row in range(30)]
    assert result["batches"] > 1
    assert committed(broker, source, source) == {0: 30, 1: 30}


@pytest.mark.needs_time
def test_large_records_that_nobody_wants_are_rejected_batch_by_batch(broker, topics, run, taxi, trips):
    source = topics("large", partitions=1)
    good = json_events(trips.slice(0, 20).select(taxi.schema.environment(SERVING).names))
    large = b'{"x": [' + b"{}," * 20_000 + b'{}], "q": 1, "q": 2}'
    producer = kafka.KafkaProducer(bootstrap_servers=broker, compression_type="gzip", batch_size=1 << 20, linger_ms=50)
    for value in [*[large] * 300, *good]:
        producer.send(source, value)
    producer.flush()
    producer.close()
    result, exits, scored, rejected = run(source, "--batch-deadline-ms", "8000", "--max-batch-bytes", "600000")
    assert exits == ["0"]
    assert result["rejections"] == [{"reason": "JSON_DUP_KEY", "field": "", "count": 300}]
    assert result["batches"] >= 20
    assert collections.Counter(scored + rejected) == collections.Counter(f"{source}/0/{row}" for row in range(320))
