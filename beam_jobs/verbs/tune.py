"""`onegraph tune`: search for better parameters, then a candidate with the best.

Optuna, XGBoost and what reads the shards are imported when they are needed, after everything that can be refused.
"""

import dataclasses
import logging
import os
from typing import Any

from beam_jobs.cli import progress
from beam_jobs.cli.settings import Tune
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.process.termination import interrupted_by_sigterm
from beam_jobs.reports.metrics_text import short
from beam_jobs.tuning.samplers import repeatable
from beam_jobs.tuning.search_folder import SearchFolder
from beam_jobs.tuning.search_plan import SearchPlan
from models.families.table.choice import family_of
from models.training.source import Source, commit_of
from models.training.training import check_task
from models.training.training_set import TrainingSet
from models.tuning.objective import check_columns, check_metric, own_metric
from models.tuning.space import check_space
from models.use_case import find_model
from models.use_case_files import files_of
from schemas import fingerprint
from schemas.errors import InputError

_log = logging.getLogger(__name__)


def check(settings: Tune) -> None:
    """Raise if the use case has no search, the training set does not fit, or the family takes no such parameters."""
    _opened(settings)


def run(settings: Tune) -> dict[str, Any]:
    """Make what is missing of the trials, the candidate and the page; return where they are and what was found."""
    plan, training_set = _opened(settings)
    _check_optuna()
    folder = SearchFolder(settings.output, settings.storage)
    with interrupted_by_sigterm(f"{folder.path}: stopped by SIGTERM; the same command goes on"), folder.held():
        return import_quietly("beam_jobs.tuning.whole_search").search(
            plan, training_set, folder, settings.parallel, progress.step
        )


def plan(settings: Tune) -> list[str]:
    """Return what would be read and tried, and what would be written where."""
    found, training_set = _opened(settings)
    rows, spec = training_set.manifest["rows"], found.spec
    read = f"{rows['train']:,} rows to train on, {rows['eval']:,} to measure by"
    how = (
        f"by {found.search.metric}, over {', '.join(found.search.space)}; sampler {found.sampler}, pruner "
        f"{found.pruner}, seed {found.seed}"
    )
    again = "" if repeatable(found.sampler, found.pruner, settings.parallel) else ", not repeatable"
    return [
        f"training set {settings.training_set} of use case {training_set.manifest['use_case']} would be read: {read}",
        f"{found.trials} trials of {spec.family}, {settings.parallel} at a time, {how}{again}",
        f"study, trials, page and candidate would be written to {settings.output}",
    ]


def describe(result: dict[str, Any]) -> str:
    """Return the result for people."""
    best, trials, metric = result["best"], result["trials"], result["metric"]
    told = ", ".join(f"{count} {state}" for state, count in trials.items() if count)
    parameters = ", ".join(f"{name}={_number(value)}" for name, value in best["parameters"].items())
    lines = [
        f"{result['candidate']}: {result['use_case']} model of {best['rounds']} rounds, trained on train and eval",
        f"  trials: {told}; the best is {best['number']}",
        f"  {metric} on eval {short(best['value'])}{_before(result)}: {parameters}",
    ]
    if not result["repeatable"]:
        lines.append("  not repeatable: with several trials at a time it matters which end first")
    return "\n".join([*lines, f"  {result['page']}", "next: onegraph evaluate"])


def _before(result: dict[str, Any]) -> str:
    return "" if result["own_value"] is None else f" ({short(result['own_value'])} with the model's own parameters)"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _opened(settings: Tune) -> tuple[SearchPlan, TrainingSet]:
    training_set = TrainingSet.open(settings.training_set)
    name = training_set.manifest["use_case"]
    spec = find_model(name, settings.use_case_path)
    if spec.search is None:
        file = files_of(name, settings.use_case_path).model
        raise InputError(
            f"{file}: its MODEL has no search, wanted search=Search(space={{...}}, metric=...) of models.search"
        )
    check_task(spec, training_set)
    search = dataclasses.replace(
        spec.search,
        metric=spec.search.metric if settings.metric is None else settings.metric,
        trials=spec.search.trials if settings.trials is None else settings.trials,
    )
    check_metric(search.metric, spec)
    own = own_metric(search.metric, spec)
    if own is not None:
        check_columns(own, training_set)
    seed = spec.seed if settings.seed is None else settings.seed
    files = files_of(training_set.manifest["use_case"], settings.use_case_path)
    source = Source(commit_of(files), os.path.abspath(settings.training_set))
    plan = SearchPlan(
        spec,
        search,
        training_set.fingerprint,
        settings.sampler,
        settings.pruner,
        seed,
        source,
        settings.use_case_path,
        None if own is None else fingerprint.of_file(files.model),
    )
    plan.check()
    check_space(spec, search.space, training_set.columns, family_of(spec.family))
    return plan, training_set


def _check_optuna() -> None:
    try:
        import optuna  # noqa: F401 - whether it is there
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise InputError("tune needs Optuna: pip install 'onegraph[tune]'") from None
