"""Ends a process whose work hangs, with a line that says what it hung on.

A thread cannot be stopped in native code; a process can, and its supervisor starts it again. Time is counted in
the watchdog's own ticks, so a machine that was asleep, or a process that was stopped, has not hung.
"""

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Iterator

_TICKS = 8
# Code that hangs and keeps Python's lock stops this thread too. Then the interpreter's own timer, which needs no lock,
# ends the process after so many deadlines; it prints where every thread stands.
_LAST_RESORT = 3


def end_process(line: str) -> None:
    """Say why and end this process at once, without any clean-up that could hang as well."""
    os.write(2, line.encode("utf-8", "backslashreplace") + b"\n")
    os._exit(1)


class Watchdog:
    """Ends the process once something watched takes over `deadline_s`, give or take an eighth. One per process."""

    def __init__(self, deadline_s: float, end: Callable[[str], None] = end_process):
        self._deadline_s, self._end = deadline_s, end
        self._watched: dict[object, object] = {}
        self._stop = threading.Event()
        self._tick()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def watching(self, what: object) -> Iterator[None]:
        """Watch a piece of work; `what` is turned into text only if it hangs, and must hold no value of a record."""
        key = object()
        self._watched[key] = what
        try:
            yield
        finally:
            del self._watched[key]

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()

    def _watch(self) -> None:
        seen: dict[object, int] = {}
        while not self._stop.wait(self._deadline_s / _TICKS):
            self._tick()
            watched = self._watched.copy()
            seen = {key: seen.get(key, 0) + 1 for key in watched}
            for key, what in watched.items():
                if seen[key] == _TICKS + 1:
                    self._end(
                        f"onegraph: {what} has been in work for over {self._deadline_s:g} s; this process ends, and "
                        "the next one tries these records one by one in a child process"
                    )

    def _tick(self) -> None:
        last_resort_s = _LAST_RESORT * self._deadline_s
        faulthandler.dump_traceback_later(last_resort_s, exit=True, file=sys.__stderr__ or 2)
