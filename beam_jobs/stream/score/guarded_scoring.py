"""Scoring behind the breaker: a batch that must not be sent is held and scored again by the next generation."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Hashable, Set

from beam_jobs.process import process_wide
from beam_jobs.stream.events import EventBatch, Outcome
from beam_jobs.stream.faults import Fault, counted, fault_of
from beam_jobs.stream.score.breaker import Breaker, BreakerSettings, TooManyRejected
from beam_jobs.stream.stream_job import StreamJob
from schemas.rejection import Rejection


@dataclasses.dataclass(frozen=True)
class Judged:
    """What became of a batch, why events of it were rejected, and by which generation of the pointer.

    `fields` are those that a fault may name.
    """

    outcome: Outcome
    rejections: list[Rejection]
    generation: Hashable
    fields: Set[str] = frozenset()

    @functools.cached_property
    def faults(self) -> Counter[Fault]:
        """How many events were rejected for what."""
        return counted(self.rejections, self.fields)


class GuardedScoring:
    """Scores a batch until the breaker lets it through: again with every new generation of the pointer."""

    def __init__(self, job: StreamJob, settings: BreakerSettings):
        self._stop = process_wide.stop_signal(job.name)
        self._key = "breaker", job.name, settings
        self._breaker: Breaker = process_wide.borrow(self._key, lambda: Breaker(settings, job.hold_s))

    def scored(
        self, events: EventBatch, score: Callable[[EventBatch], Judged], generation: Callable[[], Hashable]
    ) -> Judged:
        """Return what `score` made of the events; raises `TooManyRejected` if it must not be sent.

        `generation` says which one serves now: only one that has not judged these events has them scored again.
        """
        while True:
            judged = score(events)
            try:
                self._breaker.add(
                    len(events), judged.faults, judged.generation, functools.partial(_example, events, judged)
                )
            except TooManyRejected as why:
                self._breaker.wait(why, judged.generation, generation, self._stop)
            else:
                return judged

    def close(self) -> None:
        """Give the breaker back."""
        process_wide.give_back(self._key)


def _example(events: EventBatch, judged: Judged, fault: Fault) -> str:
    row = next(one.row for one in judged.rejections if fault_of(one, judged.fields) == fault)
    return f"{events.topic}/{events.partitions[row]}/{events.offsets[row]}"
