"""Shards hold every transformed row once, split by split and cut at the wanted size, and so do the statistics."""

import itertools
import json
import pathlib

import apache_beam as beam
import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from beam_jobs.batch.intake_steps import labelled_rows
from beam_jobs.batch.shards import WriteShards
from beam_jobs.batch.split_statistics import SEEN, CombineStatistics, write_statistics
from beam_jobs.batch.spool import SpooledRows
from beam_jobs.batch.transform_steps import TransformedRows, transformed
from beam_jobs.batch.written_files import REJECTED, SaveWritten, Written, load_written
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from models.spec import SPLITS
from models.use_case import UseCase
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import TRAINING
from transforms.examples.examples import ExampleDecoder
from transforms.examples.tfrecord import read_shard
from transforms.graph.graph import TransformGraph

PER_SHARD = 40


@pytest.fixture(scope="module")
def blocks(taxi: UseCase, trip_lines: list[bytes], taxi_graph: pathlib.Path) -> list[TransformedRows]:
    """Two blocks of 100 trips; a rejection is said of the second."""
    header = tuple(trip_lines[0].decode().split(","))
    decoder, graph = RawRowsDecoder(taxi.schema.environment(TRAINING)), TransformGraph.load(taxi_graph)
    found = []
    for first in (0, 100):
        rows = RawRows(RawFile("t.csv", "t.csv", 0), header, first, trip_lines[1 + first : 101 + first])
        made = labelled_rows(rows, decoder, taxi)
        spooled = SpooledRows(made.file.name, made.start, made.batch, made.label, made.numbers, made.values, made.sizes)
        found.append(transformed(spooled, graph))
    found[1].rejected.append((Rejection(7, Stage.SCORE, Reason.FEATURE_NONFINITE, "/fare"), b"1,2"))
    return found


@pytest.fixture(scope="module")
def shards(
    taxi: UseCase, taxi_graph: pathlib.Path, blocks: list[TransformedRows], tmp_path_factory: pytest.TempPathFactory
) -> Written:
    folder = tmp_path_factory.mktemp("shards")
    with beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | beam.Create([blocks], reshuffle=False)
            | beam.FlatMap(list)
            | WriteShards(str(taxi_graph), str(folder), SPLITS, taxi.model.slices, "gzip", PER_SHARD)
            | SaveWritten(str(folder / "shards.json"))
        )
    return load_written(folder / "shards.json")


def test_every_row_is_in_the_shards_of_its_split(
    blocks: list[TransformedRows], shards: Written, taxi_graph: pathlib.Path
) -> None:
    graph = TransformGraph.load(taxi_graph)
    decoder = ExampleDecoder(graph.feature_names, graph.feature_kinds)
    for split, name in enumerate(SPLITS):
        files = shards.files[name]
        records = [list(itertools.chain(*read_shard(file.path))) for file in files]
        assert [len(found) for found in records] == [file.rows for file in files]
        assert all(file.rows == PER_SHARD for file in files[:-1])
        features, label, *_ = decoder.decode(list(itertools.chain(*records)))
        assert np.array_equal(features, np.concatenate([rows.features[rows.of_splits()[split]] for rows in blocks]))
        assert np.array_equal(label, np.concatenate([rows.label[rows.of_splits()[split]] for rows in blocks]))
        assert shards.label_sums[name] == label.sum()
    assert len(shards.files["train"]) > 1


def test_a_rejected_row_stands_with_its_place_in_the_file(shards: Written) -> None:
    assert dict(shards.rejected_counts) == {("FEATURE_NONFINITE", "/fare"): 1}
    (file,) = shards.files[REJECTED]
    assert (file.start, file.rows) == ((0, 100), 1)
    assert json.loads(pathlib.Path(file.path).read_text())["row"] == 107


def written_statistics(path: pathlib.Path) -> statistics_pb2.DatasetFeatureStatistics:
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets[0]


def test_statistics_are_those_of_each_split_however_they_are_combined(
    taxi: UseCase, blocks: list[TransformedRows], tmp_path: pathlib.Path
) -> None:
    schema = taxi.schema.environment(TRAINING)
    combine = CombineStatistics(schema, SPLITS)
    parts = [combine.add_input(combine.create_accumulator(), rows) for rows in blocks]
    splits = combine.extract_output(combine.merge_accumulators(parts))
    rows_of = {name: sum(rows.sizes[split] for rows in blocks) for split, name in enumerate(SPLITS)}
    assert {name: found.rows for name, found in splits.items()} == rows_of
    at_once = combine.create_accumulator()
    for rows in blocks:
        combine.add_input(at_once, rows)
    write_statistics(splits, schema, str(tmp_path / "merged"))
    write_statistics(at_once, schema, str(tmp_path / "at_once"))
    for name in SPLITS:
        merged, whole = (written_statistics(tmp_path / way / f"{name}.pb") for way in ("merged", "at_once"))
        assert merged.num_examples == whole.num_examples == rows_of[name]
    fares = np.concatenate([rows.batch.column("fare").slice(0, rows.sizes[0]).to_numpy() for rows in blocks])
    train = written_statistics(tmp_path / "merged" / "train.pb")
    (fare,) = [feature for feature in train.features if feature.path.step[0] == "fare"]
    assert fare.num_stats.mean == pytest.approx(fares.astype(np.float64).mean())
    assert set(json.loads((tmp_path / "merged" / SEEN).read_text())) == {"unseen", "anomalies"}
