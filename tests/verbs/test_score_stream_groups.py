"""`score_stream` and its consumer group: one job at a time, its own topic, positions that are not forgotten."""

import itertools
import json
import signal

import kafka
import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.kafka.groups.position_note import Note
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_kafka
from tests.support.kafka_records import commit, committed, end_of, make_anew, put, read
from tests.support.present import present
from tests.support.waiting import wait_until
from tests.verbs.test_score_stream import (  # noqa: F401
    MAIN,
    PATIENCE_S,
    argv,
    check_every_event_ended,
    events,
    rejected_are,
)

# Several jobs start one after the other, one test waits for a broker to forget.
pytestmark = [pytest.mark.needs_time, pytest.mark.timeout(600)]


@pytest.fixture(params=["kafka-python", "confluent"])
def either(request, argv):  # noqa: F811
    """The command line over each client."""
    return [*argv, "--kafka-client", request.param]


def source_of(words):
    return words[words.index("--source-topic") + 1]


def lag(broker, source):
    return end_of(broker, source) - sum(committed(broker, source, source).values())


def notes(broker, topic, group):
    consumer = Consumer(broker, topic, group)
    try:
        return {p: Note.read(text) for p, (_, text) in consumer.committed_notes(consumer.partitions).items()}
    finally:
        consumer.close()


def scored(broker, source):
    return [json.loads(present(one.value))["id"] for one in read(broker, f"{source}.p")]


def one_line(process):
    """The error that a job ended with."""
    lines = [line for line in process.err.read_text().splitlines() if line.startswith("onegraph score_stream: ")]
    return lines[-1]


def test_a_second_job_is_refused_and_a_restart_goes_on_at_once(broker, argv, events, jobs, capsys):  # noqa: F811
    source = source_of(argv)
    put(broker, source, 0, events[:50])
    first = jobs(MAIN, argv)
    wait_until(lambda: rejected_are(broker, source, 0) and lag(broker, source) == 0, "the first job")
    second = jobs(MAIN, argv)
    assert second.wait(PATIENCE_S) == 1
    assert "job score_stream-" in one_line(second)
    assert "a second job would score everything twice: stop that one first" in one_line(second)
    skip = ["--bootstrap-servers", broker, "--group", source, "--partition", "0", "--offset", "50"]
    assert main(["skip_to", source, *skip]) == 1
    assert "stop that one first" in capsys.readouterr().err
    put(broker, source, 1, events[50:60])
    wait_until(lambda: lag(broker, source) == 0, "the first job goes on")
    for how, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        first.signal(how)
        assert first.wait(PATIENCE_S) == code
        first = jobs(MAIN, argv)
        put(broker, source, 1, events[:5])
        wait_until(lambda: lag(broker, source) == 0, "the successor")
        assert "looking for" not in first.err.read_text(), "it waited for nobody"
    first.signal(signal.SIGTERM)
    assert first.wait(PATIENCE_S) == 0
    assert sorted(scored(broker, source)) == sorted(set(scored(broker, source)))
    assert {note.lease.free for note in notes(broker, source, source).values()} == {True}


def test_of_two_jobs_that_start_together_one_scores(broker, argv, events, jobs):  # noqa: F811
    source = source_of(argv)
    put(broker, source, 0, events[:500])
    both = [jobs(MAIN, argv) for _ in range(2)]
    wait_until(lambda: rejected_are(broker, source, 0) and lag(broker, source) == 0, "one of them")
    wait_until(lambda: any("would score everything twice" in one.err.read_text() for one in both), "the other")
    for one in both:
        if "would score everything twice" in one.err.read_text():
            assert one.wait(PATIENCE_S) == 1
        else:
            one.signal(signal.SIGTERM)
            assert one.wait(PATIENCE_S) == 0
    assert len(scored(broker, source)) == 500


def test_a_job_that_slept_while_another_took_over_ends_and_commits_nothing(broker, argv, events, jobs):  # noqa: F811
    source = source_of(argv)
    put(broker, source, 0, events[:50])
    sleeper = jobs(MAIN, argv)
    wait_until(lambda: rejected_are(broker, source, 0) and lag(broker, source) == 0, "the first job")
    sleeper.signal(signal.SIGSTOP)
    second = jobs(MAIN, argv)
    put(broker, source, 0, events[50:100])
    wait_until(lambda: lag(broker, source) == 0, "the second job")
    assert "looking for 7 s whether it lives" in second.err.read_text()
    sleeper.signal(signal.SIGCONT)
    assert sleeper.wait(PATIENCE_S) == 1
    assert "has taken over group" in one_line(sleeper)
    put(broker, source, 0, events[100:110])
    wait_until(lambda: lag(broker, source) == 0, "the second job goes on")
    second.signal(signal.SIGTERM)
    assert second.wait(PATIENCE_S) == 0
    check_every_event_ended(broker, source)


