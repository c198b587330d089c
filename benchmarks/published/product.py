"""What the product makes of a protocol's rows: a training set, a model of given parameters, its metrics on test."""

import dataclasses
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from beam_jobs.cli.settings import BuildTrainingSet, Evaluate, Train, Tune
from beam_jobs.cli.verbs import run_verb
from benchmarks.published.rows import Protocol
from models.evaluation.evaluation import evaluate
from models.evaluation.place import evaluation_path
from models.families.family import Split, TrainingRun
from models.families.split_parts import joined, rows_of
from models.families.table.choice import family_of
from models.spec import NONE, WEIGHT, ModelSpec, Parameter
from models.tasks import BINARY
from models.training.metric_columns import read_columns
from models.training.training import overridden
from models.training.training_set import TrainingSet
from models.tuning.best import write_best
from models.use_case import find_model

_HALF = 0.5  # no threshold is chosen, since no row is left to choose it on


@dataclasses.dataclass(frozen=True)
class Choice:
    """What was chosen for a model: its family, parameters and rounds."""

    parameters: Mapping[str, Parameter]
    rounds: int
    family: str = "xgboost"


@dataclasses.dataclass(frozen=True)
class Rows:
    """A training set of a protocol, its splits read: those that train, and the test with its metrics' columns."""

    training_set: TrainingSet
    spec: ModelSpec
    train: Split
    eval: Split
    test: Split
    columns: pa.RecordBatch
    use_case_path: str | None


def build(protocol: Protocol, folder: pathlib.Path) -> Rows:
    """Build the training set of a protocol's rows as a user would, in place of an earlier one; read it."""
    output = folder / protocol.name
    where = None if protocol.use_case_path is None else str(protocol.use_case_path)
    run_verb(
        BuildTrainingSet(
            data=_texts(protocol.train),
            eval_data=_texts(protocol.eval),
            test_data=_texts(protocol.test),
            use_case=protocol.use_case,
            use_case_path=where,
            output=str(output),
            fail_on="none",
            existing="rebuild",
            **protocol.options,
        )
    )
    training_set = TrainingSet.open(output)
    train, evaluation, test = (training_set.load(name) for name in ("train", "eval", "test"))
    columns = read_columns(training_set, "test") if training_set.metric_columns else pa.RecordBatch.from_arrays([], [])
    return Rows(training_set, find_model(protocol.use_case, where), train, evaluation, test, columns, where)


def folds(rows: Rows, count: int, seed: int) -> list[Rows]:
    """Return folds of train and eval together, each once what is measured by; the test split is left out."""
    if rows.columns.num_columns:
        raise ValueError(f"{rows.training_set.path}: folds do not carry the columns of own metrics")
    both = joined(rows.train, rows.eval)
    order = np.random.RandomState(seed).permutation(len(both.label))
    found = []
    for fold in np.array_split(order, count):
        rest = np.setdiff1d(order, fold)
        train, evaluation, test = (rows_of(both, part) for part in (rest[::2], rest[1::2], np.sort(fold)))
        found.append(dataclasses.replace(rows, train=train, eval=evaluation, test=test))
    return found


def spec_of(rows: Rows, choice: Choice) -> ModelSpec:
    """Return the use case's spec with what was chosen; no gates, and no label weighs more than the other."""
    changes: dict[str, Any] = {"gates": (), "search": None, "parameters": {}}
    if rows.spec.task == BINARY:
        changes |= {"threshold": _HALF, "balance": NONE if choice.family == "xgboost" else WEIGHT}
    spec = dataclasses.replace(rows.spec, **changes)
    return overridden(spec, parameters=choice.parameters, rounds=choice.rounds, family=choice.family)


def measured(rows: Rows, choice: Choice) -> dict[str, Any]:
    """Train on train and eval, return the metrics of test; nothing is kept. What a search does many times."""
    spec = spec_of(rows, choice)
    family = family_of(spec.family)
    trained = family.train(spec, rows.training_set.columns, joined(rows.train, rows.eval), None, TrainingRun())
    with tempfile.TemporaryDirectory() as folder:
        trained.save(pathlib.Path(folder))
        model = family.load(pathlib.Path(folder))
    bare = dataclasses.replace(rows.test, slices={})
    found = evaluate(model, spec, dataclasses.replace(rows.eval, slices={}), bare, rows.columns, 0)
    return dict(found.metrics)


def evaluated(rows: Rows, choice: Choice, candidate: pathlib.Path) -> dict[str, Any]:
    """Train on train and eval, write the candidate, evaluate it on test as `onegraph evaluate` does; its metrics."""
    spec = spec_of(rows, choice)
    use_case = rows.training_set.manifest["use_case"]
    _remove(candidate)
    further = {"trained_on": ["train", "eval"]}
    write_best(use_case, spec, spec.rounds, rows.training_set, rows.train, rows.eval, candidate, further)
    return _evaluated(rows, candidate)


def trained_as_is(rows: Rows, candidate: pathlib.Path) -> dict[str, Any]:
    """Train and evaluate a use case as it is, by the two commands; the metrics of test."""
    _remove(candidate)
    run_verb(Train(training_set=str(rows.training_set.path), use_case_path=rows.use_case_path, output=str(candidate)))
    return _evaluated(rows, candidate)


def tuned(rows: Rows, search: pathlib.Path, parallel: int) -> dict[str, Any]:
    """Search as `onegraph tune` does, by a sampler that is repeatable, and evaluate the candidate on test."""
    _remove(search)
    run_verb(
        Tune(
            training_set=str(rows.training_set.path),
            use_case_path=rows.use_case_path,
            output=str(search),
            parallel=parallel,
            sampler="random",
            pruner="none",
        )
    )
    return _evaluated(rows, search / "candidate")


def _remove(made: pathlib.Path) -> None:
    """Remove what an earlier run made at a place, and its evaluation."""
    for path in (made, evaluation_path(made)):
        shutil.rmtree(path, ignore_errors=True)


def _evaluated(rows: Rows, candidate: pathlib.Path) -> dict[str, Any]:
    training_set = str(rows.training_set.path)
    there = Evaluate(candidate=str(candidate), training_set=training_set, use_case_path=rows.use_case_path, intervals=0)
    return run_verb(there)["metrics"]


def _texts(files: tuple[pathlib.Path, ...]) -> tuple[str, ...]:
    return tuple(str(file) for file in files)
