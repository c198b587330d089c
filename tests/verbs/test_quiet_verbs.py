"""On standard error stands what is ours and nothing else: no library greets there.

A library greets once in a process, when it is imported, so each verb gets a process of its own.
"""

import os
import pathlib
import subprocess
import sys

import pytest

TRIPS = pathlib.Path(__file__).parents[2] / "schemas" / "data" / "taxi.csv.gz"


def said_by(argv: list[str], folder: pathlib.Path) -> str:
    """Run a verb in a process of its own, in people's environment; return what it wrote to standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-m", "beam_jobs", *argv]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_train(small_training_set: pathlib.Path, tmp_path: pathlib.Path) -> None:
    argv = ["train", "--training-set", str(small_training_set), "--output", "candidate", "--rounds", "2"]
    assert said_by(argv, tmp_path) == ""


@pytest.mark.needs_time
@pytest.mark.timeout(300)
def test_from_a_file_to_predictions(tmp_path: pathlib.Path) -> None:
    build = ["build_training_set", "--use-case", "taxi", "--data", str(TRIPS), "--output", "set"]
    assert said_by(build, tmp_path) == ""
    for argv in (
        ["train", "--training-set", "set", "--output", "candidate", "--rounds", "20"],
        ["evaluate", "--training-set", "set", "--candidate", "candidate"],
        ["release", "--candidate", "candidate", "--registry", "registry"],
        ["score_batch", "--data", str(TRIPS), "--registry", "registry", "--output", "predictions"],
    ):
        assert said_by(argv, tmp_path) == "", argv[0]
