"""`onegraph train` in real processes: ended by signals and gone on with; several that train one model together."""

import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest
from sklearn.metrics import roc_auc_score

from beam_jobs.process import installation
from beam_jobs.training.environment import HOST, NUMBER, PORT, WORKERS
from beam_jobs.training.local_team import _free_port
from models.families.table.choice import family_of
from models.training.training_set import TrainingSet
from models.training.work_folder import checkpoints_of, work_folder
from tests.support.first_at_once import first_at_once
from tests.support.waiting import wait_until

NOT_SAMPLED = ["subsample=1", "colsample_bytree=1"]
SLOW = ["--rounds", "800", "--early-stopping-rounds", "800", "--parameters", "nthread=1", "max_depth=3", "eta=0.01"]
SLOW += NOT_SAMPLED
SHORT = ["--rounds", "30", "--parameters", "nthread=1", "max_depth=3", *NOT_SAMPLED]
NETWORK = ["--family", "keras", "--parameters", "layers=16", "batch_size=300", "dropout=0.1"]
SLOW_OF = {"xgboost": SLOW, "keras": [*NETWORK, "--rounds", "150", "--early-stopping-rounds", "150"]}
SHORT_OF = {"xgboost": SHORT, "keras": [*NETWORK, "--rounds", "20", "--early-stopping-rounds", "20"]}
_AS_PEOPLE_START_IT = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # tests hear more of TensorFlow
SPREAD = 0.02
"""What the AUC of two workers' model may be off by: on some 600 rows of test its own standard error is as large."""


def words(training_set: pathlib.Path, output: pathlib.Path, *more: str) -> list[str]:
    return ["--training-set", str(training_set), "--output", str(output), *more]


def start(argv: Sequence[str], environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "beam_jobs", "train", *argv],
        env=os.environ | installation.child_environment() | _AS_PEOPLE_START_IT | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(argv: Sequence[str]) -> tuple[int | None, str]:
    process = start([*argv, "--quiet"])  # of progress, of which there is none on a quick machine
    said = process.communicate(timeout=120)[1]
    return process.returncode, said


def checkpoint_of(output: pathlib.Path) -> bool:
    folder = checkpoints_of(output)
    return folder.is_dir() and any(one.name.isdecimal() for one in folder.iterdir())


def bytes_of(candidate: pathlib.Path) -> tuple[bytes, ...]:
    return tuple(one.read_bytes() for one in sorted(candidate.rglob("*")) if one.is_file())


_ENDED = [(family, workers) for family in SLOW_OF for workers in ((), ("--workers", "2"))]


@pytest.fixture(scope="module", params=_ENDED, ids=[f"{family}-{len(more) or 1}" for family, more in _ENDED])
def whole(
    request: pytest.FixtureRequest, small_training_set: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[str], pathlib.Path]:
    """The options of a training by one or two workers, and what it makes if nobody ends it."""
    family, workers = request.param
    options, output = [*workers, *SLOW_OF[family]], tmp_path_factory.mktemp("whole") / "candidate"
    assert done(words(small_training_set, output, *options)) == (0, "")
    return options, output


@pytest.mark.timeout(300)
@pytest.mark.needs_time
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ended_by_a_signal_and_gone_on_with(
    small_training_set: pathlib.Path,
    tmp_path: pathlib.Path,
    number: signal.Signals,
    whole: tuple[list[str], pathlib.Path],
) -> None:
    options, uninterrupted = whole
    output = tmp_path / "ended"
    argv = words(small_training_set, output, "--checkpoint-every", "25", *options)
    process = start([*argv, "--quiet"])
    wait_until(lambda: checkpoint_of(output), "a checkpoint")
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    if number == signal.SIGTERM:
        assert process.returncode == 143
        assert "stopped by SIGTERM" in said
        assert f"rounds are in {checkpoints_of(output)}; the same command goes on from there\n" in said
        assert said.count("\n") == 1
        assert not output.exists()
    assert not (output / "COMPLETED").exists()
    wait_until(
        lambda: not [*work_folder(output).glob("files-*")], "the end of its workers"
    )  # workers of a killed one save and end
    assert done(argv) == (0, "")
    assert bytes_of(output) == bytes_of(uninterrupted)
    assert not work_folder(output).exists()


