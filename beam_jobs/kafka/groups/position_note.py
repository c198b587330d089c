"""The note beside a committed offset: which topic it is of, which partitions the group knew, which job has the group.

Kafka keeps a text of at most 4,096 bytes (`offset.metadata.max.bytes`) with every committed offset. Ours is JSON with a
version. What others wrote there, older versions of ours with an empty text among them, is read as "nothing known".
"""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

_VERSION = 1
_MOST = 3_000
_MOST_PARTITIONS = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lease:
    """Which job may commit for a group; plain values, they travel to workers.

    `token` is that of one run, `number` rises with every run that takes the group: a lower one was taken over.
    `machine` says where a process id means the same; `pid` and `began` are those of the job's process, None if the
    job outlives the process that started it, as on Flink. `free` says that the job ended and gave the group back.
    """

    token: str
    number: int
    job: str
    host: str
    machine: str
    pid: int | None = None
    began: int | None = None
    free: bool = False

    def __str__(self) -> str:
        process = "" if self.pid is None else f", pid {self.pid}"
        return f"job {self.job} on {self.host}{process}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Note:
    """The text beside a committed offset; `beat` rises with every commit of a process, so that renewals are seen."""

    topic_id: str | None = None
    partitions: frozenset[int] = frozenset()
    lease: Lease | None = None
    beat: int = 0

    def is_of(self, topic_id: str | None) -> bool:
        """Return whether the offset may be of the topic with that id; if one of the two ids is not known, it may."""
        return None in (self.topic_id, topic_id) or self.topic_id == topic_id

    def text(self) -> str:
        """Return the note as Kafka keeps it.

        >>> Note(topic_id="a", partitions=frozenset({0, 1, 2, 5})).text()
        '{"onegraph":1,"topic":"a","partitions":"0-2,5"}'
        """
        note: dict[str, Any] = {"onegraph": _VERSION}
        if self.topic_id is not None:
            note["topic"] = self.topic_id
        if self.partitions:
            note["partitions"] = _ranges(self.partitions)
        if self.lease is not None:
            note["lease"] = {name: value for name, value in dataclasses.asdict(self.lease).items() if value is not None}
            note["beat"] = self.beat
        return json.dumps(note, separators=(",", ":"))

    @classmethod
    def read(cls, text: str | None) -> "Note":
        """Return what a text says, an empty note if it is not ours or not whole.

        >>> Note.read('{"onegraph":1,"partitions":"0-1"}').partitions == {0, 1}, Note.read("foreign") == Note()
        (True, True)
        """
        try:
            note = json.loads(text or "null")
            if not isinstance(note, dict) or not isinstance(note["onegraph"], int):
                return cls()
            lease = note.get("lease")
            return cls(
                topic_id=_checked(note.get("topic"), str, None),
                partitions=_numbers(note.get("partitions", "")),
                lease=None if lease is None else _lease(lease),
                beat=_checked(note.get("beat", 0), int),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return cls()


def _lease(fields: dict[str, Any]) -> Lease:
    fields = {field.name: fields[field.name] for field in dataclasses.fields(Lease) if field.name in fields}
    lease = Lease(**fields)
    for name, kind in (("token", str), ("number", int), ("job", str), ("host", str), ("machine", str), ("free", bool)):
        _checked(getattr(lease, name), kind)
    for name in ("pid", "began"):
        _checked(getattr(lease, name), int, None)
    return lease


def _checked(value: Any, kind: type, *others: Any) -> Any:
    if type(value) is kind or value in others:
        return value
    raise TypeError(f"{type(value).__name__} where {kind.__name__} was wanted")


def _ranges(numbers: Iterable[int]) -> str:
    """Return numbers as ranges; if that gets long, only the first ones: what is left out counts as unknown."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
    return text if len(text) <= _MOST else text[:_MOST].rpartition(",")[0]


def _numbers(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        ends = part.partition("-")
        first, last = int(ends[0]), int(ends[2] or ends[0])
        if not 0 <= first <= last < _MOST_PARTITIONS:
            raise ValueError(f"partitions {first} to {last}")
        found.update(range(first, last + 1))
    return frozenset(found)
