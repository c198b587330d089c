"""`onegraph train`: the real main, in this process."""

import json
import shutil

import pytest

from beam_jobs.cli.command_line import main
from schemas.artifacts import artifact
from tests.support.file_limit import no_file_grows_over
from tests.support.printed import for_people
from tests.support.small_artifacts import with_fact

QUICK = ["--parameters", "nthread=1", "max_depth=2", "eta=0.5"]


def test_writes_a_candidate(small_training_set, tmp_path, capsys):
    output = tmp_path / "candidate"
    argv = ["train", "--training-set", str(small_training_set), "--output", str(output), "--seed", "7", *QUICK]
    assert main([*argv, "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    manifest = artifact.open_artifact(output, "candidate").manifest
    assert result == {
        "candidate": str(output),
        "use_case": "taxi",
        "rounds": manifest["rounds"],
        "train_rows": 1800,
        "eval_rows": 600,
    }
    assert manifest["model"]["seed"] == 7
    assert manifest["model"]["parameters"]["max_depth"] == 2
    assert "trained on 1,800 rows, 600 rows to stop by\n" in for_people("train", captured.out)
    assert main(argv) == 1
    assert "already a completed candidate; choose another directory" in capsys.readouterr().err


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--use-case", "fraud"], 2, "is of use case 'taxi', --use-case is 'fraud'; leave the option out"),
        (["--parameters", "max_depth"], 2, "wanted name=value"),
        (["--training-set", "nowhere"], 1, "nowhere: no such training_set directory"),
        (["--seed", "x"], 2, "--seed is 'x', wanted a whole number"),
        (["--rounds", "0"], 1, "rounds is 0, wanted a whole number of 1 or more"),
        (["--parameters", "max_deepth=9"], 1, "parameter 'max_deepth' is not one that XGBoost"),
        (["--parameters", "rounds=9"], 1, "set the model's rounds, or --rounds"),
        (["--parameters", "booster=gblinear"], 1, "booster is 'gblinear', wanted gbtree"),
        (["--parameters", "max_depth=-3"], 1, "value -3 for Parameter max_depth should be greater equal to 0"),
        (["--parameters", "eta=nan"], 1, "parameter 'eta' is nan, wanted a finite number or a text"),
    ],
)
def test_refusals_write_nothing(small_training_set, tmp_path, capsys, change, code, message, dry_run):
    output = tmp_path / "candidate"
    argv = ["train", "--training-set", str(small_training_set), "--output", str(output), *change, *dry_run]
    assert main(argv) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize("room", [0, 4096, 60_000])  # for the first file, the model; for the graph
def test_a_full_disk_is_one_line_and_leaves_nothing(small_training_set, tmp_path, capsys, room):
    output = tmp_path / "candidate"
    argv = ["train", "--training-set", str(small_training_set), "--output", str(output), "--quiet", *QUICK]
    with no_file_grows_over(room):
        assert main(argv) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"onegraph train: {output}")
    assert said.endswith(": File too large; free or choose another place, then run it again\n")
    assert said.count("\n") == 1
    assert not output.exists()


def test_a_candidate_is_not_made_in_its_training_set(small_training_set, capsys):
    argv = ["train", "--training-set", str(small_training_set), "--output"]
    for output, said in {
        "": f"{small_training_set}: already a completed training_set; choose another directory",
        "/candidate": f"{small_training_set}/candidate: in {small_training_set}, which is complete and must not change",
    }.items():
        assert main([*argv, f"{small_training_set}{output}"]) == 1
        assert capsys.readouterr().err.startswith(f"onegraph train: {said}")


def test_rounds_and_early_stopping_are_kept_in_the_candidate(small_training_set, tmp_path):
    output = tmp_path / "candidate"
    argv = ["--rounds", "4", "--early-stopping-rounds", "2", *QUICK]
    assert main(["train", "--training-set", str(small_training_set), "--output", str(output), *argv]) == 0
    manifest = artifact.open_artifact(output, "candidate").manifest
    assert (manifest["model"]["rounds"], manifest["model"]["early_stopping_rounds"]) == (4, 2)
    assert manifest["rounds"] <= 4
    assert json.loads((output / "training.json").read_text())["rounds"] == manifest["rounds"]


def test_half_written_training_set(tmp_path, capsys):
    (tmp_path / "training_set").mkdir()
    argv = ["train", "--training-set", str(tmp_path / "training_set"), "--output", str(tmp_path / "candidate")]
    assert main(argv) == 1
    assert "not a completed training_set (no COMPLETED file)" in capsys.readouterr().err


def test_dry_run_writes_nothing(small_training_set, tmp_path, capsys):
    output = tmp_path / "candidate"
    assert main(["train", "--training-set", str(small_training_set), "--output", str(output), "--dry-run"]) == 0
    assert "would run with" in capsys.readouterr().out
    assert not output.exists()


def test_the_use_case_is_the_training_sets(small_training_set, tmp_path, capsys, caplog):
    other = tmp_path / "set"
    shutil.copytree(small_training_set, other)
    manifest = json.loads((other / artifact.MANIFEST).read_text())
    made = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    for facts, code, said in (
        (
            {"use_case": "loans"},
            1,
            "use case 'loans' is not among the shipped ones (census, credit_scoring, ",
        ),
        ({"schema_fingerprint": "0" * 64}, 0, "was built with another schema than use case 'taxi' has here"),
    ):
        artifact.complete(other, "training_set", {**made, **facts})
        assert main(["train", "--training-set", str(other), "--output", str(tmp_path / "out"), "--dry-run"]) == code
        assert said in capsys.readouterr().err + caplog.text


def test_a_training_set_whose_use_case_is_no_text(small_training_set, tmp_path, capsys):
    altered = shutil.copytree(small_training_set, tmp_path / "altered")
    wrong: list[object] = [[], 5, {"a": 1}, None]
    for use_case in wrong:
        with_fact(altered, "training_set", "use_case", use_case)
        assert main(["train", "--training-set", str(altered), "--output", str(tmp_path / "candidate")]) == 1
        said = "'use_case' is not a str; it was altered, copy it again"
        assert capsys.readouterr().err == f"onegraph train: {altered}/manifest.json: {said}\n"
