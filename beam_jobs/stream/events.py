"""What travels in the stream: a batch of events by column and the outcome of a batch."""

import dataclasses
import itertools
from collections.abc import Sequence

from beam_jobs.kafka.records import Header, Outgoing


@dataclasses.dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of one topic as they came, by column: entry i of every list belongs to event i.

    Events of one partition stand in the order of their offsets. `next_offsets` says, by partition, where reading goes
    on after this batch; it may move without events, over control records and compacted gaps.
    """

    topic: str
    partitions: list[int]
    offsets: list[int]
    timestamps_ms: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[list[Header]]
    next_offsets: dict[int, int]

    def __len__(self) -> int:
        return len(self.offsets)

    def cut(self, starts: Sequence[int]) -> "list[EventBatch]":
        """Return the events in parts, of which one begins at each of these rows, the first of which is 0.

        Once a part is done, reading goes on behind its events; offsets without events count with the last part.
        """
        parts = []
        for start, end in itertools.pairwise([*starts, len(self)]):
            here = slice(start, end)
            partitions, offsets = self.partitions[here], self.offsets[here]
            behind = {partition: offset + 1 for partition, offset in zip(partitions, offsets, strict=True)}
            part = EventBatch(
                self.topic,
                partitions,
                offsets,
                self.timestamps_ms[here],
                self.keys[here],
                self.values[here],
                self.headers[here],
                self.next_offsets if end == len(self) else behind,
            )
            parts.append(part)
        return parts


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one batch of a topic: together, `predictions` and `rejected` have one record for every event.

    Once both are acknowledged, the events before `next_offsets` are done. `shadow` has what shadows made of the batch,
    if they have a topic.
    """

    topic: str
    predictions: Outgoing
    rejected: Outgoing
    next_offsets: dict[int, int]
    shadow: Outgoing = dataclasses.field(default_factory=lambda: Outgoing([], [], [], []))


def picked(records: Outgoing, rows: Sequence[int]) -> Outgoing:
    """Return some of the records, in the order of these rows."""
    return Outgoing(
        [records.source_partitions[row] for row in rows],
        [records.timestamps_ms[row] for row in rows],
        [records.keys[row] for row in rows],
        [records.values[row] for row in rows],
        None if records.headers is None else [records.headers[row] for row in rows],
        records.source_topic,
        None if records.source_offsets is None else [records.source_offsets[row] for row in rows],
    )
