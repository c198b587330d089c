"""Taking a group: wait until no other job holds it, one process of this user on this machine at a time."""

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.groups import lease as group_lease
from beam_jobs.kafka.groups.position_note import Lease, Note
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.process.user_folder import user_folder
from schemas.errors import OnegraphError, ServiceError
from schemas.file_lock import lock_within

_log = logging.getLogger(__name__)

_LOOK_S = 0.5
_LOCK_S = 60.0
_OR_ELSE = "set TMPDIR to another one"


def wait_for_group(
    consumer: Consumer,
    servers: Connection | str,
    topic: str,
    group: str,
    at_once: bool = False,
    stop: threading.Event | None = None,
) -> int:
    """Return the number of the group's last lease once no job holds it; raises `ServiceError` if one does.

    A holder whose process on this machine has ended is gone at once, another one when its lease stood still for
    `group_lease.STILL_S`. `at_once` does not wait: the caller knows that the other job has ended. `stop` ends the
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
