"""`--parquet`: the rows of the shards, in their order and cuts, as columns."""

import json

import numpy as np
import pyarrow.parquet
import pytest

from beam_jobs.cli.command_line import main
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact


@pytest.fixture(scope="module")
def beside(trip_files, tmp_path_factory) -> TrainingSet:
    output = tmp_path_factory.mktemp("parquet") / "out"
    argv = ["--use-case", "taxi", "--data", str(trip_files / "*.csv*"), "--output", str(output)]
    assert main(["build_training_set", *argv, "--rows-per-shard", "500", "--parquet"]) == 0
    return TrainingSet.open(output)


def test_parquet_has_the_rows_of_the_shards(beside):
    artifact.open_artifact(beside.path, "training_set").verify()
    for split in ("train", "eval", "test"):
        listed = beside.manifest["parquet"][split]
        assert [one["rows"] for one in listed] == [one["rows"] for one in beside.manifest["shards"][split]]
        table = pyarrow.parquet.read_table([beside.path / one["name"] for one in listed])
        loaded = beside.load(split)
        names = beside.manifest["feature_names"]
        assert table.column_names == [*names, "label", *(f"slice.{name}" for name in loaded.slices)]
        columns = np.stack([table.column(name).to_numpy().astype(np.float32) for name in names], axis=1)
        assert columns.tobytes() == loaded.features.tobytes()
        assert np.array_equal(table.column("label").to_numpy(), loaded.label)
        for name, texts in loaded.slices.items():
            assert table.column(f"slice.{name}").to_pylist() == texts.tolist()


def test_the_shards_are_those_of_a_build_without(beside, built):
    for name in json.loads((built / "manifest.json").read_text())["files"]:
        if name.endswith(".tfrecord.gz"):
            assert (beside.path / name).read_bytes() == (built / name).read_bytes()
