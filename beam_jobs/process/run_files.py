"""Which jobs run on this machine: a small file per process, written at its start and removed at its end.

A process that was killed leaves its file; it counts no more once no process has its id and its start time, and the
next look removes it. On Flink every worker process has a file of its own beside that of the command that watches the
job.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any

from beam_jobs.process.loopback import HOST
from beam_jobs.process.process_identity import began, command_line
from beam_jobs.process.user_folder import user_folder
from schemas.errors import OnegraphError

_ASKED_S = 86_400.0  # longer than anybody waits for a job's end
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
        unfinished = self._path.with_suffix(".new")
        try:
            unfinished.write_text(json.dumps(self._about))
            unfinished.replace(self._path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise OnegraphError(
                f"{self._path}: cannot be written: {error.strerror}; free that disk or {_OR_ELSE}"
            ) from None

    def tell(self, summary: Mapping[str, Any]) -> None:
        """Say what the job has done, once it has ended well, to whoever asked it to end."""
        asked = _answer(self._about)
        if asked.exists():
            with contextlib.suppress(OSError):  # a full disk; the one who asked hears that the job ended
                unfinished = asked.with_suffix(".new")
                unfinished.write_text(json.dumps(summary))
                unfinished.replace(asked)

    def close(self) -> None:
        """Remove the file and stop serving."""
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


def ask_for_summary(about: Mapping[str, Any]) -> pathlib.Path:
    """Have a job, before it ends, write what it has done into the file that is returned; remove it when it is read."""
    path = _answer(about)
    path.touch(0o600)
    return path


def _answer(about: Mapping[str, Any]) -> pathlib.Path:
    return folder() / f"{about['pid']}-{about['name']}.ended"


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
