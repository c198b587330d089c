"""A consumer group's committed offsets, moved by one job at a time, with a note beside each (`position_note.py`).

Every commit checks first: the lease (did another job take the group over?) and the topic's id (was the topic made
anew?). That is two small requests a second. What still slips between check and commit carries our lease and the id of
the topic that was read, so that the next start recognises it. All requests go over kafka-python, whichever client
reads: librdkafka cannot say how long an offset is to be kept.
"""

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from beam_jobs.kafka.client import CONNECT_S
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import Unavailable, topic_made_anew
from beam_jobs.kafka.groups import lease as group_lease
from beam_jobs.kafka.groups.lease import TakenOver
from beam_jobs.kafka.groups.position_note import Lease, Note
from beam_jobs.kafka.kafka_python.consumer import Consumer
from schemas.errors import ServiceError

_log = logging.getLogger(__name__)

RENEW_S = 2.0
_LOOK_S = 0.5
_ASK_S = 3.0  # for one request: it is tried again, and holds the lock meanwhile


class GroupPositions:
    """Commits for one topic and group, from any thread of the process; renews what it committed until closed.

    `topic_id` is that of the topic that is read, None if it is not known. Without a lease no other job is looked for.
    `opened` makes the consumer that commits.
    """

    def __init__(
        self,
        servers: Connection | str,
        topic: str,
        group: str,
        topic_id: str | None,
        lease: Lease | None,
        opened: Callable[[Connection | str, str, str], Consumer] = Consumer,
    ):
        self._servers, self._topic, self._group = servers, topic, group
        self._topic_id, self._lease = topic_id, lease
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._known: frozenset[int] = frozenset()
        self._written: dict[int, tuple[int, str]] = {}  # what we committed last and no one else has moved since
        self._wrote_at, self._beat = time.monotonic(), 0
        self._over: ServiceError | None = None
        self._broker_away = False
        self._consumer = opened(servers, topic, group)
        self._renewer = threading.Thread(target=self._renew_until_closed, name="group-lease", daemon=True)
        self._renewer.start()

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Move these offsets; raises `TakenOver` and moves nothing once another job has the group."""
        with self._lock, self._noting_outages():
            self._commit(offsets, self._checked(offsets))

    def adopt(self) -> None:
        """Renew from now on what was committed with our lease, until another process of the job moves it."""
        with self._lock:
            kept = self._checked(self._consumer.partitions, CONNECT_S)
            token = self._lease and self._lease.token
            notes = {partition: Note.read(text) for partition, (_, text) in kept.items()}
            self._written = {p: kept[p] for p, note in notes.items() if note.lease and note.lease.token == token}

    def release(self) -> None:
        """Give the group back: the next job need not wait. Nothing is committed behind it."""
        self._stop()
        with self._lock:
            over, self._over = self._over, ServiceError(f"group {self._group!r} was given back")
            if self._lease is None or over is not None or self._broker_away:  # a job that ends waits for no broker
                return
            try:
                partitions = sorted({*self._consumer.partitions, *self._written})
                kept = self._consumer.committed_notes(partitions, _ASK_S)
                self._check_topic(_ASK_S)
            except ServiceError as error:
                _log.info("group %r is not given back: %s", self._group, error)
                return
            notes = {partition: Note.read(text) for partition, (_, text) in kept.items()}
            ours = {p: kept[p][0] for p, note in notes.items() if note.lease and note.lease.token == self._lease.token}
            self._lease = dataclasses.replace(self._lease, free=True)
            with contextlib.suppress(ServiceError):
                self._consumer.commit(ours, self._note(notes.values(), ours).text(), _ASK_S)

    def close(self) -> None:
        """Stop renewing and close the connection; the group stays ours."""
        self._stop()
        with self._lock:
            self._consumer.close()

    def _stop(self) -> None:
        self._closing.set()
        if threading.current_thread() is not self._renewer:
            self._renewer.join()

    def _checked(self, partitions: Iterable[int], timeout_s: float = _ASK_S) -> dict[int, tuple[int, str]]:
        """Return what is committed for these partitions; raises once the group is no longer ours to move."""
        if self._over is not None:
            raise self._over
        kept = self._consumer.committed_notes(sorted(partitions), timeout_s)
        try:
            if self._lease is not None:
                leases = [Note.read(text).lease for _, text in kept.values()]
                other = group_lease.taken_by(self._lease, leases)
                if other is not None:
                    raise self._taken_over(other)
            self._check_topic(timeout_s)
        except Unavailable:
            raise
        except ServiceError as error:
            self._over = error
            raise
        return kept

    def _check_topic(self, timeout_s: float) -> None:
        if self._topic_id is not None:
            now = self._consumer.topic_id(timeout_s)
            if now is not None and now != self._topic_id:
                raise topic_made_anew(self._servers, self._topic, self._group, self._topic_id, now)

    def _commit(self, offsets: Mapping[int, int], kept: Mapping[int, tuple[int, str]]) -> None:
        if not offsets:
            return
        notes = [Note.read(text) for _, text in kept.values()]
        text = self._note(notes, offsets).text()
        self._consumer.commit(offsets, text, _ASK_S)
        self._written |= {partition: (offset, text) for partition, offset in offsets.items()}
        self._wrote_at = time.monotonic()

    def _note(self, notes: Iterable[Note], partitions: Iterable[int]) -> Note:
        known = (note.partitions for note in notes if note.topic_id == self._topic_id)
        self._known = self._known.union(partitions, *known)
        self._beat += 1
        return Note(topic_id=self._topic_id, partitions=self._known, lease=self._lease, beat=self._beat)

    def _renew_until_closed(self) -> None:
        while not self._closing.wait(_LOOK_S):
            if time.monotonic() - self._wrote_at < RENEW_S or not self._lock.acquire(blocking=False):
                continue
            try:
                with self._noting_outages():
                    self._renew()
            except Exception as error:
                if self._over is not None:  # the next commit says so; what is idle commits too
                    _log.warning("%s", error)
                    return
                level = logging.INFO if isinstance(error, Unavailable) else logging.WARNING
                why = str(error) if isinstance(error, ServiceError) else type(error).__name__
                _log.log(level, "the lease of group %r is not renewed: %s", self._group, why)
                self._wrote_at = time.monotonic()
            finally:
                self._lock.release()

    def _renew(self) -> None:
        """Commit again what is ours; partitions that another process of the job has moved since are its own."""
        kept = self._checked(self._written) if self._written else {}
        self._written = {p: wrote for p, wrote in self._written.items() if kept.get(p) == wrote}
        self._commit({p: offset for p, (offset, _) in self._written.items()}, kept)

    @contextlib.contextmanager
    def _noting_outages(self) -> Iterator[None]:
        self._broker_away = True
        yield
        self._broker_away = False

    def _taken_over(self, other: Lease) -> TakenOver:
        return TakenOver(
            f"{self._servers}: {other} has taken over group {self._group!r} of topic {self._topic!r}; this job commits "
            "nothing more and ends, what it wrote since its last commit may be there twice"
        )
