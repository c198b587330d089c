"""Which job may commit for a consumer group: the one whose lease is in the note beside the committed offsets.

The holder renews it every few seconds. Clocks of two machines are never compared: a job that wants the group watches
for a while whether the lease is renewed. Every lease has a higher number than the one before, so a job that was taken
over while it was paused sees so at its next commit.
"""

import hashlib
import os
import pathlib
import secrets
import socket
from collections.abc import Iterable

from beam_jobs.kafka.groups.position_note import Lease
from beam_jobs.process import process_identity
from schemas.errors import ServiceError

STILL_S = 7.0  # a lease that was not renewed for so long, three renewals and a bit, has expired

_held: set[str] = set()  # the tokens of this process


class TakenOver(ServiceError):
    """Another job has the group now; this one commits nothing more."""


def new_lease(job: str, outlives: bool) -> Lease:
    """Return a lease of this process's that holds nothing yet; `outlives`: the job goes on when this process ends."""
    pid, began = (None, None) if outlives else (os.getpid(), process_identity.began(os.getpid()))
    host = socket.gethostname()
    token = secrets.token_hex(8)
    return Lease(token=token, number=0, job=job, host=host, machine=machine(), pid=pid, began=began)


def hold(lease: Lease) -> None:
    """Say that this process holds a lease."""
    _held.add(lease.token)


def let_go(lease: Lease) -> None:
    """Say that this process holds a lease no longer."""
    _held.discard(lease.token)


def is_dead(lease: Lease) -> bool:
    """Say whether the holder is certainly gone: it gave the group back, or its process on this machine has ended."""
    if lease.free:
        return True
    if lease.pid is None or lease.machine != machine():
        return False
    if lease.pid == os.getpid() and lease.token not in _held:
        return True
    return process_identity.has_ended(lease.pid, lease.began)


def latest(leases: Iterable[Lease | None]) -> Lease | None:
    """Return the lease with the highest number; it is free as soon as one partition says so."""
    known = (lease for lease in leases if lease is not None)
    return max(known, key=lambda lease: (lease.number, lease.free), default=None)


def taken_by(ours: Lease, leases: Iterable[Lease | None]) -> Lease | None:
    """Return the lease that ends ours, if one of these does.

    One with a lower number is the late commit of a job that we took over.
    """
    for lease in leases:
        if lease is None:
            continue
        if lease.number > ours.number or (lease.number == ours.number and (lease.token != ours.token or lease.free)):
            return lease
    return None


def machine() -> str:
    """Return a name for where a process id means the same: this boot of this machine, or of a container."""
    try:
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return hashlib.sha256(f"{boot} {os.readlink('/proc/self/ns/pid')}".encode()).hexdigest()[:16]
    except OSError:
        return secrets.token_hex(8)  # equal to no other
