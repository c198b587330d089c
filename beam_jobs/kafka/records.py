"""Records of a topic by column, as they are sent."""

import dataclasses

Header = tuple[str, bytes | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Records:
    """Records to send, by column. `source_partitions` are those of the events that they answer.

    `source_topic` and `source_offsets` are theirs too; they are only told where a broker refuses a record.
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
        """Return which event a record answers, as topic/partition/offset, or its number where that is not known."""
        if self.source_offsets is None:
            return f"number {row}"
        return f"{self.source_topic}/{self.source_partitions[row]}/{self.source_offsets[row]}"
