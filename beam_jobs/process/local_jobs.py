"""Ending a job of this machine: by SIGTERM to the process that is proven to be its own, never by more.

A process is proven by what it wrote of itself in a folder that no other user may write (`run_files`): its id, the time
when it began and its command line. The signal goes through a handle that cannot come to mean another process, and only
while the job has its file there: so long its process takes SIGTERM as the word to end well, however often it comes.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import select
import signal
from collections.abc import Iterator, Mapping
from typing import Any

from beam_jobs.process import run_files
from beam_jobs.process.process_identity import command_line
from schemas.errors import ServiceError


@dataclasses.dataclass(frozen=True)
class LocalJob:
    """A streaming job whose process on this machine says that it ends by SIGTERM."""

    about: Mapping[str, Any]

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self.about["pid"])

    def __str__(self) -> str:
        return f"{self.about['name']} (process {self.pid}, group {self.about['group']} of {self.about['source_topic']})"


def running(job: str | None = None, group: str | None = None) -> list[LocalJob]:
    """Return the local jobs, by name or process id and by group if these are given, oldest first."""
    found = [LocalJob(about) for about in run_files.running() if about.get("ends_by_sigterm")]
    if job is not None:
        found = [one for one in found if job in (one.about["name"], str(one.pid))]
    return [one for one in found if group in (None, one.about["group"])]


def end(job: LocalJob, wait_s: float) -> dict[str, Any] | None:
    """Have a job end and wait for it; returns what it says it did, None if it ended without a word.

    Raises `ServiceError` if the job has ended already, if its process is not the one that began it, or has not ended in
    time: it is not killed then, and may be asked again.
    """
    with _handle(job) as handle:
        answer = run_files.ask_for_summary(job.about)
        try:
            _send_sigterm(job, handle)
            if not _ended(handle, wait_s):
                raise ServiceError(
                    f"process {job.pid} has not ended {wait_s:g} s after SIGTERM and is left as it is; does it wait "
                    "for a broker? `onegraph status` shows it, a second `onegraph stop` waits on"
                )
            return _read(answer)
        finally:
            answer.unlink(missing_ok=True)


@contextlib.contextmanager
def _handle(job: LocalJob) -> Iterator[int]:
    """Hold the process, so that its id cannot come to mean another one."""
    try:
        handle = os.pidfd_open(job.pid)
    except ProcessLookupError:
        raise _gone(job) from None
    try:
        yield handle
    finally:
        os.close(handle)


def _send_sigterm(job: LocalJob, handle: int) -> None:
    """Send the signal if the process that is held still is the job's: a program may go on behind the end of its job."""
    with run_files.held_still(run_files.folder()):
        if all(one.about != job.about for one in running()):
            raise _gone(job)
        if command_line(job.pid) != job.about["command"]:
            raise ServiceError(f"process {job.pid} is not the one that began job {job.about['name']}; left as it is")
        try:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
        except ProcessLookupError:
            raise _gone(job) from None


def _gone(job: LocalJob) -> ServiceError:
    return ServiceError(f"job {job.about['name']} of process {job.pid} has ended already")


def _ended(handle: int, wait_s: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(int(wait_s * 1000)))


def _read(answer: pathlib.Path) -> dict[str, Any] | None:
    try:
        said = json.loads(answer.read_text() or "null")
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None
