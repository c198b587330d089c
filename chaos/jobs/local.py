"""The job on the local runner: one process at a time, and a successor as soon as it ends."""

import contextlib
import itertools
import os
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from chaos.jobs.fork_server_process import ForkServerProcess

_STOP_S = 60.0
_AGAIN_S = 1.0


class JobOnLocalRunner:
    """Keeps one process of the job running, as a supervisor would: whatever ends it, the next one starts."""

    replayed_s = 2.0  # the job commits every second; as long again for the batch that is being worked on
    checkpoints: tuple[tuple[float, float], ...] = ()  # it commits instead
    commits_without_room = True  # the marker of a process has its room from the start

    def __init__(
        self,
        fork_server: ForkServerProcess,
        options: Mapping[str, Any],
        folder: pathlib.Path,
        disk: pathlib.Path,
        say: Callable[[str], None],
    ):
        words = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items()]
        self._options = list(itertools.chain.from_iterable(words))
        self._fork_server, self._say = fork_server, say
        self.log = folder / "job.log"
        self._temporary = _made(disk / "tmp")
        self.deaths: list[float] = []
        self.started_at = 0.0
        self._stopping = False
        self._pid, self._exit = 0, 0
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._watched, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the job's first process."""
        self._thread.start()

    def pids(self) -> Mapping[str, int]:
        """Return the job's process, if there is one yet."""
        return {"job": self._pid} if self._pid else {}

    def arm(self, point: str, count: int) -> None:
        """Let the process kill itself when it passes that point for the `count`th time."""
        self._fork_server.arm(self._pid, point, count)

    def kill(self) -> None:
        """Kill it with SIGKILL, wherever it is."""
        os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        """Stop it by SIGTERM, which must end well."""
        self._stopping = True
        os.kill(self._pid, signal.SIGTERM)
        self._thread.join(_STOP_S)
        if self._thread.is_alive() or self._exit:
            raise AssertionError(f"the job ended with {self._exit} after SIGTERM; see {self.log}")

    def close(self) -> None:
        """Kill what still runs; no successor takes over."""
        self._stopping = True
        if self._thread.is_alive() and self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._thread.join(_STOP_S)

    def check(self) -> None:
        """Raise what ended the supervisor, if anything did."""
        if self._error is not None:
            raise self._error

    def _watched(self) -> None:
        try:
            self._supervise()
        except Exception as error:
            self._error = error

    def _supervise(self) -> None:
        while not self._stopping:
            self._pid = self._fork_server.start(self._options, self.log, self._temporary)
            self.started_at = time.time()
            code = self._fork_server.wait(self._pid)
            if self._stopping:
                self._exit = code
                return
            self.deaths.append(time.time())
            how = "SIGKILL" if code == -signal.SIGKILL else f"exit code {code}: {self._last_error()}"
            self._say(f"job process {self._pid} ended ({how}); its successor takes over")
            if code != -signal.SIGKILL:
                time.sleep(_AGAIN_S)

    def _last_error(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return next((line for line in reversed(lines) if line.startswith("onegraph ")), "no message")[:200]


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir()
    return folder
