"""The job on the local runner: one process, and a successor that stands by with everything imported."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beam_jobs import java

_START_S = 120
_AGAIN_S = 1.0


class _Contender:
    """One process of `chaos_contender`."""

    def __init__(self, options: Sequence[str], log: pathlib.Path):
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos_contender", *options],
                cwd=java.ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.pid = self._process.pid

    def say(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe("stdin").write(line + "\n")
            self._pipe("stdin").flush()

    def wait_until_ready(self) -> None:
        if self._pipe("stdout").readline().strip() != "ready":
            raise AssertionError(f"the job's process {self.pid} did not start: exit code {self._process.wait(10)}")

    def wait(self, timeout_s: float | None = None) -> int:
        return self._process.wait(timeout_s)

    def terminate(self) -> None:
        self._process.terminate()

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _pipe(self, name: str) -> Any:
        return getattr(self._process, name)


class LocalJob:
    """Keeps one process of the job running, as a supervisor would: whatever ends it, the next one starts."""

    replayed_s = 2.0  # the job commits every second; as long again for the batch that is being worked on

    def __init__(self, options: Sequence[str], folder: pathlib.Path, say: Callable[[str], None]):
        self._options, self._say = options, say
        self.log = folder / "job.log"
        self.deaths: list[float] = []
        self.started_at = 0.0
        self._stopping = False
        self._exit = 0
        self._current = self._next = self._contender()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def pids(self) -> Mapping[str, int]:
        return {"job": self._current.pid}

    def arm(self, point: str, count: int) -> None:
        """Let the process kill itself when it passes that point for the `count`th time."""
        self._current.say(f"arm {count} {point}")

    def stop(self) -> None:
        """Stop it by SIGTERM, which must end well."""
        self._stopping = True
        self._current.terminate()
        self._thread.join(60)
        if self._thread.is_alive() or self._exit:
            raise AssertionError(f"the job ended with {self._exit} after SIGTERM; see {self.log}")

    def close(self) -> None:
        self._stopping = True
        for one in (self._current, self._next):
            one.end()

    def _contender(self) -> _Contender:
        return _Contender(self._options, self.log)

    def _supervise(self) -> None:
        while True:
            self._current = self._next
            self._current.wait_until_ready()
            self._current.say("go")
            self.started_at = time.time()
            self._next = self._contender()
            code = self._current.wait()
            if self._stopping:
                self._exit = code
                return
            self.deaths.append(time.time())
            how = "SIGKILL" if code == -signal.SIGKILL else f"exit code {code}: {self._last_words()}"
            self._say(f"job process {self._current.pid} ended ({how}); its successor takes over")
            self._current.end()
            if code != -signal.SIGKILL:
                time.sleep(_AGAIN_S)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return next((line for line in reversed(lines) if line.startswith("onegraph ")), "no message")[:200]
