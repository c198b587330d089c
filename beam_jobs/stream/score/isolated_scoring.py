"""Batches that ended a process before are tried in a child process first, so that nothing ends it for ever.

A batch is named in a marker file while it is scored (`batch_marker`). Events that were in hand when two processes died
are tried in a child (`models/isolation`); the culprits are rejected, the others scored. A culprit that was found is
remembered by its coordinates and the SHA-256 of its value: the next process may read it again before its offset is
committed. What is too slow only together is scored in parts, each named, sent and committed by itself, and so are the
batches behind it that are as large. If the child finds nothing and processes go on dying, the parts are halved with
each death: a child is not in every way what this process is.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import logging
import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from beam_jobs.monitoring import measures
from beam_jobs.process.user_folder import user_folder
from beam_jobs.process.watchdog import Watchdog
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.batch_marker import BatchMarkers, BatchName
from models.isolation.isolation import Probe, find_culprits
from schemas.rejection import Reason

_log = logging.getLogger(__name__)
_DEATHS = 2  # one may have any cause: a kill, a machine without memory
_KNOWN = "culprits.jsonl"
_LEAST_PART_BYTES = 64 << 10  # below that it is not their size that makes events slow

Culprits = Mapping[int, Reason]  # by row


@dataclasses.dataclass(frozen=True)
class IsolationSettings:
    """Where the markers of a job stand and how long a batch may take; plain values that travel to workers.

    `folder` is the same for all workers of a job on a machine and survives them; if it is empty, it is one of the
    user's own in the folder for temporary files, by the name of what the job reads.
    """

    folder: str
    deadline_s: float

    def path(self, reads: str) -> pathlib.Path:
        """Return the folder, made if it is not there; raises `OnegraphError` if it cannot be ours alone.

        `reads` tells the job's events and group from those of others (`StreamJob.reads`).
        """
        if self.folder:
            return pathlib.Path(self.folder)
        folder = user_folder("give --marker-folder") / _folder_name(reads)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


class IsolatedScoring:
    """The markers of this process and the culprits that are known, in the job's folder. Safe for threads."""

    def __init__(self, folder: pathlib.Path, deadline_s: float):
        self._folder, self._deadline_s = folder, deadline_s
        self._markers = BatchMarkers(folder, Watchdog(deadline_s), deaths=_DEATHS)
        self._known = _KnownCulprits(folder / _KNOWN)
        self._part_bytes = 0  # that a part may have since some were slow together

    def parts(self, events: EventBatch, make_probe: Callable[[], Probe]) -> list[tuple[EventBatch, Culprits]]:
        """Return the events as they are to be scored, mostly in one part, with the rows that must not be, mostly none.

        `make_probe` is called in a child, only for events that two processes died with. Raises `OnegraphError` if
        it is not the records' fault (see `find_culprits`).
        """
        found = self._known.rows(events)
        suspects = {row: deaths for row, deaths in self._markers.suspects(events).items() if row not in found}
        if suspects:
            starts = self._tried(events, list(suspects), 2 ** (max(suspects.values()) - _DEATHS), make_probe, found)
        else:
            starts = _starts_by_bytes(events.values, self._part_bytes) if self._part_bytes else [0]
        if len(starts) == 1:
            return [(events, found)]
        parts = events.cut(starts)
        return [
            (part, {row - start: found[row] for row in range(start, start + len(part)) if row in found})
            for part, start in zip(parts, starts, strict=True)
        ]

    def _tried(
        self,
        events: EventBatch,
        suspects: list[int],
        shares: int,
        make_probe: Callable[[], Probe],
        found: dict[int, Reason],
    ) -> list[int]:
        """Try suspects in a child, add the culprits to `found`, and return the rows at which parts are to begin."""
        _log.warning(
            "processes died with %d of these events in hand: %s; trying them in a child process",
            len(suspects),
            BatchName.of(events),
        )
        values = [events.values[row] for row in suspects]
        findings = find_culprits(make_probe, values, self._deadline_s, alive=measures.holding)
        new = {suspects[at]: reason for at, reason in findings.culprits.items()}
        self._known.add(events, new)
        found |= new
        parts = [part for one in findings.parts for part in _shared_out(one, shares)]
        if len(parts) < 2:
            return [0]
        _log.warning("they are scored in %d parts", len(parts))
        if len(findings.parts) > 1:  # they were slow; those that are only halved say nothing of the next batch
            heaviest = max(sum(len(values[at] or b"") for at in part) for part in findings.parts)
            self._part_bytes = max(min(self._part_bytes or heaviest, heaviest), _LEAST_PART_BYTES)
            _log.warning("batches of over %d bytes are scored in parts, too", self._part_bytes)
        of_row = {suspects[at]: number for number, part in enumerate(parts) for at in part}
        return _starts_by_part([row for row in range(len(events)) if row not in found], of_row)

    def naming(self, events: EventBatch) -> contextlib.AbstractContextManager[None]:
        """Name the batch while it is scored; a batch over the deadline ends the process."""
        return self._markers.naming(events)

    def close(self) -> None:
        """Remove this process's markers and stop the watchdog."""
        self._markers.close()
        with contextlib.suppress(OSError):  # it holds the markers of others, or culprits
            self._folder.rmdir()


