"""Holding: a broker or topic that is down is waited for, up to a limit; then the job ends, and nothing is dropped.

The client library tries a send again by itself, in order; here is only how long the job waits for it. A commit is tried
again after 1 s, then after twice as long each time, up to 30 s. A stop signal ends the wait after a short while.
"""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from beam_jobs.kafka.errors import Unavailable
from beam_jobs.monitoring import measures
from schemas.errors import ServiceError

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HoldTimes:
    """How long the parts of a hold are, in seconds."""

    look_s: float = 0.1  # one wait for a delivery
    warn_after_s: float = 5.0  # then a warning says what is waited for
    stop_grace_s: float = 10.0  # for a delivery, once the job is told to stop
    first_pause_s: float = 1.0  # before a commit is tried again; the next pause is twice as long
    longest_pause_s: float = 30.0


class Patience:
    """Waits for a broker up to `limit_s`; for a delivery only `stop_grace_s` more once `stop` is set."""

    def __init__(
        self,
        limit_s: float,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        times: HoldTimes = HoldTimes(),
    ):
        self._limit_s, self._stop, self._clock, self._times = limit_s, stop, clock, times

    def wait_for(self, delivery: Any) -> None:
        """Return once a delivery is acknowledged; raises `ServiceError` if it was refused or time is up."""
        begin, warned, stopped_at = self._clock(), False, None
        while not delivery.settled(self._times.look_s):
            now = self._clock()
            if self._stop.is_set() and stopped_at is None:
                stopped_at = now
            over_grace = stopped_at is not None and now - stopped_at > self._times.stop_grace_s
            if now - begin > self._limit_s or over_grace:
                raise self._over(f"{delivery} is not acknowledged", now - begin)
            if now - begin > self._times.warn_after_s:
                measures.holding()
                if not warned:
                    _log.warning("%s is not acknowledged yet, holding for up to %g s", delivery, self._limit_s)
                warned = True
        delivery.wait(0)
        if warned:
            _log.warning("%s is acknowledged, going on", delivery)

    def retry(self, doing: str, do: Callable[[], None]) -> None:
        """Do it until it does not raise `Unavailable`; raises `ServiceError` when time is up."""
        begin, pause_s = self._clock(), self._times.first_pause_s
        while True:
            try:
                do()
            except Unavailable as error:
                held_s = self._clock() - begin
                if held_s + pause_s > self._limit_s or self._stop.is_set():
                    raise self._over(f"{doing}: {error}", held_s) from None
                _log.warning("%s; trying again in %g s", error, pause_s)
                measures.holding()
                self._stop.wait(pause_s)
                measures.holding()  # the next try may take as long again
                pause_s = min(2 * pause_s, self._times.longest_pause_s)
            else:
                return

    def _over(self, what: str, held_s: float) -> ServiceError:
        why = "the job was told to stop" if self._stop.is_set() else "--hold-ms is over"
        return ServiceError(
            f"{what} after {held_s:.0f} s and {why}; nothing behind it was committed, nothing is lost: start the job "
            "again once the broker is well"
        )
