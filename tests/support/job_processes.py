"""Jobs in processes of their own that are forked from one that has imported everything already.

An import of Beam and TensorFlow costs as much as a test. What a test gets is a process like any other: it may be
killed, and its threads, connections and signal handlers are its own.
"""

import ctypes
import importlib
import multiprocessing.forkserver
import os
import pathlib
from collections.abc import Sequence

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["beam_jobs.verbs.score_stream", "beam_jobs.stream.job.running"])


def prepare() -> None:
    """Let the imports begin, beside whatever goes on here."""
    multiprocessing.forkserver.ensure_running()


class JobProcess:
    """A process that runs `module:function`, which takes words and returns an exit code.

    `out` and `err`, in its folder, take what it writes.
    """

    def __init__(self, function: str, argv: Sequence[str], folder: pathlib.Path):
        folder.mkdir()
        self.out, self.err = folder / "out", folder / "err"
        self._process = _CONTEXT.Process(target=_run, args=(function, list(argv), str(self.out), str(self.err)))
        self._process.start()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self, timeout_s: float) -> int:
        """Return its exit code, that of a signal negative; fails if it does not end in time."""
        self._process.join(timeout_s)
        assert self._process.exitcode is not None, f"still running after {timeout_s} s"
        return self._process.exitcode

    def close(self) -> None:
        """Kill it if it still runs."""
        self._process.kill()
        self._process.join()
        self._process.close()


def _run(function: str, argv: list[str], out: str, err: str) -> None:
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    module, _, name = function.partition(":")
    code = getattr(importlib.import_module(module), name)(argv)
    ctypes.pythonapi.Py_Exit(code)  # ends as a program does: threads waited for, libraries closed
