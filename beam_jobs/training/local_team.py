"""Several workers on this machine: the same command in as many processes, told who they are as on several machines.

One that fails ends all of them, and its line is what is said; they also end if this process does.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from beam_jobs.process import installation
from beam_jobs.process.loopback import HOST
from beam_jobs.process.private_folder import private_folder
from beam_jobs.training.environment import variables
from models.families.team import Team
from schemas.errors import Interrupted, OnegraphError

_LOOK_AGAIN_S = 0.05
_PATIENCE_S = 10.0  # that the others have to notice that one is gone
_SIGTERM_TO_PROCESS, _SIGTERM_CODE = 1, 143
_PORTS = 20_000, 32_000
_GREETING = " got rank "
_OTHER = "another worker has ended"


def train_together(words: Sequence[str], workers: int, asked_to_end: Callable[[], bool]) -> dict[str, Any]:
    """Run `onegraph train` with these words in so many processes; return the result of the first one.

    Raises `OnegraphError` with the line of one that failed, `Interrupted` if they were asked to end and have.
    """
    folder = private_folder("onegraph-train-")
    port = _free_port()
    started = [_Worker(Team(rank, workers, HOST, port), words, folder) for rank in range(workers)]
    try:
        _wait(started, asked_to_end)
        failed = [one for one in started if one.code]
    finally:
        for one in started:
            one.kill()
    if failed or any(one.code for one in started):
        raise _failure(failed or started, workers)
    for line in started[0].said():
        if _GREETING not in line:
            print(line, file=sys.stderr)
    return json.loads(started[0].out.read_text())


class _Worker:
    """One process and what it says."""

    def __init__(self, team: Team, words: Sequence[str], folder: pathlib.Path):
        self.rank = team.rank
        self.out, self._err = folder / f"out-{team.rank}", folder / f"err-{team.rank}"
        out, err = (os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600) for path in (self.out, self._err))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "beam_jobs", "train", *words, "--json"],
            env=os.environ | installation.child_environment() | variables(team),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            preexec_fn=_end_with_parent,
        )
        os.close(out)
        os.close(err)

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def ask_to_end(self) -> None:
        """Send SIGTERM, at which it saves itself."""
        if self.code is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once, and wait for that."""
        if self.code is None:
            self._process.kill()
            self._process.wait()

    def said(self) -> list[str]:
        """Return the lines it wrote for people."""
        return self._err.read_text(errors="replace").splitlines()

    def reason(self) -> str:
        """Return why it ended, in a line."""
        if self.code is not None and self.code < 0:
            name = signal.Signals(-self.code).name
            return f"was ended by {name}, as one is that the machine has no memory for; run it again"
        lines = [line for line in self.said() if line.startswith("onegraph train: ")]
        return (lines or self.said() or [f"exit code {self.code}"])[-1].removeprefix("onegraph train: ")


def _wait(workers: Sequence[_Worker], asked_to_end: Callable[[], bool]) -> None:
    """Wait until all have ended, or one has failed and the others had time to notice."""
    told, ends = False, float("inf")
    while any(one.code is None for one in workers) and time.monotonic() < ends:
        if asked_to_end() and not told:
            told = True
            for one in workers:
                one.ask_to_end()
        if any(one.code not in (None, 0, _SIGTERM_CODE) for one in workers):
            ends = min(ends, time.monotonic() + _PATIENCE_S)
        time.sleep(_LOOK_AGAIN_S)


def _failure(failed: Sequence[_Worker], workers: int) -> OnegraphError:
    """Return what the worker says that was the first to fail, as far as that can be told."""
    killed = [one for one in failed if one.code is not None and one.code < 0]
    own = [one for one in failed if one not in killed and _OTHER not in one.reason()]
    if own and all(one.code == _SIGTERM_CODE for one in own) and not killed:
        return Interrupted(own[0].reason())
    others = [one for one in own if one.code != _SIGTERM_CODE]
    if others:
        return OnegraphError(others[0].reason())
    first = (killed or list(failed))[0]
    return OnegraphError(f"worker {first.rank} of {workers} {first.reason()}" if killed else first.reason())


def _free_port() -> int:
    """Return a port that nobody has; XGBoost's tracker cannot listen beside a socket that holds it."""
    while True:
        port = random.randrange(*_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port


_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """In a child, before it becomes a program: have the kernel send SIGTERM when the parent has ended."""
    _libc.prctl(_SIGTERM_TO_PROCESS, signal.SIGTERM)
