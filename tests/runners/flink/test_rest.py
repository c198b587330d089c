"""Flink's REST interface as a client sees it; the real one: `tests/services/test_local_flink.py`."""

import pytest

from beam_jobs.runners.flink.rest import FlinkRest, at_work
from schemas.errors import ServiceError
from tests.runners.flink.rest_server import listed, rest_server


def test_a_running_job_is_at_work_only_with_all_its_tasks():
    tasks = {"running": 1, "finished": 0, "initializing": 1, "total": 2}
    assert not at_work({"state": "RUNNING", "tasks": tasks})
    assert at_work({"state": "RUNNING", "tasks": tasks | {"running": 2}})
    assert at_work({"state": "RUNNING", "tasks": tasks | {"finished": 1}})
    assert not at_work({"state": "RESTARTING", "tasks": tasks | {"running": 2}})


def test_jobs_are_listed_newest_first():
    jobs = [listed("a", "old", "FINISHED", started=1), listed("b", "new", "RUNNING", started=2)]
    with rest_server(jobs=jobs) as server:
        assert [job["jid"] for job in server.client().jobs()] == ["b", "a"]


def test_tasks_are_waited_for_and_not_for_ever():
    with rest_server(jobs=[listed("a", "trips", "RUNNING", at_work=False)]) as server:
        with pytest.raises(ServiceError, match="Flink job a has not all its tasks at work after 0 s"):
            server.client().wait_for_tasks("a", 0)
        server.jobs[0] = listed("a", "trips", "RUNNING")
        server.client().wait_for_tasks("a", 0)
        server.jobs[0] = listed("a", "trips", "FAILED")
        with pytest.raises(ServiceError, match="Flink job a is FAILED"):
            server.client().wait_for_tasks("a", 0)
        with pytest.raises(ServiceError, match="Flink job b is not known any more"):
            server.client().wait_for_tasks("b", 0)


def test_a_job_that_does_not_end_is_waited_for_and_not_for_ever():
    said = "Flink job a is RUNNING after 0 s, wanted CANCELED or FAILED or FINISHED"
    with rest_server(jobs=[listed("a", "trips", "RUNNING")]) as server, pytest.raises(ServiceError, match=said):
        server.client().wait_for_end("a", 0)


def test_a_savepoint_that_cannot_be_written_is_told_and_the_job_runs_on():
    cause = "Caused by: java.io.IOException: disk"
    with rest_server(jobs=[listed("a", "trips", "RUNNING")], no_savepoint=cause) as server:
        with pytest.raises(ServiceError, match=f"no savepoint: {cause}; the job runs on"):
            server.client().stop("a", None)
        assert server.client().state("a") == "RUNNING"


def test_what_is_refused_is_one_line():
    with rest_server(jobs=[]) as server, pytest.raises(ServiceError, match=r"answers 404 to /jobs/x: no job x$"):
        server.client().state("x")
    with pytest.raises(ServiceError, match=r"does not answer: .*refused.*; is it up\?"):
        server.client().overview()


def test_an_address_may_be_a_url():
    assert FlinkRest("http://flink:8081/").address == "flink:8081"
    assert FlinkRest("https://flink").address == "https://flink"
