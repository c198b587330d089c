"""Trials: work on files that no process has loaded yet, done in a child process first, so that this one survives it.

A bundle may end the process that loads it (trees with an index out of range end it by SIGSEGV), hang it, or take all
memory. The child is a fresh program, not a fork (forking is unsafe once TensorFlow's threads run). Importing what it
needs takes seconds, so it is kept for the next trial, until `rest` finds it idle. It holds nothing of this process but
one end of a channel, prints nothing, and dies with it. Its temporary files are in a folder that goes with it.
"""

import contextlib
import dataclasses
import json
import math
import multiprocessing
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from schemas import errors
from schemas.errors import ArtifactError, OnegraphError, ServiceError

# The path comes first: what the child imports, it finds where this process does.
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from models.isolation import trial_child as c; c.main()"
)
_LOOK_S, _END_S = 0.05, 5.0
_WARM_AFTER_S = 10.0  # a job that has just started needs the processor itself
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CURE = "make it anew, or let an earlier one serve with `onegraph rollback`"
GIB = 1 << 30
_SHARE = 0.8


class TrialFailed(ArtifactError):
    """What was tried ended the child, hung it or took too much memory."""


class TrialOverLimit(TrialFailed):
    """It took too long or too much memory, or the child ended by itself: at another time it may not."""


class TrialEnded(OnegraphError):
    """The verdict of the trial is no longer wanted."""


@dataclasses.dataclass(frozen=True)
class TrialLimits:
    """What one trial may take: seconds, and bytes of memory."""

    deadline_s: float = 60.0
    memory: int = 4 * GIB


def _unlimited() -> float:
    """Return that there is no limit to the memory."""
    return math.inf


