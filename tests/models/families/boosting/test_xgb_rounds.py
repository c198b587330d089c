"""A training that is ended and gone on with is the one that was not, byte for byte; also early stopping and chance."""

import dataclasses
import pathlib

import numpy as np
import pytest

from models.families.boosting import xgb
from models.families.boosting.xgb import TrainedBooster
from models.families.checkpoints import Checkpoint, Checkpoints
from models.families.family import TrainingRun
from models.spec import ModelSpec
from schemas.errors import Interrupted
from tests.support.file_limit import no_file_grows_over
from tests.support.small_artifacts import FAST
from tests.support.splits import COLUMNS, SPEC, random_split

SAMPLED = dataclasses.replace(SPEC, parameters={**FAST, "subsample": 0.5, "colsample_bytree": 0.7})
TRAIN, EVAL = random_split(2000, 1), random_split(1000, 2)


def run(folder: pathlib.Path, every: int, ends_after: int | None = None, spec: ModelSpec = SPEC) -> TrainingRun:
    """A run that is asked to end after so many of its own rounds."""
    looks = iter(range(1, 10_000))
    asked = (lambda: next(looks) >= ends_after) if ends_after else (lambda: False)
    return TrainingRun(checkpoints=Checkpoints(folder, every, {"seed": spec.seed}, asked))


def same(one: TrainedBooster, other: TrainedBooster) -> bool:
    return one.booster.save_raw() == other.booster.save_raw() and one.history == other.history


@pytest.mark.parametrize("ends_after", [1, 4, 9, 12])
def test_the_same_bytes_and_history_as_without_an_end(tmp_path: pathlib.Path, ends_after: int) -> None:
    whole = xgb.train(SPEC, COLUMNS, TRAIN, EVAL)
    assert whole.rounds < len(whole.history["logloss"]) < SPEC.rounds, "early stopping has something to remember"
    ends = 0
    while True:
        try:
            found = xgb.train(SPEC, COLUMNS, TRAIN, EVAL, run(tmp_path / "c", 5, ends_after))
            break
        except Interrupted:
            ends += 1
    assert ends >= max(1, len(whole.history["logloss"]) // ends_after - 1)
    assert same(found, whole)


@pytest.mark.parametrize("ends_after", [6, 9])
def test_what_draws_by_chance_is_the_same_too(tmp_path: pathlib.Path, ends_after: int) -> None:
    whole = xgb.train(SAMPLED, COLUMNS, TRAIN, EVAL, run(tmp_path / "whole", 5))
    with pytest.raises(Interrupted):
        xgb.train(SAMPLED, COLUMNS, TRAIN, EVAL, run(tmp_path / "c", 5, ends_after))
    kept = run(tmp_path / "c", 5).checkpoints.last()
    assert kept is not None
    assert kept.rounds == 5, "what is between two checkpoints is drawn again"
    assert same(xgb.train(SAMPLED, COLUMNS, TRAIN, EVAL, run(tmp_path / "c", 5)), whole)
    assert not same(xgb.train(SAMPLED, COLUMNS, TRAIN, EVAL), whole), "it is told when it is chosen"


def test_an_end_before_the_first_checkpoint_of_a_sampled_training(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Interrupted, match="before its first checkpoint; the same command begins anew"):
        xgb.train(SAMPLED, COLUMNS, TRAIN, EVAL, run(tmp_path / "c", 50, 3))


def test_all_rounds_without_an_eval_split(tmp_path: pathlib.Path) -> None:
    short = dataclasses.replace(SPEC, rounds=12)
    whole = xgb.train(short, COLUMNS, TRAIN, None)
    with pytest.raises(Interrupted):
        xgb.train(short, COLUMNS, TRAIN, None, run(tmp_path / "c", 5, 7))
    again = xgb.train(short, COLUMNS, TRAIN, None, run(tmp_path / "c", 5))
    assert (again.rounds, again.history) == (12, {})
    assert same(again, whole)


def test_a_run_that_ends_itself_keeps_what_it_has() -> None:
    found = xgb.train(SPEC, COLUMNS, TRAIN, EVAL, TrainingRun(on_round=lambda rounds, metrics: rounds == 3))
    assert len(found.history["logloss"]) == 3


def test_a_checkpoint_of_another_training_is_told_and_not_used(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    Checkpoints(tmp_path, 5, {"seed": 1, "rows": 7}).save(Checkpoint(5, {"model": b"m"}))
    assert Checkpoints(tmp_path, 5, {"seed": 1, "rows": 7}).last() == Checkpoint(5, {"model": b"m"})
    assert Checkpoints(tmp_path, 5, {"seed": 2, "rows": 7}).last() is None
    assert "it is of a training with another seed; training begins anew" in caplog.text


@pytest.mark.parametrize("how", ["cut", "gone", "no JSON"])
def test_a_damaged_checkpoint_is_told_and_not_used(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    checkpoints = Checkpoints(tmp_path, 5)
    checkpoints.save(Checkpoint(5, {"model": b"model"}))
    (folder,) = tmp_path.iterdir()
    if how == "gone":
        (folder / "model").unlink()
    else:
        (folder / ("model" if how == "cut" else "checkpoint.json")).write_bytes(b"mod")
    assert checkpoints.last() is None
    assert "it is damaged; training begins anew" in caplog.text


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: pathlib.Path) -> None:
    checkpoints = Checkpoints(tmp_path, 5)
    checkpoints.save(Checkpoint(5, {"model": b"m" * 100}))
    with no_file_grows_over(500), pytest.raises(OSError, match="File too large"):
        checkpoints.save(Checkpoint(10, {"model": b"m" * 1000}))
    assert checkpoints.last() == Checkpoint(5, {"model": b"m" * 100})
    assert [one.name for one in tmp_path.iterdir()] == ["00000005"]


@pytest.mark.parametrize("more", [{}, {"max_bin": 64}, {"max_bin": 512}])
def test_rows_from_a_file_give_the_same_bytes(tmp_path: pathlib.Path, more: dict[str, int]) -> None:
    spec = dataclasses.replace(SPEC, parameters={**FAST, **more})
    mapped = []
    for name, split in (("train", TRAIN), ("eval", EVAL)):
        split.features.tofile(tmp_path / name)
        features = np.memmap(tmp_path / name, np.float32, "r", shape=split.features.shape)
        weight = (np.arange(len(features)) % 3 + 1).astype(np.float32)
        mapped.append((dataclasses.replace(split, weight=weight), dataclasses.replace(split, features=features)))
    (train, train_file), (evaluation, eval_file) = mapped
    train_file, eval_file = (
        dataclasses.replace(one, weight=other.weight) for one, other in ((train_file, train), (eval_file, evaluation))
    )
    pieces = TrainingRun(rows_at_once=300, work_folder=tmp_path / "work")
    found = xgb.train(spec, COLUMNS, train_file, eval_file, pieces)
    assert same(found, xgb.train(spec, COLUMNS, train, evaluation))
