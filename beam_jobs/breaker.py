"""The breaker: a stream that rejects too large a share stops feeding the rejected topic, for that is no bad record.

Mass rejection is a producer that changed its records, or a bundle that is wrong. The batch that trips the breaker is
not sent. In mode `hold` the job waits: another generation of the pointer (a rollback) closes the breaker again, and the
batch is scored anew; after the limit the job ends.
"""

import collections
import dataclasses
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from beam_jobs import measures
from schemas.errors import OnegraphError

_log = logging.getLogger(__name__)
_POLL_S = 0.2
_SHOWN = 3


class TooManyRejected(OnegraphError):
    """More was rejected than the breaker allows; nothing of the batch was sent."""


@dataclasses.dataclass(frozen=True)
class BreakerSettings:
    """Trips where more than `share` of at least `events` events within `window_s` are rejected."""

    mode: str = "hold"
    share: float = 0.05
    events: int = 1_000
    window_s: float = 60.0
    limit_s: float = 300.0


class Breaker:
    """Counts what became of the events of the last minute. Safe for threads; one per job and process."""

    def __init__(self, settings: BreakerSettings, clock: Callable[[], float] = time.monotonic):
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._batches: collections.deque[tuple[float, int, Mapping[str, int]]] = collections.deque()
        self._generation = 0

    def add(self, events: int, rejected: Mapping[str, int], generation: int = 0) -> None:
        """Count one batch, before it is sent, and its rejected events by reason; raises `TooManyRejected`.

        A batch that trips it is not kept, since it will come again. A new generation of the pointer begins anew.
        """
        if self._settings.mode == "off":
            return
        with self._lock:
            now = self._clock()
            if generation != self._generation:
                self._batches.clear()
                self._generation = generation
            while self._batches and self._batches[0][0] <= now - self._settings.window_s:
                self._batches.popleft()
            self._batches.append((now, events, rejected))
            if not rejected:
                return
            total = sum(count for _, count, _ in self._batches)
            reasons: Counter[str] = Counter()
            for _, _, found in self._batches:
                reasons.update(found)
            if total >= self._settings.events and reasons.total() > self._settings.share * total:
                self._batches.pop()
                raise TooManyRejected(self._line(total, reasons))

    def wait(self, why: TooManyRejected, generation: Callable[[], int], stop: threading.Event) -> None:
        """Wait until another generation serves; raises `why` where that takes too long, or the job is to stop."""
        before, ends = generation(), self._clock() + self._settings.limit_s
        if self._settings.mode != "hold":
            raise why
        _log.error("holding for up to %g s: %s", self._settings.limit_s, why)
        while self._clock() < ends and not stop.wait(_POLL_S):
            measures.holding()
            if generation() != before:
                _log.warning("generation %d serves, going on", generation())
                return
        raise why

    def close(self) -> None:
        """Nothing to close."""

    def _line(self, total: int, reasons: Counter[str]) -> str:
        top = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(_SHOWN))
        return (
            f"{reasons.total():,} of {total:,} events within {self._settings.window_s:g} s are rejected ({top}), "
            f"allowed is a share of {self._settings.share:.3g}; the last batch was not sent. Look at the rejected "
            "topic with `onegraph tail`; roll the bundle back if it is wrong, or let them through with --breaker off"
        )
