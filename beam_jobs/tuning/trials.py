"""The trials of a search: made by processes, told to the study, kept as JSON."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beam_jobs.tuning.search_plan import SearchPlan
from beam_jobs.tuning.study import Study, TrialRecord
from beam_jobs.tuning.trial_words import Failed, Look, Shared, Succeeded
from beam_jobs.tuning.trial_workers import TrialWorkers
from schemas.errors import OnegraphError
from schemas.plain_files import write_whole


def make_trials(
    study: Study, plan: SearchPlan, shared: Shared, parallel: int, told: Callable[[TrialRecord], None]
) -> None:
    """Make the trials that are missing, `parallel` at a time; `told` hears of each that ends."""
    with TrialWorkers(parallel, shared) as workers:
        while True:
            while workers.free and (asked := study.next(plan.trials)) is not None:
                workers.begin(*asked)
            if not workers.busy:
                return
            for number, said in workers.heard():
                if isinstance(said, Look):
                    workers.answer(number, study.hopeless(number, said.rounds, said.value))
                else:
                    told(_told(study, number, said, plan.search.metric))


def best_of(records: Sequence[TrialRecord], less_is_better: bool, where: pathlib.Path) -> TrialRecord:
    """Return the best complete trial, the first of equals; raises `OnegraphError` if there is none."""
    sign = 1 if less_is_better else -1
    complete = [(sign * one.value, one.number, one) for one in records if one.value is not None]
    if complete:
        return min(complete, key=lambda found: found[:2])[2]
    failed = [one for one in records if one.reason]
    why = f"; the first: {failed[0].reason}" if failed else ""
    raise OnegraphError(f"{where}: none of {len(records)} trials came to its end, {len(failed)} failed{why}")


def as_json(plan: SearchPlan, records: Sequence[TrialRecord], importance: Mapping[str, float]) -> dict[str, Any]:
    """Return what was searched and all trials as one JSON object; no time of day is in it, but the trials' seconds."""
    return {
        **plan.facts,
        "direction": plan.direction,
        "own_parameters_first": plan.first is not None,
        "importance": dict(importance),
        "trials": [dataclasses.asdict(one) for one in records],
    }


def write_trials(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Write what `as_json` gave."""
    write_whole(path, (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def _told(study: Study, number: int, said: Succeeded | Failed, metric: str) -> TrialRecord:
    if isinstance(said, Failed):
        return study.tell(number, said.seconds, None, None, None, said.reason)
    found = said.measured
    value = None if found.metrics is None else found.metrics.get(metric)
    reason = f"{metric} cannot be computed on the eval split" if found.metrics is not None and value is None else None
    return study.tell(number, said.seconds, found.rounds, value, found.metrics, reason)
