"""`replay_rejected` on a real broker: what comes back, what is left, and that nothing comes back twice."""

import json

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.kafka.groups import takeover
from beam_jobs.stream.rejected_records import our_headers
from schemas.rejection import Reason, Rejection, Stage
from tests.support.kafka_records import put, read
from tests.support.printed import for_people


def rejected_for(reason: str, count: int) -> list[dict[str, object]]:
    return [{"reason": reason, "field": "/fare", "count": count}]


FOR_TYPE, FOR_RANGE, FOR_REQUIRED = rejected_for("TYPE", 2), rejected_for("RANGE", 1), rejected_for("REQUIRED", 1)
THEIRS = [("a", None), ("a", b"\xff"), ("traceparent", b"00-1")]


@pytest.fixture
def pair(topics):
    return topics("trips", partitions=3, max_message_bytes=2_000), topics("rejected", partitions=2)


def ours(source, partition, offset, reason=Reason.TYPE, attempt=1):
    return our_headers(Rejection(0, Stage.DECODE, reason, "/fare"), f"{source}/{partition}/{offset}", "b-1", attempt)


def replay(broker, pair, capsys, *more):
    source, rejected = pair
    argv = ["replay_rejected", "--bootstrap-servers", broker, "--rejected-topic", rejected, "--source-topic", source]
    code = main([*argv, "--group", f"replay-{source}", "--json", *more])
    out, err = capsys.readouterr()
    return (code, json.loads(out), for_people("replay_rejected", out)) if out else (code, None, err)


def test_events_come_back_as_they_were_with_one_attempt_more(broker, pair, capsys):
    source, rejected = pair
    headers = [
        [*THEIRS, *ours(source, 2, 7)],
        [("onegraph.reason", b"RANGE"), ("onegraph.attempt", b"1"), ("x", b"1"), *ours(source, 0, 8, attempt=2)],
    ]
    put(broker, rejected, 1, [b'{"fare": "1"}', None], [b"k", None], [1_400_000_000_000, -1], headers)
    code, result, text = replay(broker, pair, capsys)
    assert (code, result["sent"], result["left"]) == (0, 2, {})
    assert text.startswith(f"sent 2 events to {source} again (2 TYPE at /fare); left: no")
    found = [(one.partition, one.key, one.value, one.timestamp_ms, one.headers) for one in read(broker, source)]
    assert found == [
        (0, None, None, -1, [("x", b"1"), ("onegraph.attempt", b"3")]),
        (2, b"k", b'{"fare": "1"}', 1_400_000_000_000, [*THEIRS, ("onegraph.attempt", b"2")]),
    ]


def test_a_second_run_sends_only_what_came_since(broker, pair, capsys):
    source, rejected = pair
    put(broker, rejected, 0, [b"1", b"2"], headers=[ours(source, 0, row) for row in (1, 2)])
    assert replay(broker, pair, capsys)[1]["sent"] == 2
    assert replay(broker, pair, capsys)[1] == {
        "topic": source,
        "sent": 0,
        "rejections": [],
        "left": {"replayed before": 2},
    }
    put(broker, rejected, 0, [b"3"], headers=[ours(source, 0, 3)])
    assert replay(broker, pair, capsys)[1]["sent"] == 1
    assert [one.value for one in read(broker, source)] == [b"1", b"2", b"3"]


def test_a_second_run_beside_the_first_sends_nothing(broker, pair, capsys, monkeypatch):
    source, rejected = pair
    put(broker, rejected, 0, [b"1"], headers=[ours(source, 0, 1)])
    monkeypatch.setattr(takeover, "_LOCK_S", 1)
    with takeover.one_at_a_time(broker, rejected, f"replay-{source}"):
        code, _, err = replay(broker, pair, capsys)
    assert (code, list(read(broker, source))) == (1, [])
    assert f"another job on this machine is taking group 'replay-{source}'" in err
    assert replay(broker, pair, capsys)[1]["sent"] == 1


def test_one_reason_after_the_other_and_then_all_sends_each_once(broker, pair, capsys):
    source, rejected = pair
    reasons = [Reason.TYPE, Reason.RANGE, Reason.TYPE, Reason.REQUIRED]
    put(broker, rejected, 0, [b"0", b"1", b"2", b"3"], headers=[ours(source, 0, 0, one) for one in reasons])
    first = replay(broker, pair, capsys, "--reason", "TYPE")[1]
    assert (first["rejections"], first["left"]) == (FOR_TYPE, {"another reason": 2})
    assert replay(broker, pair, capsys, "--reason", "RANGE", "TYPE")[1]["rejections"] == FOR_RANGE
    last = replay(broker, pair, capsys)[1]
    assert (last["rejections"], last["left"]) == (FOR_REQUIRED, {"replayed before": 3})
    assert [one.value for one in read(broker, source)] == [b"0", b"2", b"1", b"3"]


def test_what_cannot_come_back_is_left_and_said(broker, pair, capsys):
    source, rejected = pair
    stub = [*ours(source, 0, 1), ("onegraph.value_sha256", b"00"), ("onegraph.value_bytes", b"9")]
    headers = [
        ours(source, 0, 0, attempt=3),
        stub,
        ours("elsewhere", 0, 0),
        [("onegraph.reason", b"TYPE"), ("onegraph.attempt", b"1")],
        [],
        ours(source, 0, 5),
        ours(source, 9, 6),
    ]
    values = [b"worn", None, b"other", b"forged", b"bare", b"x" * 3_000, b"good"]
    put(broker, rejected, 0, values, headers=headers)
    code, result, text = replay(broker, pair, capsys)
    assert code == 0
    assert result["left"] == {
        "attempts used up": 1,
        "stub": 1,
        "another source topic": 1,
        "no headers of ours": 2,
        "too large for the topic": 1,
    }
    assert "1 attempts used up" in text
    assert [(one.partition, one.value) for one in read(broker, source)] == [(0, b"good")]


def test_paths_that_somebody_made_up_count_under_the_reason_alone(broker, pair, capsys):
    source, rejected = pair
    paths = ["no pointer", "/" + "x" * 200, "/a\n", "/fare"]
    headers = [
        our_headers(Rejection(0, Stage.DECODE, Reason.TYPE, path), f"{source}/0/{row}", "b", 1)
        for row, path in enumerate(paths)
    ]
    put(broker, rejected, 0, [b"1", b"2", b"3", b"4"], headers=headers)
    assert replay(broker, pair, capsys)[1]["rejections"] == [
        {"reason": "TYPE", "field": "", "count": 3},
        {"reason": "TYPE", "field": "/fare", "count": 1},
    ]


def test_the_cap_is_an_option(broker, pair, capsys):
    source, rejected = pair
    put(broker, rejected, 0, [b"1", b"2"], headers=[ours(source, 0, 0, attempt=one) for one in (1, 2)])
    assert replay(broker, pair, capsys, "--attempts", "2")[1]["sent"] == 1


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--reason", "BAD"], 2, "--reason is 'BAD', wanted one of JSON_SYNTAX, JSON_DEPTH"),
        (["--reason", "RANGE", "TYP"], 2, "NATIVE_CRASH, TIMEOUT, did you mean TYPE?"),
        (["--rejected-topic", "t", "--source-topic", "t"], 2, "source and rejected topic must differ, got t twice"),
        (["--attempts", "0"], 2, "--attempts is 0, wanted 1 or more"),
        (["--source-topic", "nowhere"], 1, "no topic 'nowhere'"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(broker, pair, capsys, more, code, message):
    found, _, err = replay(broker, pair, capsys, *more)
    assert (found, err.count("\n")) == (code, 1)
    assert message in err
