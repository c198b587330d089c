"""`onegraph stop`: which job is meant, and what is refused; tests/verbs/test_score_stream_flink.py stops real ones."""

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.runners.flink.rest import at_work
from beam_jobs.verbs import stop
from schemas.errors import ServiceError

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
    assert stop.choose(JOBS, wanted, "here")["jid"] == found


def test_the_only_running_job_needs_no_name():
    assert stop.choose(JOBS[1:], None, "here")["jid"] == "ab02"
    assert stop.choose(JOBS[1:], "a", "here")["jid"] == "ab02"


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
        stop.choose(jobs, wanted, "here")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--savepoint", "--drain"], 2, "--savepoint and --drain: give one of them"),
        (["--savepoint-folder", "x"], 2, "--savepoint-folder without --savepoint"),
        (["--flink-master", "[auto]"], 2, "wanted host:port of Flink's REST interface"),
        (["--flink-master", "127.0.0.1:1"], 1, "Flink at 127.0.0.1:1 does not answer"),
        ([], 1, "Flink is not up; `onegraph services up --flink`"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(options, code, message, tmp_path, capsys):
    assert main(["stop", "--services-folder", str(tmp_path), *options]) == code
    err = capsys.readouterr().err
    assert err.startswith("onegraph stop: ")
    assert message in err
    assert err.count("\n") == 1


def test_a_running_job_is_at_work_only_with_all_its_tasks():
    tasks = {"running": 1, "finished": 0, "initializing": 1, "total": 2}
    assert not at_work({"state": "RUNNING", "tasks": tasks})
    assert at_work({"state": "RUNNING", "tasks": tasks | {"running": 2}})
    assert at_work({"state": "RUNNING", "tasks": tasks | {"finished": 1}})
    assert not at_work({"state": "RESTARTING", "tasks": tasks | {"running": 2}})


def test_what_is_said():
    result = {"job": "ab01", "name": "trips", "state": "FINISHED", "savepoint": "file:/s", "drained": False}
    assert "score_stream --runner flink --from-savepoint file:/s" in stop.describe(result)
    assert "written and committed" in stop.describe(result | {"drained": True})
    assert "may repeat a little" in stop.describe(result | {"state": "CANCELED", "savepoint": None})
