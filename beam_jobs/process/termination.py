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

    with contextlib.suppress(KeyboardInterrupt), _handled_by(interrupt):
        yield


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

    with _handled_by(note):
        yield asked


@contextlib.contextmanager
def interrupted_by_sigterm(line: str) -> Iterator[None]:
    """Let SIGTERM end the block, with `Interrupted` of that line behind it. In the main thread only.

    Until the block is left it is no `Exception`, so that nothing on the way takes it for an error of its own.
    """

    def interrupt(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what is cleaned up shall come to its end
        raise _Terminated

    try:
        with _handled_by(interrupt):
            yield
    except _Terminated:
        raise Interrupted(line) from None


class _Terminated(BaseException):
    pass


@contextlib.contextmanager
def _handled_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Have SIGTERM handled so within the block; in another thread than the main one it is left as it is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
