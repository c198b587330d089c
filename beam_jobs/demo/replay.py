"""A held-out split replayed as events: what was sent, what came back, and how long it took from broker to broker."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from beam_jobs.batch.event_files import json_events
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.intake import taken_in
from models.splits import SPLITS
from models.training.labels import make_labels
from models.training.split_rows import assign
from models.use_case import UseCase
from schemas.schema import SERVING, TRAINING
from transforms.intake.split import id_hashes

# Events that no producer should send; the job must set each of them aside alone.
BROKEN = (
    b"",
    b"{",
    b"not json",
    b"[1, 2, 3]",
    b'{"fare": "12.45"}',
    b'{"fare": NaN}',
    b'{"fare": 1, "fare": 2}',
    b"\xff\xfe",
    b'{"trip_seconds": 1e400}',
    b"{}",
)
BROKEN_KEY = b"broken-%d"


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """The rows of one split as JSON events, and the label of each."""

    events: list[bytes]
    labels: np.ndarray

    def keyed(self) -> list[tuple[bytes, bytes]]:
        """Return (key, event) pairs with the broken events spread among them; the key of a row is its number."""
        pairs = [(b"%d" % row, event) for row, event in enumerate(self.events)]
        step = max(len(pairs) // (len(BROKEN) + 1), 1)
        for number, event in enumerate(BROKEN):
            pairs.insert((number + 1) * step + number, (BROKEN_KEY % number, event))
        return pairs


@dataclasses.dataclass(frozen=True)
class Observed:
    """Scores by row, the bundle that gave each, and broker to broker milliseconds, all in the order of `rows`."""

    rows: np.ndarray
    scores: np.ndarray
    bundles: np.ndarray
    milliseconds: np.ndarray


def held_out(data: str, case: UseCase, split: str = "test") -> HeldOut:
    """Return the rows of a split by the same rule that `build_training_set` uses."""
    schema = case.schema.environment(TRAINING)
    serving = list(case.schema.environment(SERVING).names)
    events: list[bytes] = []
    labels = []
    for _, intake in taken_in(find_files([data]), schema):
        found = assign(case.model.split, intake.batch, schema, id_hashes(intake.batch, schema))
        chosen = intake.batch.filter(pa.array(found == SPLITS.index(split)))
        events += json_events(chosen.select(serving))
        labels.append(make_labels(case, chosen))
    return HeldOut(events, np.concatenate(labels))


def observe(source: Sequence[Any], predictions: Sequence[Any]) -> Observed:
    """Join the records of both topics by source coordinates; the first prediction of an event counts.

    >>> import types
    >>> event = types.SimpleNamespace(partition=0, offset=7, key=b"3", timestamp_ms=1000)
    >>> value = b'{"id": "trips/0/7", "score": 0.5, "bundle": "abc"}'
    >>> seen = observe([event], [types.SimpleNamespace(value=value, timestamp_ms=1004)])
    >>> seen.rows.tolist(), seen.milliseconds.tolist()
    ([3], [4.0])
    """
    sent = {(event.partition, event.offset): event for event in source}
    by_row: dict[int, tuple[float, str, float]] = {}
    for record in predictions:
        prediction = json.loads(record.value)
        _, partition, offset = prediction["id"].rsplit("/", 2)
        event = sent[int(partition), int(offset)]
        waited = record.timestamp_ms - event.timestamp_ms
        by_row.setdefault(int(event.key), (prediction["score"], prediction["bundle"], waited))
    rows = np.array(sorted(by_row), np.int64)
    return Observed(
        rows=rows,
        scores=np.array([by_row[row][0] for row in rows], np.float32),
        bundles=np.array([by_row[row][1] for row in rows], dtype=object),
        milliseconds=np.array([by_row[row][2] for row in rows], np.float64),
    )


def quantiles(milliseconds: np.ndarray) -> Mapping[str, float]:
    """Return p50, p90 and p99 of latencies in milliseconds."""
    return {f"p{share}": float(np.percentile(milliseconds, share)) for share in (50, 90, 99)}
