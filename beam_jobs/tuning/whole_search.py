"""A search from its study to its candidate and page: makes what is missing of them, and nothing twice."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from beam_jobs.reports.tuning.tuning_page import write_page
from beam_jobs.tuning.samplers import repeatable
from beam_jobs.tuning.search_folder import SearchFolder
from beam_jobs.tuning.search_plan import SearchPlan
from beam_jobs.tuning.study import Study, TrialRecord
from beam_jobs.tuning.trial_words import Shared
from beam_jobs.tuning.trials import as_json, best_of, make_trials, write_trials
from models.spec_json import spec_as_json
from models.training import labels, loss_labels, queries
from models.training.metric_columns import read_columns
from models.training.training_set import TrainingSet
from models.tuning.best import write_best
from models.tuning.fact import TUNING
from models.tuning.kept_splits import kept
from models.tuning.space import of_trial
from models.tuning.trial import with_threshold
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError

Step = Callable[..., AbstractContextManager[None]]
_log = logging.getLogger(__name__)


def search(
    plan: SearchPlan, training_set: TrainingSet, folder: SearchFolder, parallel: int, step: Step
) -> dict[str, Any]:
    """Make what is missing of trials, candidate and page in a folder that is held; return what there is then.

    `step` shows a step of the work by its name and share. Raises `InputError` for labels that cannot be learnt and a
    storage of another search, `OnegraphError` if no trial came to its end.
    """
    study = Study(folder.storage, plan)
    if not folder.has_candidate:
        _make(study, plan, training_set, folder, parallel, step)
    elif study.missing(plan.trials):
        raise ArtifactError(
            f"{folder.candidate}: made of fewer trials than {plan.trials}; remove it to go on, or choose another output"
        )
    records = study.records()
    best = best_of(records, plan.less_is_better, folder.path)
    tuning = artifact.open_artifact(folder.candidate, ArtifactKind.CANDIDATE).fact(TUNING, dict)
    use_case = training_set.manifest["use_case"]
    found = as_json(plan, records, study.importance())
    write_page(folder.page, f"Search for {use_case}", found, tuning["repeatable"])
    return {
        "candidate": str(folder.candidate),
        "use_case": use_case,
        "metric": plan.search.metric,
        "trials": dict(Counter(one.state for one in records)),
        "best": {name: getattr(best, name) for name in ("number", "parameters", "value", "rounds")},
        "own_value": records[0].value if plan.first is not None else None,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "seed": plan.seed,
        "repeatable": tuning["repeatable"],
        "page": str(folder.page),
    }


def _make(
    study: Study, plan: SearchPlan, training_set: TrainingSet, folder: SearchFolder, parallel: int, step: Step
) -> None:
    """Make the trials that are missing, then the candidate."""
    most = study.most_at_once(parallel)
    with step("read the training set"):
        shared = _shared(plan, training_set, folder)
    ended = [len(study.records())]

    def told(record: TrialRecord) -> None:
        ended[0] += 1
        _log.info("trial %d: %s", record.number, record.reason or record.state)

    with step(f"{plan.trials} trials, {parallel} at a time", share=lambda: ended[0] / plan.trials):
        make_trials(study, plan, shared, parallel, told)
    records = study.records()
    write_trials(folder.trials, as_json(plan, records, study.importance()))
    best = best_of(records, plan.less_is_better, folder.path)
    spec = with_threshold(of_trial(plan.spec, best.parameters), best.metrics)
    facts = {
        **{name: fact for name, fact in plan.facts.items() if name not in ("training_set", "model")},
        "trials": dict(sorted(Counter(one.state for one in records).items())),
        "best": best.number,
        "value": best.value,
        "trained_on": ["train", "eval"],
        **({} if spec.threshold == plan.spec.threshold else {"threshold_by": "the trial's scores of eval"}),
        "repeatable": repeatable(plan.sampler, plan.pruner, most),
    }
    rounds = best.rounds or 1
    with step(f"train on train and eval, {rounds} rounds"):
        splits = kept(shared.train), kept(shared.evaluation)
        use_case, further = (
            training_set.manifest["use_case"],
            {"source": dataclasses.asdict(plan.source), TUNING: facts},
        )
        write_best(use_case, spec, rounds, training_set, *splits, folder.candidate, further)


def _shared(plan: SearchPlan, training_set: TrainingSet, folder: SearchFolder) -> Shared:
    """Decode both splits once, and have them in files for every process."""
    folders, of_splits = {}, {}
    for name in ("train", "eval"):
        split = training_set.load(name)
        labels.check_split(split.label, plan.spec, name, split.weight)
        loss_labels.check_labels(split, plan.spec, name)
        if split.query is not None:
            of_splits[name] = split.query
        folders[name] = folder.keep(name, split)
    if of_splits:
        queries.check_apart({**of_splits, "test": training_set.queries("test")}, str(training_set.path))
    metric_rows = None
    if training_set.metric_columns:
        metric_rows = folder.keep_rows("metric_rows", read_columns(training_set, "eval"))
    return Shared(
        spec=spec_as_json(plan.spec),
        columns=training_set.columns,
        train=folders["train"],
        evaluation=folders["eval"],
        folder=folder.work,
        metric=plan.search.metric,
        use_case=training_set.manifest["use_case"],
        use_case_path=plan.use_case_path,
        metric_rows=metric_rows,
    )
