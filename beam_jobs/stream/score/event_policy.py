"""What a job does with events that are not simply scored: tombstones, predictions too large, too many rejected."""

import dataclasses
import functools
import math
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from beam_jobs.kafka.records import Header
from beam_jobs.process import process_wide
from beam_jobs.stream.events import EventBatch, Outcome
from beam_jobs.stream.score.breaker import Breaker, BreakerSettings, Fault, TooManyRejected
from schemas.rejection import Reason, Rejection

_OFF = BreakerSettings(mode="off")


@dataclasses.dataclass(frozen=True)
class EventPolicy:
    """Plain values that travel to workers.

    `drop_tombstones`: events with a null value are counted and left out, not rejected. `prediction_bytes`: the largest
    record that the predictions topic takes, None where nobody asked. `job` names the stop signal. `pass_headers`: names
    of headers that predictions get from their events, byte for byte. `earliest_ms` and `latest_ms` bound the
    timestamps of records (milliseconds since 1970, both inclusive), `most_headers` their headers.
    """

    drop_tombstones: bool = False
    prediction_bytes: int | None = None
    breaker: BreakerSettings = _OFF
    job: str = ""
    pass_headers: tuple[str, ...] = ()
    earliest_ms: int | None = None
    latest_ms: int | None = None
    most_headers: int = 1_000

    def handed_on(self, headers: Sequence[Sequence[Header]]) -> list[list[Header]] | None:
        """Return what the predictions of events with these headers get of them, None where none gets any.

        >>> EventPolicy(pass_headers=("trace",)).handed_on([[("trace", b"1"), ("more", b"2")], []])
        [[('trace', b'1')], []]
        """
        if not self.pass_headers:
            return None
        handed = [[one for one in own if one[0] in self.pass_headers] for own in headers]
        return handed if any(handed) else None

    def refused(self, events: EventBatch) -> dict[int, Reason]:
        """Return the rows that are rejected unread, by what stands around their value, and why."""
        found = {}
        if events.headers and max(map(len, events.headers)) > self.most_headers:
            found = {row: Reason.HEADERS for row, names in enumerate(events.headers) if len(names) > self.most_headers}
        if self.earliest_ms is None and self.latest_ms is None:
            return found
        low = -math.inf if self.earliest_ms is None else self.earliest_ms
        high = math.inf if self.latest_ms is None else self.latest_ms
        late = {row: Reason.TIME_RANGE for row, at in enumerate(events.timestamps_ms) if not low <= at <= high}
        return late | found

    def split(self, rejections: list[Rejection]) -> tuple[list[Rejection], list[Rejection]]:
        """Return the rejections to send and those to drop."""
        if not self.drop_tombstones:
            return rejections, []
        dropped = [one for one in rejections if one.reason is Reason.TOMBSTONE]
        return [one for one in rejections if one.reason is not Reason.TOMBSTONE] if dropped else rejections, dropped


@dataclasses.dataclass(frozen=True)
class Judged:
    """What became of a batch, why events of it were rejected, and by which generation of the pointer."""

    outcome: Outcome
    rejections: list[Rejection]
    generation: Hashable


class GuardedScoring:
    """Scores a batch until the breaker lets it through: again with every new generation of the pointer."""

    def __init__(self, policy: EventPolicy):
        self._stop = process_wide.stop_signal(policy.job) if policy.job else threading.Event()
        self._key = "breaker", policy.job, policy.breaker
        self._breaker: Breaker = process_wide.borrow(self._key, lambda: Breaker(policy.breaker))

    def scored(
        self, events: EventBatch, score: Callable[[EventBatch], Judged], generation: Callable[[], Hashable]
    ) -> Judged:
        """Return what `score` made of the events; raises `TooManyRejected` where it must not be sent.

        `generation` says which one serves now: only one that has not judged these events has them scored again.
        """
        while True:
            judged = score(events)
            faults = Counter(map(_fault, judged.rejections))
            try:
                self._breaker.add(
                    len(events), faults, judged.generation, functools.partial(_example, events, judged.rejections)
                )
            except TooManyRejected as why:
                self._breaker.wait(why, judged.generation, generation, self._stop)
            else:
                return judged

    def close(self) -> None:
        """Give the breaker back."""
        process_wide.give_back(self._key)


def _fault(rejection: Rejection) -> Fault:
    return rejection.reason.value, rejection.path


def _example(events: EventBatch, rejections: Sequence[Rejection], fault: Fault) -> str:
    row = next(one.row for one in rejections if _fault(one) == fault)
    return f"{events.topic}/{events.partitions[row]}/{events.offsets[row]}"