@pytest.mark.parametrize("mode", [["--until-caught-up"], []], ids=["caught up", "endless"])
def test_a_group_behind_the_end_is_refused_in_one_line_that_skip_to_cures(broker, either, events, mode, capsys):  # noqa: F811
    source = source_of(either)
    put(broker, source, 0, events[:30])
    commit(broker, source, source, {0: 100})
    assert main([*either, *mode, "-q"]) == 1
    err = capsys.readouterr().err
    assert (
        f"topic '{source}' partition 0: wanted offset 100, the log ends at 30 (was the topic made anew or cut?)" in err
    )
    assert err.count("\n") == 1
    where = ["--bootstrap-servers", broker, "--group", source, "--partition", "0", "--offset"]
    assert main(["skip_to", source, *where, "31"]) == 1
    assert main(["skip_to", source, *where, "20"]) == 0
    assert main([*either, "--until-caught-up", "-q"]) == 0
    assert len(scored(broker, source)) == 10


def test_a_topic_made_anew_ends_the_job_and_no_new_event_is_left_out(broker, either, events, jobs, capsys):  # noqa: F811
    source = source_of(either)
    put(broker, source, 0, events[:100])
    job = jobs(MAIN, either)
    wait_until(lambda: rejected_are(broker, source, 0) and lag(broker, source) == 0, "the job")
    make_anew(broker, source, 3)
    put(broker, source, 0, events[:300])
    assert job.wait(PATIENCE_S) == 1
    assert "was the topic made anew" in one_line(job) or "was made anew" in one_line(job)
    assert "Traceback" not in job.err.read_text()
    assert committed(broker, source, source).get(0, 0) in (0, 100)
    if committed(broker, source, source):  # what slipped in says of which topic it is
        assert main([*either, "--until-caught-up", "-q"]) == 1
        assert "was made anew" in capsys.readouterr().err
    assert main([*either, "--until-caught-up", "-q", "--accept-lost-offsets"]) == 0
    assert {f"{source}/0/{offset}" for offset in range(300)} <= set(scored(broker, source))


def test_aborted_transactions_are_committed_to_the_end(broker, either, events, jobs):  # noqa: F811
    source = source_of(either)
    producer = kafka.KafkaProducer(bootstrap_servers=broker, transactional_id=source)
    producer.init_transactions()

    def transact(value, end):
        producer.begin_transaction()
        producer.send(source, value, partition=0).get(30)
        getattr(producer, f"{end}_transaction")()

    for _ in range(5):
        transact(events[0], "abort")
    job = jobs(MAIN, either)
    wait_until(lambda: rejected_are(broker, source, 0) and lag(broker, source) == 0, "aborted records alone")
    transact(events[1], "commit")
    for _ in range(5):
        transact(events[0], "abort")
    producer.close()
    wait_until(lambda: lag(broker, source) == 0, "aborted records behind an event")
    job.signal(signal.SIGTERM)
    assert job.wait(PATIENCE_S) == 0
    assert committed(broker, source, source)[0] == end_of(broker, source) == 22
    assert len(scored(broker, source)) == 1


def test_a_broker_that_forgets_has_nothing_scored_twice_or_left_out(registry, events, jobs, tmp_path):  # noqa: F811
    """Over both clients at once: the waiting is for the broker's clock, which is the same for all."""
    forgets = {"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "5000"}
    folder = tmp_path / "kafka"
    broker = local_kafka.start(free_port(), folder, controller_port=free_port(), settings=forgets).bootstrap_servers
    try:
        cases = list(itertools.product(["kafka-python", "confluent"], ["earliest", "latest"]))
        words, running = {}, {}
        for case in cases:
            name = "-".join(case)
            words[case] = [
                "score_stream", "--bootstrap-servers", broker, "--registry", str(registry), "--group", name,
                "--source-topic", name, "--predictions-topic", f"{name}.p", "--rejected-topic", f"{name}.r",
                "--create-topics", "--partitions", "2", "--kafka-client", case[0], "--start", case[1],
            ]  # fmt: skip
            running[case] = jobs(MAIN, words[case])
        # a group of another tool shows when the broker has begun to forget
        for case, job in running.items():
            name = "-".join(case)
            wait_until(lambda: has_begun(broker, name), "the job")  # noqa: B023
            put(broker, name, 0, events[:5])
            wait_until(lambda: lag(broker, name) == 0, "five events")  # noqa: B023
            job.signal(signal.SIGTERM)
            assert job.wait(PATIENCE_S) == 0
        theirs = "-".join(cases[-1])
        plain = kafka.KafkaConsumer(bootstrap_servers=broker, group_id="theirs", enable_auto_commit=False)
        plain.commit({kafka.TopicPartition(theirs, 0): kafka.structs.OffsetAndMetadata(1, "", -1)})
        wait_until(lambda: plain.committed(kafka.TopicPartition(theirs, 0)) is None, "a broker that forgets")
        plain.close()
        for case in cases:
            name = "-".join(case)
            put(broker, name, 1, events[5:15])
            again = jobs(MAIN, [*words[case], "--until-caught-up"])
            assert again.wait(PATIENCE_S) == 0, again.err.read_text()
            assert len(scored(broker, name)) == len(set(scored(broker, name))) == 15
    finally:
        local_kafka.stop(folder)


def has_begun(broker, group):
    consumer = None
    try:
        consumer = Consumer(broker, group, group)
        return set(consumer.committed(consumer.partitions)) == {0, 1}
    except Exception:
        return False
    finally:
        if consumer is not None:
            consumer.close()
