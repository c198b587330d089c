"""What this machine's processes say of their jobs; how `onegraph status` shows it: `tests/verbs/test_status.py`."""

import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
import threading
from collections.abc import Iterator

import pytest

from beam_jobs.process import run_files

JOB = run_files.Job(name="job-1", source_topic="trips", group="g", registry="/nowhere", runner="local")


class Endpoint:
    url = "http://127.0.0.1:1"
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of temporary files of the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tempfile.tempdir = None
    yield
    tempfile.tempdir = None


def test_a_job_is_there_until_it_is_closed_and_its_endpoint_with_it() -> None:
    endpoint = Endpoint()
    with run_files.Announced(JOB, endpoint) as announced:
        announced.add(lease=3)
        (about,) = run_files.running()
    assert (about["name"], about["pid"], about["url"], about["lease"]) == ("job-1", os.getpid(), endpoint.url, 3)
    assert endpoint.closed
    assert run_files.running() == []


def test_processes_of_one_job_are_listed_oldest_first() -> None:
    with run_files.Announced(JOB), run_files.Announced(JOB, role="worker"):
        assert [about["role"] for about in run_files.running()] == ["job", "worker"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "began": 1}'])
def test_a_file_that_is_none_of_ours_is_left_out(text: str) -> None:
    (run_files.folder() / "1-other-job.json").write_text(text)
    assert run_files.running() == []


def test_the_file_of_a_process_that_has_ended_is_removed() -> None:
    announced = run_files.Announced(JOB)
    (path,) = run_files.folder().iterdir()
    about = json.loads(path.read_text())
    announced.close()
    path.write_text(json.dumps(about | {"began": about["began"] - 1}))
    assert run_files.running() == []
    assert not path.exists()


def test_all_who_ask_what_a_job_did_are_told() -> None:
    with run_files.Announced(JOB) as announced, run_files.Announced(dataclasses.replace(JOB, name="job")) as other:
        (about, _) = run_files.running()
        asked = [run_files.ask_for_summary(about) for _ in range(2)]
        asked[0].unlink()  # who asked has given up
        asked.append(run_files.ask_for_summary(about))
        other.tell({"predictions": 1})
        assert [path.read_text() for path in asked[1:]] == ["", ""]
        announced.tell({"predictions": 3})
    assert not asked[0].exists()
    assert [json.loads(path.read_text()) for path in asked[1:]] == [{"predictions": 3}] * 2


def test_a_job_keeps_its_file_while_another_process_holds_it_still() -> None:
    announced, closed = run_files.Announced(JOB), threading.Event()

    def close() -> None:
        announced.close()
        closed.set()

    thread = threading.Thread(target=close)
    with run_files.held_still(run_files.folder()):
        thread.start()
        assert not closed.wait(0.2)
        assert len(run_files.running()) == 1
    thread.join(60)
    assert closed.is_set()
    assert run_files.running() == []


def test_a_job_ends_although_somebody_holds_it_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_files, "_LOCK_S", 0.1)
    with run_files.held_still(run_files.folder()):
        run_files.Announced(JOB).close()
        assert run_files.running() == []
    announced = run_files.Announced(JOB)
    shutil.rmtree(run_files.folder())
    announced.close()  # a cleaner of temporary files was here
