"""The one consumer that a group of partitions has in a process: opened, watched, and opened again after a failure."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping

from beam_jobs.kafka.client import Consumer
from beam_jobs.kafka.errors import OffsetsLost, Unavailable
from beam_jobs.kafka.libraries.choice import open_consumer
from beam_jobs.monitoring import measures
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.read.gathering import EventGatherer
from beam_jobs.stream.read.source import ReadSettings
from beam_jobs.stream.stream_job import StreamJob
from schemas.errors import ServiceError

_log = logging.getLogger(__name__)
_LOCK_S = 60.0  # at most, by another bundle
_PULSE_S = 3.0


class StallWatch:
    """Knows since when each partition has stood still behind its end.

    A partition counts as still only while its consumer had nothing to hand out: behind a full batch it may be waiting
    for its turn.
    """

    def __init__(self, stall_s: float):
        self._stall_s = stall_s
        self._since: dict[int, tuple[int, float]] = {}

    def stalled(self, at: Mapping[int, int], ends: Mapping[int, int], busy: bool, now_s: float) -> list[int]:
        """Return the partitions that have stood still for too long, and count their time anew."""
        found = []
        for partition, offset in at.items():
            before, since = self._since.get(partition, (offset, now_s))
            if before != offset or busy or ends.get(partition, 0) <= offset:
                since = now_s
            elif now_s - since >= self._stall_s:
                found.append(partition)
                since = now_s
            self._since[partition] = (offset, since)
        return found


class GroupReader:
    """Reads a group's partitions for one bundle at a time; after any failure the consumer is made anew."""

    def __init__(self, job: StreamJob, settings: ReadSettings, index: int):
        self._job, self._settings, self._index = job, settings, index
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None
        self._looked = time.monotonic()
        self._pulsed = -_PULSE_S
        self._watch = StallWatch(settings.stall_s)
        self._busy = False

    @contextlib.contextmanager
    def locked(self, at: Mapping[int, int]) -> Iterator["GroupReader"]:
        """Hold the consumer, put at these offsets, while the block runs."""
        if not self._lock.acquire(timeout=_LOCK_S):
            raise ServiceError(
                f"another bundle has read topic {self._job.source.name!r} for {_LOCK_S:g} s; restart this worker"
            )
        try:
            self.go_to(at)
            yield self
        except Exception:
            self.close()  # the library's fetcher may be left in the middle of a broken batch
            raise
        finally:
            self._lock.release()

    def go_to(self, at: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on."""
        if self._consumer is None:
            self._consumer = open_consumer(self._job.servers, self._job.source.name)
        settings = self._settings
        topic = self._job.source.name
        self._gatherer = EventGatherer(self._consumer, topic, settings.max_batch, settings.max_batch_bytes)
        self._gatherer.go_to(at)

    def next_batch(self, timeout_s: float, stop: Mapping[int, int] | None) -> EventBatch:
        """Return what came within `timeout_s`; goes on behind lost offsets if the job accepts their loss."""
        try:
            batch = self._gatherer.next_batch(timeout_s, stop)
        except OffsetsLost as lost:
            if not self._settings.accept_lost_offsets or lost.goes_on_at is None:
                raise
            _log.warning("%s; accepted, going on at %d", lost, lost.goes_on_at)
            measures.count("dropped", lost.goes_on_at - lost.wanted, reason="offsets_lost")
            self._gatherer.pass_over(lost.partition, lost.goes_on_at)
            batch = self._gatherer.next_batch(0, stop)
        self._busy = self._busy or self._gatherer.full
        return batch

    def caught_up(self) -> set[int]:
        """Return the partitions that are read to the end."""
        return self._gatherer.caught_up()

    def lag(self) -> dict[int, int]:
        """Return how many offsets each partition is behind its end, as far as the broker's last answer says."""
        return self._gatherer.lag()

    def pulse_due(self) -> bool:
        """Return whether it is time to report how far reading is, events or not; at once, then every few seconds."""
        due = time.monotonic() - self._pulsed >= _PULSE_S
        if due:
            self._pulsed = time.monotonic()
        return due

    def look_due(self) -> bool:
        """Return whether it is time to look for new partitions and for some that stand still."""
        return time.monotonic() - self._looked >= min(self._settings.look_s, self._settings.stall_s / 2)

    def look_around(self, at: Mapping[int, int], stop: Mapping[int, int] | None) -> dict[int, int]:
        """Open the consumer again if a partition stalls; return where to begin in partitions that are new.

        A new partition is read from offset 0, or from the group's offset of it. Reading that has an end takes in none.
        """
        self._looked = time.monotonic()
        try:
            return self._looked_around(at, stop)
        except Unavailable as error:  # a broker that is away for a while holds the job, it does not end it
            _log.warning("cannot look for new partitions now: %s", error)
            return {}

    def _looked_around(self, at: Mapping[int, int], stop: Mapping[int, int] | None) -> dict[int, int]:
        assert self._consumer is not None
        # The partitions first: with them the library learns which leaders have moved. Before it knows, it asks the old
        # ones for their ends again and again until its time is up, and nothing is read meanwhile.
        partitions = self._consumer.find_partitions() if stop is None else ()
        ends = self._consumer.end_offsets(sorted(at)) if stop is None else stop
        stalled = self._watch.stalled(at, ends, self._busy, self._looked)
        self._busy = False
        if stalled:
            _log.warning(
                "topic %r: partitions %s stand still behind their end: read anew", self._job.source.name, stalled
            )
            measures.count("reopens")
            fresh = open_consumer(self._job.servers, self._job.source.name)  # before the old one is closed
            self.close()
            self._consumer = fresh
            self.go_to(at)
        if stop is not None:
            return {}
        new = [p for p in partitions if p % self._settings.partition_groups == self._index and p not in at]
        if not new:
            return {}
        asking = open_consumer(self._job.servers, self._job.source.name, self._job.group)
        try:
            return dict.fromkeys(new, 0) | asking.committed(new)
        finally:
            asking.close()

    def close(self) -> None:
        """Close the consumer; the next `go_to` makes another."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
