"""`onegraph train`: a model from the TFRecord shards of a training set.

What reads the shards and what trains are imported when they are needed, after everything that can be refused.
"""

import logging
from typing import Any

from beam_jobs.cli import progress
from beam_jobs.cli.settings import Train
from beam_jobs.cli.verbs import import_quietly
from models.families.choice import THAT_TRAIN, family_of
from models.spec import ModelSpec, Parameter
from models.training.training import check_task, overridden, train_candidate
from models.training.training_set import TrainingSet
from models.use_case import find_model, find_schema
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import check_place
from schemas.errors import UsageError

_log = logging.getLogger(__name__)


def check(settings: Train) -> None:
    """Raise if the use case, the training set or a parameter makes no sense, or the output is taken."""
    _opened(settings)


def run(settings: Train) -> dict[str, Any]:
    """Write the candidate; return its path, rounds and last metrics on the eval split."""
    spec, training_set = _opened(settings)
    use_case = training_set.manifest["use_case"]
    for module in ("transforms.examples.examples", THAT_TRAIN[spec.family]):
        import_quietly(module)
    with progress.step(f"train on {training_set.manifest['rows']['train']:,} rows"):
        written = train_candidate(use_case, spec, training_set, settings.output)
    return {
        "candidate": str(written.path),
        "use_case": use_case,
        "rounds": written.manifest["rounds"],
        "train_rows": training_set.manifest["rows"]["train"],
        "eval_rows": training_set.manifest["rows"]["eval"],
    }


def plan(settings: Train) -> list[str]:
    """Return what would be read, and what would be written where."""
    spec, training_set = _opened(settings)
    manifest = training_set.manifest
    rows = manifest["rows"]
    parameters = ", ".join(f"{name}={value}" for name, value in spec.parameters.items()) or "no parameters"
    read = f"{rows['train']:,} rows to train on, {rows['eval']:,} to stop by"
    rounds = f"{spec.rounds:,} rounds at most, stopped after {spec.early_stopping_rounds} without a gain"
    return [
        f"training set {settings.training_set} of use case {manifest['use_case']} would be read: {read}",
        (
            f"model: {spec.family} of {len(training_set.feature_names)} features, {spec.task}, {rounds}, "
            f"seed {spec.seed}, {parameters}"
        ),
        f"the candidate would be written to {settings.output}",
    ]


def describe(result: dict[str, Any]) -> str:
    """Return the result for people."""
    return (
        f"{result['candidate']}: {result['use_case']} model of {result['rounds']} rounds, trained on "
        f"{result['train_rows']:,} rows, {result['eval_rows']:,} rows to stop by\nnext: onegraph evaluate"
    )


def _opened(settings: Train) -> tuple[ModelSpec, TrainingSet]:
    changes = _changes(settings)
    check_place(settings.output, ArtifactKind.CANDIDATE)
    training_set = TrainingSet.open(settings.training_set)
    name = training_set.manifest["use_case"]
    model, schema = find_model(name, settings.use_case_path), find_schema(name, settings.use_case_path)
    if training_set.manifest["schema_fingerprint"] != schema.fingerprint:
        _log.warning(
            "%s was built with another schema than use case %r has %s; build it again%s",
            settings.training_set,
            name,
            f"in {settings.use_case_path}" if settings.use_case_path else "here",
            "" if settings.use_case_path else ", or give --use-case-path if its files are in a folder of yours",
        )
    check_task(model, training_set)
    spec = overridden(model, **changes)
    family_of(spec.family).check_parameters(spec, training_set.columns)
    return spec, training_set


def _changes(settings: Train) -> dict[str, Any]:
    """Return what replaces the use case's own; raises `UsageError` for a parameter that is not `name=value`."""
    return {
        "seed": settings.seed,
        "rounds": settings.rounds,
        "early_stopping_rounds": settings.early_stopping_rounds,
        "parameters": _parameters(settings.parameters),
        "family": settings.family,
    }


def _parameters(given: tuple[str, ...]) -> dict[str, Parameter]:
    """Parse `name=value`; a value that reads as a number, or as several with commas between, is that."""
    parameters: dict[str, Parameter] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--parameters {text!r}: wanted name=value, such as max_depth=4")
        parts = [number for part in value.split(",") if (number := _number(part)) is not None]
        parameters[name] = value if len(parts) <= value.count(",") else tuple(parts) if len(parts) > 1 else parts[0]
    return parameters


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None
