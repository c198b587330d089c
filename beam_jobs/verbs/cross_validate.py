"""`onegraph cross_validate`: how good a use case's model is, fold by fold, with a score for every row.

What trains and what measures is imported when the rows are read, after everything that can be refused.
"""

import json
from typing import Any

from beam_jobs.cli import progress
from beam_jobs.cli.settings import CrossValidate
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.reports.folds_text import fold_lines
from models.evaluation.folds import Folds, in_words
from models.families.table.choice import family_of
from models.spec import ModelSpec
from models.training.training import check_task
from models.training.training_set import TrainingSet
from models.use_case import find_model
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import check_place
from schemas.errors import InputError


def check(settings: CrossValidate) -> None:
    """Raise if the training set does not fit the use case, lacks a column, or the output is taken."""
    _opened(settings)


def run(settings: CrossValidate) -> dict[str, Any]:
    """Write metrics and scores; return the metrics' means, spreads and values per fold."""
    spec, training_set, folds = _opened(settings)
    import_quietly("transforms.examples.examples")
    validation = import_quietly("models.evaluation.cross_validation")
    done = [0]
    name = training_set.manifest["use_case"]
    with progress.step(f"{folds.count} folds", share=lambda: done[0] / folds.count):
        written = validation.cross_validate(
            name, spec, training_set, folds, settings.output, lambda count: done.__setitem__(0, count)
        )
    found = json.loads((written.path / validation.METRICS).read_text())
    return {"cross_validation": str(written.path), "use_case": name, "rule": in_words(folds), **found}


def plan(settings: CrossValidate) -> list[str]:
    """Return what would be read, and what would be written where."""
    spec, training_set, folds = _opened(settings)
    rows = training_set.manifest["rows"]
    return [
        f"{rows['train'] + rows['eval']:,} rows of train and eval of {settings.training_set} would be read",
        f"{in_words(folds)}; {folds.count} models of {spec.family} would be trained, none would be kept",
        f"metrics and scores would be written to {settings.output}",
    ]


def describe(result: dict[str, Any]) -> str:
    """Return the metrics for people."""
    head = f"{result['cross_validation']}: {result['use_case']}, {result['rule']}"
    return "\n".join([head, *fold_lines(result["summary"], result["folds"])])


def _opened(settings: CrossValidate) -> tuple[ModelSpec, TrainingSet, Folds]:
    check_place(settings.output, ArtifactKind.CROSS_VALIDATION)
    training_set = TrainingSet.open(settings.training_set)
    spec = find_model(training_set.manifest["use_case"], settings.use_case_path)
    check_task(spec, training_set)
    seed = spec.seed if settings.seed is None else settings.seed
    folds = Folds(count=settings.folds, seed=seed, group_by=settings.group_by, time_by=settings.time_by)
    if folds.column is not None and folds.column not in training_set.slices:
        known = ", ".join(training_set.slices) or "none"
        raise InputError(
            f"{settings.training_set}: its examples do not carry column {folds.column!r} (they carry {known}); name it "
            "in the model's slices and build the training set again"
        )
    family_of(spec.family).check_parameters(spec, training_set.columns)
    return spec, training_set, folds
