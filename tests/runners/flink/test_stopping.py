"""Which running job is meant, and how one is ended; `tests/verbs/test_score_stream_flink.py` stops real ones."""

import pytest

from beam_jobs.runners.flink import stopping
from schemas.errors import ServiceError
from tests.runners.flink.rest_server import listed, rest_server

JOBS = [
    {"jid": "ab01", "name": "trips", "state": "RUNNING"},
    {"jid": "ab02", "name": "fares", "state": "RESTARTING"},
    {"jid": "cd03", "name": "old", "state": "FINISHED"},
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("ab01", "ab01"), ("trips", "ab01"), ("fares", "ab02"), ("ab02"[:4], "ab02")],
)
def test_a_job_is_named_by_id_beginning_or_name(wanted, found):
    assert stopping.chosen(JOBS, wanted, "here")["jid"] == found


def test_the_only_running_job_needs_no_name():
    assert stopping.chosen(JOBS[1:], None, "here")["jid"] == "ab02"
    assert stopping.chosen(JOBS[1:], "a", "here")["jid"] == "ab02"


@pytest.mark.parametrize(
    ("jobs", "wanted", "message"),
    [
        (JOBS, None, r"here runs 2 such jobs, name one by its id: ab01 \(trips\), ab02 \(fares\)"),
        (JOBS, "ab", "runs 2 such jobs"),
        ([JOBS[0], JOBS[0] | {"jid": "ab09"}], "trips", r"runs 2 such jobs, name one by its id: ab01 .*, ab09"),
        (JOBS, "old", r"Flink job cd03 \(old\) is FINISHED already"),
        (JOBS, "new", r"runs no job 'new'; it runs ab01 \(trips\), ab02"),
        (JOBS[2:], None, "here runs no job$"),
        ([], "ab01", "here runs no job$"),
    ],
)
def test_what_names_no_single_running_job(jobs, wanted, message):
    with pytest.raises(ServiceError, match=message):
        stopping.chosen(jobs, wanted, "here")


def test_a_job_is_cancelled():
    with rest_server(jobs=[listed("ab01", "trips", "RUNNING")]) as server:
        rest = server.client()
        assert stopping.cancel(rest, stopping.choose(rest, "trips")) == stopping.EndedJob("ab01", "trips", "CANCELED")
    assert server.asked[-2:] == ["PATCH /jobs/ab01", "GET /jobs/ab01"]


def test_a_job_is_stopped_with_a_savepoint():
    with rest_server(jobs=[listed("ab01", "trips", "RUNNING")]) as server:
        rest = server.client()
        ended = stopping.stop(rest, stopping.choose(rest, None), "s3://b/k")
    assert ended == stopping.EndedJob("ab01", "trips", "FINISHED", "s3://b/k/savepoint-1")
