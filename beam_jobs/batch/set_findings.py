"""What only all rows together show: ids that repeat or are on two sides, times, columns that know the label.

Combined over the first pass of a build; what crosses a stage is as large as one accumulator, whatever the data.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import apache_beam as beam
import numpy as np

from beam_jobs.batch.intake_steps import LabelledRows
from beam_jobs.stored import files
from models.splits import SPLITS
from models.training.leakage import LeakageSample
from schemas.schema import Schema
from schemas.sets.anomaly import WARNING, Anomaly, from_json
from schemas.sets.id_anomalies import about, id_anomalies, names_of
from schemas.sets.id_counts import IdCounts
from transforms.intake.split_rules import event_times

_KIND = "CUSTOM_VALIDATION"
_TRAIN = SPLITS.index("train")
_EARLIEST, _LATEST = -(2**63), 2**63 - 1


class SetFindings:
    """What was seen of the rows so far."""

    def __init__(self, schema: Schema, task: str):
        self._schema = schema
        self._ids, self._keys = IdCounts(), IdCounts()
        self._sample = LeakageSample(schema, task)
        self._times = [(_LATEST, _EARLIEST)] * len(SPLITS)

    def add(self, rows: LabelledRows) -> None:
        """Take in one block."""
        sides = np.repeat(np.arange(len(rows.sizes), dtype=np.uint8), rows.sizes)
        self._ids.add(rows.ids, sides)
        if rows.keys is not None:
            self._keys.add(rows.keys, sides)
        if self._schema.event_time is not None:
            times, known = event_times(rows.batch, self._schema)
            for split, at in enumerate(rows.of_splits()):
                own = times[at][known[at]]
                if len(own):
                    first, last = self._times[split]
                    self._times[split] = min(first, int(own.min())), max(last, int(own.max()))
        train = rows.of_splits()[_TRAIN]
        if train.stop > train.start:
            batch = rows.batch.slice(train.start, train.stop - train.start)
            self._sample.add(batch, rows.ids[train], rows.label[train])

    def merge(self, other: "SetFindings") -> None:
        """Take in what another has seen."""
        self._ids.merge(other._ids)
        self._keys.merge(other._keys)
        self._sample.merge(other._sample)
        self._times = [
            (min(one[0], two[0]), max(one[1], two[1])) for one, two in zip(self._times, other._times, strict=True)
        ]

    def anomalies(self, by_time: bool, in_time: Sequence[str]) -> list[Anomaly]:
        """Return what was found; `by_time` says that rows are split by time, so that keys are on both sides.

        `in_time` are the splits that nothing of train may be later than the first row of.
        """
        found = id_anomalies(self._ids, self._schema)
        keys = self._keys.findings()
        if keys.on_two_sides and not by_time:
            names, what = names_of(self._schema, "key"), f"{about(keys.exact)}keys in two splits"
            found.append(Anomaly(names, _KIND, WARNING, what, None, keys.on_two_sides))
        found += self._out_of_time(in_time)
        return found + self._sample.findings()

    def _out_of_time(self, splits: Sequence[str]) -> Iterable[Anomaly]:
        last = self._times[_TRAIN][1]
        for split, (first, _) in enumerate(self._times):
            if SPLITS[split] in splits and first != _LATEST and last > first:
                what = f"milliseconds by which train goes beyond the first of {SPLITS[split]}"
                name = self._schema.event_time[0] if self._schema.event_time else ""
                yield Anomaly(name, _KIND, WARNING, what, None, last - first)


class CombineFindings(beam.CombineFn):
    """From `LabelledRows` to one `SetFindings`."""

    def __init__(self, schema: Schema, task: str):
        self._schema, self._task = schema, task

    def create_accumulator(self) -> SetFindings:
        return SetFindings(self._schema, self._task)

    def add_input(self, accumulator: SetFindings, rows: LabelledRows) -> SetFindings:
        accumulator.add(rows)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[SetFindings]) -> SetFindings:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: SetFindings) -> SetFindings:
        return accumulator


def save_findings(found: SetFindings, by_time: bool, in_time: Sequence[str], path: str) -> None:
    """Keep the anomalies as JSON for the driver; see `SetFindings.anomalies`."""
    listed = [anomaly.to_json() for anomaly in found.anomalies(by_time, in_time)]
    files.write(path, json.dumps(listed).encode())


def load_findings(path: str) -> list[Anomaly]:
    """Return what `save_findings` kept."""
    entries: Sequence[Mapping] = json.loads(files.read(path))
    return [from_json(entry) for entry in entries]
