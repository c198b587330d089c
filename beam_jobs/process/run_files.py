"""Which jobs run on this machine: a small file per process, written at its start and removed at its end.

A process that was killed leaves its file; it counts no more once no process has its id and its start time, and the
next look removes it. On Flink every worker process has a file of its own beside that of the command that watches the
job.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from beam_jobs.process.loopback import HOST
from beam_jobs.process.process_identity import began, command_line
from beam_jobs.process.user_folder import user_folder
from schemas.errors import OnegraphError
from schemas.file_lock import lock_within

_ASKED_S = 2 * 86_400.0  # longer than anybody waits for a job's end
_LOCK_S = 5.0
_OR_ELSE = "set TMPDIR to another one"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What a job says about itself; plain values, they travel to workers. `registry` is absolute."""

    name: str
    source_topic: str
    group: str
    registry: str
    runner: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkerMetrics:
    """That every worker process of a job serves its measures on a free port of `host`, and says so in a file.

    `lease` is the number of the lease with which the job has its group, None if it has none.
    """

    job: Job
    host: str = HOST
    lease: int | None = None


class Announced:
    """A process of a job that can be found, by its file, until `close`, which closes its endpoint too if it has one.

    Raises `OnegraphError` if the file cannot be written.
    """

    def __init__(self, job: Job, endpoint: Any = None, role: str = "job"):
        self._endpoint = endpoint
        pid = os.getpid()
        about = dataclasses.asdict(job) | {
            "role": role,
            "pid": pid,
            "began": began(pid),
            "command": command_line(pid),
            "started": time.time(),
            "url": endpoint.url if endpoint else None,
        }
        self._about = about
        self._path = folder() / f"{pid}-{job.name}-{role}.json"
        self.add()

    def add(self, **more: Any) -> None:
        """Say more about the job in its file."""
        self._about |= more
        try:
            _write(self._path, self._about)
        except OSError as error:
            raise OnegraphError(
                f"{self._path}: cannot be written: {error.strerror}; free that disk or {_OR_ELSE}"
            ) from None

    def tell(self, summary: Mapping[str, Any]) -> None:
        """Say what the job has done, once it has ended well, to all who asked it to end."""
        for asked in folder().glob("*.ended"):
            if asked.stem.rpartition(".")[0] == _asked(self._about):
                with contextlib.suppress(OSError):  # a full disk; the one who asked hears that the job ended
                    _write(asked, summary)

    def close(self) -> None:
        """Remove the file and stop serving."""
        with held_still(self._path.parent):  # a signal that was sent while the file was there has come by now
            self._path.unlink(missing_ok=True)
        if self._endpoint is not None:
            self._endpoint.close()

    def __enter__(self) -> "Announced":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def folder() -> pathlib.Path:
    """Return the folder of the files, in the user's own one; raises `OnegraphError` if that is another user's."""
    jobs = user_folder(_OR_ELSE) / "jobs"
    jobs.mkdir(mode=0o700, exist_ok=True)
    return jobs


@contextlib.contextmanager
def held_still(jobs: pathlib.Path) -> Iterator[None]:
    """Have no job of that folder remove its file while the block runs; a job that has its file listens to SIGTERM.

    Waits seconds at most for others that do the same, and goes on without where the file system has no locks.
    """
    try:
        handle = os.open(jobs, os.O_RDONLY)
    except OSError:  # it is gone, and so are the files
        yield
        return
    try:
        with contextlib.suppress(OSError):
            lock_within(handle, _LOCK_S)
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing is not enough: a process forked meanwhile has it open too
        os.close(handle)


def ask_for_summary(about: Mapping[str, Any]) -> pathlib.Path:
    """Have a job, before it ends, write what it has done into the file that is returned; remove it when it is read.

    Everyone who asks has a file of their own.
    """
    handle, path = tempfile.mkstemp(".ended", f"{_asked(about)}.", folder())
    os.close(handle)
    return pathlib.Path(path)


def _asked(about: Mapping[str, Any]) -> str:
    return f"{about['pid']}-{about['name']}"


def _write(path: pathlib.Path, said: Mapping[str, Any]) -> None:
    """Write a file at once, so that nobody reads half of it; raises `OSError` and leaves nothing then."""
    unfinished = path.with_suffix(".new")
    try:
        unfinished.write_text(json.dumps(said))
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def running() -> list[dict[str, Any]]:
    """Return what the processes of this machine that run now said at their start, oldest first; forget the others."""
    processes = []
    for path in folder().glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            about = json.loads(path.read_text())
            if about["began"] is not None and began(int(about["pid"])) == about["began"]:
                processes.append(about)
            else:
                path.unlink()
    for path in folder().glob("*.ended"):  # whoever asked was killed before it could read
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ASKED_S:
                path.unlink()
    return sorted(processes, key=lambda about: about["started"])
