"""A consumer group's committed offsets, moved by one job at a time, with a note beside each (`position_note.py`).

Every commit looks first: at the lease (did another job take the group over?) and at the topic's id (was the topic made
anew?). That is two small questions a second. What still slips between look and commit carries our lease and the id of
the topic that was read, so that the next start knows it for what it is. All is asked over kafka-python, whichever
client reads: librdkafka cannot say how long an offset is to be kept, and knows the group's offsets no better.
"""

import contextlib
import dataclasses
import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping

from beam_jobs.kafka.client import CONNECT_S
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import Unavailable, topic_made_anew
from beam_jobs.kafka.groups import lease as group_lease
from beam_jobs.kafka.groups.lease import TakenOver
from beam_jobs.kafka.groups.position_note import Lease, Note
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.process.user_folder import user_folder
from schemas.errors import OnegraphError, ServiceError
from schemas.file_lock import lock_within

_log = logging.getLogger(__name__)

RENEW_S = 2.0
_LOOK_S = 0.5
_OR_ELSE = "set TMPDIR to another one"
_LOCK_S = 60.0
_SHORT_S = 3.0  # for one question: whoever asks tries again, and meanwhile nobody else can


class GroupPositions:
    """Commits for one topic and group, from any thread of the process; renews what it committed until closed.

    `topic_id` is that of the topic that is read, None where it is not known. Without a lease nobody is looked for.
    """

    def __init__(self, servers: Connection | str, topic: str, group: str, topic_id: str | None, lease: Lease | None):
        self._servers, self._topic, self._group = servers, topic, group
        self._topic_id, self._lease = topic_id, lease
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._known: frozenset[int] = frozenset()
        self._written: dict[int, tuple[int, str]] = {}  # what we wrote last, as long as nobody else did
        self._wrote_at, self._beat = time.monotonic(), 0
        self._over: ServiceError | None = None
        self._away = False
        self._consumer = Consumer(servers, topic, group)
        self._renewer = threading.Thread(target=self._renew_until_closed, name="group-lease", daemon=True)
        self._renewer.start()

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Move these offsets; raises `TakenOver` and moves nothing once another job has the group."""
        with self._lock, self._remembering_who_is_away():
            self._commit(offsets, self._looked(offsets))

    def adopt(self) -> None:
        """Renew from now on what was committed with our lease, until somebody else of the job moves it."""
        with self._lock:
            kept = self._looked(self._consumer.partitions, CONNECT_S)
            mine = self._lease and self._lease.token
            notes = {partition: Note.read(text) for partition, (_, text) in kept.items()}
            self._written = {p: kept[p] for p, note in notes.items() if note.lease and note.lease.token == mine}

    def release(self) -> None:
        """Give the group back: the next job need not wait. Nothing is committed behind it."""
        self._stop()
        with self._lock:
            over, self._over = self._over, ServiceError(f"group {self._group!r} was given back")
            if self._lease is None or over is not None or self._away:  # who stops a job does not wait for a broker
                return
            try:
                partitions = sorted({*self._consumer.partitions, *self._written})
                kept = self._consumer.committed_notes(partitions, _SHORT_S)
                self._check_topic(_SHORT_S)
            except ServiceError as error:
                _log.info("group %r is not given back: %s", self._group, error)
                return
            notes = {partition: Note.read(text) for partition, (_, text) in kept.items()}
            ours = {p: kept[p][0] for p, note in notes.items() if note.lease and note.lease.token == self._lease.token}
            self._lease = dataclasses.replace(self._lease, free=True)
            with contextlib.suppress(ServiceError):
                self._consumer.commit(ours, self._note(notes.values(), ours).text(), _SHORT_S)

    def close(self) -> None:
        """Stop renewing and close the connection; the group stays ours."""
        self._stop()
        with self._lock:
            self._consumer.close()

    def _stop(self) -> None:
        self._closing.set()
        if threading.current_thread() is not self._renewer:
            self._renewer.join()

    def _looked(self, partitions: Iterable[int], timeout_s: float = _SHORT_S) -> dict[int, tuple[int, str]]:
        """Return what is kept of these partitions; raises where it is no longer ours to change."""
        if self._over is not None:
            raise self._over
        kept = self._consumer.committed_notes(sorted(partitions), timeout_s)
        try:
            if self._lease is not None:
                found = [Note.read(text).lease for _, text in kept.values()]
                other = group_lease.taken_by(self._lease, found)
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
        self._consumer.commit(offsets, text, _SHORT_S)
        self._written |= {partition: (offset, text) for partition, offset in offsets.items()}
        self._wrote_at = time.monotonic()

    def _note(self, found: Iterable[Note], partitions: Iterable[int]) -> Note:
        told = (note.partitions for note in found if note.topic_id == self._topic_id)
        self._known = self._known.union(partitions, *told)
        self._beat += 1
        return Note(topic_id=self._topic_id, partitions=self._known, lease=self._lease, beat=self._beat)

    def _renew_until_closed(self) -> None:
        while not self._closing.wait(_LOOK_S):
            if time.monotonic() - self._wrote_at < RENEW_S or not self._lock.acquire(blocking=False):
                continue
            try:
                with self._remembering_who_is_away():
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
        kept = self._looked(self._written) if self._written else {}
        self._written = {place: wrote for place, wrote in self._written.items() if kept.get(place) == wrote}
        self._commit({place: offset for place, (offset, _) in self._written.items()}, kept)

    @contextlib.contextmanager
    def _remembering_who_is_away(self) -> Iterator[None]:
        self._away = True
        yield
        self._away = False

    def _taken_over(self, other: Lease) -> TakenOver:
        return TakenOver(
            f"{self._servers}: {other} has taken over group {self._group!r} of topic {self._topic!r}; this job commits "
            "nothing more and ends, what it wrote since its last commit may be there twice"
        )


def wait_for_group(
    consumer: Consumer,
    servers: Connection | str,
    topic: str,
    group: str,
    at_once: bool = False,
    stop: threading.Event | None = None,
) -> int:
    """Return the number of the group's last lease once nobody holds it; raises `ServiceError` where a job does.

    A holder whose process on this machine has ended is gone at once, another one when its lease stood still for
    `group_lease.STILL_S`. With `at_once` nobody waits: who starts says that the other job has ended. `stop` ends the
    waiting with a `ServiceError`.
    """
    began, seen, stop = time.monotonic(), None, stop or threading.Event()
    while True:
        kept = consumer.committed_notes(consumer.partitions)
        notes = {partition: Note.read(text) for partition, (_, text) in kept.items()}
        lease = group_lease.latest(note.lease for note in notes.values())
        if lease is None or at_once or group_lease.is_dead(lease):
            return 0 if lease is None else lease.number
        now = {p: kept[p] for p, note in notes.items() if note.lease and note.lease.token == lease.token}
        if seen not in (None, (lease.token, now)):
            raise held_by(servers, topic, group, lease)
        if seen is None:
            _log.warning("group %r is held by %s: looking for %g s whether it lives", group, lease, group_lease.STILL_S)
        elif time.monotonic() - began >= group_lease.STILL_S:
            return lease.number
        seen = lease.token, now
        if stop.wait(_LOOK_S):
            raise ServiceError(f"the job was told to stop while it waited for group {group!r}; it has not begun")


def held_by(servers: Connection | str, topic: str, group: str, lease: Lease) -> ServiceError:
    """The error for a group that another job has."""
    return ServiceError(
        f"{servers}: {lease} reads topic {topic!r} with group {group!r}; a second job would score everything twice: "
        "stop that one first, or take another --group"
    )


@contextlib.contextmanager
def one_at_a_time(
    servers: Connection | str, topic: str, group: str, stop: threading.Event | None = None
) -> Iterator[None]:
    """Let no other process of this user on this machine take the same group meanwhile; `stop` ends the waiting."""
    name = hashlib.sha256(f"{Connection.of(servers).servers}/{topic}/{group}".encode()).hexdigest()[:16]
    path = user_folder(_OR_ELSE) / "leases" / name
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OnegraphError(f"{path}: cannot be written: {error.strerror}; free that disk or {_OR_ELSE}") from None
    try:
        if not lock_within(lock, _LOCK_S, stop):
            other = f"another job on this machine is taking group {group!r} of topic {topic!r}"
            if stop is not None and stop.is_set():
                raise ServiceError(f"{other}, and this one was told to stop; it has not begun")
            raise ServiceError(f"{other} and has not done so within {_LOCK_S:g} s")
        yield
    finally:
        os.close(lock)
