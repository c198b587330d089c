"""A network's training that is ended goes on to the bytes of one that was not."""

import dataclasses
import pathlib

import pytest

from models.families.checkpoints import Checkpoints
from models.families.family import TrainingRun
from models.families.networks import keras_net
from schemas.errors import InputError, Interrupted
from tests.models.families.networks.test_keras_net import COLUMNS, SPECS, digest, saved
from tests.support.first_at_once import first_at_once


def ended_after(rounds: int, folder: pathlib.Path) -> TrainingRun:
    """A run that is asked to end after so many rounds, with checkpoints in a folder."""
    left = iter(range(rounds - 1))
    return TrainingRun(checkpoints=Checkpoints(folder, 4, {}, lambda: next(left, None) is None))


@pytest.mark.parametrize(("task", "rounds"), first_at_once([("multiclass", 5), ("binary", 1), ("regression", 7)]))
def test_it_goes_on_to_the_same_bytes(task: str, rounds: int, tmp_path: pathlib.Path) -> None:
    spec = SPECS[task]
    whole = saved(spec, tmp_path / "whole")
    with pytest.raises(Interrupted, match=f"{rounds} rounds are in"):
        saved(spec, tmp_path / "none", ended_after(rounds, tmp_path / "saved"))
    assert not (tmp_path / "none").exists()
    heard: list[int] = []

    def hear(number: int, metrics: object) -> bool:
        heard.append(number)
        return False

    run = TrainingRun(on_round=hear, checkpoints=Checkpoints(tmp_path / "saved", 4))
    again = saved(spec, tmp_path / "again", run)
    assert heard[0] == rounds + 1
    assert (again.rounds, again.history) == (whole.rounds, whole.history)
    assert digest(tmp_path / "again") == digest(tmp_path / "whole")


def test_what_this_family_has_not_is_one_line() -> None:
    spec = SPECS["binary"]
    for wrong, said in (
        ({"monotone": {"a": 1}}, "monotone is for family xgboost, this is keras"),
        (
            {"stop_by": "acu"},
            "stop_by is 'acu', wanted one of auc, aucpr, logloss of task binary with family keras, did",
        ),
        ({"categories": ("c",)}, "categories is for family xgboost"),
    ):
        with pytest.raises(InputError, match=said):
            keras_net.check_parameters(dataclasses.replace(spec, **wrong), COLUMNS)
    for workers in (1, 2):
        keras_net.check_run(spec, workers, True)
        with pytest.raises(InputError, match="give more --max-memory, share the rows between --workers, or take"):
            keras_net.check_run(spec, workers, False)
