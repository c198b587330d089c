"""Training sets as they are read: every row, and what is wrong with a directory is named."""

import json
import pathlib
import shutil

import pyarrow as pa
import pytest

from models.training.training_set import TrainingSet
from models.use_case import UseCase
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, InputError


def test_training_set_reads_every_row(small_training_set: pathlib.Path, taxi: UseCase, trips: pa.RecordBatch) -> None:
    training_set = TrainingSet.open(small_training_set)
    train = training_set.load("train")
    assert train.features.shape == (1800, 16)
    assert train.label.tolist() == taxi.label(trips.slice(0, 1800)).tolist()
    assert train.slices["payment_type"].tolist() == trips.column("payment_type").slice(0, 1800).to_pylist()
    with pytest.raises(InputError, match="has no split 'holdout'"):
        training_set.load("holdout")


def test_training_set_with_a_missing_shard(small_training_set: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = shutil.copytree(small_training_set, tmp_path / "training_set")
    (path / "eval-00000-of-00001.tfrecord.gz").unlink()
    with pytest.raises(ArtifactError, match="missing, the manifest names it"):
        TrainingSet.open(path).load("eval")


def test_a_training_set_whose_graph_reads_more_than_serving_has(
    small_training_set: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    copied = shutil.copytree(small_training_set, tmp_path / "set")
    shutil.copy(copied / "schema.pbtxt", copied / "graph" / "schema.pbtxt")  # with `tips`, which only training has
    manifest = json.loads((copied / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    artifact.complete(copied, "training_set", facts)
    with pytest.raises(ArtifactError, match=r"graph: reads other columns than serving has .* build the training set"):
        TrainingSet.open(copied)
