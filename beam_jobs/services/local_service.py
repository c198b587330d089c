"""What local services share: the processes of a folder, brought up by one command at a time, awaited and ended.

A process writes `NAME.pid` and `NAME.log` in its service's folder. It counts as ours only while its command line holds
certain words, one of which names the folder. Imports the standard library only.
"""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from beam_jobs.process.loopback import HOST, why_taken
from beam_jobs.services import background_process, port_owner
from schemas.errors import ServiceError
from schemas.file_lock import locked

_POLL_MS = 50
_PATIENCE_S = 5  # with the end of what did not come up
_POLL_S = 0.1
_LEAST_S = 1.0  # an answer may take so long even when the time is up

Answers = Callable[[float], bool]
"""Says whether a process does its work, in no more than so many seconds."""


@dataclasses.dataclass(frozen=True)
class ServiceProcess:
    """One process of a service: `name` is that of its files, `title` is for people, `words` prove that it is ours.

    `port` is named to people if it does not answer.
    """

    folder: pathlib.Path
    name: str
    title: str
    words: tuple[str, ...]
    port: int | None = None

    @property
    def log(self) -> pathlib.Path:
        """The file that its output is appended to."""
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return background_process.running(self._pid_file, self.words)

    @property
    def _pid_file(self) -> pathlib.Path:
        return self.folder / f"{self.name}.pid"

    def launch(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start it with a command that holds its words; `environment` comes on top of this process's own."""
        background_process.spawn(list(command), self.log, self._pid_file, environment)

    def end(self, patience_s: float) -> bool:
        """End it: SIGTERM, SIGKILL after `patience_s`; returns whether there was one to end."""
        return background_process.end(self._pid_file, self.words, patience_s)

    def wait_for(self, answers: Answers, deadline: float, timeout_s: float) -> None:
        """Wait until it answers; raises `ServiceError` if it ends, or does not answer by `deadline`.

        What answers for a process that has ended is another one.
        """
        pid, wait_ms = self.pid, 0
        while pid is not None and not background_process.ended(pid, wait_ms):
            left_s = deadline - time.monotonic()
            if answers(max(left_s, _LEAST_S)):
                return
            if left_s < 0:
                on_port = "" if self.port is None else f" on port {self.port}"
                raise ServiceError(
                    f"{self.folder}: {self.title}{on_port} does not answer after {timeout_s:g} s; see {self.log}"
                )
            wait_ms = _POLL_MS
        raise ServiceError(f"{self.folder}: {self.title} ended while it started: {self.last_error()}")

    def last_error(self) -> str:
        """Return the last line of its log that tells of an error, or the last one, and where the log is."""
        lines = self.log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if "Exception" in line or "ERROR" in line or "Error" in line]
        last = (errors or lines or ["it said nothing"])[-1]
        return f"{last.strip()}; see {self.log}"


def bring_up(
    commands: Mapping[ServiceProcess, Sequence[str]],
    answers: Mapping[ServiceProcess, Answers],
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Start these processes, then wait, one after the other, until each of `answers` is true.

    Raises `ServiceError` with the last error of one that does not come up; what was started here is ended then.
    """
    deadline = time.monotonic() + timeout_s
    try:
        for process, command in commands.items():
            process.launch(command, environment)
        for process, is_up in answers.items():
            process.wait_for(is_up, deadline, timeout_s)
    except BaseException:
        for process in commands:
            process.end(_PATIENCE_S)
        raise


def stop(folder: pathlib.Path, processes: Iterable[ServiceProcess], patience_s: float) -> bool:
    """End a folder's processes, one after the other; returns whether there was one to end."""
    if not folder.is_dir():
        return False
    with one_at_a_time(folder):
        ended = [process.end(patience_s) for process in processes]
        return any(ended)


def one_at_a_time(folder: pathlib.Path) -> contextlib.AbstractContextManager[None]:
    """Let no other command start or stop the folder's service while the block runs."""
    return locked(folder / "lock")


def check_free(ports: Iterable[int], advice: str, patience_s: float = 0.0) -> None:
    """Raise `ServiceError` for the first port of loopback that cannot be listened on.

    `patience_s` is for ports of processes that were just killed: the kernel closes their sockets a moment later.
    """
    ends = time.monotonic() + patience_s
    for port in ports:
        while (why := why_taken(port)) is not None:
            if time.monotonic() >= ends:
                owner = port_owner.owner(port)
                by = "" if owner is None else f" by {owner}"
                raise ServiceError(f"port {port} on {HOST} cannot be used: {why}{by}; {advice}")
            time.sleep(_POLL_S)


def size(folder: pathlib.Path) -> int:
    """Return how many bytes of the disk a folder's files take; 0 if it is not there."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):  # a file that its service removes meanwhile
            total += 512 * file.lstat().st_blocks  # Kafka's index files are mostly holes
    return total
