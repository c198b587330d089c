"""The checks: nothing lost, nothing invented, repeats bounded and equal, order kept, commits never ahead, values right.

Each looks at the evidence alone and says yes or no with its figures. The input topic read back is the truth.
"""

import collections
import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chaos.evidence import Evidence, OutputRecord, Place

_ON_ITS_WAY_S = 0.5  # so long after the death of a process its last sends may still be written
# (bundle, places) to the bytes that this bundle gives for the source record of each
Recompute = Callable[[str, Sequence[Place]], Mapping[Place, bytes]]


@dataclasses.dataclass(frozen=True)
class Check:
    """One check's answer; `figures` are what it counted."""

    name: str
    passed: bool
    figures: Mapping[str, float]

    def __str__(self) -> str:
        figures = ", ".join(
            f"{name} {value:,.1f}" if isinstance(value, float) else f"{name} {value:,}"
            for name, value in self.figures.items()
        )
        return f"{'pass' if self.passed else 'FAIL'}  {self.name}: {figures}"


LOSS, PHANTOM, DISJOINT, REJECTED = "1 loss", "2 phantom", "3 disjoint", "4 rejected"
DUPLICATES, ORDER, COMMITS, VALUES, REFUSED = "5 duplicates", "6 order", "7 commits", "8 values", "refused bundle"


def check_all(seen: Evidence, recompute: Recompute) -> list[Check]:
    """Return the answer of every check."""
    return [
        loss(seen),
        phantom(seen),
        disjoint(seen),
        rejections(seen),
        duplicates(seen),
        order(seen),
        commits(seen),
        values(seen, recompute),
        refused(seen),
    ]


def loss(seen: Evidence) -> Check:
    """Every source record has at least one output."""
    ended = _places(seen.predictions) | _places(seen.rejected)
    lost = len(_source(seen) - ended)
    return Check(LOSS, lost == 0, {"source records": len(seen.source), "ended": len(ended), "lost": lost})


def phantom(seen: Evidence) -> Check:
    """No output is of a record that is not in the source."""
    invented = (_places(seen.predictions) | _places(seen.rejected)) - _source(seen)
    return Check(PHANTOM, not invented, {"phantom": len(invented)})


def disjoint(seen: Evidence) -> Check:
    """No record is both a prediction and rejected."""
    both = _places(seen.predictions) & _places(seen.rejected)
    return Check(DISJOINT, not both, {"in both topics": len(both)})


def rejections(seen: Evidence) -> Check:
    """Exactly the bad records are rejected, each for its reason, with its bytes and key."""
    wanted = {
        (one.partition, one.offset): (seen.reason_of(one), _digest(one.value), one.key)
        for one in seen.source
        if seen.reason_of(one)
    }
    found: dict[Place, set] = collections.defaultdict(set)
    for one in seen.rejected:
        found[one.place].add((one.reason, _digest(one.value), one.key))
    wrong = sum(found.get(place) != {one} for place, one in wanted.items())
    extra = len(set(found) - set(wanted))
    reasons = len({reason for reason, _, _ in wanted.values()})
    figures = {"expected": len(wanted), "reasons": reasons, "missing or different": wrong, "not expected": extra}
    return Check(REJECTED, not wrong and not extra, figures)


def duplicates(seen: Evidence) -> Check:
    """Repeats are within the bound; the same id has the same bytes unless another bundle made the repeat."""
    written = [*seen.predictions, *seen.rejected]
    by_place: dict[Place, dict[str, set]] = collections.defaultdict(lambda: collections.defaultdict(set))
    for one in written:
        by_place[one.place][one.bundle].add((one.value, one.reason))
    unequal = sum(len(contents) > 1 for bundles in by_place.values() for contents in bundles.values())
    divergent = sum(
        len({value for values in bundles.values() for value in values}) > 1 for bundles in by_place.values()
    )
    repeats, bound = len(written) - len(by_place), _bound(seen)
    figures = {"repeats": repeats, "bound": bound, "divergent": divergent - unequal, "unequal": unequal}
    return Check(DUPLICATES, repeats <= bound and unequal == 0, figures)


def _bound(seen: Evidence) -> int:
    """Return how many repeats the deaths explain: before each, what was written since work was kept, and a batch.

    A death before which nothing was written since the one before it explains none: that work was lost already.
    """
    written = np.sort([one.at for one in seen.predictions])
    bound, before = 0, -1
    for death in sorted(seen.deaths):
        end = int(np.searchsorted(written, death + _ON_ITS_WAY_S))
        if end == before:
            continue
        before = end
        start = np.searchsorted(written, _kept(seen, death, written[end - 1])) if end else 0
        bound += end - int(start) + seen.replayed_events
    return bound


