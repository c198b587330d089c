"""SIGTERM taken as Ctrl-C is, for commands that show something until they are told to end."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


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
