"""Training: from a training set and a model's spec to a candidate, one directory with all that scoring needs."""

import dataclasses
import json
import logging
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.families.choice import family_of
from models.families.family import TrainingRun
from models.losses import CALIBRATED, loss_of
from models.spec import ModelSpec
from models.spec_json import spec_as_json
from models.training import labels, loss_labels, queries
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import copy_file, copy_folder, making
from schemas.errors import InputError
from schemas.personal.treatments import FACT

_log = logging.getLogger(__name__)

MODEL_FOLDER = "model"


def train_candidate(
    name: str, spec: ModelSpec, training_set: TrainingSet, output: str | pathlib.Path
) -> artifact.Artifact:
    """Train a use case's model on the `train` split, stop early on `eval`, write a candidate at `output`.

    The directory has `model/`, `graph/`, `schema.pbtxt`, `statistics/train.pb` and `training.json`; no clock
    reading is in it, so the same training set and spec give the same bytes. Raises `InputError` if the training set is
    another use case's or task's, or if its label cannot be learnt, as one class alone; nothing is left then.
    """
    check_fits(name, training_set)
    check_task(spec, training_set)
    with making(output, ArtifactKind.CANDIDATE) as path:
        return _train_into(path, name, spec, training_set)


def _train_into(path: pathlib.Path, use_case: str, spec: ModelSpec, training_set: TrainingSet) -> artifact.Artifact:
    train_split = training_set.load("train")
    _warn_of_missing(training_set, train_split.features)
    eval_split = training_set.load("eval")
    for name, split in (("train", train_split), ("eval", eval_split)):
        labels.check_split(split.label, spec, name, split.weight)
        loss_labels.check_labels(split, spec, name)
    if train_split.query is not None and eval_split.query is not None:
        others = {"train": train_split.query, "eval": eval_split.query, "test": training_set.queries("test")}
        queries.check_apart(others, str(training_set.path))
    family = family_of(spec.family)
    trained = family.train(spec, training_set.columns, train_split, eval_split, TrainingRun())
    trained.save(path / MODEL_FOLDER)
    copy_folder(training_set.graph, path / "graph")
    copy_file(training_set.path / "schema.pbtxt", path / "schema.pbtxt")
    (path / "statistics").mkdir()
    copy_file(training_set.path / "statistics" / "train.pb", path / "statistics" / "train.pb")
    details = {"rounds": trained.rounds, "parameters": dict(trained.parameters), "eval": trained.history}
    (path / "training.json").write_text(json.dumps(details, indent=1, sort_keys=True) + "\n")
    facts = {
        "use_case": use_case,
        "model": spec_as_json(spec),
        "feature_names": list(training_set.feature_names),
        "training_set_format": training_set.manifest.get("format", 1),
        "feature_kinds": list(training_set.feature_kinds),
        "slices": list(training_set.slices),
        "schema_fingerprint": training_set.manifest["schema_fingerprint"],
        "graph_fingerprint": training_set.manifest["graph_fingerprint"],
        "training_set_fingerprint": training_set.fingerprint,
        "rounds": trained.rounds,
        "versions": family.versions(),
        **calibration_fact(spec),
        **{name: training_set.manifest[name] for name in (FACT,) if name in training_set.manifest},
    }
    return artifact.complete(path, ArtifactKind.CANDIDATE, facts)


def calibration_fact(spec: ModelSpec) -> dict[str, bool]:
    """Return what a manifest says of a model whose scores are no chances; nothing of others, as it ever was."""
    return {} if loss_of(spec.task, spec.loss).calibrated else {CALIBRATED: False}


def _warn_of_missing(training_set: TrainingSet, features: np.ndarray) -> None:
    """Warn of features that no row has: one infinite value is enough for an analyzer to make NaN of all."""
    for column in np.flatnonzero(np.isnan(features).all(axis=0)).tolist():
        _log.warning(
            "%s: feature %r is missing in every row of split train; does a division in preprocessing_fn give infinity "
            "before it is scaled?",
            training_set.path,
            training_set.feature_names[column],
        )


def check_fits(name: str, training_set: TrainingSet) -> None:
    """Raise `InputError` if a training set is not this use case's."""
    found = training_set.manifest["use_case"]
    if found != name:
        raise InputError(f"{training_set.path}: a training set of use case {found!r}, wanted {name!r}")


def check_task(spec: ModelSpec, training_set: TrainingSet) -> None:
    """Raise `InputError` if a training set's labels are those of another task than the spec's, or of other classes."""
    for what, found, wanted in (
        ("task", training_set.task, spec.task),
        ("classes", ", ".join(training_set.classes), ", ".join(spec.classes)),
    ):
        if found != wanted:
            raise InputError(
                f"{training_set.path}: its labels are of {what} {found or 'none'}, the model is of {wanted or 'none'}; "
                "build it again"
            )


def overridden(
    spec: ModelSpec,
    seed: int | None = None,
    parameters: Mapping[str, str | int | float] | None = None,
    rounds: int | None = None,
    early_stopping_rounds: int | None = None,
) -> ModelSpec:
    """Return the spec with some parameters and whatever else is given replaced."""
    given = {"seed": seed, "rounds": rounds, "early_stopping_rounds": early_stopping_rounds}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(spec, **changed, parameters={**spec.parameters, **(parameters or {})})