@pytest.mark.needs_time
def test_sigterm_before_the_first_round(small_training_set: pathlib.Path, tmp_path: pathlib.Path) -> None:
    process = start(words(small_training_set, tmp_path / "c", *SLOW))
    wait_until(lambda: (tmp_path / "c").exists(), "the training's output")
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert "onegraph train: stopped by SIGTERM" in said  # a library that is being imported may say a word too
    assert said.count("\n") == 1
    assert [*tmp_path.iterdir()] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("family", first_at_once(SHORT_OF))
def test_two_workers_train_one_model(family: str, small_training_set: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """On one machine and as on several: equal bytes; beside one process, a quality within the spread that is told."""
    together, apart, alone = (tmp_path / name for name in ("together", "apart", "alone"))
    short = SHORT_OF[family]
    assert done(words(small_training_set, together, "--workers", "2", *short)) == (0, "")
    meeting = {HOST: "127.0.0.1", PORT: str(_free_port()), WORKERS: "2"}
    pair = [start(words(small_training_set, apart, *short), meeting | {NUMBER: str(rank)}) for rank in (1, 0)]
    second, first = [process.communicate(timeout=120) for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert second[0] == f"worker 1 is done; worker 0 writes {apart}\n"
    assert "trained on 1,800 rows" in first[0]
    assert bytes_of(together) == bytes_of(apart)
    assert '"workers": 2' in (together / "manifest.json").read_text()
    assert done(words(small_training_set, alone, *short)) == (0, "")
    assert bytes_of(alone) != bytes_of(together)
    test = TrainingSet.open(small_training_set).load("test")
    models = [family_of(family).load(one / "model") for one in (alone, together)]
    found = [roc_auc_score(test.label, model.predict(test.features)) for model in models]
    assert abs(found[0] - found[1]) < SPREAD


@pytest.mark.needs_time
@pytest.mark.timeout(300)
def test_workers_that_train_another_model_each_are_refused(
    small_training_set: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    meeting = {HOST: "127.0.0.1", PORT: str(_free_port()), WORKERS: "2"}
    pair = [
        start(words(small_training_set, tmp_path / "c", "--seed", str(rank), *NETWORK), meeting | {NUMBER: str(rank)})
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=120)[1] for process in pair]
    line = "worker 1 has another model than worker 0; start all with the same command, on the same training set"
    assert [one.splitlines()[-1] for one in said] == [f"onegraph train: {line}"] * 2
    assert not [one for one in said if "Traceback" in one]
    assert [process.returncode for process in pair] == [1, 1]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.timeout(300)
@pytest.mark.needs_time
@pytest.mark.parametrize(("family", "rank"), [(family, rank) for family in SLOW_OF for rank in (0, 1)])
def test_a_worker_that_is_killed_ends_all_with_one_line(
    small_training_set: pathlib.Path, tmp_path: pathlib.Path, family: str, rank: int
) -> None:
    output = tmp_path / "c"
    slow = SLOW_OF[family]
    process = start(words(small_training_set, output, "--quiet", "--workers", "2", "--checkpoint-every", "20", *slow))
    wait_until(lambda: checkpoint_of(output), "a checkpoint")
    workers = children_of(process.pid)
    assert len(workers) == 2
    os.kill(workers[rank], signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said.count("\n")) == (1, 1)
    assert f"worker {rank} of 2 was ended by SIGKILL" in said
    assert not (output / "COMPLETED").exists()
    assert not [one for one in workers if pathlib.Path(f"/proc/{one}").exists()]


@pytest.mark.needs_time
@pytest.mark.timeout(300)
def test_what_one_worker_refuses_is_said_once(small_training_set: pathlib.Path, tmp_path: pathlib.Path) -> None:
    altered = tmp_path / "set"
    subprocess.run(["cp", "-r", str(small_training_set), str(altered)], check=True)
    (shard,) = altered.glob("train-*")
    shard.unlink()
    code, said = done(words(altered, tmp_path / "c", "--workers", "2", *SHORT))
    assert (code, said) == (
        1,
        f"onegraph train: {shard}: missing, the manifest names it; copy the training set again\n",
    )
    assert {one.name for one in tmp_path.iterdir()} == {"set"}


def children_of(pid: int) -> list[int]:
    """Return the processes that one has started, in that order."""
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
