"""What is known after a run: the topics read back, the samples taken meanwhile, what was done and when."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.messages import NUMBER
from chaos.plan import Action

Place = tuple[int, int]  # partition and offset in the source topic


@dataclasses.dataclass(frozen=True)
class Sample:
    """The group's committed offsets, and the ends of the output topics asked for right after them."""

    at: float
    committed: Mapping[int, int]
    predictions: Mapping[int, int]
    rejected: Mapping[int, int]


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault: when it struck and from when on the job could work again; seconds since the epoch."""

    action: Action
    at: float
    resumed: float


@dataclasses.dataclass(frozen=True)
class OutputRecord:
    """A record of an output topic: of which event, its bytes, where it stands, when it came and who made it."""

    place: Place
    value: bytes | None
    partition: int
    offset: int
    at: float
    bundle: str
    key: bytes | None
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All that the checks look at. `reasons` are those expected by message number, None for a scored event.

    `deaths` are the times at which work was lost on the way; each may repeat what was written in `replayed_s` before
    it, or since the last of the `checkpoints` (begun, completed) was begun, and `replayed_events` on top. `refused` are
    (bundle, from, to) while a bundle was live by name but altered.
    """

    source: Sequence[Any]
    predictions: Sequence[OutputRecord]
    rejected: Sequence[OutputRecord]
    reasons: Sequence[str | None]
    samples: Sequence[Sample]
    committed: Mapping[int, int]
    faults: Sequence[Fault] = ()
    deaths: Sequence[float] = ()
    replayed_s: float = 0.0
    checkpoints: Sequence[tuple[float, float]] = ()
    replayed_events: int = 0
    refused: Sequence[tuple[str, float, float]] = ()
    max_rss_mb: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def reason_of(self, record: Any) -> str | None:
        """Return why a source record must be rejected, None if it must be scored."""
        return self.reasons[int(dict(record.headers)[NUMBER])]


def place_of(source: str) -> Place:
    """Return partition and offset of "topic/partition/offset".

    >>> place_of("trips/3/17")
    (3, 17)
    """
    _, partition, offset = source.rsplit("/", 2)
    return int(partition), int(offset)


def predictions(records: Sequence[Any]) -> Iterator[OutputRecord]:
    """Read the records of the predictions topic."""
    for record in records:
        value = json.loads(record.value)
        place, bundle = place_of(value["id"]), value["bundle"]
        at = record.timestamp_ms / 1000
        yield OutputRecord(place, record.value, record.partition, record.offset, at, bundle, record.key)


def rejected(records: Sequence[Any]) -> Iterator[OutputRecord]:
    """Read the records of the rejected topic."""
    for record in records:
        headers = {name: value.decode() for name, value in record.headers if name.startswith("onegraph.")}
        place = place_of(headers["onegraph.source"])
        bundle, reason = headers["onegraph.bundle"], headers["onegraph.reason"]
        where = record.partition, record.offset, record.timestamp_ms / 1000
        yield OutputRecord(place, record.value, *where, bundle, record.key, reason)
