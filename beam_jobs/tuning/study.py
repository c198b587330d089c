"""The study of a search: Optuna's, in an SQLite file. Only one process has it open, and asks and tells.

Whatever a trial's number, its parameters come of the seed, the number and the trials before it, so that a study that is
gone on with after a kill makes the trials that it would have made. A trial that was running then is run again, with
the parameters that it had.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from beam_jobs.tuning.grid import grid
from beam_jobs.tuning.samplers import GRID, HYPERBAND, MEDIAN, TPE
from beam_jobs.tuning.search_plan import SearchPlan
from models.search import Range, Real, Whole
from models.tuning.space import Parameters
from schemas.errors import InputError

NAME = "onegraph tune"
_FACTS, _PARALLEL = "facts", "parallel"
_LONGEST = 60  # of a fact that is quoted
_LEAST_TRIALS = 4  # of which importance says anything
_METRICS, _ROUNDS, _SECONDS, _REASON = "metrics", "rounds", "seconds", "reason"
_STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
_ENDED = tuple(_STATES)


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """A trial that has ended, as it is kept: plain JSON values.

    `state` is complete, pruned or failed; `value` that of the metric on eval, None if it has none; `metrics` those of
    evaluation on eval; `reason`, of one that failed, is one line.
    """

    number: int
    state: str
    parameters: Mapping[str, Any]
    value: float | None
    metrics: Mapping[str, Any]
    rounds: int | None
    seconds: float
    reason: str | None


class Study:
    """An open study. Its methods raise `OSError` where the file cannot be written, as on a full disk."""

    def __init__(self, storage: pathlib.Path, plan: SearchPlan):
        """Open the study of a file, or make one; raises `InputError` if the file has none, or one of another plan."""
        self._file, self._space, self._sampler, self._seed = storage, plan.search.space, plan.sampler, plan.seed
        self._first = plan.first
        self._live: dict[int, Trial] = {}
        self._reported: dict[int, set[int]] = {}
        self._grid = grid(plan.search.space, plan.seed) if plan.sampler == GRID else []
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with self._writing():
            try:
                self._storage = optuna.storages.RDBStorage(f"sqlite:///{storage}")
                self._study = optuna.create_study(
                    storage=self._storage,
                    study_name=NAME,
                    direction=plan.direction,
                    pruner=_pruner(plan.pruner, plan.spec.rounds),
                    load_if_exists=True,
                )
            except Exception as error:  # of SQLAlchemy, Alembic or Optuna, by what the file is
                if _no_room(error):
                    raise
                raise InputError(
                    f"{storage}: no storage of a study ({type(error).__name__}); give another file"
                ) from None
            known = self._study.user_attrs.get(_FACTS)
            if known is None and not self._study.trials:
                self._study.set_user_attr(_FACTS, plan.facts)
            else:
                _check_same(storage, known or {}, plan.facts)
            self._begun = [trial for trial in self._study.trials if trial.state == TrialState.RUNNING]

    def next(self, trials: int) -> tuple[int, dict[str, Any]] | None:
        """Return number and parameters of the next trial to be run, those that a kill has left first.

        None if `trials` have ended or are running.
        """
        with self._writing():
            if self._begun:
                left = self._begun.pop(0)
                self._study.sampler = self._sampler_of(left.number)
                trial = Trial(self._study, left._trial_id)
                self._reported[trial.number] = set(left.intermediate_values)
            else:
                number = len(self._study.get_trials(deepcopy=False, states=(*_ENDED, TrialState.RUNNING)))
                if number >= trials:
                    return None
                if (fixed := self._fixed(number)) is not None and not self._waiting():
                    self._study.enqueue_trial(dict(fixed))
                self._study.sampler = self._sampler_of(number)
                trial = self._study.ask()
            _ = trial.relative_params  # those that a sampler chooses together, by its own seed
            for name, values in self._space.items():
                self._study.sampler = self._sampler_of(trial.number, name)
                _suggest(trial, name, values)
            self._live[trial.number] = trial
            return trial.number, dict(trial.params)

    def hopeless(self, number: int, rounds: int, value: float) -> bool:
        """Take how good a trial is after so many rounds; say whether it is to be ended."""
        with self._writing():
            trial = self._live[number]
            reported = self._reported.setdefault(number, set())
            if rounds not in reported:  # one that is run again says the same
                reported.add(rounds)
                trial.report(value, rounds)
            return trial.should_prune()

    def tell(
        self,
        number: int,
        seconds: float,
        rounds: int | None,
        value: float | None,
        metrics: Mapping[str, Any] | None,
        reason: str | None,
    ) -> TrialRecord:
        """Take what became of a trial: failed if it has a reason, pruned if it has no metrics, else complete."""
        with self._writing():
            trial = self._live.pop(number)
            said = {_SECONDS: round(seconds, 3), _ROUNDS: rounds, _METRICS: dict(metrics or {}), _REASON: reason}
            for name, one in said.items():
                trial.set_user_attr(name, one)
            failed_or_pruned = TrialState.FAIL if reason is not None else TrialState.PRUNED if metrics is None else None
            return _record(self._study.tell(trial, value, state=failed_or_pruned))

    def records(self) -> list[TrialRecord]:
        """Return all trials that have ended, in the order of their numbers."""
        with self._writing():
            return [_record(trial) for trial in self._study.get_trials(states=_ENDED)]

    def importance(self) -> dict[str, float]:
        """Return what share of the differences between complete trials each parameter explains, most first (fANOVA).

        None of fewer than four trials, or of trials that are all equally good.
        """
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < _LEAST_TRIALS or len({trial.value for trial in complete}) < 2:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}

    def most_at_once(self, parallel: int) -> int:
        """Take how many trials are made at once from now on; return the most that ever were."""
        with self._writing():
            most = max(parallel, self._study.user_attrs.get(_PARALLEL, 0))
            self._study.set_user_attr(_PARALLEL, most)
            return most

    def missing(self, trials: int) -> bool:
        """Say whether a trial has to be made, or made again, for so many of them."""
        return bool(self._begun) or len(self._study.get_trials(deepcopy=False, states=_ENDED)) < trials

    def _waiting(self) -> bool:
        return bool(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def _fixed(self, number: int) -> Parameters | None:
        """Return the parameters that a trial has by its number alone, None if the sampler chooses."""
        if self._sampler == GRID:
            return self._grid[number]
        return self._first if number == 0 and self._first else None

    def _sampler_of(self, number: int, name: str = "") -> optuna.samplers.BaseSampler:
        seed = int.from_bytes(hashlib.sha256(f"{self._seed}/{number}/{name}".encode()).digest()[:4], "big")
        return optuna.samplers.TPESampler(seed=seed) if self._sampler == TPE else optuna.samplers.RandomSampler(seed)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what Optuna says of a file that takes nothing more into the machine's words."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            number = _no_room(error)
            if number is None:
                raise
            raise OSError(number, os.strerror(number), str(self._file)) from error


def _suggest(trial: Trial, name: str, values: Range) -> None:
    if isinstance(values, Whole):
        trial.suggest_int(name, values.low, values.high, log=values.log, step=values.step)
    elif isinstance(values, Real):
        trial.suggest_float(name, values.low, values.high, log=values.log)
    else:
        trial.suggest_categorical(name, values.options)


def _pruner(name: str, rounds: int) -> optuna.pruners.BasePruner:
    if name == MEDIAN:
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=rounds // 5)
    if name == HYPERBAND:
        return optuna.pruners.HyperbandPruner(min_resource=max(1, rounds // 20), max_resource=rounds)
    return optuna.pruners.NopPruner()


def _check_same(storage: pathlib.Path, known: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Raise `InputError`, naming the first fact that differs, if a study is of something else."""
    wanted = json.loads(json.dumps(facts))
    for name in [*wanted, *(name for name in known if name not in wanted)]:
        if known.get(name) != wanted.get(name):
            shown = [_short(one) for one in (known.get(name), wanted.get(name))]
            raise InputError(
                f"{storage}: has a study whose {name.replace('_', ' ')} is {shown[0]}, wanted {shown[1]}; go on with "
                "what it was begun with, or choose another output and storage"
            )


def _short(fact: Any) -> str:
    text = json.dumps(fact)
    return text if len(text) <= _LONGEST else "another"


def _record(trial: FrozenTrial) -> TrialRecord:
    said = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state],
        parameters=dict(trial.params),
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        metrics=said.get(_METRICS, {}),
        rounds=said.get(_ROUNDS),
        seconds=said.get(_SECONDS, 0.0),
        reason=said.get(_REASON),
    )


def _no_room(error: BaseException | None) -> int | None:
    """Return the number of the machine's error if SQLite could not write, whoever has wrapped that."""
    while error is not None:
        said = str(error)
        if "database or disk is full" in said or "disk I/O error" in said:
            return errno.ENOSPC
        if "readonly database" in said or "unable to open database file" in said:
            return errno.EACCES
        error = error.__cause__ or error.__context__
    return None
