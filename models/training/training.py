"""Training: from a training set and a model's spec to a candidate, one directory with all that scoring needs."""

import dataclasses
import json
import logging
import pathlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from models.families.checkpoints import Checkpoints, never_asked
from models.families.family import Split, Trained, TrainingRun
from models.families.table.choice import ROUNDS, family_of
from models.families.team import ALONE, Team, together
from models.losses import CALIBRATED, loss_of
from models.spec import ModelSpec, Parameter
from models.spec_json import spec_as_json
from models.training import labels, loss_labels, queries
from models.training.memory import rows_of_set
from models.training.source import UNKNOWN, Source
from models.training.spool import spooled
from models.training.training_set import TrainingSet
from models.training.work_folder import begin_to_write, checkpoints_of, files_of, large_files, working
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import copy_file, copy_folder, making
from schemas.errors import InputError
from schemas.personal.treatments import FACT

_log = logging.getLogger(__name__)

MODEL_FOLDER = "model"
_MOST_LABELS = 2_000
_ROWS_LOOKED_AT = 65_536


@dataclasses.dataclass(frozen=True, kw_only=True)
class Means:
    """With what a model is trained: nothing of it says what the model is, though some of it decides its last bits.

    `max_memory` are the bytes that a process may take; a set that does not fit is trained on from files.
    `checkpoint_every` so many rounds the training saves itself, and goes on from there; 0 for never. `asked_to_end`
    says, between two rounds, whether it shall end. `source` is where use case and training set come from.
    """

    team: Team = ALONE
    max_memory: int | None = None
    checkpoint_every: int = 0
    source: Source = UNKNOWN
    asked_to_end: Callable[[], bool] = never_asked


PLAIN = Means()


def train_candidate(
    name: str, spec: ModelSpec, training_set: TrainingSet, output: str | pathlib.Path, means: Means = PLAIN
) -> artifact.Artifact | None:
    """Train a use case's model on the `train` split, stop early on `eval`, write a candidate at `output`.

    The directory has `model/`, `graph/`, `schema.pbtxt`, `statistics/train.pb` and `training.json`; no clock reading is
    in it, so the same training set and spec give the same bytes, but for `source`. Raises `InputError` if the
    training set is another use case's or task's, or if its label cannot be learnt, as one class alone; nothing is
    left then. With checkpoints it may be ended at any time: raises `Interrupted`, and the same call goes on. Of a
    team, only the first worker writes; the others return None.
    """
    check_fits(name, training_set)
    check_task(spec, training_set)
    with working(output, means.team.rank):
        run = _run_of(spec, training_set, output, means, files_of(output, means.team.rank))
        if means.team.rank:
            _trained(spec, training_set, run)
            return None
        with making(output, ArtifactKind.CANDIDATE) as path:
            return _train_into(path, name, spec, training_set, run, means)


def _run_of(
    spec: ModelSpec, training_set: TrainingSet, output: str | pathlib.Path, means: Means, files: pathlib.Path
) -> TrainingRun:
    at_once = rows_of_set(training_set, means.team, means.max_memory)
    family = family_of(spec.family)
    family.check_run(spec, means.team.workers, at_once is None)
    training = {
        "training set": training_set.fingerprint,
        "model": spec_as_json(spec),
        "versions": family.versions(),
        "number of workers": means.team.workers,
        **({"checkpoint_every": means.checkpoint_every} if family.draws(spec) else {}),
    }
    folder = checkpoints_of(output) if means.checkpoint_every else None
    saved = Checkpoints(folder, means.checkpoint_every, training, means.asked_to_end)
    return TrainingRun(team=means.team, checkpoints=saved, rows_at_once=at_once, work_folder=files)


def _trained(spec: ModelSpec, training_set: TrainingSet, run: TrainingRun) -> Trained:
    with together(run.team), large_files(run.work_folder):
        _check_alike(run.team.gathered(dict(run.checkpoints.training)))
        splits = {}
        for name in ("train", "eval"):
            rows = run.team.part(training_set.rows_of(name))
            if not rows and run.team.workers > 1:
                raise InputError(f"{name} split: {training_set.rows_of(name)} rows for {run.team.workers} workers")
            if run.rows_at_once is None:
                splits[name] = training_set.load(name, rows if run.team.workers > 1 else None)
            else:
                splits[name] = spooled(training_set, name, rows, pathlib.Path(run.work_folder or ".") / f"{name}.f32")
            if name == "train":
                _warn_of_missing(training_set, splits[name].features, run.team)
        for name, split in splits.items():
            _check_labels(split, spec, name, run.team)
            loss_labels.check_labels(split, spec, name)
        of_splits = {name: split.query for name, split in splits.items() if split.query is not None}
        if of_splits:
            queries.check_apart({**of_splits, "test": training_set.queries("test")}, str(training_set.path))
        family = family_of(spec.family)
        return family.train(spec, training_set.columns, splits["train"], splits["eval"], run)


