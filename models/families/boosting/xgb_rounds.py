"""Rounds of boosting that can be ended and gone on with: what a checkpoint holds, and what the randomness begins from.

XGBoost saves neither its random state nor what early stopping has seen. The latter is told again from the history. The
former cannot be: a training that samples rows or columns and has checkpoints is done in stretches, from one checkpoint
to the next, each in a booster that is loaded from the one before and has a seed of its own. So it comes out the same
whether it was ended in between or not; but it is another model than one without checkpoints, or with others.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import xgboost

from models.families.checkpoints import Checkpoint
from models.families.family import TrainingRun

EVAL = "eval"
"""The name of the split that a training stops by, in histories."""
_MODEL, _HISTORY = "model.ubj", "history.json"
_SHARES = ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")

History = dict[str, list[float]]


def samples(parameters: Mapping[str, Any]) -> bool:
    """Say whether a training draws rows or columns by chance.

    >>> samples({"subsample": 1.0}), samples({"colsample_bytree": 0.5})
    (False, True)
    """
    return any(float(parameters.get(name, 1)) < 1 for name in _SHARES)


def boost(
    parameters: Mapping[str, Any],
    train: xgboost.DMatrix,
    evaluation: xgboost.DMatrix | None,
    rounds: int,
    stopping: Callable[[], xgboost.callback.EarlyStopping],
    run: TrainingRun,
    functions: Mapping[str, Callable[..., Any]],
) -> tuple[xgboost.Booster, History]:
    """Return a booster of so many rounds, fewer if early stopping or the run ends it, and its eval metrics by round.

    `functions` are those of a loss that XGBoost has not. It goes on from the run's checkpoint if there is one. Raises
    `Interrupted` where the run is asked to end.
    """
    evals = [] if evaluation is None else [(evaluation, EVAL)]
    saved = run.team.of_first(run.checkpoints.last() if run.team.rank == 0 else None)
    booster, history = _of_checkpoint(saved)
    done, ended = 0 if booster is None else booster.num_boosted_rounds(), False
    stretch = run.checkpoints.every if run.checkpoints.folder is not None and samples(parameters) else 0
    while not ended and done < rounds:
        stop = [] if evaluation is None else [_told_again(stopping(), history)]
        if None in stop:
            break
        watch = _Rounds(run, history, stretch == 0)
        found: dict[str, dict[str, list[float]]] = {}
        seed = int(parameters["seed"]) + (done if stretch else 0)
        booster = xgboost.train(
            {**parameters, "seed": seed},
            train,
            num_boost_round=min(rounds, done + stretch) - done if stretch else rounds - done,
            evals=evals,
            evals_result=found,
            verbose_eval=False,
            callbacks=[*(one for one in stop if one is not None), watch],
            xgb_model=booster,
            **functions,
        )
        for name, values in found.get(EVAL, {}).items():
            history.setdefault(name, []).extend(values)
        before, done = done, booster.num_boosted_rounds()
        if watch.asked_to_end:
            raise run.checkpoints.interrupted(watch.saved if stretch == 0 else before)
        ended = watch.ended or done < (min(rounds, before + stretch) if stretch else rounds)
        if stretch and not ended and done < rounds:
            save(run, booster, history)
            booster = xgboost.Booster(model_file=bytearray(booster.save_raw("ubj")))
    if booster is None:
        raise ValueError("no rounds")
    return booster, history


def save(run: TrainingRun, booster: xgboost.Booster, history: History) -> None:
    """Save a checkpoint; in a team the first worker does."""
    if run.team.rank == 0:
        files = {_MODEL: bytes(booster.save_raw("ubj")), _HISTORY: json.dumps(history).encode()}
        run.checkpoints.save(Checkpoint(booster.num_boosted_rounds(), files))


def _of_checkpoint(saved: Checkpoint | None) -> tuple[xgboost.Booster | None, History]:
    if saved is None:
        return None, {}
    return xgboost.Booster(model_file=bytearray(saved.files[_MODEL])), json.loads(saved.files[_HISTORY])


def _told_again(stopping: xgboost.callback.EarlyStopping, history: History) -> xgboost.callback.EarlyStopping | None:
    """Return early stopping that has seen a history, None if it would have stopped by now."""
    seen = _Attributes()
    for at in range(max(map(len, history.values()), default=0)):
        one = {EVAL: {name: [values[at]] for name, values in history.items()}}
        if stopping.after_iteration(seen, at, one):  # type: ignore[arg-type]  # it sets attributes, and no more
            return None
    return stopping


@dataclasses.dataclass
class _Attributes:
    """Takes what early stopping writes on a booster: the one that was loaded has it already."""

    def set_attr(self, **_: str) -> None:
        return


class _Rounds(xgboost.callback.TrainingCallback):
    """Tells a run of every round, saves checkpoints, and ends when that is asked."""

    def __init__(self, run: TrainingRun, before: History, saves: bool):
        self._run, self._before, self._saves = run, before, saves
        self.ended = self.asked_to_end = False
        self.saved = 0

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        run, rounds = self._run, model.num_boosted_rounds()
        log = evals_log.get(EVAL, {})
        metrics = {name: float(values[-1]) for name, values in log.items()}
        self.ended = bool(run.on_round(rounds, metrics))
        self.asked_to_end = run.team.total([run.checkpoints.asked_to_end()])[0] > 0
        if self._saves and (self.asked_to_end or run.checkpoints.due(rounds)):
            save(run, model, {name: [*self._before.get(name, []), *map(float, log[name])] for name in log})
            self.saved = rounds
        return self.ended or self.asked_to_end
