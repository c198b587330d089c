"""The restriction of the Kafka reader: for a group of partitions, from which offsets to which, and what is claimed."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from apache_beam import coders
from apache_beam.coders.coder_impl import create_InputStream, create_OutputStream
from apache_beam.io.iobase import RestrictionProgress, RestrictionTracker

Offsets = Mapping[int, int]

END_HERE = None  # the position that claims "no more after what is claimed": ends the restriction where it is


@dataclasses.dataclass(frozen=True)
class NewPartitions:
    """The position that claims nothing yet of partitions which came later, to be read from these offsets on."""

    start: Offsets


@dataclasses.dataclass(frozen=True)
class Span:
    """All records of some partitions from `start` (inclusive) to `stop` (exclusive; None: without an end).

    Both are offsets by partition and name the same partitions.
    """

    start: Offsets
    stop: Offsets | None = None

    def __post_init__(self) -> None:
        if self.stop is not None and set(self.stop) != set(self.start):
            raise ValueError(f"start has partitions {sorted(self.start)}, stop has {sorted(self.stop)}")


class SpanTracker(RestrictionTracker):
    """Claims a group's offsets poll by poll. It never splits ahead of what is claimed, only right behind it.

    Cutting a live log somewhere ahead makes no sense: what will be there is not known. So `try_split` answers to
    fraction 0 only, which is how a runner or the reader itself takes a checkpoint.
    """

    def __init__(self, span: Span):
        self._start = dict(span.start)
        self._next = dict(span.start)
        self._stop = None if span.stop is None else {p: max(span.stop[p], span.start[p]) for p in span.start}

    def current_restriction(self) -> Span:
        return Span(dict(self._start), None if self._stop is None else dict(self._stop))

    def try_claim(self, position: Offsets | NewPartitions | None) -> bool:
        """Claim every record before the given next offsets; partitions that are not named stay where they are.

        False if any is behind the end, as after a checkpoint by the runner: then nothing is claimed, nothing may
        be put out and the reader returns. `END_HERE` ends the restriction at what is claimed, and is False as well.
        `NewPartitions` lets an endless restriction grow; one that has an end by now does not, and the reader returns:
        who reads the rest finds them again.
        """
        if position is END_HERE:
            self._stop = dict(self._next)
            return False
        if isinstance(position, NewPartitions):
            return self._grow(position.start)
        for partition, offset in position.items():
            if partition not in self._next:
                raise ValueError(f"partition {partition} is not in this restriction: {sorted(self._next)}")
            if offset < self._next[partition]:
                raise ValueError(f"partition {partition}: claim of {offset} after {self._next[partition]}")
            if self._stop is not None and offset > self._stop[partition]:
                return False
        self._next.update(position)
        return True

    def _grow(self, start: Offsets) -> bool:
        known = set(start) & set(self._next)
        if known:
            raise ValueError(f"partitions {sorted(known)} are in this restriction already")
        if self._stop is not None:
            return False
        self._start.update(start)
        self._next.update(start)
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[Span, Span] | None:
        if fraction_of_remainder != 0 or self._done():
            return None
        rest = Span(dict(self._next), None if self._stop is None else dict(self._stop))
        self._stop = dict(self._next)
        return self.current_restriction(), rest

    def check_done(self) -> bool:
        if not self._done():
            raise ValueError(
                f"next offsets {self._next} of {self.current_restriction()}: neither deferred nor at the end"
            )
        return True

    def current_progress(self) -> RestrictionProgress:
        completed = sum(self._next.values()) - sum(self._start.values())
        remaining = 1 if self._stop is None else sum(self._stop.values()) - sum(self._next.values())
        return RestrictionProgress(completed=float(completed), remaining=float(remaining))

    def is_bounded(self) -> bool:
        return self._stop is not None

    def _done(self) -> bool:
        return self._stop is not None and self._next == self._stop


class SpanCoder(coders.Coder):
    """Deterministic bytes with a version in front, so that checkpoints outlive changes of this code.

    Version 1: number of partitions, then for each, ascending: partition, start, stop + 1 (0: without an end).
    Without partitions a 0 follows if some may still come.
    """

    VERSION = 1

    def encode(self, value: Span) -> bytes:
        out = create_OutputStream()
        out.write_var_int64(self.VERSION)
        out.write_var_int64(len(value.start))
        for partition in sorted(value.start):
            out.write_var_int64(partition)
            out.write_var_int64(value.start[partition])
            out.write_var_int64(0 if value.stop is None else value.stop[partition] + 1)
        if not value.start and value.stop is None:
            out.write_var_int64(0)
        return out.get()

    def decode(self, encoded: bytes) -> Span:
        data = create_InputStream(encoded)
        version = data.read_var_int64()
        if version != self.VERSION:
            raise ValueError(f"restriction of version {version}, this code reads version {self.VERSION}")
        start, stop = {}, {}
        for _ in range(data.read_var_int64()):
            partition = data.read_var_int64()
            start[partition] = data.read_var_int64()
            stop[partition] = data.read_var_int64() - 1
        endless = -1 in stop.values() or (not start and data.size() > 0)
        return Span(start, None if endless else stop)

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> Any:
        return Span
