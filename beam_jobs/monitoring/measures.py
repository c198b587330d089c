"""Everything that a job measures of itself: one table of measures, each fed to Beam's metrics and to Prometheus.

```python
measures.count("events", 40)
measures.count("rejected", 2, reason="TYPE")
measures.observe("stage_seconds", 0.004, stage="decode", times=40)
measures.gauge("lag_events", 1200, partition=3)
```
Call them per batch, not per event. Beam sees a counter `rejected.TYPE`, a distribution `stage_seconds.decode` in whole
millionths, and, for `observe_all`, counters by bucket; only what is measured inside a bundle reaches it. An unknown
name or label value raises `MeasureError` if `ONEGRAPH_STRICT` is set, as in the tests; else it is logged once and left
out, since no metric is worth a stream.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from apache_beam.metrics import Metrics

from beam_jobs.monitoring.measure_store import Measure, MeasureError, MeasureKind, Series, Store
from schemas.rejection import Reason

_log = logging.getLogger(__name__)

NAMESPACE = "onegraph"  # of our metrics in Beam

STAGES = ("queue", "decode", "transform", "score", "encode", "write", "total")
VARIANTS = ("champion", "challenger", "shadow")
SHADOWED = ("same_label", "other_label", "unscored")
DROPS = ("offsets_lost", "stepped_over", "tombstone")

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_SCORES = tuple(step / 10 for step in range(1, 11))
_SIZES = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)
_COUNTER, _HISTOGRAM, _GAUGE, _INFO = MeasureKind

TABLE = (
    Measure("events", _COUNTER, "events read from the source topic"),
    Measure("batches", _COUNTER, "batches scored"),
    Measure("predictions", _COUNTER, "predictions made", {"variant": VARIANTS}),
    Measure("shadowed", _COUNTER, "events by what a shadow made of them beside who decided", {"result": SHADOWED}),
    Measure("rejected", _COUNTER, "events rejected", {"reason": [reason.value for reason in Reason]}),
    Measure(
        "rejected_fields",
        _COUNTER,
        "the same by the field that is wrong, empty where none is",
        {"reason": [reason.value for reason in Reason], "field": None},
    ),
    Measure("dropped", _COUNTER, "events left out on purpose", {"reason": DROPS}),
    Measure("stubs", _COUNTER, "rejected events too large for their topic; coordinates and SHA-256 were sent"),
    Measure("swaps", _COUNTER, "pointer generations that took over"),
    Measure("refused_generations", _COUNTER, "pointer generations that were refused while the old one went on"),
    Measure("reopens", _COUNTER, "times a reader was opened anew"),
    Measure("unseen_categories", _COUNTER, "values outside the column's expected ones", {"column": None}),
    Measure("unknown_fields", _COUNTER, "fields of events that the schema does not have"),
    Measure("batch_events", _HISTOGRAM, "events in a batch", buckets=_SIZES),
    Measure("stage_seconds", _HISTOGRAM, "how long events were in a stage", {"stage": STAGES}, _SECONDS),
    Measure("score", _HISTOGRAM, "scores that a variant gave", {"variant": VARIANTS}, _SCORES),
    Measure("lag_events", _GAUGE, "events behind the end of the partition", {"partition": None}),
    Measure("watermark_seconds", _GAUGE, "time up to which the partition is read (Unix)", {"partition": None}),
    Measure("last_poll_seconds", _GAUGE, "when the reader last polled (Unix)"),
    Measure("last_hold_seconds", _GAUGE, "when the job last waited for a broker or another generation (Unix)"),
    Measure("generation", _GAUGE, "pointer generation that serves"),
    Measure("bundle_loaded_seconds", _GAUGE, "when the champion was loaded (Unix); its age is the time since"),
    Measure("live_bundle", _INFO, "bundles that serve", {"variant": VARIANTS, "bundle": None}),
)

STORE = Store(TABLE)
_complained: set[str] = set()
_beams: dict[tuple[Series, int], Any] = {}
_MILLION = 1_000_000


def count(name: str, n: int = 1, **labels: object) -> None:
    """Add to a counter."""
    series = _sure(name, STORE.count, name, n, labels)
    if series is not None:
        _beam(series, Metrics.counter).inc(n)


def observe(name: str, value: float, times: int = 1, **labels: object) -> None:
    """Put a value, in seconds if the name says so, into its bucket; `times` if several events share it."""
    series = _sure(name, STORE.observe, name, value, times, labels)
    if series is not None:
        _beam(series, Metrics.distribution).update(round(value * _MILLION))


def observe_all(name: str, values: np.ndarray, **labels: object) -> None:
    """Put every value of an array (a number each, one dimension) into its bucket."""
    found = _sure(name, STORE.observe_all, name, values, labels)
    if found is not None:
        for bucket in np.flatnonzero(found[1]).tolist():
            _beam(found[0], Metrics.counter, bucket).inc(int(found[1][bucket]))


def gauge(name: str, value: float, **labels: object) -> None:
    """Set a gauge; Beam gets it as a whole number."""
    series = _sure(name, STORE.gauge, name, value, labels)
    if series is not None:
        _beam(series, Metrics.gauge).set(int(value))


def holding() -> None:
    """Say that the job lives and waits on purpose; nothing is polled meanwhile."""
    gauge("last_hold_seconds", time.time())


def info(name: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Replace the facts of an info measure, one row of labels each; Beam has no such thing."""
    _sure(name, STORE.info, name, rows)


def declare(label: str, values: Iterable[object]) -> None:
    """Allow values of a label that is known when a job starts only: `partition`, `column`, `field`."""
    STORE.declare(label, values)


def total(counters: Mapping[str, int], name: str) -> int:
    """Sum one of our counters over its labels, as Beam reports them (`runners.counters`).

    >>> total({"rejected.TYPE": 2, "rejected.RANGE": 1, "events": 9}, "rejected")
    3
    """
    return counters.get(name, 0) + sum(by_label(counters, name).values())


def by_label(counters: Mapping[str, int], name: str) -> dict[str, int]:
    """Return one of our counters by its label's value, as Beam reports them."""
    return {key.removeprefix(f"{name}."): n for key, n in counters.items() if key.startswith(f"{name}.")}


def rejected(counters: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """Return how many events were rejected by reason and field, as Beam reports them.

    >>> rejected({"rejected.TYPE": 2, "rejected_fields.TYPE./a.b": 2, "rejected_fields.JSON_SYNTAX.": 1})
    {('TYPE', '/a.b'): 2, ('JSON_SYNTAX', ''): 1}
    """
    found = {}
    for label, count in by_label(counters, "rejected_fields").items():
        reason, _, field = label.partition(".")
        found[reason, field] = count
    return found


def _sure(name: str, do: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return do(*arguments)
    except MeasureError as error:
        if os.environ.get("ONEGRAPH_STRICT"):
            raise
        if name not in _complained:
            _complained.add(name)
            _log.error("measure left out: %s", error)
        return None


def _beam(series: Series, make: Callable[[str, str], Any], bucket: int = -1) -> Any:
    found = _beams.get((series, bucket))
    if found is None:
        name = ".".join([series.measure.name, *series.labels])
        if bucket >= 0:
            bounds = (*map(repr, series.measure.buckets), "more")
            name += f".{bounds[bucket]}"
        found = _beams[series, bucket] = make(NAMESPACE, name)
    return found
