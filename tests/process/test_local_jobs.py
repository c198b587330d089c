"""Ending jobs of this machine: only what is proven to be one, never by more than SIGTERM."""

import concurrent.futures
import contextlib
import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from beam_jobs.process import local_jobs, run_files
from beam_jobs.process.local_jobs import LocalJob
from schemas.errors import ServiceError
from tests.support.present import present
from tests.support.waiting import wait_until

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
SLOWLY = WELL.replace("stop.wait()", "stop.wait(); sys.stdin.read()")
GONE_ON = _BEGIN.format(on_signal="stop.set()") + (
    "sys.stdin.readline(); announced.close(); signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
    "print(flush=True); sys.stdin.readline()"
)
NEVER = _BEGIN.format(on_signal="None") + "stop.wait()"


pytestmark = pytest.mark.usefixtures("own_job_files")


@contextlib.contextmanager
def process_of(code: str, **about: str) -> Iterator[subprocess.Popen]:
    job = repr(dataclasses.asdict(dataclasses.replace(JOB, **about)))
    command = [sys.executable, "-c", code, job]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=pathlib.Path.cwd()) as process:
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
        with pytest.raises(ServiceError, match=f"job job-1 of process {process.pid} has ended already"):
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


def test_a_program_that_goes_on_behind_its_job_gets_no_signal() -> None:
    with process_of(GONE_ON) as process:
        (job,) = local_jobs.running()
        present(process.stdin).write(b"\n")
        present(process.stdin).flush()
        present(process.stdout).readline()
        with pytest.raises(ServiceError, match=f"job job-1 of process {process.pid} has ended already"):
            local_jobs.end(job, 60)
        present(process.stdin).close()
        assert process.wait(60) == 0
    assert list(run_files.folder().iterdir()) == []


def test_a_process_that_ends_while_it_is_looked_at_has_ended(monkeypatch) -> None:
    with process_of(BADLY) as process:
        (job,) = local_jobs.running()

        def killed(pid: int) -> str:
            process.kill()
            process.wait(60)
            return job.about["command"]

        monkeypatch.setattr(local_jobs, "command_line", killed)
        with pytest.raises(ServiceError, match="has ended already"):
            local_jobs.end(job, 60)


def test_two_who_ask_are_both_told(monkeypatch) -> None:
    sent: list[int] = []
    send = signal.pidfd_send_signal

    def noted(handle: int, number: int) -> None:
        send(handle, number)
        sent.append(number)

    monkeypatch.setattr(signal, "pidfd_send_signal", noted)
    with process_of(SLOWLY) as process, concurrent.futures.ThreadPoolExecutor() as pool:
        (job,) = local_jobs.running()
        both = [pool.submit(local_jobs.end, job, 60) for _ in range(2)]
        wait_until(lambda: len(sent) == 2, "both signals")
        present(process.stdin).close()
        assert [one.result() for one in both] == [{"predictions": 3}] * 2
    assert list(run_files.folder().iterdir()) == []


@pytest.mark.parametrize(
    ("forged", "message"),
    [
        ({"command": "0" * 16}, "process {} is not the one that began job job-1"),
        ({"command": None}, "process {} is not the one that began job job-1"),
        ({"began": 1}, "job job-1 of process {} has ended already"),
    ],
)
def test_a_process_that_is_not_proven_to_be_the_job_gets_no_signal(forged, message) -> None:
    with process_of(BADLY) as process:
        (job,) = local_jobs.running()
        (path,) = run_files.folder().iterdir()
        path.write_text(json.dumps({**job.about, **forged}))
        with pytest.raises(ServiceError, match=message.format(process.pid)):
            local_jobs.end(LocalJob({**job.about, **forged}), 60)
        assert process.poll() is None


def test_jobs_are_found_by_name_process_and_group() -> None:
    with process_of(WELL) as one, process_of(WELL, name="job-2", group="h") as two, run_files.Announced(JOB):
        assert [job.pid for job in local_jobs.running()] == [one.pid, two.pid], "not that of a program that goes on"
        assert [job.pid for job in local_jobs.running("job-2")] == [two.pid]
        assert [job.pid for job in local_jobs.running(str(one.pid))] == [one.pid]
        assert [job.pid for job in local_jobs.running(group="h")] == [two.pid]
        assert local_jobs.running("job-1", "h") == []
