"""`onegraph evaluate`: findings always, exit 3 where a gate says no."""

import dataclasses
import json
import shutil

import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.evaluation import evaluation_path
from models.spec import Gate
from models.training.training import overridden, train_candidate
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from tests.support.file_limit import no_file_grows_over
from tests.support.printed import for_people
from tests.support.small_artifacts import FAST, with_fact


@pytest.fixture
def fresh(candidate, tmp_path):
    """A candidate that was not evaluated."""
    return shutil.copytree(candidate, tmp_path / "candidate")


def test_findings(fresh, small_training_set, capsys):
    assert main(["evaluate", "--candidate", str(fresh), "--training-set", str(small_training_set), "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["metrics"]["rows"] == 600
    assert set(result["slices"]) == {"company", "payment_type", "trip_start_hour"}
    assert result["verdict"]["passed"] is True
    assert result["evaluation"] == str(evaluation_path(fresh))
    for text in ("AUC", "was yes", "by payment_type", "gate met: auc"):
        assert text in for_people("evaluate", captured.out)
    assert main(["evaluate", "--candidate", str(fresh), "--training-set", str(small_training_set)]) == 1
    assert "already a completed evaluation" in capsys.readouterr().err


@pytest.mark.parametrize("room", [0, 100])
def test_a_full_disk_is_one_line_and_leaves_nothing(fresh, small_training_set, capsys, room):
    argv = ["--candidate", str(fresh), "--training-set", str(small_training_set), "--quiet"]
    with no_file_grows_over(room):
        assert main(["evaluate", *argv]) == 1
    wanted = "File too large; free or choose another place, then run it again"
    assert capsys.readouterr().err == f"onegraph evaluate: {evaluation_path(fresh)}: {wanted}\n"
    assert not evaluation_path(fresh).exists()


def test_gate_says_no_after_the_findings_are_written(taxi, small_training_set, tmp_path, capsys):
    strict = dataclasses.replace(overridden(taxi.model, parameters=FAST), gates=(Gate("auc", at_least=0.9999),))
    train_candidate("taxi", strict, TrainingSet.open(small_training_set), tmp_path / "c")
    argv = ["--candidate", str(tmp_path / "c"), "--training-set", str(small_training_set)]
    assert main(["evaluate", *argv, "--json"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"]["passed"] is False
    assert "gate NOT MET: auc" in for_people("evaluate", captured.out)
    assert captured.err.splitlines()[-1].endswith("wanted at least 0.9999")
    verdict = json.loads((evaluation_path(tmp_path / "c") / "verdict.json").read_text())
    assert verdict["passed"] is False
    assert main(["release", "--candidate", str(tmp_path / "c"), "--registry", str(tmp_path / "registry")]) == 3
    assert "did not pass the gates" in capsys.readouterr().err
    assert not (tmp_path / "registry").exists()


def test_altered_candidate(fresh, small_training_set, capsys):
    (fresh / "model" / "model.ubj").write_bytes(b"")
    assert main(["evaluate", "--candidate", str(fresh), "--training-set", str(small_training_set)]) == 1
    assert "its bytes are not those in the manifest" in capsys.readouterr().err
    assert not evaluation_path(fresh).exists()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("x", "its manifest has 'model' a str, wanted an object; train again"),
        ({"task": "binary", "family": "xgboost"}, "its manifest's model is no spec of this version; train again"),
    ],
)
def test_a_candidate_without_a_spec(model, said, fresh, small_training_set, capsys):
    manifest = json.loads((fresh / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    artifact.complete(fresh, "candidate", {**facts, "model": model})
    assert main(["evaluate", "--candidate", str(fresh), "--training-set", str(small_training_set)]) == 1
    assert f"{fresh}: {said}" in capsys.readouterr().err


def test_a_candidate_with_a_spec_of_an_unknown_task(fresh, small_training_set, capsys):
    manifest = json.loads((fresh / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    artifact.complete(fresh, "candidate", {**facts, "model": {**facts["model"], "task": "guess the weather"}})
    assert main(["evaluate", "--candidate", str(fresh), "--training-set", str(small_training_set)]) == 1
    err = capsys.readouterr().err
    said = "its manifest's model has 'task' a str, wanted one of binary, multiclass, regression, ranking; train again"
    assert f"{fresh}: {said}" in err
    assert "weather" not in err


def test_wrong_use_case(fresh, small_training_set, capsys):
    argv = ["--candidate", str(fresh), "--training-set", str(small_training_set), "--use-case", "fraud"]
    assert main(["evaluate", *argv]) == 2
    assert f"{fresh} is of use case 'taxi', --use-case is 'fraud'; leave the option out" in capsys.readouterr().err


def test_training_set_in_place_of_the_candidate(small_training_set, capsys):
    path = str(small_training_set)
    assert main(["evaluate", "--candidate", path, "--training-set", path]) == 1
    assert "a training_set, wanted a candidate" in capsys.readouterr().err


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("use_case", [], "/manifest.json: 'use_case' is not a str; it was altered, copy it again"),
        ("training_set_fingerprint", 5, "/manifest.json: 'training_set_fingerprint' is not a str; it was altered, "),
        ("gates", 5, ": its manifest's model is no spec of this version; train again"),
        (
            "gates",
            [{"metric": "auc", "at_most": "x"}],
            ": its manifest's model is no spec of this version; train again",
        ),
    ],
)
def test_a_candidate_that_was_altered_is_refused_and_planned_alike(
    fresh, small_training_set, capsys, name, value, said, dry_run
):
    if name == "gates":
        name, value = "model", artifact.open_artifact(fresh, "candidate").manifest["model"] | {name: value}
    with_fact(fresh, "candidate", name, value)
    argv = ["evaluate", "--candidate", str(fresh), "--training-set", str(small_training_set), *dry_run]
    assert main(argv) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"onegraph evaluate: {fresh}{said}")
    assert error.count("\n") == 1
