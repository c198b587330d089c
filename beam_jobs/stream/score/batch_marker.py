"""Marker files: which batch was in hand when a process died.

A batch is named, by topic and offsets, in a file of a local folder before it is scored, and the name is wiped after.
The file survives the process, not the machine: it is written to the page cache and never synced. Its owner holds a
lock on it that the kernel lifts when the owner dies: a file that names a batch and can be locked is a dead process's.
Offsets are found again however they are batched next time, in whatever process. No value of a record is written.
"""

import contextlib
import fcntl
import itertools
import os
import pathlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from beam_jobs.process.watchdog import Watchdog
from beam_jobs.stream.events import EventBatch
from schemas.errors import OnegraphError

_SUFFIX = ".batch"
_EMPTY = b" " * 4094 + b"\n"  # takes its room on the disk when made: a full disk comes too late to be in the way
_numbers = itertools.count()


class BatchName(msgspec.Struct, frozen=True):
    """First and last offset by partition. Its text is for people.

    >>> str(BatchName("events", {0: (17, 25), 1: (3, 3)}))
    'events 0/17-25 1/3-3'
    """

    topic: str
    ranges: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, events: EventBatch) -> "BatchName":
        """Name a batch; its events stand in the order of their offsets within each partition."""
        last = dict(zip(events.partitions, events.offsets, strict=True))
        first = dict(zip(reversed(events.partitions), reversed(events.offsets), strict=True))
        return cls(events.topic, {partition: (first[partition], end) for partition, end in last.items()})

    def __str__(self) -> str:
        shown = itertools.islice(self.ranges.items(), 20)
        return " ".join([self.topic, *(f"{partition}/{first}-{last}" for partition, (first, last) in shown)])

    def without(self, done: "BatchName") -> "BatchName":
        """Return what is left behind the ends of a batch that is done."""
        left = {
            partition: (max(first, done.ranges.get(partition, (0, -1))[1] + 1), last)
            for partition, (first, last) in self.ranges.items()
        }
        return BatchName(self.topic, {partition: ends for partition, ends in left.items() if ends[0] <= ends[1]})


_decode = msgspec.json.Decoder(BatchName).decode
_encode = msgspec.json.Encoder().encode


class BatchMarkers:
    """The markers of one process in a folder that all workers of a job on a machine share. Safe for threads.

    Markers of dead processes are looked for when made and then at most every `look_s`. An event is a suspect once
    `deaths` processes died with it in hand. `watchdog` ends the process if a named batch takes too long.
    """

    def __init__(
        self,
        folder: str | pathlib.Path,
        watchdog: Watchdog | None = None,
        deaths: int = 1,
        look_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._folder = pathlib.Path(folder)
        self._watchdog, self._deaths, self._look_s, self._clock = watchdog, deaths, look_s, clock
        self._lock = threading.Lock()
        self._free: list[_Marker] = []
        self._dead: dict[pathlib.Path, BatchName] = {}
        self._next_look = clock()
        self._free.append(self._new())

    def suspects(self, events: EventBatch) -> dict[int, int]:
        """Return the rows of the events that died with so many processes, and with how many.

        Try them in a child process first.
        """
        if self._clock() >= self._next_look:
            self._look()
        dead = [name.ranges for name in self._dead.values() if name.topic == events.topic]
        if not dead:
            return {}
        found: Counter[int] = Counter()
        for row, (partition, offset) in enumerate(zip(events.partitions, events.offsets, strict=True)):
            for ranges in dead:
                first, last = ranges.get(partition, (0, -1))
                found[row] += first <= offset <= last
        return {row: times for row, times in found.items() if times >= self._deaths}

    @contextlib.contextmanager
    def naming(self, events: EventBatch) -> Iterator[None]:
        """Name a batch while it is scored. Once it is done, its events are no suspects any more."""
        name = BatchName.of(events)
        with self._lock:
            marker = self._free.pop() if self._free else self._new()
        marker.write(_encode(name))
        watching = self._watchdog.watching(name) if self._watchdog else contextlib.nullcontext()
        try:
            with watching:
                yield
            if self._dead:
                self._settle(name)
        finally:
            marker.clear()
            with self._lock:
                self._free.append(marker)

    def close(self) -> None:
        """Remove this process's files; those of dead processes stay until their batches are done."""
        with self._lock:
            while self._free:
                self._free.pop().close()
        if self._watchdog:
            self._watchdog.close()

    def _new(self) -> "_Marker":
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return _Marker(self._folder)
        except OSError as error:
            raise OnegraphError(
                f"{self._folder}: batch markers cannot be written: {error.strerror}; free it or name another folder"
            ) from None

    def _look(self) -> None:
        with self._lock:
            self._next_look = self._clock() + self._look_s
            self._dead = {}
            for path in sorted(self._folder.glob("*" + _SUFFIX)):
                with _locked(path, fcntl.LOCK_SH | fcntl.LOCK_NB) as file:
                    if file is None:
                        continue
                    name = _read(file)
                    if name is None:
                        path.unlink(missing_ok=True)  # it died with no batch in hand
                    else:
                        self._dead[path] = name

    def _settle(self, done: BatchName) -> None:
        with self._lock:
            for path, seen in list(self._dead.items()):
                if seen.topic != done.topic or not seen.ranges.keys() & done.ranges.keys():
                    continue
                with _locked(path, fcntl.LOCK_EX) as file:
                    now = _read(file) if file is not None else None
                    left = now.without(done) if now else None
                    if left and left.ranges and file is not None:
                        os.pwrite(file, _encode(left) + b"\n", 0)
                        self._dead[path] = left
                    else:
                        path.unlink(missing_ok=True)
                        del self._dead[path]


class _Marker:
    """One locked file of this process, for one batch at a time."""

    def __init__(self, folder: pathlib.Path):
        self._path = folder / f"{os.getpid()}-{next(_numbers)}-{os.urandom(4).hex()}{_SUFFIX}"
        fresh = self._path.with_suffix(".new")  # no other process looks at it before it is locked
        self._file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            taken = 0
            while taken < len(_EMPTY):  # of the last room on a disk a write takes what there is and says nothing
                taken += os.pwrite(self._file, _EMPTY[taken:], taken)
            fresh.rename(self._path)
        except OSError:
            os.close(self._file)
            fresh.unlink(missing_ok=True)  # a job that is started again and again must not fill the folder
            raise

    def write(self, name: bytes) -> None:
        os.pwrite(self._file, name + b"\n", 0)

    def clear(self) -> None:
        os.pwrite(self._file, b"\n", 0)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


@contextlib.contextmanager
def _locked(path: pathlib.Path, how: int) -> Iterator[int | None]:
    """Open and lock a file; None if it is gone or, when asked not to wait, its owner lives."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(file, how)
        except BlockingIOError:
            yield None
        else:
            yield file
    finally:
        os.close(file)


def _read(file: int) -> BatchName | None:
    line, _, _ = os.pread(file, os.fstat(file).st_size, 0).partition(b"\n")
    try:
        return _decode(line)
    except msgspec.DecodeError:  # no batch in hand, or its name was not finished
        return None
