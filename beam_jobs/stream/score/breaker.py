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
from collections.abc import Callable, Hashable, Mapping

from beam_jobs.monitoring import measures
from beam_jobs.stream.faults import Fault, named
from schemas.errors import OnegraphError

_log = logging.getLogger(__name__)
_POLL_S = 0.2
_SHOWN = 3


class TooManyRejected(OnegraphError):
    """More was rejected than the breaker allows; nothing of the batch was sent."""


@dataclasses.dataclass(frozen=True)
class BreakerSettings:
    """Trips if more than `share` of at least `events` events within `window_s` are rejected."""

    mode: str = "hold"
    share: float = 0.05
    events: int = 1_000
    window_s: float = 60.0


class Breaker:
    """Counts what became of the events of the last minute. Safe for threads; one per job and process.

    In mode `hold` a batch that tripped it waits for `limit_s` at most.
    """

    def __init__(self, settings: BreakerSettings, limit_s: float, clock: Callable[[], float] = time.monotonic):
        self._settings, self._limit_s, self._clock = settings, limit_s, clock
        self._lock = threading.Lock()
        self._batches: collections.deque[tuple[float, int, Mapping[Fault, int]]] = collections.deque()
        self._generation: Hashable = None

    def add(
        self,
        events: int,
        rejected: Mapping[Fault, int],
        generation: Hashable = None,
        example: Callable[[Fault], str] = lambda fault: "",
    ) -> None:
        """Count one batch, before it is sent, and its rejected events by fault; raises `TooManyRejected`.

        A batch that trips it is not kept, since it will come again. `generation` is what judged the batch: with another
        one counting begins anew. `example` says of which event of the batch a fault is, as topic/partition/offset.
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
            faults: Counter[Fault] = Counter()
            for _, _, found in self._batches:
                faults.update(found)
            if total >= self._settings.events and faults.total() > self._settings.share * total:
                self._batches.pop()
                worst = max(rejected, key=rejected.__getitem__)
                raise TooManyRejected(self._line(total, faults, f"{example(worst)} ({named(worst)})"))

    def wait(
        self, why: TooManyRejected, judged: Hashable, generation: Callable[[], Hashable], stop: threading.Event
    ) -> None:
        """Wait until another generation serves than the one that judged, which may be so at once.

        Raises `why` if that takes too long, or the job is to stop.
        """
        if self._settings.mode != "hold":
            raise why
        ends = self._clock() + self._limit_s
        warned = False
        while generation() == judged:
            if not warned:
                _log.error("holding for up to %g s: %s", self._limit_s, why)
            warned = True
            measures.holding()
            if self._clock() >= ends or stop.wait(_POLL_S):
                raise why
        _log.warning("another generation serves than the one that rejected the batch: scoring it again")

    def close(self) -> None:
        """Nothing to close."""

    def _line(self, total: int, faults: Counter[Fault], example: str) -> str:
        top = ", ".join(f"{count:,} {named(fault)}" for fault, count in faults.most_common(_SHOWN))
        return (
            f"{faults.total():,} of {total:,} events within {self._settings.window_s:g} s are rejected ({top}), "
            f"allowed is a share of {self._settings.share:.3g}. The last batch is held back: it is in no topic but the "
            f"source's, where {example} is one of it. Roll the bundle back if it is wrong (`onegraph rollback`); mend "
            "the producer if that is, and let what is there through with --breaker off"
        )
