"""What is said of a Flink job whose counters nobody can tell any more: not that it scored nothing."""

import logging
import threading
import types

import pytest

from beam_jobs import flink_stream, score_stream
from beam_jobs.flink_job import FlinkJob


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
    assert flink_stream.describe(became | {"state": "CANCELED"}) == "Flink job 1 is CANCELED"
