"""What a job does with events that are not simply scored: tombstones, predictions too large, too many rejected."""

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from beam_jobs import process_wide
from beam_jobs.breaker import Breaker, BreakerSettings, TooManyRejected
from schemas.rejection import Reason, Rejection

_Outcome = TypeVar("_Outcome")
_OFF = BreakerSettings(mode="off")


@dataclasses.dataclass(frozen=True)
class EventPolicy:
    """Plain values that travel to workers.

    `drop_tombstones`: events with a null value are counted and left out, not rejected. `prediction_bytes`: the largest
    record that the predictions topic takes, None where nobody asked. `job` names the stop signal.
    """

    drop_tombstones: bool = False
    prediction_bytes: int | None = None
    breaker: BreakerSettings = _OFF
    job: str = ""

    def split(self, rejections: list[Rejection]) -> tuple[list[Rejection], list[Rejection]]:
        """Return the rejections to send and those to drop."""
        if not self.drop_tombstones:
            return rejections, []
        dropped = [one for one in rejections if one.reason is Reason.TOMBSTONE]
        return [one for one in rejections if one.reason is not Reason.TOMBSTONE] if dropped else rejections, dropped


class GuardedScoring:
    """Scores a batch until the breaker lets it through: again with every new generation of the pointer."""

    def __init__(self, policy: EventPolicy):
        self._stop = process_wide.stop_signal(policy.job) if policy.job else threading.Event()
        self._key = "breaker", policy.job, policy.breaker
        self._breaker: Breaker = process_wide.borrow(self._key, lambda: Breaker(policy.breaker))

    def scored(
        self, events: int, score: Callable[[], tuple[_Outcome, list[Rejection]]], generation: Callable[[], int]
    ) -> tuple[_Outcome, list[Rejection]]:
        """Return what `score` returned for a batch of `events`; raises `TooManyRejected` where it must not be sent."""
        while True:
            before = generation()
            outcome, rejections = score()
            try:
                self._breaker.add(events, Counter(one.reason.value for one in rejections), before)
            except TooManyRejected as why:
                self._breaker.wait(why, generation, self._stop)
            else:
                return outcome, rejections

    def close(self) -> None:
        """Give the breaker back."""
        process_wide.give_back(self._key)
