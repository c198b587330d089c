"""Ending a job of this machine: by SIGTERM to the process that is proven to be its own, never by more.

A process is proven by what it wrote of itself in a folder that no other user may write (`run_files`): its id, the time
when it began and its command line. The signal goes through a handle that cannot come to mean another process.
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
from beam_jobs.process.process_identity import began, command_line
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

    Raises `ServiceError` if its process is no longer the one that began the job, or has not ended in time: it is not
    killed then.
    """
    with _handle(job) as handle:
        answer = run_files.ask_for_summary(job.about)
        try:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
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
    """Hold the process, looked at once more now that its id cannot be given to another."""
    gone = ServiceError(f"process {job.pid} of job {job.about['name']} has ended already")
    try:
        handle = os.pidfd_open(job.pid)
    except ProcessLookupError:
        raise gone from None
    try:
        if began(job.pid) is None:
            raise gone
        if began(job.pid) != job.about["began"] or command_line(job.pid) != job.about["command"]:
            raise ServiceError(f"process {job.pid} is not the one that began job {job.about['name']}; left as it is")
        yield handle
    finally:
        os.close(handle)


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