def _shared_out(part: list[int], shares: int) -> list[list[int]]:
    """Return a part in so many, or one for each of its rows.

    >>> _shared_out([3, 4, 5], 2), _shared_out([3, 4], 4)
    ([[3, 4], [5]], [[3], [4]])
    """
    size = max(-(-len(part) // shares), 1)
    return [part[start : start + size] for start in range(0, len(part), size)]


def _starts_by_part(rows: Sequence[int], part_of: Mapping[int, int]) -> list[int]:
    """Return where parts begin: at 0, and at each of these rows that is not of the part of the row before it.

    Rows that `part_of` does not name are of the part that they stand within, else they make a part of their own.

    >>> _starts_by_part(range(7), {1: 0, 3: 0, 5: 1})
    [0, 1, 4, 5, 6]
    """
    before = _filled(rows, part_of)
    behind = _filled(rows[::-1], part_of)[::-1]
    parts = [one if one == other else -1 for one, other in zip(before, behind, strict=True)]
    return [0] + [row for row, (one, other) in zip(rows[1:], itertools.pairwise(parts), strict=True) if one != other]


def _filled(rows: Sequence[int], part_of: Mapping[int, int]) -> list[int]:
    """Return the part of each row, or of the last row before it that has one, -1 if none has."""
    parts, part = [], -1
    for row in rows:
        part = part_of.get(row, part)
        parts.append(part)
    return parts


def _starts_by_bytes(values: Sequence[bytes | None], limit: int) -> list[int]:
    """Return where parts of at most `limit` bytes, or of one value, begin.

    >>> _starts_by_bytes([b"abc", b"d", None, b"e" * 9, b"f"], 4)
    [0, 3, 4]
    """
    starts, size = [0], 0
    for row, value in enumerate(values):
        size += len(value or b"")
        if size > limit and row > starts[-1]:
            starts.append(row)
            size = len(value or b"")
    return starts


class _Culprit(msgspec.Struct, frozen=True):
    topic: str
    partition: int
    offset: int
    sha256: str
    reason: Reason


class _KnownCulprits:
    """Culprits by coordinates, in a file to which every process of the job appends."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._found: dict[tuple[str, int, int], _Culprit] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines():
                with contextlib.suppress(msgspec.DecodeError):  # its writer died on the way
                    self._keep(msgspec.json.decode(line, type=_Culprit))

    def rows(self, events: EventBatch) -> dict[int, Reason]:
        """Return the rows that hold a known culprit: same offset and same value."""
        if not self._found:
            return {}
        ranges = BatchName.of(events).ranges
        rows: dict[int, Reason] = {}
        for (topic, partition, offset), culprit in list(self._found.items()):
            first, last = ranges.get(partition, (0, -1))
            if topic != events.topic or not first <= offset <= last:
                continue
            for row, position in enumerate(zip(events.partitions, events.offsets, strict=True)):
                if position == (partition, offset) and _sha256(events.values[row]) == culprit.sha256:
                    rows[row] = culprit.reason
        return rows

    def add(self, events: EventBatch, reasons: dict[int, Reason]) -> None:
        """Remember rows of a batch, on disk first."""
        culprits = [
            _Culprit(events.topic, events.partitions[row], events.offsets[row], _sha256(events.values[row]), reason)
            for row, reason in reasons.items()
        ]
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            for culprit in culprits:
                os.write(file, msgspec.json.encode(culprit) + b"\n")
                self._keep(culprit)
                source = f"{culprit.topic}/{culprit.partition}/{culprit.offset}"
                _log.warning("%s ends the process that scores it: %s", source, culprit.reason)
        finally:
            os.close(file)

    def _keep(self, culprit: _Culprit) -> None:
        self._found[culprit.topic, culprit.partition, culprit.offset] = culprit


def _sha256(value: bytes | None) -> str:
    return hashlib.sha256(value or b"").hexdigest()


def _folder_name(reads: str) -> str:
    """Return a name that is safe for a folder and differs if what is read does.

    >>> _folder_name("team/trips")
    'team-trips-c7e7b083'
    """
    return f"{re.sub('[^a-zA-Z0-9.-]', '-', reads)[:80]}-{hashlib.sha256(reads.encode()).hexdigest()[:8]}"
