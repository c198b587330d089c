"""Short turns: threads that load let a thread that scores have the interpreter soon."""

import sys
import threading

# Loading is Python for a good part. With the interpreter's own interval of 5 ms, a thread that scores meanwhile waits
# that long after each of its calls into a library.
_SWITCH_INTERVAL_S = 0.0002


class ShortTurns:
    """Shortens the interpreter's interval while a block is inside; many threads may be in it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before, _SWITCH_INTERVAL_S))
            self._inside += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._before)


SHORT_TURNS = ShortTurns()
"""That of this process: the interval is one for all of its threads."""
