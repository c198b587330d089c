"""A stream with records that end the process: they are rejected after restarts, everything else is scored."""

import json

from beam_jobs.event_files import json_events
from schemas.schema import SERVING
from tests.deadly_stream import ABORT, HANG
from tests.kafka_records import committed, put, read


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
    job = jobs("tests.deadly_stream:supervise", [str(log), *argv])
    assert job.wait(300) == 0, job.err.read_text()
    assert log.read_text().split() == ["-6", "-6", "0"]
    result = json.loads(job.out.read_text())
    assert result["rejected_by_reason"] == {"JSON_SYNTAX": 1, "NATIVE_CRASH": 1, "TIMEOUT": 1}
    scored = {json.loads(record.value)["id"] for record in read(broker, good)}
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
