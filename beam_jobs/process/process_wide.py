"""Things that are made once per process and shared by DoFns: connections, the live scorer.

A runner may build and throw away many copies of a DoFn in one process; none of them owns a connection. Each copy
borrows in `setup` and gives back in `teardown`; the thing is closed when nobody has it any more. Making and closing
may take long (a bundle loads, a broker does not answer): whoever wants another thing does not wait for it.
"""

import contextlib
import threading
from collections.abc import Callable, Hashable
from typing import Any

_lock = threading.Lock()  # of the tables, for the time of a look; never while something is made or closed


class _Place:
    """Of one key: its thing, how many have it or wait for it, and the lock under which it is made and closed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.made = False
        self.thing: Any = None


_places: dict[Hashable, _Place] = {}


def borrow(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return the thing of that key, made now if nobody has it. Where `make` raises, nobody has borrowed anything."""
    with _lock:
        place = _places.setdefault(key, _Place())
        place.users += 1
    with place.lock:
        if not place.made:
            try:
                place.thing, place.made = make(), True
            except BaseException:
                _leave(key, place)
                raise
        return place.thing


def borrow_until(end: contextlib.ExitStack, key: Hashable, make: Callable[[], Any]) -> Any:
    """Borrow a thing until `end` closes."""
    thing = borrow(key, make)
    end.callback(give_back, key)
    return thing


def give_back(key: Hashable) -> None:
    """Say that one borrower is done; the last one closes the thing with its `close` method.

    Who borrows it meanwhile waits for the end of the closing, then has a new one made.
    """
    place = _places[key]
    with place.lock:
        if place.users > 1:
            _leave(key, place)
            return
        thing, place.thing, place.made = place.thing, None, False
        try:
            thing.close()
        finally:
            _leave(key, place)


def _leave(key: Hashable, place: _Place) -> None:
    with _lock:
        place.users -= 1
        if not place.users:
            del _places[key]


_stops: dict[str, threading.Event] = {}


def stop_signal(job: str, event: threading.Event | None = None) -> threading.Event:
    """Return the event that asks the readers of a job, in this process, to end where they are; `event` becomes it."""
    with _lock:
        return _stops.setdefault(job, event or threading.Event())
