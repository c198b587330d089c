"""The job on the local runner: one process at a time, and a successor as soon as it ends."""

import contextlib
import itertools
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from beam_jobs.services import java

_START_S = 600.0
_STOP_S = 60.0
_AGAIN_S = 1.0


class Nursery:
    """`chaos.fork_server` as a process: everything is imported once, each start of the job is a fork of it."""

    def __init__(self, log: pathlib.Path):
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
        command = [sys.executable, "-m", "chaos.fork_server"]
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=java.ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
            )
        self._pids: queue.Queue[int] = queue.Queue()
        self._codes: dict[int, int] = {}
        self._ended = threading.Condition()
        self._ready = threading.Event()
        threading.Thread(target=self._hear, name="nursery", daemon=True).start()

    def start(self, options: list[str], log: pathlib.Path, temporary: pathlib.Path) -> int:
        """Start the job, with a folder for temporary files of its own, and return its pid."""
        if not self._ready.wait(_START_S):
            raise AssertionError("the nursery of the job's processes did not start")
        self._say(start=options, log=str(log), temporary=str(temporary))
        return self._pids.get(timeout=_START_S)

    def arm(self, pid: int, point: str, count: int) -> None:
        self._say(arm=pid, point=point, count=count)

    def wait(self, pid: int, timeout_s: float | None = None) -> int:
        """Wait for a process to end and return its exit code, negative for a signal."""
        with self._ended:
            if not self._ended.wait_for(lambda: pid in self._codes, timeout_s):
                raise AssertionError(f"process {pid} did not end within {timeout_s:g} s")
            return self._codes[pid]

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(_STOP_S)

    def _say(self, **what: Any) -> None:
        self._process.stdin.write(json.dumps(what) + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]

    def _hear(self) -> None:
        for line in self._process.stdout:  # type: ignore[union-attr]
            said = json.loads(line)
            if "ready" in said:
                self._ready.set()
            elif "pid" in said:
                self._pids.put(said["pid"])
            else:
                with self._ended:
                    self._codes[said["ended"]] = said["code"]
                    self._ended.notify_all()


class LocalJob:
    """Keeps one process of the job running, as a supervisor would: whatever ends it, the next one starts."""

    replayed_s = 2.0  # the job commits every second; as long again for the batch that is being worked on
    checkpoints: tuple[tuple[float, float], ...] = ()  # it commits instead
    commits_without_room = True  # the marker of a process has its room from the start

    def __init__(
        self,
        nursery: Nursery,
        options: Mapping[str, Any],
        folder: pathlib.Path,
        disk: pathlib.Path,
        say: Callable[[str], None],
    ):
        words = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items()]
        self._options = list(itertools.chain.from_iterable(words))
        self._nursery, self._say = nursery, say
        self.log = folder / "job.log"
        self._temporary = _made(disk / "tmp")
        self.deaths: list[float] = []
        self.started_at = 0.0
        self._stopping = False
        self._pid, self._exit = 0, 0
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._watched, name="supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def pids(self) -> Mapping[str, int]:
        return {"job": self._pid} if self._pid else {}

    def arm(self, point: str, count: int) -> None:
        """Let the process kill itself when it passes that point for the `count`th time."""
        self._nursery.arm(self._pid, point, count)

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
            self._pid = self._nursery.start(self._options, self.log, self._temporary)
            self.started_at = time.time()
            code = self._nursery.wait(self._pid)
            if self._stopping:
                self._exit = code
                return
            self.deaths.append(time.time())
            how = "SIGKILL" if code == -signal.SIGKILL else f"exit code {code}: {self._last_words()}"
            self._say(f"job process {self._pid} ended ({how}); its successor takes over")
            if code != -signal.SIGKILL:
                time.sleep(_AGAIN_S)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return next((line for line in reversed(lines) if line.startswith("onegraph ")), "no message")[:200]


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir()
    return folder
