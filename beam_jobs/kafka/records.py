"""Records of a topic by column: as a poll brings them, and as they are sent."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple, Self

Header = tuple[str, bytes | None]


class Record(NamedTuple):
    """One record as it was read, for code that looks at one after the other."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]


@dataclasses.dataclass(frozen=True, slots=True)
class Polled:
    """Records that came, by column: entry i of every list belongs to record i.

    Partitions stand together, each in order. `timestamps_ms` is -1 for a record that has none.
    """

    partitions: list[int] = dataclasses.field(default_factory=list)
    offsets: list[int] = dataclasses.field(default_factory=list)
    timestamps_ms: list[int] = dataclasses.field(default_factory=list)
    keys: list[bytes | None] = dataclasses.field(default_factory=list)
    values: list[bytes | None] = dataclasses.field(default_factory=list)
    headers: list[list[Header]] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.offsets)

    def rows(self, topic: str) -> list[Record]:
        """Return the records, which are of that topic, one by one.

        >>> Polled([0], [7], [-1], [None], [b"x"], [[]]).rows("trips")
        [Record(topic='trips', partition=0, offset=7, timestamp_ms=-1, key=None, value=b'x', headers=[])]
        """
        columns = self.partitions, self.offsets, self.timestamps_ms, self.keys, self.values, self.headers
        return [Record(topic, *fields) for fields in zip(*columns, strict=True)]

    def before(self, ends: Mapping[int, int]) -> Self:
        """Return the records before the end of their partition; one that `ends` does not name is kept whole.

        >>> Polled([0, 0, 1], [7, 8, 3], [0] * 3, [None] * 3, [b"x", b"y", b"z"], [[]] * 3).before({0: 8}).values
        [b'x', b'z']
        """
        coordinates = zip(self.partitions, self.offsets, strict=True)
        kept = [row for row, (partition, offset) in enumerate(coordinates) if offset < ends.get(partition, offset + 1)]
        if len(kept) == len(self):
            return self
        columns = (getattr(self, field.name) for field in dataclasses.fields(self))
        return type(self)(*([column[row] for row in kept] for column in columns))


@dataclasses.dataclass(frozen=True, slots=True)
class Outgoing:
    """Records to send, by column. `source_partitions` are those of the events that they answer.

    `source_topic` and `source_offsets` are theirs too; they only appear in the message when a broker refuses a record.
    """

    source_partitions: list[int]
    timestamps_ms: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[list[Header]] | None = None
    source_topic: str = ""
    source_offsets: list[int] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def source(self, row: int) -> str:
        """Return which event a record answers, as topic/partition/offset, or its number if that is not known."""
        if self.source_offsets is None:
            return f"number {row}"
        return f"{self.source_topic}/{self.source_partitions[row]}/{self.source_offsets[row]}"
