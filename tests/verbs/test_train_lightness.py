"""What `train` and `evaluate` refuse, and what they would do, is said without TensorFlow and Beam."""

import pathlib
import subprocess
import sys

_PROBE = """
import sys
from beam_jobs.cli.command_line import main

for argv in map(str.split, sys.argv[1:]):
    main(argv)
print([name for name in ("tensorflow", "apache_beam") if name in sys.modules])
"""


def test_refusals_and_plans_import_nothing_heavy(
    small_training_set: pathlib.Path, candidate: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    train, evaluate = f"train --training-set {small_training_set}", f"evaluate --training-set {small_training_set}"
    other = tmp_path / "candidate"
    other.symlink_to(candidate)
    lines = {
        f"train --training-set {candidate} --output {tmp_path}/new": f"{candidate}: a candidate, wanted a training_set",
        f"train --training-set {tmp_path} --output {tmp_path}/new": f"{tmp_path}: not a completed training_set (no",
        f"{train} --output {tmp_path}/new --use-case loans": "is of use case 'taxi', --use-case is 'loans'; leave the",
        f"{train} --output {tmp_path}/new --parameters eta": "--parameters 'eta': wanted name=value, such as",
        f"{train} --output {tmp_path}/new --parameters eta=abc": "Invalid Parameter format for learning_rate",
        f"{train} --output {tmp_path}/new --parameters max_deepth=4": "'max_deepth' is not one that XGBoost",
        f"{train} --output {tmp_path}/new --rounds 0": "rounds",
        f"{train} --output {tmp_path}/new --seed -1": "seed",
        f"{train} --output {candidate}": f"{candidate}: already a completed candidate; choose another directory",
        f"{evaluate} --candidate {small_training_set}": f"{small_training_set}: a training_set, wanted a candidate",
    }
    plans = [f"{train} --output {tmp_path}/new --dry-run", f"{evaluate} --candidate {other} --dry-run"]
    argv = [sys.executable, "-c", _PROBE, *lines, *plans]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"
    said = done.stderr + done.stdout
    for line in lines.values():
        assert line in said, said
    for line in (
        f"training set {small_training_set} of use case taxi would be read: 1,800 rows to train on, 600 to stop by",
        f"the candidate would be written to {tmp_path}/new",
        f"candidate {other} of use case taxi would be evaluated on 600 rows of {small_training_set}; 600 others",
        f"the evaluation would be written to {other}.evaluation",
    ):
        assert line in done.stdout
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["candidate"]
