"""What a job does with events that are not simply scored: absurd times and headers, tombstones, headers passed on."""

import dataclasses
import math
from collections.abc import Sequence

from beam_jobs.kafka.records import Header
from beam_jobs.stream.events import EventBatch
from schemas.rejection import Reason, Rejection


@dataclasses.dataclass(frozen=True, kw_only=True)
class EventPolicy:
    """Plain values that travel to workers.

    `drop_tombstones`: events with a null value are counted and left out, not rejected. `pass_headers`: names of headers
    that predictions get from their events, byte for byte. `earliest_ms` and `latest_ms` bound the timestamps of records
    (milliseconds since 1970, both inclusive), `most_headers` their headers.
    """

    drop_tombstones: bool = False
    pass_headers: tuple[str, ...] = ()
    earliest_ms: int | None = None
    latest_ms: int | None = None
    most_headers: int = 1_000

    def handed_on(self, headers: Sequence[Sequence[Header]]) -> list[list[Header]] | None:
        """Return what the predictions of events with these headers get of them, None if none gets any.

        >>> EventPolicy(pass_headers=("trace",)).handed_on([[("trace", b"1"), ("more", b"2")], []])
        [[('trace', b'1')], []]
        """
        if not self.pass_headers:
            return None
        handed = [[one for one in own if one[0] in self.pass_headers] for own in headers]
        return handed if any(handed) else None

    def refused(self, events: EventBatch) -> dict[int, Reason]:
        """Return the rows that are rejected unread, by what stands around their value, and why."""
        found = {}
        if events.headers and max(map(len, events.headers)) > self.most_headers:
            found = {row: Reason.HEADERS for row, names in enumerate(events.headers) if len(names) > self.most_headers}
        if self.earliest_ms is None and self.latest_ms is None:
            return found
        low = -math.inf if self.earliest_ms is None else self.earliest_ms
        high = math.inf if self.latest_ms is None else self.latest_ms
        late = {row: Reason.TIME_RANGE for row, at in enumerate(events.timestamps_ms) if not low <= at <= high}
        return late | found

    def split(self, rejections: list[Rejection]) -> tuple[list[Rejection], list[Rejection]]:
        """Return the rejections to send and those to drop."""
        if not self.drop_tombstones:
            return rejections, []
        dropped = [one for one in rejections if one.reason is Reason.TOMBSTONE]
        return [one for one in rejections if one.reason is not Reason.TOMBSTONE] if dropped else rejections, dropped
