"""Things that are made once per process and shared by DoFns: connections, the live scorer.

A runner may build and throw away many copies of a DoFn in one process; none of them owns a connection. Each copy
borrows in `setup` and gives back in `teardown`; the thing is closed when its last borrower gives it back. Making and
closing may take long (a bundle loads, a broker does not answer): borrowers of other things do not wait for it.
"""

import contextlib
import threading
from collections.abc import Callable, Hashable
from typing import Any

_lock = threading.Lock()  # of the tables, for the time of a look; never while something is made or closed


class _Shared:
    """The thing of one key, how many have it or wait for it, and the lock under which it is made and closed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.made = False
        self.thing: Any = None


_table: dict[Hashable, _Shared] = {}


def borrow(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return the thing of that key, made now if it is not there. If `make` raises, nothing is borrowed."""
    with _lock:
        shared = _table.setdefault(key, _Shared())
        shared.users += 1
    with shared.lock:
        if not shared.made:
            try:
                shared.thing, shared.made = make(), True
            except BaseException:
                _leave(key, shared)
                raise
        return shared.thing


def borrow_until(end: contextlib.ExitStack, key: Hashable, make: Callable[[], Any]) -> Any:
    """Borrow a thing until `end` closes."""
    thing = borrow(key, make)
    end.callback(give_back, key)
    return thing


def give_back(key: Hashable) -> None:
    """Say that one borrower is done; the last one closes the thing with its `close` method.

    A borrower that comes meanwhile waits for the end of the closing, then has a new one made.
    """
    shared = _table[key]
    with shared.lock:
        if shared.users > 1:
            _leave(key, shared)
            return
        thing, shared.thing, shared.made = shared.thing, None, False
        try:
            thing.close()
        finally:
            _leave(key, shared)


def _leave(key: Hashable, shared: _Shared) -> None:
    with _lock:
        shared.users -= 1
        if not shared.users:
            del _table[key]


_stops: dict[str, threading.Event] = {}


def stop_signal(job: str, event: threading.Event | None = None) -> threading.Event:
    """Return the event that asks the readers of a job, in this process, to end where they are; `event` becomes it."""
    with _lock:
        return _stops.setdefault(job, event or threading.Event())
