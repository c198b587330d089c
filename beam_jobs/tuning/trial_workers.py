"""The processes of a search, each with a trial at a time: `trial_worker` at their end.

They are fresh programs, not forks: XGBoost's and TensorFlow's threads survive none. A process that dies with its trial
is replaced, and the trial has failed.
"""

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from beam_jobs.process import installation
from beam_jobs.tuning.trial_words import Failed, Look, NoRoom, Ready, Shared, Succeeded, TrialAsked
from models.tuning.space import Parameters
from schemas.errors import ServiceError

_PROGRAM = "beam_jobs.tuning.trial_worker"
# Threads of one trial that wait by turning round take the processors from the other trials.
_WAITING = {"OMP_WAIT_POLICY": "passive"}
_log = logging.getLogger(__name__)


class _Worker:
    """One process, its channel and the number of the trial that it makes, None while it has none."""

    def __init__(self, shared: Shared):
        self.channel, theirs = multiprocessing.Pipe()
        command = [sys.executable, "-m", _PROGRAM, str(theirs.fileno())]
        heard = _log.isEnabledFor(logging.INFO)
        quiet = None if heard else subprocess.DEVNULL
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2 if heard else subprocess.DEVNULL,
            stderr=quiet,
            pass_fds=[theirs.fileno()],
            env={**_WAITING, **os.environ, **installation.child_environment()},
            start_new_session=True,  # a signal to the group of this process is for this one, which ends the others
        )
        theirs.close()
        self.trial: int | None = None
        self.begun = time.monotonic()
        self.ready = False
        self.channel.send(shared)

    def end(self) -> int:
        """End the process, if it has not ended by itself; return its exit code."""
        self.channel.close()
        self.process.kill()
        return self.process.wait()


class TrialWorkers:
    """So many processes, started as they are needed, ended with the block."""

    def __init__(self, count: int, shared: Shared):
        self._count, self._shared = count, shared
        self._workers: list[_Worker] = []

    def __enter__(self) -> "TrialWorkers":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._workers:
            worker.end()

    @property
    def busy(self) -> int:
        """How many trials are being made."""
        return sum(worker.trial is not None for worker in self._workers)

    @property
    def free(self) -> bool:
        """Whether another trial can be begun now."""
        return self.busy < self._count

    def begin(self, trial: int, parameters: Parameters) -> None:
        """Have a free process make a trial, known by its number."""
        worker = next((one for one in self._workers if one.trial is None), None)
        if worker is None:
            worker = _Worker(self._shared)
            self._workers.append(worker)
        worker.trial, worker.begun = trial, time.monotonic()
        with contextlib.suppress(OSError):  # it is gone, which reading tells too
            worker.channel.send(TrialAsked(parameters))

    def heard(self) -> Iterator[tuple[int, Look | Succeeded | Failed]]:
        """Wait until a process says something; yield trials and what they say. A `Look` wants an `answer`.

        Raises `OSError` if a trial has no room for its files, `ServiceError` if a process ends before it takes trials.
        """
        by_channel = {worker.channel: worker for worker in self._workers if worker.trial is not None}
        for channel in multiprocessing.connection.wait(list(by_channel)):
            assert isinstance(channel, Connection)
            worker = by_channel[channel]
            said = self._said(worker)
            if isinstance(said, Ready):
                worker.ready = True
                continue
            if isinstance(said, NoRoom):
                raise OSError(said.errno, os.strerror(said.errno), said.filename)
            assert worker.trial is not None
            number = worker.trial
            if not isinstance(said, Look):
                worker.trial = None
            if isinstance(said, Failed) and said.trace:
                _log.info("trial %d: %s", number, said.trace)
            yield number, said

    def answer(self, trial: int, end: bool) -> None:
        """Answer a trial's `Look`."""
        worker = next(one for one in self._workers if one.trial == trial)
        with contextlib.suppress(OSError):  # as in `begin`
            worker.channel.send(end)

    def _said(self, worker: _Worker) -> Any:
        try:
            return worker.channel.recv()
        except (EOFError, OSError):
            code = worker.end()
            self._workers.remove(worker)
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            if not worker.ready:
                raise ServiceError(
                    f"a process that makes trials ended at its start by {how}; see how much memory is free, or -v"
                ) from None
            memory = ", as one is that the machine has no memory for" if code == -signal.SIGKILL else ""
            return Failed(f"its process was ended by {how}{memory}", "", time.monotonic() - worker.begun)
