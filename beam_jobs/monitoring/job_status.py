"""A job's state as plain values, from the series of its process: totals, rates and latencies of the last seconds.

```python
{"generation": 3, "bundles": [...], "totals": {"events": ..., "rejected": {...}}, "rates": {...}, "lag": {...},
 "rejections": [{"reason": "TYPE", "field": "/age", "count": 400}],
 "stages": {"score": {"p50": 0.004, "p99": 0.011, "counts": [...]}}, "history": [...]}
```
Two such values of two processes of one job make one: `merged`.
"""

import collections
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from beam_jobs.monitoring.measure_store import Series, Store
from schemas.rejection_counts import rejections

WINDOW_S = 10
_JUST_S = 5  # so long ago a hold goes on: other readers of the process poll meanwhile
_PLAIN = ("events", "batches", "swaps", "refused_generations", "reopens", "unknown_fields")
_LABELLED = ("predictions", "rejected", "dropped", "unseen_categories")
_TOLD_APART = ("generation", "bundle", "served", "why")  # a forged pointer may have the number of a true one
_RATES = ("events", "predictions", "rejected")
_SHADOWS = ("shadow",)  # labels: what shadows make is written beside and is no prediction of the job


class Recent:
    """Looks at a store once a second, so that rates and latencies are those of the last seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic):
        self._store, self._clock = store, clock
        self._looks: collections.deque[tuple[float, dict[str, float], dict[str, list[int]]]] = collections.deque(
            maxlen=WINDOW_S + 1
        )
        self._lock = threading.Lock()
        self.look()

    def look(self) -> None:
        """Remember where the counts are now."""
        counts = {name: sum(one.value for one in self._store.series(name) if one.labels != _SHADOWS) for name in _RATES}
        stages = {one.labels[0]: list(one.counts) for one in self._store.series("stage_seconds")}
        with self._lock:
            self._looks.append((self._clock(), counts, stages))

    def since(self) -> tuple[float, dict[str, float], dict[str, list[int]]]:
        """Return seconds, counts and counts by stage and bucket since the oldest look that is remembered."""
        self.look()
        with self._lock:
            (then, before, stages_before), (now, counts, stages) = self._looks[0], self._looks[-1]
        grown = {}
        for stage, buckets in stages.items():
            was = stages_before.get(stage) or [0] * len(buckets)
            grown[stage] = [count - old for count, old in zip(buckets, was, strict=True)]
        return now - then, {name: counts[name] - before[name] for name in counts}, grown


def status(store: Store, recent: Recent, history: Sequence[Mapping[str, Any]], now: float) -> dict[str, Any]:
    """Return the state of this process's job; `now` is Unix time, as all times in it but ages, which are seconds."""
    seconds, grown, stages = recent.since()
    loaded, polled = store.value("bundle_loaded_seconds"), store.value("last_poll_seconds")
    held = store.value("last_hold_seconds")
    bounds = next((one.measure.buckets for one in store.series("stage_seconds")), ())
    return {
        "generation": int(store.value("generation")) or None,
        "bundles": [dict(zip(one.measure.labels, one.labels, strict=True)) for one in store.series("live_bundle")],
        "bundle_age_s": round(now - loaded, 3) if loaded else None,
        "last_poll_age_s": round(now - polled, 3) if polled else None,
        "holds": held > polled or now - held < _JUST_S,
        "totals": {name: int(store.value(name)) for name in _PLAIN}
        | {name: _by_label(store.series(name)) for name in _LABELLED},
        "rejections": _by_field(store.series("rejected_fields")),
        "rates": {f"{name}_per_s": n / seconds if seconds else 0.0 for name, n in grown.items()},
        "lag": _by_label(store.series("lag_events")),
        "watermark": {one.labels[0]: one.value for one in store.series("watermark_seconds")},
        "bounds_s": list(bounds),
        "stages": {stage: _latencies(bounds, counts) for stage, counts in stages.items()},
        "history": list(history),
    }


def merged(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one state of several processes of one job: sums, the latest generation, latencies over all events."""
    if len(states) == 1:
        return dict(states[0])
    newest = max(states, key=lambda state: state["generation"] or 0)
    totals = {name: sum(state["totals"][name] for state in states) for name in _PLAIN}
    labelled = {name: _summed([state["totals"][name] for state in states]) for name in _LABELLED}
    bounds: list[float] = next((state["bounds_s"] for state in states if state["bounds_s"]), [])
    names = dict.fromkeys(stage for state in states for stage in state["stages"])
    counts = {
        stage: _added([state["stages"][stage]["counts"] for state in states if stage in state["stages"]])
        for stage in names
    }
    polls = [state["last_poll_age_s"] for state in states if state["last_poll_age_s"] is not None]
    history = {tuple(one[key] for key in _TOLD_APART): one for state in states for one in state["history"]}
    return {
        **newest,
        "last_poll_age_s": max(polls, default=None),
        "holds": any(state.get("holds") for state in states),
        "totals": totals | labelled,
        "rejections": rejections(_rejected(states)),
        "rates": _summed([state["rates"] for state in states]),
        "lag": _latest(states, "lag"),
        "watermark": _latest(states, "watermark"),
        "bounds_s": bounds,
        "stages": {stage: _latencies(bounds, counts[stage]) for stage in names},
        "history": sorted(history.values(), key=lambda one: one["at"])[-20:],
    }


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Return about the value below which `share` of what was observed is, None if nothing was.

    Within a bucket values count as evenly spread; behind the last bound it is that bound.

    >>> quantile([1.0, 2.0], [0, 10, 0], 0.5)
    1.5
    """
    wanted, lower = share * sum(counts), 0.0
    if not wanted:
        return None
    for bound, count in zip(bounds, counts, strict=False):
        if count and wanted <= count:
            return lower + (bound - lower) * wanted / count
        wanted, lower = wanted - count, bound
    return lower


def _latencies(bounds: Sequence[float], counts: Sequence[int]) -> dict[str, Any]:
    return {"p50": quantile(bounds, counts, 0.5), "p99": quantile(bounds, counts, 0.99), "counts": list(counts)}


def rejected_for(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rejections of a state by reason and field; a job of an older version knows the reasons only.

    >>> rejected_for({"totals": {"rejected": {"TYPE": 2}}})
    [{'reason': 'TYPE', 'field': '', 'count': 2}]
    """
    if "rejections" in state:
        return state["rejections"]
    return rejections({(reason, ""): n for reason, n in state["totals"]["rejected"].items()})


def _by_field(series: Iterable[Series]) -> list[dict[str, Any]]:
    return rejections({(one.labels[0], one.labels[1]): int(one.value) for one in series})


def _rejected(states: Sequence[Mapping[str, Any]]) -> collections.Counter[tuple[str, str]]:
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    for state in states:
        found.update({(one["reason"], one["field"]): one["count"] for one in rejected_for(state)})
    return found


def _by_label(series: Iterable[Series]) -> dict[str, int]:
    return {one.labels[0]: int(one.value) for one in sorted(series, key=lambda one: (len(one.labels[0]), one.labels))}


def _summed(parts: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {name: sum(part.get(name, 0) for part in parts) for name in dict.fromkeys(n for part in parts for n in part)}


def _added(columns: Sequence[Sequence[int]]) -> list[int]:
    return [sum(row) for row in zip(*columns, strict=True)]


def _latest(states: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    # a partition that moved to another process is still in the old one's series: the later poll knows better
    oldest_first = sorted(states, key=lambda state: -(state["last_poll_age_s"] or 0))
    return {partition: value for state in oldest_first for partition, value in state[name].items()}
