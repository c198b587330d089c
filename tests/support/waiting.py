"""Waiting for what another thread or process brings about."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(find: Callable[[], T], what: str, patience_s: float = 180, look_s: float = 0.1) -> T:
    """Look now and again until `find` returns something that is true, and return that; fails naming `what`.

    `look_s` is the time between two looks: longer if a look is work for the broker and this machine.

    >>> rest = [0, 0, 3]
    >>> wait_until(lambda: rest.pop(0), "three", look_s=0)
    3
    """
    ends = time.monotonic() + patience_s
    while not (found := find()):
        assert time.monotonic() < ends, f"{what}: not within {patience_s:g} s"
        time.sleep(look_s)
    return found
