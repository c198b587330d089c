"""A set that is larger than the memory that is given: the same candidate, and one line for what goes wrong."""

import pathlib
import re
import shutil

import numpy as np
import pytest

from beam_jobs.cli.command_line import main
from models.training import memory
from models.training.memory import rows_at_once
from models.training.spool import spooled
from models.training.training import Means, overridden, train_candidate
from models.training.training_set import TrainingSet
from models.training.work_folder import work_folder
from models.use_case import UseCase
from schemas.errors import ArtifactError, InputError
from tests.support.file_limit import no_file_grows_over
from tests.support.small_artifacts import FAST


@pytest.fixture
def few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> int:
    """So little memory that a small set does not fit."""
    monkeypatch.setattr(memory, "BASE", 0)
    monkeypatch.setattr(memory, "_FEWEST", 100)
    return 400_000


def test_the_same_candidate_as_in_memory(
    small_training_set: pathlib.Path, taxi: UseCase, tmp_path: pathlib.Path, few_rows_at_once: int
) -> None:
    training_set, spec = TrainingSet.open(small_training_set), overridden(taxi.model, 1, {**FAST, "subsample": 0.5}, 20)
    assert 100 <= (rows_at_once(2400, 16, few_rows_at_once) or 0) < 1800
    for name, means in (("memory", Means()), ("files", Means(max_memory=few_rows_at_once))):
        train_candidate("taxi", spec, training_set, tmp_path / name, means)
    assert {one.name for one in tmp_path.iterdir()} == {"memory", "files"}
    assert (tmp_path / "files" / "manifest.json").read_bytes() == (tmp_path / "memory" / "manifest.json").read_bytes()


def test_parts_of_a_split_are_its_rows(small_training_set: pathlib.Path, tmp_path: pathlib.Path) -> None:
    training_set = TrainingSet.open(small_training_set)
    whole = training_set.load("train")
    for rows in (range(700), range(700, 1800), range(1799, 1800)):
        for part in (training_set.load("train", rows), spooled(training_set, "train", rows, tmp_path / "spool")):
            assert part.features.tobytes() == whole.features[rows.start : rows.stop].tobytes()
            assert part.label.tobytes() == whole.label[rows.start : rows.stop].tobytes()
            wanted = whole.slices["payment_type"].slice(rows.start, len(rows))
            assert part.slices["payment_type"].to_pylist() == wanted.to_pylist()


def test_too_little_memory_is_one_line(small_training_set: pathlib.Path, tmp_path: pathlib.Path, capsys) -> None:
    argv = ["train", "--training-set", str(small_training_set), "--output", str(tmp_path / "c"), "--max-memory"]
    assert main([*argv, "10MiB"]) == 1
    said = capsys.readouterr().err
    assert "--max-memory of 10 MiB is too little for 2,400 rows of 16 features" in said
    assert said.count("\n") == 1
    assert main([*argv, "much"]) == 2
    assert "--max-memory is 'much', wanted a size such as 2GiB" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_tree_method_that_needs_all_rows_is_refused_before_a_shard_is_read(
    small_training_set: pathlib.Path,
    tmp_path: pathlib.Path,
    few_rows_at_once: int,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
) -> None:
    copied = shutil.copytree(small_training_set, tmp_path / "set")
    for shard in copied.glob("*-of-*"):
        shard.unlink()
    argv = ["train", "--training-set", str(copied), "--output", str(tmp_path / "c"), *more]
    assert main([*argv, "--max-memory", "400KiB", "--parameters", "tree_method=approx"]) == 1
    said = capsys.readouterr().err
    assert "tree_method is 'approx', and rows that are larger than --max-memory are trained on by hist alone" in said
    assert said.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["set"]


def test_a_full_disk_and_a_missing_shard_leave_nothing(
    small_training_set: pathlib.Path, taxi: UseCase, tmp_path: pathlib.Path, few_rows_at_once: int
) -> None:
    spec, means = overridden(taxi.model, 1, FAST, 5), Means(max_memory=few_rows_at_once)
    output, copied = tmp_path / "c", shutil.copytree(small_training_set, tmp_path / "set")
    with no_file_grows_over(50_000), pytest.raises(OSError, match="File too large") as full:
        train_candidate("taxi", spec, TrainingSet.open(copied), output, means)
    assert str(full.value.filename) == str(work_folder(output) / "files-0" / "train.f32")
    (shard,) = copied.glob("eval-*")
    shard.unlink()
    with pytest.raises(ArtifactError, match="missing, the manifest names it"):
        train_candidate("taxi", spec, TrainingSet.open(copied), output, means)
    assert {one.name for one in tmp_path.iterdir()} == {"set"}


def test_a_full_disk_while_xgboost_writes_its_pages(
    small_training_set: pathlib.Path, taxi: UseCase, tmp_path: pathlib.Path, few_rows_at_once: int
) -> None:
    spec, means = overridden(taxi.model, 1, FAST, 5), Means(max_memory=few_rows_at_once)
    features = 1800 * 16 * 4  # for which there is room
    with no_file_grows_over(features), pytest.raises(OSError, match="File too large"):
        train_candidate("taxi", spec, TrainingSet.open(small_training_set), tmp_path / "c", means)
    assert [*tmp_path.iterdir()] == []


def test_more_memory_is_more_rows_and_then_all() -> None:
    found = [rows_at_once(5_000_000, 30, gib << 30) for gib in (1, 2, 4)]
    assert found == [sorted(found[:2], key=lambda one: one or 0)[0], 262_144, None]
    with pytest.raises(InputError, match="give at least"):
        rows_at_once(100_000_000, 30, 1 << 30)


def test_classes_take_memory_of_every_row() -> None:
    gib = 1 << 30
    assert rows_at_once(5_000_000, 30, 4 * gib) is None
    assert rows_at_once(5_000_000, 30, 4 * gib, classes=30) == 262_144
    with pytest.raises(InputError, match="give at least") as refused:
        rows_at_once(5_000_000, 30, 2 * gib, classes=30)
    (least,) = re.findall(r"at least ([\d,]+)MiB", str(refused.value))
    assert rows_at_once(5_000_000, 30, int(least.replace(",", "")) << 20, classes=30) is not None


def test_a_gpu_that_is_not_there_is_one_line(small_training_set: pathlib.Path, tmp_path: pathlib.Path, capsys) -> None:
    argv = ["train", "--training-set", str(small_training_set), "--output", str(tmp_path / "c"), "--device"]
    for device, said in {
        "cuda": "model: device is 'cuda', and XGBoost finds no such GPU here; train where there is one\n",
        "abacus": "model: xgboost: Invalid argument for `device`",
    }.items():
        assert main([*argv, device]) == 1
        line = capsys.readouterr().err
        assert said in line
        assert line.count("\n") == 1
    assert np.all([one.name != "c" for one in tmp_path.iterdir()])
