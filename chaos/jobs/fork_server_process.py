"""`chaos.jobs.fork_server` seen from the suite: it starts the processes of the job and says how they ended."""

import contextlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
from typing import Any

from beam_jobs.process import installation

_START_S = 600.0
_STOP_S = 60.0


class ForkServerProcess:
    """`chaos.jobs.fork_server` as a process: everything is imported once, each start of the job is a fork of it."""

    def __init__(self, log: pathlib.Path):
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
        command = [sys.executable, "-m", "chaos.jobs.fork_server"]
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=installation.ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
            )
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the fork server has no pipes")
        self._orders, self._answers = self._process.stdin, self._process.stdout
        self._pids: queue.Queue[int] = queue.Queue()
        self._codes: dict[int, int] = {}
        self._ended = threading.Condition()
        self._ready = threading.Event()
        threading.Thread(target=self._listen, name="fork server", daemon=True).start()

    def start(self, options: list[str], log: pathlib.Path, temporary: pathlib.Path) -> int:
        """Start the job, with a folder for temporary files of its own, and return its pid."""
        if not self._ready.wait(_START_S):
            raise AssertionError("the fork server of the job's processes did not start")
        self._order(start=options, log=str(log), temporary=str(temporary))
        return self._pids.get(timeout=_START_S)

    def arm(self, pid: int, point: str, count: int) -> None:
        """Let a process kill itself when it passes a point for the `count`th time."""
        self._order(arm=pid, point=point, count=count)

    def wait(self, pid: int, timeout_s: float | None = None) -> int:
        """Wait for a process to end and return its exit code, negative for a signal."""
        with self._ended:
            if not self._ended.wait_for(lambda: pid in self._codes, timeout_s):
                raise AssertionError(f"process {pid} did not end within {timeout_s:g} s")
            return self._codes[pid]

    def close(self) -> None:
        """End it, and every process that it started with it."""
        with contextlib.suppress(BrokenPipeError):
            self._orders.close()
        self._process.wait(_STOP_S)

    def _order(self, **what: Any) -> None:
        self._orders.write(json.dumps(what) + "\n")
        self._orders.flush()

    def _listen(self) -> None:
        for line in self._answers:
            answer = json.loads(line)
            if "ready" in answer:
                self._ready.set()
            elif "pid" in answer:
                self._pids.put(answer["pid"])
            else:
                with self._ended:
                    self._codes[answer["ended"]] = answer["code"]
                    self._ended.notify_all()
