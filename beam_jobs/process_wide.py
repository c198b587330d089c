"""Things that are made once per process and shared by DoFns: connections, the live scorer.

A runner may build and throw away many copies of a DoFn in one process; none of them owns a connection. Each copy
borrows in `setup` and gives back in `teardown`; the thing is closed when nobody has it any more.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Any

_lock = threading.Lock()
_kept: dict[Hashable, tuple[Any, int]] = {}


def borrow(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return the thing of that key, made now if nobody has it."""
    with _lock:
        thing, users = _kept.get(key) or (make(), 0)
        _kept[key] = (thing, users + 1)
        return thing


def give_back(key: Hashable) -> None:
    """Say that one borrower is done; the last one closes the thing with its `close` method."""
    with _lock:
        thing, users = _kept.pop(key)
        if users > 1:
            _kept[key] = (thing, users - 1)
            return
    thing.close()


_stops: dict[str, threading.Event] = {}


def stop_signal(job: str, event: threading.Event | None = None) -> threading.Event:
    """Return the event that asks the readers of a job, in this process, to end where they are; `event` becomes it."""
    with _lock:
        return _stops.setdefault(job, event or threading.Event())
