"""Statistics per split, combined over the whole pipeline and written as protos."""

import json
from collections.abc import Iterable, Sequence

import apache_beam as beam

from beam_jobs.batch.transform_steps import TransformedRows
from beam_jobs.stored.folders import new_folder
from schemas.schema import Schema
from schemas.sets import set_checks
from schemas.statistics import anomalies
from schemas.statistics.columns import ColumnStatistics

SEEN = "seen.json"

BySplit = dict[str, ColumnStatistics]


class CombineStatistics(beam.CombineFn):
    """From `TransformedRows` to the statistics of each split, and of its slices by the values of `slices`.

    What crosses a stage is as large as one accumulator, whatever the number of rows; merged in any order, the
    statistics are the same.
    """

    def __init__(self, schema: Schema, splits: Sequence[str], slices: Sequence[str] = (), weighted: bool = False):
        self._schema = schema
        self._splits = tuple(splits)
        self._slices = tuple(slices)
        self._weighted = weighted

    def create_accumulator(self) -> BySplit:
        return {name: ColumnStatistics(self._schema, self._slices, self._weighted) for name in self._splits}

    def add_input(self, accumulator: BySplit, rows: TransformedRows) -> BySplit:
        for statistics, part in zip(accumulator.values(), rows.of_splits(), strict=True):
            weight = None if rows.weight is None else rows.weight[part]
            statistics.add(rows.batch.slice(part.start, part.stop - part.start), weight)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[BySplit]) -> BySplit:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            for name, statistics in accumulator.items():
                merged[name].merge(statistics)
        return merged

    def extract_output(self, accumulator: BySplit) -> BySplit:
        return accumulator


def write_statistics(splits: BySplit, schema: Schema, folder: str, weighted: bool = False) -> None:
    """Write `<split>.pb`, strings outside their domains and the anomalies that the splits show."""
    listed = {name: statistics.to_proto(name) for name, statistics in splits.items()}
    whole = ColumnStatistics(schema, weighted=weighted)
    for statistics in splits.values():
        whole.merge(statistics)
    unseen = {name: anomalies.unseen(statistics, schema) for name, statistics in splits.items()}
    datasets = {name: proto.datasets[0] for name, proto in listed.items()}
    found = [*set_checks.of_limits(whole, schema), *set_checks.skew(datasets, schema)]
    seen = {"unseen": unseen, "anomalies": [anomaly.to_json() for anomaly in found]}
    with new_folder(folder) as path:
        for name, proto in listed.items():
            (path / f"{name}.pb").write_bytes(proto.SerializeToString(deterministic=True))
        (path / SEEN).write_text(json.dumps(seen))
