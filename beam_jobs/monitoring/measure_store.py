"""A closed set of series: what a process has counted, observed and gauged, for Prometheus and for people.

A measure is declared once with the values that its labels may have. Anything else raises and makes no series, so the
number of series never grows with the data.
"""

import bisect
import dataclasses
import enum
import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

PREFIX = "onegraph_"


class MeasureKind(enum.Enum):
    """What a measure is: a count that grows, a distribution in fixed buckets, a value that moves, or plain facts."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"
    INFO = "info"  # a gauge that is always 1: its labels are the news, and a new one replaces the old


class MeasureError(ValueError):
    """A measure or a label value that is not declared: an error of the program, not of the data."""


@dataclasses.dataclass(frozen=True)
class Measure:
    """One measure. `labels` maps a label to its values; None if `Store.declare` names them when a job starts.

    `buckets` are the upper bounds of a histogram, the one without a bound left out. `unit` is part of the name.
    """

    name: str
    kind: MeasureKind
    help: str
    labels: Mapping[str, Iterable[str] | None] = dataclasses.field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    @property
    def exposed(self) -> tuple[str, ...]:
        """The names that Prometheus sees.

        >>> Measure("polls", MeasureKind.COUNTER, "how often").exposed
        ('onegraph_polls_total',)
        """
        endings = {MeasureKind.COUNTER: ("_total",), MeasureKind.HISTOGRAM: ("_bucket", "_sum", "_count")}
        return tuple(f"{PREFIX}{self.name}{ending}" for ending in endings.get(self.kind, ("",)))


class Series:
    """One measure with one value for each of its labels, in the measure's order."""

    __slots__ = ("counts", "labels", "measure", "value")

    def __init__(self, measure: Measure, labels: tuple[str, ...]):
        self.measure, self.labels = measure, labels
        self.value: float = 0  # of a histogram: the sum of what was observed
        self.counts = [0] * (len(measure.buckets) + 1)  # of a histogram: per bucket, not yet summed up


