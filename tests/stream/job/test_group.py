"""Who gives a group back: a job that ends with its process, and the watcher of one on Flink that it saw end."""

import pytest

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.groups.lease import TakenOver
from beam_jobs.stream.job import group, pipeline
from beam_jobs.stream.write.writer import positions
from schemas.errors import ServiceError
from tests.support.kafka_records import committed, put


@pytest.fixture
def settings(broker, topics):
    def make(runner):
        names = [topics(name) for name in ("events", "predictions", "rejected")]
        put(broker, names[0], 0, [b"1"] * 9)
        return ScoreStream(
            bootstrap_servers=broker,
            registry="/nowhere",
            source_topic=names[0],
            predictions_topic=names[1],
            rejected_topic=names[2],
            group=names[0],
            runner=runner,
        )

    return make


def watched(settings, happens):
    """Have that happen in the process that started the job; returns the positions of one of its workers."""
    job, workers = pipeline.stream_job(settings, "job-1", pipeline.topics_there(settings)), []

    def watch():
        with group.taken(settings, job) as held:
            workers.append(positions(held.job))
            workers[0].commit({0: 3})
            happens(held)
            raise ServiceError("as scripted")

    with pytest.raises(ServiceError, match="as scripted"):
        watch()
    return workers[0]


@pytest.mark.parametrize("runner", ["flink", "dataflow"])
def test_a_job_of_which_nothing_is_known_keeps_its_group(settings, broker, runner):
    chosen = settings(runner)
    worker = watched(chosen, lambda held: None)
    try:
        worker.commit({0: 5})
        assert committed(broker, chosen.source_topic, chosen.group) == {0: 5}
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("runner", "happens"), [("flink", group.Held.ended), ("local", lambda held: None)], ids=["flink", "local"]
)
def test_a_job_that_has_ended_gives_its_group_back(settings, broker, runner, happens):
    chosen = settings(runner)
    worker = watched(chosen, happens)
    try:
        with pytest.raises(TakenOver):
            worker.commit({0: 5})
    finally:
        worker.close()
    job = pipeline.stream_job(chosen, "job-2", pipeline.topics_there(chosen))
    with group.taken(chosen, job) as held:
        assert held.lease.number == 2
    assert committed(broker, chosen.source_topic, chosen.group) == {0: 3}
