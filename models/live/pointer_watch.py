"""Looks at a registry's pointer again and again, whatever stands in its place.

Each look is made by a thread of its own: one that does not come back (a pipe where a file should be, a disk that is
gone) is left alone, and the next look is made by another.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable

from models.live.trouble import trouble_text
from models.registry.pointer import CURE, LIVE_FILE, Pointer
from models.registry.registry import Registry

_log = logging.getLogger(__name__)

_PATIENCE_S, _MOST_PATIENCE_S = 5.0, 300.0
_STEP_S = 0.1
_LATE_POLLS, _LATE_S = 5, 5.0
_BLOCKED_S = 900.0
_CLOSE_S = 5.0


def _nothing() -> None:
    """Do nothing at a poll."""


class PointerWatch:
    """Calls `on_pointer` with the pointer of every look that found one, and `on_trouble` once with each trouble.

    Before each look it calls `on_poll`. All are called from the thread that follows; what they raise is logged. Looks
    are `poll_s` apart.
    """

    def __init__(
        self,
        registry: Registry,
        poll_s: float,
        on_pointer: Callable[[Pointer], None],
        on_trouble: Callable[[str], None],
        on_poll: Callable[[], None] = _nothing,
    ):
        self._registry, self._poll_s = registry, poll_s
        self._on_pointer, self._on_trouble, self._on_poll = on_pointer, on_trouble, on_poll
        self._patience_s = _PATIENCE_S
        self._late_s = max(_LATE_POLLS * poll_s, _LATE_S)
        self._stop = threading.Event()
        self._trouble = ""
        self._came_back = self._found = time.monotonic()
        self._thread = threading.Thread(target=self._follow, name="live-pointer", daemon=True)
        self._thread.start()

    def late(self) -> str:
        """Say why the pointer was not found for some polls, nothing if it was."""
        ago = time.monotonic() - self._found
        if ago <= self._late_s or self._stop.is_set():
            return ""
        return f"the registry's pointer was last read {ago:.0f} s ago: {self._trouble or 'a look goes on'}"

    def blocked(self) -> str:
        """Say why no pointer can be found any more without another process, nothing if one may be."""
        if self._stop.is_set():
            return ""
        if not self._thread.is_alive():
            return "the thread that follows the registry's pointer has ended"
        ago = time.monotonic() - self._came_back
        return f"no look at the registry's pointer has come back for {ago:.0f} s" if ago > _BLOCKED_S else ""

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join(_CLOSE_S)

    def _follow(self) -> None:
        while not self._stop.wait(self._poll_s):
            try:
                self._on_poll()
                self._look()
            except BaseException as error:  # nothing may end this thread
                self._tell(self._said(error))

    def _look(self) -> None:
        answer: queue.SimpleQueue[Pointer | BaseException | None] = queue.SimpleQueue()
        threading.Thread(target=_ask, args=(self._registry, answer), name="live-look", daemon=True).start()
        ends = time.monotonic() + self._patience_s
        while True:
            try:
                found = answer.get(timeout=_STEP_S)
                break
            except queue.Empty:
                if self._stop.is_set():
                    return
            if time.monotonic() > ends:
                self._patience_s = min(2 * self._patience_s, _MOST_PATIENCE_S)
                self._tell(
                    f"{self._registry.name}: the look at {LIVE_FILE} does not come back; see what stands in its place"
                )
                return
        self._came_back, self._patience_s = time.monotonic(), _PATIENCE_S
        if isinstance(found, BaseException):
            self._tell(self._said(found))
        elif found is None:
            self._tell(f"{self._registry.name}: {LIVE_FILE} is missing; {CURE}")
        else:
            self._found, self._trouble = time.monotonic(), ""
            self._on_pointer(found)

    def _said(self, error: BaseException) -> str:
        text = trouble_text(error)
        return text if LIVE_FILE in text else f"{self._registry.name}: {LIVE_FILE} cannot be read: {text}"

    def _tell(self, trouble: str) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        try:
            self._on_trouble(trouble)
        except Exception:
            _log.exception("the listener to troubles of the pointer failed")


def _ask(registry: Registry, answer: "queue.SimpleQueue[Pointer | BaseException | None]") -> None:
    try:
        answer.put(registry.live())
    except BaseException as error:  # RecursionError and MemoryError of a hostile file too
        answer.put(error)
