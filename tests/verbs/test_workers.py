"""`--workers`: several processes of this machine make the bytes that one makes."""

import hashlib
import pathlib

import pytest

from beam_jobs.cli.command_line import main


def content(folder: pathlib.Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.needs_time
def test_three_workers_build_the_same_bytes(built, trip_files, tmp_path):
    argv = ["--use-case", "taxi", "--data", str(trip_files / "*.csv*"), "--output", str(tmp_path / "out")]
    assert main(["build_training_set", *argv, "--rows-per-shard", "500", "--workers", "3"]) == 0
    assert content(tmp_path / "out") == content(built)


def test_two_workers_predict_the_same_bytes(registry, trip_files, tmp_path):
    data = ["--data", str(trip_files / "*.csv*"), "--registry", str(registry), "--format", "jsonl"]
    for workers in ("1", "2"):
        output = str(tmp_path / workers)
        assert main(["score_batch", *data, "--output", output, "--workers", workers, "--contributions", "2"]) == 0
    assert content(tmp_path / "1") == content(tmp_path / "2")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--workers", "0"], "--workers is 0, wanted 1 or more"),
        (["--runner", "flink", "--workers", "2"], "--workers is of this machine; --runner flink has its own"),
    ],
)
def test_workers_that_cannot_be_are_refused(argv, says, tmp_path, capsys):
    words = ["--use-case", "taxi", "--data", "a.csv", "--output", str(tmp_path / "out"), *argv]
    assert main(["build_training_set", *words]) == 2
    assert says in capsys.readouterr().err