class Trials:
    """One child, started when first needed or before; safe for threads, one trial at a time.

    `deadline_s` is for one trial, `start_s` for the child to import the modules `imports`; `memory` (bytes) is what a
    trial may take beside what the child had before, and never more than `_SHARE` of what `left` returns, the memory
    (bytes) that there is when it begins. A child that was not needed for `idle_s` is ended by `rest`, one that keeps
    more than `kept_memory` (bytes) after its trial at once. With `keep_warm`, `rest` starts one after `warm_after_s`
    instead, and the next trial need not wait for its imports.
    """

    def __init__(
        self,
        deadline_s: float = 60.0,
        memory: int = 4 * GIB,
        idle_s: float = 60.0,
        start_s: float = 300.0,
        kept_memory: int = GIB,
        imports: Sequence[str] = ("models.isolation.bundle_trial", "models.families.table.all"),
        left: Callable[[], float] = _unlimited,
        keep_warm: bool = False,
        warm_after_s: float = _WARM_AFTER_S,
    ):
        self._deadline_s, self._memory, self._kept_memory = deadline_s, memory, kept_memory
        self._idle_s, self._start_s = idle_s, start_s
        self._imports, self._left = imports, left
        self._keep_warm, self._warm_after_s = keep_warm, warm_after_s
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._idle_since = time.monotonic()
        self._closed = threading.Event()

    @property
    def pid(self) -> int | None:
        """The child's process id, None if there is none now."""
        process = self._process
        return None if process is None else process.pid

    def run(
        self, what: str, work: Callable[..., object], *arguments: Any, ended: threading.Event | None = None
    ) -> None:
        """Call `work(*arguments)` in the child, all of which is pickled; `what` names it in errors, as in "bundle X".

        Raises what `work` raised, an `OnegraphError` as one of its class, anything else as `ArtifactError`, but an
        `OSError` as `ServiceError`; `TrialFailed` if the child did not survive; `ServiceError` if it cannot
        start or was killed by another process; `TrialEnded` within a moment of `ended` being set.
        """
        request = pickle.dumps((self._deadline_s, work, arguments))
        while not self._turn.acquire(timeout=_LOOK_S):
            self._check_wanted(ended)
        try:
            self._check_wanted(ended)
            for again in (True, False):
                self._start_child()
                self._await_ready(ended)
                if self._began(request, ended):
                    break
                self._end_child()
                if not again:
                    raise ServiceError(f"{what}: the process to try it in ends at once; see how much memory is free")
            self._await_answer(what, ended)
        finally:
            self._idle_since = time.monotonic()
            self._turn.release()

    def rest(self) -> None:
        """End a child that was not needed for a while, or keep one warm; to be called now and then."""
        if self._turn.acquire(blocking=False):
            idle_s = time.monotonic() - self._idle_since
            try:
                if self._keep_warm and idle_s > self._warm_after_s and not self._closed.is_set():
                    with contextlib.suppress(ServiceError):  # the next trial says so
                        self._start_child()
                elif not self._keep_warm and idle_s > self._idle_s:
                    self._end_child()
            finally:
                self._turn.release()

    def close(self) -> None:
        """End the child, and with it a trial that goes on."""
        self._closed.set()
        with self._turn:
            self._end_child()

    def _check_wanted(self, ended: threading.Event | None) -> None:
        if self._closed.is_set() or (ended is not None and ended.is_set()):
            raise TrialEnded("the trial is not wanted any more")

    def _start_child(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._end_child()
        self._channel, child_end = multiprocessing.Pipe()
        self._folder = tempfile.TemporaryDirectory(prefix="onegraph-child-")
        ours = [json.dumps(sys.path), str(child_end.fileno()), self._folder.name]
        command = [sys.executable, "-c", _CHILD, *ours, *self._imports]
        quiet = subprocess.DEVNULL  # what native code prints before it aborts may quote a record
        try:
            # A session of its own: a signal to the group of this process is no fault of what is tried.
            self._process = subprocess.Popen(
                command, stdin=quiet, stdout=quiet, stderr=quiet, pass_fds=[child_end.fileno()], start_new_session=True
            )
        except OSError as error:
            self._channel.close()
            self._folder.cleanup()
            raise ServiceError(f"the process to try bundles in cannot start: {error.strerror}") from None
        finally:
            child_end.close()
        self._ready, self._started = False, time.monotonic()

    def _await_ready(self, ended: threading.Event | None) -> None:
        while not self._ready:
            answer = self._answer(_LOOK_S)
            self._check_wanted(ended)  # the child goes on, it is needed for the next one too
            if answer == "ready":
                self._ready, self._resting = True, self._memory_now()
            elif answer == "gone" or time.monotonic() - self._started > self._start_s:
                why = f"ended {self._reaped()}" if answer == "gone" else f"is not ready after {self._start_s:g} s"
                self._end_child()
                raise ServiceError(f"the process to try bundles in {why}; see how much memory is free")

    def _began(self, request: bytes, ended: threading.Event | None) -> bool:
        """Send a request; return whether the child began with it. One that was kept may be gone or hang."""
        ends = time.monotonic() + self._start_s
        try:
            self._channel.send_bytes(request)
            while (answer := self._answer(_LOOK_S)) is None and time.monotonic() < ends:
                self._check_wanted(ended)
        except OSError:
            return False
        except TrialEnded:
            self._end_child()  # its answer would be taken for that of the next trial
            raise
        return answer == "began"

    def _await_answer(self, what: str, ended: threading.Event | None) -> None:
        ends = time.monotonic() + self._deadline_s
        most = min(self._memory, _SHARE * self._left())
        while (answer := self._answer(_LOOK_S)) is None:
            taken = self._memory_now() - self._resting
            late, large = time.monotonic() > ends, taken > most
            if late or large:
                self._end_child()
                raise TrialOverLimit(
                    f"{what}: takes more than {most / GIB:.3g} GiB of memory to load and score its golden rows; "
                    + _CURE
                    if large
                    else f"{what}: is not loaded and its golden rows not scored within {self._deadline_s:g} s; {_CURE}"
                )
            try:
                self._check_wanted(ended)
            except TrialEnded:
                self._end_child()
                raise
        if answer == "gone":
            how = self._reaped()
            if how == "by SIGKILL":
                raise ServiceError(f"{what}: the process that tried it was killed; see how much memory is free")
            by_its_own = how.startswith("by SIG") and how != "by SIGALRM"  # the child's own alarm
            raise (TrialFailed if by_its_own else TrialOverLimit)(
                f"{what}: ended the process that loads it and scores its golden rows, {how}; {_CURE}"
            )
        if self._memory_now() - self._resting > self._kept_memory:
            self._end_child()
        if answer != "done":
            raise _error(answer)

    def _answer(self, timeout_s: float) -> str | None:
        """Return the child's next word, "gone" if it has ended, None if there is none yet."""
        try:
            return self._channel.recv_bytes().decode() if self._channel.poll(timeout_s) else None
        except (EOFError, OSError):
            return "gone"

    def _memory_now(self) -> int:
        """Return the child's memory, in bytes, without that of files, which others share."""
        try:
            pages = pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()
        except OSError:
            return 0
        return (int(pages[1]) - int(pages[2])) * _PAGE

    def _reaped(self) -> str:
        """Return how a child ended that has closed its channel, and remove it."""
        if self._process is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        code = self._process.poll()
        self._end_child()
        if code is None:
            return "not within time"
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"

    def _end_child(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._channel.close()
            self._folder.cleanup()


def _error(answer: str) -> OnegraphError:
    """Return what the child says that it raised, as an error of ours."""
    kind, _, text = answer.partition(": ")
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, OnegraphError):
        return found(text)
    if kind == "OSError":
        return ServiceError(text)
    return (TrialOverLimit if kind == "MemoryError" else ArtifactError)(f"{kind}: {text}")
