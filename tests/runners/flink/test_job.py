"""What is said of a Flink job whose counters nobody can tell any more: not that it scored nothing."""

import contextlib
import logging
import threading
import types
from typing import Any

import pytest

from beam_jobs.runners.flink.job import FlinkJob
from beam_jobs.stream.job import flink
from beam_jobs.verbs import score_stream
from schemas.errors import OnegraphError, ServiceError


def broken():
    raise ConnectionError("the job server went away")


def empty():
    return types.SimpleNamespace(query=lambda wanted: {"counters": []})


@pytest.fixture
def ended():
    def make(metrics):
        job = FlinkJob.__new__(FlinkJob)  # one that was submitted needs a cluster
        job.id, job._result = "1", types.SimpleNamespace(metrics=metrics)
        job._follower = threading.Thread(target=lambda: None)
        job._follower.start()
        return job

    return make


class Cluster:
    """A REST interface that lists one job in that state, or raises it."""

    address = "flink:8081"

    def __init__(self, state):
        self.state = state

    def jobs(self):
        if not isinstance(self.state, str):
            raise self.state
        return [{"jid": "1", "state": self.state}] if self.state else []

    def exceptions(self, job):
        return {"root-exception": "out of memory"}


@pytest.mark.parametrize(
    ("state", "raised", "ended"),
    [
        *(("FINISHED", None, True), ("CANCELED", None, True), ("FAILED", OnegraphError, True)),
        *(("", ServiceError, False), (KeyboardInterrupt(), KeyboardInterrupt, False)),
    ],
    ids=["finished", "cancelled", "failed", "not known any more", "interrupted"],
)
def test_a_job_has_ended_where_flink_says_so_and_nowhere_else(state, raised, ended):
    job, told = FlinkJob.__new__(FlinkJob), []
    cluster: Any = Cluster(state)
    job.id, job.name, job._rest, job._say = "1", "trips", cluster, lambda line: None
    with pytest.raises(raised) if raised else contextlib.nullcontext():
        assert job.watch(threading.Event(), lambda: told.append("ended")) == state
    assert told == ["ended"] * ended


def test_of_a_job_that_flink_does_not_know_by_name_only_a_good_end_is_known():
    for error, ends in ((None, ["ended"]), (ConnectionError("the job server went away"), [])):
        job, told = FlinkJob.__new__(FlinkJob), []
        job.id, job.name, job._rest, job._say, job._error = None, "trips", None, lambda line: None, error
        job._follower = threading.Thread(target=lambda: None)
        with contextlib.suppress(OnegraphError):
            assert job.watch(threading.Event(), lambda: told.append("ended")) == "FINISHED"  # noqa: B023
        assert told == ends


@pytest.mark.parametrize("metrics", [broken, empty])
def test_counters_that_are_not_told_are_not_zero(ended, metrics, caplog):
    assert ended(metrics).counters() is None
    if metrics is broken:
        (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert line.getMessage() == "the counters of job 1 are not known: ConnectionError: the job server went away"


def test_the_summary_of_such_a_job_says_so():
    became = {"job": "1", "name": "trips", "state": "FINISHED", "rest": None}
    result = dict.fromkeys(score_stream._summary({})) | {"stopped": False, "group": "g", "flink": became}
    assert result["predictions"] is None
    assert score_stream.describe(result) == "Flink job 1 is FINISHED; how many events it scored is not known"
    assert flink.describe(became | {"state": "CANCELED"}) == "Flink job 1 is CANCELED"