def _kept(seen: Evidence, death: float, last_written: float) -> float:
    """Return until when all that was written is certain not to be written again after that death."""
    if not seen.checkpoints:
        return last_written - seen.replayed_s
    return max((begun for begun, completed in seen.checkpoints if completed <= death), default=0.0)


def order(seen: Evidence) -> Check:
    """In each output topic, first appearances of the events of a key and partition stand in the order of the source."""
    inversions = runs = 0
    for written in (seen.predictions, seen.rejected):
        first = _first(written)
        last: dict[tuple[bytes | None, int], int] = {}
        for one in sorted(first.values(), key=lambda one: (one.partition, one.offset)):
            key, offset = (one.key, one.place[0]), one.place[1]
            inversions += offset < last.get(key, -1)
            last[key] = max(offset, last.get(key, -1))
        runs += len(last)
    return Check(ORDER, inversions == 0, {"keys": runs, "inversions": inversions})


def commits(seen: Evidence) -> Check:
    """No sample shows a committed offset behind which a record was unfinished; at rest they are the ends."""
    sources: dict[int, list[int]] = collections.defaultdict(list)
    for record in seen.source:
        sources[record.partition].append(record.offset)
    first = [_first(seen.predictions), _first(seen.rejected)]
    ahead = 0
    for partition, offsets in sources.items():
        order_of = np.array(offsets)
        finished = [_positions(topic, partition, offsets) for topic in first]
        for sample in seen.samples:
            done = np.zeros(len(offsets), bool)
            for (where, position), ends in zip(finished, (sample.predictions, sample.rejected), strict=True):
                limit = np.array([ends.get(index, 0) for index in range(max([*ends, *where.tolist(), 0]) + 1)])
                done |= (position >= 0) & (position < limit[where])
            ahead += bool((~done & (order_of < sample.committed.get(partition, 0))).any())
    ends = {partition: max(offsets) + 1 for partition, offsets in sources.items()}
    short = sum(seen.committed.get(partition) != end for partition, end in ends.items())
    figures = {"samples": len(seen.samples), "ahead of unfinished work": ahead, "partitions not at their end": short}
    return Check(COMMITS, not ahead and not short, figures)


def values(seen: Evidence, recompute: Recompute) -> Check:
    """Every prediction has the bytes that the bundle it names gives for its source record, scored again elsewhere."""
    by_bundle: dict[str, set[Place]] = collections.defaultdict(set)
    for one in seen.predictions:
        by_bundle[one.bundle].add(one.place)
    wanted = {
        (bundle, place): value
        for bundle, places in by_bundle.items()
        for place, value in recompute(bundle, sorted(places)).items()
    }
    different = sum(wanted.get((one.bundle, one.place)) != one.value for one in seen.predictions)
    figures = {"recomputed": len(seen.predictions), "bundles": len(by_bundle), "different": different}
    return Check(VALUES, different == 0, figures)


def refused(seen: Evidence) -> Check:
    """While the pointer named an altered bundle, nothing was scored by it."""
    served = sum(
        one.bundle == bundle and start <= one.at <= end
        for one in [*seen.predictions]
        for bundle, start, end in seen.refused
    )
    return Check(REFUSED, served == 0, {"broken bundles": len(seen.refused), "scored by one": served})


def recoveries(seen: Evidence) -> list[float | None]:
    """Return for every fault the seconds from it to the first new prediction after it, None if all was done."""
    first = sorted(one.at for one in _first(seen.predictions).values())
    found: list[float | None] = []
    for fault in seen.faults:
        place = int(np.searchsorted(first, fault.resumed))
        found.append(first[place] - fault.at if place < len(first) else None)
    return found


def _first(written: Sequence[OutputRecord]) -> dict[Place, OutputRecord]:
    first: dict[Place, OutputRecord] = {}
    for one in sorted(written, key=lambda one: (one.partition, one.offset)):
        first.setdefault(one.place, one)
    return first


def _positions(
    first: Mapping[Place, OutputRecord], partition: int, offsets: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return output partition and offset of the first output of every source record, offset -1 if there is none."""
    found = [first.get((partition, offset)) for offset in offsets]
    where = np.array([0 if one is None else one.partition for one in found], int)
    return where, np.array([-1 if one is None else one.offset for one in found], int)


def _source(seen: Evidence) -> set[Place]:
    return {(one.partition, one.offset) for one in seen.source}


def _places(written: Sequence[OutputRecord]) -> set[Place]:
    return {one.place for one in written}


def _digest(value: bytes | None) -> str | None:
    return None if value is None else hashlib.sha256(value).hexdigest()
