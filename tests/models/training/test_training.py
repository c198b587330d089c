"""Training: a candidate with all that scoring needs, the same bytes again, and refusals before anything is written."""

import contextlib
import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pytest

from models.spec_json import spec_as_json, spec_from_json
from models.training.training import _check_alike, overridden, train_candidate
from models.training.training_set import TrainingSet
from models.use_case import UseCase
from schemas.artifacts import artifact
from schemas.errors import InputError
from tests.support.small_artifacts import FAST
from transforms.examples.examples import ExampleEncoder
from transforms.examples.tfrecord import ShardWriter


def test_candidate_has_what_scoring_needs(
    candidate: pathlib.Path, small_training_set: pathlib.Path, taxi: UseCase
) -> None:
    opened = artifact.open_artifact(candidate, "candidate")
    opened.verify()
    names = set(opened.manifest["files"])
    assert {"model/model.ubj", "schema.pbtxt", "statistics/train.pb", "training.json", "graph/features.json"} <= names
    training_set = TrainingSet.open(small_training_set)
    assert opened.manifest["training_set_fingerprint"] == training_set.fingerprint
    assert spec_from_json(opened.manifest["model"], "runs/1").gates == taxi.model.gates


def test_two_candidates_are_equal_bytes(
    candidate: pathlib.Path, small_training_set: pathlib.Path, taxi: UseCase, tmp_path: pathlib.Path
) -> None:
    spec = overridden(taxi.model, 1, {**FAST, "subsample": 0.5})
    train_candidate("taxi", spec, TrainingSet.open(small_training_set), tmp_path / "c")
    assert (tmp_path / "c" / "manifest.json").read_bytes() == (candidate / "manifest.json").read_bytes()


def test_training_set_of_another_use_case(
    taxi: UseCase, small_training_set: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(InputError, match="a training set of use case 'taxi', wanted 'fraud'"):
        train_candidate("fraud", taxi.model, TrainingSet.open(small_training_set), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_what_replaces_the_specs_own(taxi: UseCase) -> None:
    spec = overridden(taxi.model, rounds=7, early_stopping_rounds=3)
    assert (spec.rounds, spec.early_stopping_rounds) == (7, 3)
    assert dataclasses.replace(spec, rounds=400, early_stopping_rounds=25) == taxi.model
    assert overridden(taxi.model) == taxi.model


def test_spec_survives_json(taxi: UseCase) -> None:
    spec = overridden(taxi.model, 9, {"max_depth": 2})
    assert (spec.seed, spec.parameters["max_depth"], spec.parameters["eta"]) == (9, 2, taxi.model.parameters["eta"])
    assert spec_from_json(json.loads(json.dumps(spec_as_json(spec), sort_keys=True)), "runs/1") == spec


def rewritten(
    training_set: pathlib.Path, split: str, output: pathlib.Path, label: float | None = None, missing: str = ""
) -> TrainingSet:
    """Copy a training set with other examples in a split: all of one label, or a feature missing in every row."""
    opened = TrainingSet.open(shutil.copytree(training_set, output))
    rows = opened.load(split)
    labels = rows.label if label is None else np.full(len(rows.label), label, np.float32)
    if missing:
        rows.features[:, opened.feature_names.index(missing)] = np.nan
    encoder = ExampleEncoder(opened.feature_names, opened.feature_kinds, opened.slices)
    slices = {name: column.cast(pa.string()) for name, column in rows.slices.items()}
    (shard,) = opened.manifest["shards"][split]
    writer = ShardWriter(output / shard["name"], "gzip")
    writer.write(encoder.encode(rows.features, labels, slices))
    writer.close()
    return opened


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize(
    ("label", "message"),
    [
        (0, "only label 0 in {rows} rows, wanted both labels"),
        (1, "only label 1 in {rows} rows, wanted both labels"),
        (2, "its label has {rows:,} values that are neither 0 nor 1"),  # of a build that did not look at labels
    ],
)
def test_a_split_without_both_labels_writes_nothing(
    taxi: UseCase, small_training_set: pathlib.Path, tmp_path: pathlib.Path, split: str, label: int, message: str
) -> None:
    training_set = rewritten(small_training_set, split, tmp_path / "set", label=label)
    wanted = f"{split} split: {message}".format(rows=training_set.manifest["rows"][split])
    with pytest.raises(InputError, match=wanted):
        train_candidate("taxi", overridden(taxi.model, None, FAST, 2), training_set, tmp_path / "candidate")
    assert not (tmp_path / "candidate").exists()


@pytest.mark.parametrize("label", [None, 1.0])
def test_a_feature_that_no_row_has_is_told(
    taxi: UseCase,
    small_training_set: pathlib.Path,
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
    label: float | None,
) -> None:
    """Before anything is refused: it may be why."""
    training_set = rewritten(small_training_set, "train", tmp_path / "set", label, "fare")
    with contextlib.nullcontext() if label is None else pytest.raises(InputError, match="only label 1"):
        train_candidate("taxi", overridden(taxi.model, None, FAST, 2), training_set, tmp_path / "candidate")
    (warning,) = [one.getMessage() for one in caplog.records if one.name == "models.training.training"]
    assert "feature 'fare' is missing in every row of split train" in warning


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"model": 1, "versions": {"xgboost": "2.1"}},
            "worker 1 has xgboost 2.1, worker 0 has xgboost 3.0; install the same versions for all workers",
        ),
        (
            {"model": 2, "versions": {"xgboost": "3.0"}},
            "worker 1 has another model than worker 0; start all with the same command, on the same training set",
        ),
        (
            {"model": 2, "versions": {"keras": "3.9"}},
            "worker 1 has another model, versions than worker 0; start all with the same command, on the same training",
        ),
        (
            {"model": 1, "versions": {"xgboost": "3.0"}, "checkpoint_every": 5},
            "worker 1 has another checkpoint_every than worker 0; start all with the same command",
        ),
    ],
)
def test_workers_that_do_not_train_the_same_are_told_what_to_do(other: dict[str, object], message: str) -> None:
    first = {"model": 1, "versions": {"xgboost": "3.0"}}
    _check_alike([first, first])
    with pytest.raises(InputError, match=f"^{message}"):
        _check_alike([first, other])