def _check_alike(trainings: Sequence[Mapping[str, Any]]) -> None:
    """Raise `InputError` if the workers of a team, of each of which this is what it trains, do not train the same."""
    first, *others = trainings
    for rank, other in enumerate(others, 1):
        different = [name for name in {**first, **other} if other.get(name) != first.get(name)]
        if different == ["versions"]:
            its, wanted = (
                ", ".join(f"{name} {version}" for name, version in one["versions"].items()) for one in (other, first)
            )
            raise InputError(
                f"worker {rank} has {its}, worker 0 has {wanted}; install the same versions for all workers"
            )
        if different:
            raise InputError(
                f"worker {rank} has another {', '.join(different)} than worker 0; start all with the same command, on "
                "the same training set"
            )


def _check_labels(split: Split, spec: ModelSpec, name: str, team: Team) -> None:
    """Raise as `labels.check_split` does; of a team, all look at what labels there are in all parts."""
    if team.workers == 1:
        labels.check_split(split.label, spec, name, split.weight)
        return
    labels.check_values(split.label, spec, name)
    counting = split.label if split.weight is None else split.label[split.weight > 0]
    values, counts = np.unique(counting, return_counts=True)
    kept = slice(None) if len(values) <= _MOST_LABELS else [0, -1]  # of numbers it is enough whether they differ
    parts = team.gathered((values[kept], counts[kept]))
    known = np.concatenate([values for values, _ in parts])
    try:
        labels.check_split(known, spec, name)
    except InputError:
        labels.check_split(np.repeat(known, np.concatenate([counts for _, counts in parts])), spec, name)


def _train_into(
    path: pathlib.Path, use_case: str, spec: ModelSpec, training_set: TrainingSet, run: TrainingRun, means: Means
) -> artifact.Artifact:
    trained = _trained(spec, training_set, run)
    if means.checkpoint_every:
        begin_to_write(path)
    further: dict[str, Any] = {"source": dataclasses.asdict(means.source)}
    if means.team.workers > 1:  # sums and sketches of parts come out otherwise
        further["workers"] = means.team.workers
    return write_candidate(path, use_case, spec, training_set, trained, further)


def write_candidate(
    path: pathlib.Path,
    use_case: str,
    spec: ModelSpec,
    training_set: TrainingSet,
    trained: Trained,
    further: Mapping[str, Any] = types.MappingProxyType({}),
) -> artifact.Artifact:
    """Fill the folder of a new candidate with a model and all that scoring needs, and complete it.

    `further` are facts that its manifest has besides.
    """
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
        "versions": family_of(spec.family).versions(),
        **calibration_fact(spec),
        **further,
        **{name: training_set.manifest[name] for name in (FACT,) if name in training_set.manifest},
    }
    return artifact.complete(path, ArtifactKind.CANDIDATE, facts)


def calibration_fact(spec: ModelSpec) -> dict[str, bool]:
    """Return what a manifest says of a model whose scores are no chances; nothing of others, as it ever was."""
    return {} if loss_of(spec.task, spec.loss).calibrated else {CALIBRATED: False}


def _warn_of_missing(training_set: TrainingSet, features: np.ndarray, team: Team) -> None:
    """Warn of features that no row has: one infinite value is enough for an analyzer to make NaN of all."""
    missing = np.ones(features.shape[1], np.bool_)
    for start in range(0, len(features), _ROWS_LOOKED_AT):
        if not missing.any():
            break
        missing &= np.isnan(features[start : start + _ROWS_LOOKED_AT]).all(axis=0)
    if team.workers > 1:
        missing = np.array(team.total(missing.tolist())) == team.workers
    for column in np.flatnonzero(missing).tolist() if team.rank == 0 else ():
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
    parameters: Mapping[str, Parameter] | None = None,
    rounds: int | None = None,
    early_stopping_rounds: int | None = None,
    family: str | None = None,
) -> ModelSpec:
    """Return the spec with some parameters and whatever else is given replaced.

    Of another family than its own it has that family's parameters and rounds, as they are where nobody says.

    >>> made = overridden(ModelSpec(parameters={"eta": 0.1}), family="keras", rounds=3)
    >>> made.family, dict(made.parameters), made.rounds, made.early_stopping_rounds
    ('keras', {}, 3, 5)
    """
    if family is not None and family != spec.family:
        spec = dataclasses.replace(spec, family=family, parameters={})
        most, without_gain = ROUNDS[family]
        spec = dataclasses.replace(spec, rounds=most, early_stopping_rounds=without_gain)
    given = {"seed": seed, "rounds": rounds, "early_stopping_rounds": early_stopping_rounds}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(spec, **changed, parameters={**spec.parameters, **(parameters or {})})
