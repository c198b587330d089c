"""SIGTERM: taken as Ctrl-C is by commands that show something; asked for between two steps by those that save."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from schemas.errors import Interrupted


@contextlib.contextmanager
def until_terminated() -> Iterator[None]:
    """Run the block until it ends, or SIGTERM or Ctrl-C ends it, which is no error. In the main thread only."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = None
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def asked_to_end(at_once: Exception) -> Iterator[Callable[[], bool]]:
    """Have SIGTERM only noted within the block, once somebody asks for it; yield what says whether it came.

    Before anybody has asked there is nothing to save, and SIGTERM raises `at_once` wherever the main thread is.
    """
    came = looks = False

    def note(number: int, frame: Any) -> None:
        nonlocal came
        came = True
        if not looks:
            raise at_once

    def asked() -> bool:
        nonlocal looks
        looks = True
        return came

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def interrupted_by_sigterm(line: str) -> Iterator[None]:
    """Let SIGTERM end the block, with `Interrupted` of that line behind it. In the main thread only.

    Until the block is left it is no `Exception`, so that nothing on the way takes it for an error of its own.
    """

    def interrupt(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what is cleaned up shall come to its end
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except _Terminated:
        raise Interrupted(line) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(BaseException):
    pass
