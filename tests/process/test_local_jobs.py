"""Ending jobs of this machine: only what is proven to be one, never by more than SIGTERM."""

import contextlib
import dataclasses
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from beam_jobs.process import local_jobs, run_files
from beam_jobs.process.local_jobs import LocalJob
from schemas.errors import ServiceError
from tests.support.present import present

JOB = run_files.Job(name="job-1", source_topic="trips", group="g", registry="/nowhere", runner="local")
_BEGIN = """
import signal, sys, threading
from beam_jobs.process.run_files import Announced, Job
announced, stop = Announced(Job(**eval(sys.argv[1]))), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: {on_signal})
announced.add(ends_by_sigterm=True)
print(flush=True)
"""
WELL = _BEGIN.format(on_signal="stop.set()") + "stop.wait(); announced.tell({'predictions': 3}); announced.close()"
BADLY = _BEGIN.format(on_signal="sys.exit(1)") + "stop.wait()"
NEVER = _BEGIN.format(on_signal="None") + "stop.wait()"


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    monkeypatch.setattr(tempfile, "tempdir", None)


@contextlib.contextmanager
def process_of(code: str, **about: str) -> Iterator[subprocess.Popen]:
    job = repr(dataclasses.asdict(dataclasses.replace(JOB, **about)))
    command = [sys.executable, "-c", code, job]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=pathlib.Path.cwd()) as process:
        try:
            present(process.stdout).readline()
            yield process
        finally:
            process.kill()


def test_a_job_ends_and_says_what_it_did() -> None:
    with process_of(WELL) as process:
        (job,) = local_jobs.running()
        assert (job.pid, str(job)) == (process.pid, f"job-1 (process {process.pid}, group g of trips)")
        assert local_jobs.end(job, 60) == {"predictions": 3}
        assert process.wait(60) == 0
        assert local_jobs.running() == []
        with pytest.raises(ServiceError, match=f"process {process.pid} of job job-1 has ended already"):
            local_jobs.end(job, 60)
    assert list(run_files.folder().iterdir()) == []


def test_a_job_that_ends_badly_says_nothing() -> None:
    with process_of(BADLY):
        (job,) = local_jobs.running()
        assert local_jobs.end(job, 60) is None


def test_a_job_that_does_not_end_is_not_killed() -> None:
    with process_of(NEVER) as process:
        (job,) = local_jobs.running()
        with pytest.raises(
            ServiceError, match=rf"process {process.pid} has not ended 0\.1 s after SIGTERM and is left"
        ):
            local_jobs.end(job, 0.1)
        assert process.poll() is None
        assert [path.suffix for path in run_files.folder().iterdir()] == [".json"]


@pytest.mark.parametrize("forged", [{"command": "0" * 16}, {"began": 1}, {"command": None}])
def test_a_process_that_is_not_proven_to_be_the_job_gets_no_signal(forged) -> None:
    with process_of(BADLY) as process:
        (job,) = local_jobs.running()
        with pytest.raises(ServiceError, match=f"process {process.pid} is not the one that began job job-1"):
            local_jobs.end(LocalJob({**job.about, **forged}), 60)
        assert process.poll() is None


def test_jobs_are_found_by_name_process_and_group() -> None:
    with process_of(WELL) as one, process_of(WELL, name="job-2", group="h") as two, run_files.Announced(JOB):
        assert [job.pid for job in local_jobs.running()] == [one.pid, two.pid], "not that of a program that goes on"
        assert [job.pid for job in local_jobs.running("job-2")] == [two.pid]
        assert [job.pid for job in local_jobs.running(str(one.pid))] == [one.pid]
        assert [job.pid for job in local_jobs.running(group="h")] == [two.pid]
        assert local_jobs.running("job-1", "h") == []
