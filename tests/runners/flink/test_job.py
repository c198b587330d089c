"""A job of Flink's, watched: when it has ended, why it failed, what is said of counters that are not known."""

import contextlib
import logging
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beam_jobs.runners.flink.job import FlinkJob
from beam_jobs.stream.job import flink, running
from beam_jobs.verbs import score_stream
from schemas.errors import InputError, OnegraphError, ServiceError
from tests.runners.flink.rest_server import RestServer, listed, rest_server


class Result:
    """Of a submitted pipeline, as Beam gives it: ends when it is told to, well or with an error."""

    def __init__(self, metrics: Callable[[], Any] | None = None, error: Exception | None = None):
        self._metrics, self._error = metrics, error
        self.may_end = threading.Event()

    def wait_until_finish(self) -> None:
        assert self.may_end.wait(60)
        if self._error is not None:
            raise self._error

    def metrics(self) -> Any:
        assert self._metrics is not None
        return self._metrics()


def unsaid(line: str) -> None:
    return None


@pytest.fixture
def server() -> Iterator[RestServer]:
    with rest_server(
        jobs=[listed("1", "trips", "RUNNING")], failures={"1": "java.lang.OutOfMemoryError: heap"}
    ) as made:
        yield made


@pytest.fixture
def result() -> Iterator[Result]:
    made = Result()
    yield made
    made.may_end.set()


@pytest.mark.parametrize(
    ("state", "raised"),
    [("FINISHED", None), ("CANCELED", None), ("FAILED", OnegraphError)],
)
def test_a_job_has_ended_where_flink_says_so(server, result, state, raised):
    job, ends = FlinkJob("trips", result, server.client(), unsaid), []
    server.jobs[0]["state"] = state
    with pytest.raises(raised, match="OutOfMemoryError") if raised else contextlib.nullcontext():
        assert job.watch(threading.Event(), lambda: ends.append(state)) == state
    assert ends == [state]


BUFFERS = "java.io.IOException: Insufficient number of network buffers: required 512, but only {} available"


def test_a_batch_job_that_fails_three_times_for_one_cause_is_ended_and_says_why(server, result):
    job = FlinkJob("trips", result, server.client(), unsaid)
    server.history = [BUFFERS.format(482), BUFFERS.format(47), BUFFERS.format(3)]
    with pytest.raises(OnegraphError, match=r"3 times, and it failed for one cause: .*required 512, but only 482"):
        job.finish()
    assert server.jobs[0]["state"] == "CANCELED"


def test_a_batch_job_goes_on_after_other_failures(server, result):
    job = FlinkJob("trips", result, server.client(), unsaid)
    server.history = [BUFFERS.format(482), "java.lang.Exception: TaskManager lost", BUFFERS.format(3)]
    ended = threading.Timer(1.0, lambda: server.jobs[0].update(state="FINISHED"))
    ended.start()
    assert job.finish() == "FINISHED"
    assert "PATCH /jobs/1" not in server.asked


def test_a_batch_job_ends_at_once_for_an_error_of_ours(server, result):
    job = FlinkJob("trips", result, server.client(), unsaid)
    server.history = ["java.lang.RuntimeException: Traceback\nschemas.errors.InputError: a.csv: cannot be read"]
    with pytest.raises(InputError, match=r"^a\.csv: cannot be read$"):
        job.finish()
    assert server.jobs[0]["state"] == "CANCELED"


def test_of_a_job_that_the_cluster_does_not_know_any_more_no_end_is_known(server, result):
    job, ends = FlinkJob("trips", result, server.client(), unsaid), []
    server.jobs.clear()
    with pytest.raises(ServiceError, match="does not know job 1 any more, its JobManager was started anew"):
        job.watch(threading.Event(), lambda: ends.append("ended"))
    assert ends == []


def test_who_stops_watching_ends_nothing(server, result):
    job, ends, stop = FlinkJob("trips", result, server.client(), unsaid), [], threading.Event()
    stop.set()
    assert job.watch(stop, lambda: ends.append("ended")) == "RUNNING"
    assert ends == []


def test_a_failure_that_flink_mends_by_itself_is_said_once(server, result):
    said, stop = [], threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if "is RUNNING" in line:
            server.jobs[0]["state"] = "RESTARTING"
        elif "is RESTARTING" in line:
            stop.set()

    FlinkJob("trips", result, server.client(), say).watch(stop, lambda: None)
    failed, *states = said
    assert failed.startswith("job 1 failed and is started again by Flink: the pipeline failed: java.lang.OutOfMemory")
    assert states == ["job 1 (trips) is RUNNING", "job 1 (trips) is RESTARTING"]


class StopAfter(threading.Event):
    """Is set once it was waited for so many times; no wait takes any time."""

    def __init__(self, looks: int):
        super().__init__()
        self._left = looks

    def wait(self, timeout: float | None = None) -> bool:
        if not self._left:
            self.set()
        self._left -= 1
        return self.is_set()


def test_a_cluster_that_does_not_answer_for_a_while_is_said_once(result):
    said: list[str] = []
    with rest_server(jobs=[listed("1", "trips", "RUNNING")]) as server:
        job = FlinkJob("trips", result, server.client(), said.append)
    assert job.watch(StopAfter(looks=3), lambda: None) == "RUNNING"
    (line,) = said
    assert line.endswith("the job is watched again when it does")


def test_the_job_is_the_one_of_its_name_that_was_not_there_before(server, result):
    server.jobs.append(listed("2", "trips", "RUNNING", started=1))
    assert FlinkJob("trips", result, server.client(), unsaid, older={"1"}).id == "2"


def test_a_job_that_flink_does_not_take_says_why(server):
    refused = Result(error=RuntimeError("schemas.errors.ServiceError: no slots"))
    refused.may_end.set()
    with pytest.raises(ServiceError, match=r"^no slots$"):
        FlinkJob("fares", refused, server.client(), unsaid)


@pytest.mark.parametrize(
    ("error", "known"), [(None, ["ended"]), (ConnectionError("the job server went away"), [])], ids=["well", "broken"]
)
def test_of_a_job_without_flinks_rest_interface_only_a_good_end_is_known(error, known):
    result, ends = Result(error=error), []
    result.may_end.set()
    job = FlinkJob("trips", result, None, unsaid)
    with contextlib.suppress(OnegraphError):
        assert job.watch(threading.Event(), lambda: ends.append("ended")) == "FINISHED"
    assert ends == known


def broken() -> Any:
    raise ConnectionError("the job server went away")


def empty() -> Any:
    return types.SimpleNamespace(query=lambda wanted: {"counters": []})


@pytest.mark.parametrize("metrics", [broken, empty])
def test_counters_that_are_not_told_are_not_zero(metrics, caplog):
    result = Result(metrics)
    result.may_end.set()
    assert FlinkJob("trips", result, None, unsaid).counters() is None
    if metrics is broken:
        (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert line.getMessage() == "the counters of job None are not known: ConnectionError: the job server went away"


def test_the_summary_of_such_a_job_says_so():
    became = {"job": "1", "name": "trips", "state": "FINISHED", "rest": None}
    result = dict.fromkeys(running.summary({})) | {"stopped": False, "group": "g", "flink": became}
    assert result["predictions"] is None
    assert score_stream.describe(result) == "Flink job 1 is FINISHED; how many events it scored is not known"
    assert flink.describe(became | {"state": "CANCELED"}) == "Flink job 1 is CANCELED"
