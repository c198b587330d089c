"""`onegraph train`: a model from the TFRecord shards of a training set.

What reads the shards and what trains are imported when they are needed, after everything that can be refused.
"""

import logging
import os
from typing import Any

from beam_jobs.cli import options, progress
from beam_jobs.cli.quantities import parsed_size
from beam_jobs.cli.settings import Train
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.process.termination import asked_to_end
from beam_jobs.tracking.telling import check_tracker, tell
from beam_jobs.training.environment import WORKERS, team_of
from beam_jobs.training.local_team import train_together
from models.families.table.choice import THAT_TRAIN, family_of
from models.families.team import Team
from models.spec import ModelSpec, Parameter
from models.training.memory import rows_of_set
from models.training.source import Source, commit_of
from models.training.training import Means, check_task, overridden, train_candidate
from models.training.training_set import TrainingSet
from models.training.work_folder import check_output
from models.use_case import find_model, find_schema
from models.use_case_files import files_of
from schemas.errors import Interrupted, UsageError

_log = logging.getLogger(__name__)


_ENDED = Interrupted("stopped by SIGTERM before its first round; run the same command again")


def check(settings: Train) -> None:
    """Raise if the use case, the training set or a parameter makes no sense, or the output is taken."""
    _opened(settings)
    _team(settings)


def run(settings: Train) -> dict[str, Any]:
    """Write the candidate; return its path, rounds and last metrics on the eval split.

    Of several workers on several machines the first one writes it, and the others say that they are done.
    """
    with asked_to_end(_ENDED) as asked:
        spec, training_set = _opened(settings)
        team = _team(settings)
        rows = training_set.manifest["rows"]
        with progress.step(f"train on {rows['train']:,} rows"):
            if settings.workers is not None and settings.workers > 1:
                trained = train_together(_words_of_one(settings), settings.workers, asked)
                return trained | tell(settings.track, settings.output)
            import_quietly(THAT_TRAIN[spec.family])
            if _draws_otherwise(spec, settings):
                _log.warning(
                    "with --checkpoint-every %d, rows or columns are sampled anew after every checkpoint: it is "
                    "another model than without, the same whether it is stopped in between or not",
                    settings.checkpoint_every,
                )
            files = files_of(training_set.manifest["use_case"], settings.use_case_path)
            means = Means(
                team=team,
                max_memory=_max_memory(settings),
                checkpoint_every=settings.checkpoint_every or 0,
                source=Source(commit_of(files), os.path.abspath(settings.training_set)),
                asked_to_end=asked,
            )
            written = train_candidate(training_set.manifest["use_case"], spec, training_set, settings.output, means)
    result = {
        "candidate": str(settings.output),
        "use_case": training_set.manifest["use_case"],
        "train_rows": rows["train"],
        "eval_rows": rows["eval"],
    }
    if written is None:
        return result | {"worker": team.rank}
    return result | {"rounds": written.manifest["rounds"]} | tell(settings.track, written.path)


def plan(settings: Train) -> list[str]:
    """Return what would be read, and what would be written where."""
    spec, training_set = _opened(settings)
    _team(settings)
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
    if "worker" in result:
        return f"worker {result['worker']} is done; worker 0 writes {result['candidate']}"
    return (
        f"{result['candidate']}: {result['use_case']} model of {result['rounds']} rounds, trained on "
        f"{result['train_rows']:,} rows, {result['eval_rows']:,} rows to stop by\nnext: onegraph evaluate"
    )


def _team(settings: Train) -> Team:
    team = team_of(os.environ)
    if team.workers > 1 and settings.workers is not None:
        raise UsageError(f"--workers is for one machine; {WORKERS} says that this is one of {team.workers} workers")
    return team


def _words_of_one(settings: Train) -> list[str]:
    """Return the words of the command for one of several workers."""
    given = {field.name: getattr(settings, field.name) for field in options.fields(Train)}
    return options.words(
        Train, {name: value for name, value in given.items() if value != () and name not in ("workers", "track")}
    )


def _draws_otherwise(spec: ModelSpec, settings: Train) -> bool:
    return bool(settings.checkpoint_every) and family_of(spec.family).draws(spec)


def _opened(settings: Train) -> tuple[ModelSpec, TrainingSet]:
    check_tracker(settings.track)
    changes = _changes(settings)
    check_output(settings.output)
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
    family = family_of(spec.family)
    family.check_parameters(spec, training_set.columns)
    team = _team(settings) if settings.workers is None else Team(settings.workers - 1, settings.workers)
    in_memory = rows_of_set(training_set, team, _max_memory(settings)) is None
    family.check_run(spec, team.workers, in_memory)
    return spec, training_set


def _max_memory(settings: Train) -> int | None:
    return None if settings.max_memory is None else parsed_size(settings.max_memory)


def _changes(settings: Train) -> dict[str, Any]:
    """Return what replaces the use case's own; raises `UsageError` for a parameter that is not `name=value`."""
    return {
        "seed": settings.seed,
        "rounds": settings.rounds,
        "early_stopping_rounds": settings.early_stopping_rounds,
        "parameters": _parameters(settings.parameters) | ({"device": settings.device} if settings.device else {}),
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
