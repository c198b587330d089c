"""What lies at a training's output is removed only if a training that was killed had begun to write it."""

import pathlib

import pytest

from models.training import training, work_folder
from models.training.training import Means, overridden, train_candidate
from models.training.training_set import TrainingSet
from models.training.work_folder import begin_to_write, check_output
from models.use_case import UseCase
from schemas.errors import ArtifactError, Interrupted
from tests.support.small_artifacts import FAST


def test_what_a_killed_training_left_is_no_obstacle(tmp_path: pathlib.Path) -> None:
    output = tmp_path / "c"
    (output / "model").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="not empty and no completed candidate"):
        check_output(output)
    work_folder.work_folder(output).mkdir()
    begin_to_write(output)
    check_output(output)
    output.rename(tmp_path / "elsewhere")
    (output / "mine").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="not empty and no completed candidate"):
        check_output(output)
    (tmp_path / "elsewhere" / "COMPLETED").touch()
    with pytest.raises(ArtifactError, match="already a completed"):
        check_output(tmp_path / "elsewhere")


def test_a_killed_one_is_begun_again(
    small_training_set: pathlib.Path, taxi: UseCase, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, training_set, output = (
        overridden(taxi.model, 1, FAST, 5),
        TrainingSet.open(small_training_set),
        tmp_path / "c",
    )
    seen = []

    def written(path: pathlib.Path) -> None:
        begin_to_write(path)
        (path / "model").mkdir()
        check_output(path)
        seen.append(path)
        (path / "model").rmdir()

    monkeypatch.setattr(training, "begin_to_write", written)
    train_candidate("taxi", spec, training_set, output, Means(checkpoint_every=2))
    assert seen == [output]
    assert [one.name for one in tmp_path.iterdir()] == ["c"]


def test_a_folder_of_a_person_stays_after_an_end_by_sigterm(
    small_training_set: pathlib.Path, taxi: UseCase, tmp_path: pathlib.Path
) -> None:
    spec, training_set, output = (
        overridden(taxi.model, 1, FAST, 5),
        TrainingSet.open(small_training_set),
        tmp_path / "c",
    )
    with pytest.raises(Interrupted):
        train_candidate("taxi", spec, training_set, output, Means(checkpoint_every=2, asked_to_end=lambda: True))
    output.mkdir()
    (output / "mine").write_text("mine")
    with pytest.raises(ArtifactError, match="not empty and no completed candidate"):
        train_candidate("taxi", spec, training_set, output, Means(checkpoint_every=2))
    assert (output / "mine").read_text() == "mine"
    (output / "mine").unlink()
    train_candidate("taxi", spec, training_set, output, Means(checkpoint_every=2))
    assert [one.name for one in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("every", [0, 2])
def test_a_second_training_beside_a_living_one_is_refused(
    small_training_set: pathlib.Path,
    taxi: UseCase,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    every: int,
) -> None:
    monkeypatch.setattr(work_folder, "_PATIENCE_S", 0.0, raising=False)
    spec, training_set, output = (
        overridden(taxi.model, 1, FAST, 5),
        TrainingSet.open(small_training_set),
        tmp_path / "c",
    )
    refused: list[str] = []

    def asked_to_end() -> bool:
        if not refused:
            before = sorted(tmp_path.rglob("*"))
            with pytest.raises(ArtifactError, match="another process trains this candidate; wait for it, or end it"):
                train_candidate("taxi", spec, training_set, output, Means(checkpoint_every=every))
            assert sorted(tmp_path.rglob("*")) == before
            refused.append("once")
        return False

    train_candidate("taxi", spec, training_set, output, Means(checkpoint_every=every, asked_to_end=asked_to_end))
    assert refused
    assert [one.name for one in tmp_path.iterdir()] == ["c"]