class Store:
    """The series of one process; safe to use from any thread."""

    def __init__(self, table: Sequence[Measure]):
        self._measures = {measure.name: measure for measure in table}
        self._allowed = {
            (measure.name, label): set(values or ())
            for measure in table
            for label, values in measure.labels.items()
        }  # fmt: skip
        self._open = {key for key in self._allowed if self._measures[key[0]].labels[key[1]] is None}
        self._series: dict[tuple[str, ...], Series] = {}
        self._found: dict[tuple, Series] = {}  # by how callers write it, so that a batch costs look-ups only
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def declare(self, label: str, values: Iterable[object]) -> None:
        """Allow values of a label that is declared when a job starts: a topic's partitions, a schema's columns."""
        names = [key for key in self._open if key[1] == label]
        if not names:
            raise MeasureError(f"label {label!r}: no measure takes values of it from a job")
        texts = {str(value) for value in values}
        with self._lock:
            for key in names:
                self._allowed[key] |= texts

    def find(self, kind: MeasureKind, name: str, labels: Mapping[str, object]) -> Series:
        """Return the series, made at its first use; raises `MeasureError` for what is not declared."""
        written = (kind, name, *labels.items())
        found = self._found.get(written)
        if found is None:
            found = self._found[written] = self._made(kind, name, labels)
        return found

    def count(self, name: str, n: float, labels: Mapping[str, object]) -> Series:
        """Add to a counter."""
        series = self.find(MeasureKind.COUNTER, name, labels)
        with self._lock:
            series.value += n
        return series

    def gauge(self, name: str, value: float, labels: Mapping[str, object]) -> Series:
        """Set a gauge."""
        series = self.find(MeasureKind.GAUGE, name, labels)
        series.value = value
        return series

    def observe(self, name: str, value: float, times: int, labels: Mapping[str, object]) -> Series:
        """Put a value into its bucket, `times` times."""
        series = self.find(MeasureKind.HISTOGRAM, name, labels)
        with self._lock:
            series.counts[bisect.bisect_left(series.measure.buckets, value)] += times
            series.value += value * times
        return series

    def observe_all(self, name: str, values: np.ndarray, labels: Mapping[str, object]) -> tuple[Series, np.ndarray]:
        """Put every value (a number each, one dimension) into its bucket; return how many came into each (int64)."""
        series = self.find(MeasureKind.HISTOGRAM, name, labels)
        buckets = np.searchsorted(series.measure.buckets, values)
        added = np.bincount(buckets, minlength=len(series.counts))
        with self._lock:
            series.counts = [count + int(more) for count, more in zip(series.counts, added, strict=True)]
            series.value += float(values.sum(dtype=np.float64))
        return series, added

    def info(self, name: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Replace the facts of an info measure; labels of it that are not listed take any short plain word."""
        made = [self._checked(MeasureKind.INFO, name, row) for row in rows]
        with self._lock:
            for key in [key for key in self._series if key[0] == name]:
                del self._series[key]
            for series in made:
                series.value = 1
                self._series[(name, *series.labels)] = series

    def clear(self) -> None:
        """Forget all series; what was declared stays."""
        with self._lock:
            self._series.clear()
            self._found.clear()

    def series(self, name: str) -> list[Series]:
        """Return the series that a measure has now."""
        with self._lock:
            return [one for one in self._series.values() if one.measure.name == name]

    def value(self, name: str, **labels: object) -> float:
        """Return the value of one series, 0 if it has none."""
        measure = self._measures[name]
        found = self._series.get((name, *(str(labels[label]) for label in measure.labels)))
        return 0 if found is None else found.value

    def __len__(self) -> int:
        return len(self._series)

    def text(self) -> bytes:
        """Return all series, and this process's memory, time and files, in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Give Prometheus' registry what there is; it calls this."""
        for measure in self._measures.values():
            series = self.series(measure.name)
            yield _family(measure, series + self._zeros(measure, {one.labels for one in series}))

    def _zeros(self, measure: Measure, there: set[tuple[str, ...]]) -> list[Series]:
        """Return a counter's series that are still 0: a rise from nothing at all is none to Prometheus."""
        values = [measure.labels[label] for label in measure.labels]
        if measure.kind is not MeasureKind.COUNTER or None in values:
            return []
        return [Series(measure, labels) for labels in itertools.product(*values) if labels not in there]  # type: ignore[arg-type]

    def _made(self, kind: MeasureKind, name: str, labels: Mapping[str, object]) -> Series:
        new = self._checked(kind, name, labels)
        with self._lock:
            return self._series.setdefault((name, *new.labels), new)

    def _checked(self, kind: MeasureKind, name: str, labels: Mapping[str, object]) -> Series:
        measure = self._measures.get(name)
        if measure is None or measure.kind is not kind:
            raise MeasureError(f"{name!r} is not a {kind.value} of the table in measures.py; declare it there")
        if set(labels) != set(measure.labels):
            raise MeasureError(f"{name}: labels {sorted(labels)}, declared {sorted(measure.labels)}")
        texts = tuple(str(labels[label]) for label in measure.labels)
        for label, text in zip(measure.labels, texts, strict=True):
            free = kind is MeasureKind.INFO and (name, label) in self._open and text.isascii() and len(text) <= _LONGEST
            if not free and text not in self._allowed[name, label]:
                raise MeasureError(f"{name}: a value of label {label!r} that is not declared")
        return Series(measure, texts)


_LONGEST = 80  # of a fact: a bundle's id, a generation


def _family(measure: Measure, series: Sequence[Series]) -> Metric:
    name, labels = PREFIX + measure.name, list(measure.labels)
    if measure.kind is MeasureKind.HISTOGRAM:
        family: Any = HistogramMetricFamily(name, measure.help, labels=labels)
        for one in series:
            total, buckets = 0, []
            for bound, count in zip([*map(repr, measure.buckets), "+Inf"], one.counts, strict=True):
                total += count
                buckets.append((bound, total))
            family.add_metric(one.labels, buckets, one.value)
        return family
    made = CounterMetricFamily if measure.kind is MeasureKind.COUNTER else GaugeMetricFamily
    family = made(name, measure.help, labels=labels)
    for one in series:
        family.add_metric(one.labels, one.value)
    return family
