"""`onegraph evaluate` against the champion: differences on the same rows, gates on them, what cannot be compared."""

import dataclasses
import json
import pathlib
import shutil

import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.evaluation import evaluation_path
from models.registry.registry import Registry
from models.spec import Gate
from models.training.training import overridden, train_candidate
from models.training.training_set import TrainingSet
from tests.support.printed import for_people
from tests.support.small_artifacts import FAST, with_fact


def trained(taxi, training_set: pathlib.Path, output: pathlib.Path, *gates: Gate, rounds: int = 5) -> pathlib.Path:
    spec = dataclasses.replace(overridden(taxi.model, parameters=FAST, rounds=rounds), gates=gates)
    train_candidate("taxi", spec, TrainingSet.open(training_set), output)
    return output


def evaluate(candidate: pathlib.Path, training_set: pathlib.Path, *more: object) -> int:
    return main(
        ["evaluate", "--candidate", str(candidate), "--training-set", str(training_set), *map(str, more), "--json"]
    )


def test_worse_than_the_champion_is_exit_3_and_all_is_told(taxi, registry, small_training_set, tmp_path, capsys):
    gates = Gate("auc", no_worse_by=0.0), Gate("log_loss", no_worse_by=5.0, slice="payment_type", min_rows=50)
    worse = trained(taxi, small_training_set, tmp_path / "c", *gates, rounds=1)
    champion = Registry(registry).released().champion
    assert evaluate(worse, small_training_set, "--registry", registry, "--dry-run") == 0
    assert f"against bundle {champion}" in capsys.readouterr().out
    assert evaluate(worse, small_training_set, "--registry", registry, "--intervals", 60) == 3
    captured = capsys.readouterr()
    assert "wanted at least 0." in captured.err
    found = json.loads(captured.out)
    assert "OVER" not in captured.out
    compared = found["comparison"]
    assert compared["champion"] == champion
    auc = compared["metrics"]["auc"]
    assert auc["difference"] == auc["candidate"] - auc["champion"] < 0
    assert auc["interval"][0] <= auc["difference"] <= auc["interval"][1]
    assert {"rows", "threshold", "label_mean"}.isdisjoint(compared["metrics"])
    of_slice = compared["slices"]["payment_type"][0]
    assert of_slice["metrics"]["log_loss"]["difference"] is not None
    first, *others = found["verdict"]["gates"]
    assert (first["passed"], first["limit"], first["champion"]) == (False, auc["champion"], auc["champion"])
    assert len(others) > 1
    assert all(one["passed"] and one["slice"] == "payment_type" and one["rows"] >= 50 for one in others)
    assert f"against champion {champion} on the same rows" in for_people("evaluate", json.dumps(found))
    assert json.loads((evaluation_path(worse) / "manifest.json").read_text())["champion"] == champion


def test_the_champion_against_itself_differs_by_nothing(candidate, registry, small_training_set, tmp_path, capsys):
    copied = shutil.copytree(candidate, tmp_path / "c")
    bundle = Registry(registry).champion()
    assert evaluate(copied, small_training_set, "--against", bundle, "--intervals", 0) == 0
    found = json.loads(capsys.readouterr().out)
    known = [one for one in found["comparison"]["metrics"].values() if one["candidate"] is not None]
    assert len(known) > 8
    assert all(one["difference"] == 0 and one["interval"] is None for one in known)
    assert "intervals" not in found


@pytest.mark.needs_time
def test_before_a_first_release_the_gate_passes_and_says_so_and_a_later_champion_is_not_forgotten(
    taxi, registry, small_training_set, tmp_path, capsys
):
    made = trained(taxi, small_training_set, tmp_path / "c", Gate("auc", no_worse_by=0.5))
    assert evaluate(made, small_training_set, "--registry", tmp_path / "new") == 0
    captured = capsys.readouterr()
    gate = json.loads(captured.out)["verdict"]["gates"][0]
    assert (gate["passed"], gate["why"]) == (True, "no champion")
    assert "gate met: auc" in for_people("evaluate", captured.out)
    assert main(["release", "--candidate", str(made), "--registry", str(tmp_path / "new")]) == 0
    other = shutil.copytree(registry, tmp_path / "other")
    capsys.readouterr()
    for more in ([], ["--dry-run"]):
        assert main(["release", "--candidate", str(made), "--registry", str(other), *more]) == 3
        assert "was held against no champion, champion is" in capsys.readouterr().err
    argv = ["release", "--candidate", str(made), "--registry", str(other), "--override", "both were looked at by hand"]
    assert main(argv) == 0
    assert len(Registry(other).released().overrides) == 1


def test_bundles_that_cannot_be_compared(candidate, registry, small_training_set, tmp_path, capsys):
    copied, other = shutil.copytree(candidate, tmp_path / "c"), shutil.copytree(registry, tmp_path / "r")
    bundle = Registry(other).champion()
    assert evaluate(copied, small_training_set, "--registry", other, "--against", bundle) == 2
    assert "--registry and --against both name a champion" in capsys.readouterr().err
    assert evaluate(copied, small_training_set, "--intervals", 5) == 2
    assert "--intervals 5 says nothing of 95%" in capsys.readouterr().err
    assert evaluate(copied, small_training_set, "--against", small_training_set) == 1
    assert "a training_set, wanted a bundle" in capsys.readouterr().err
    for name, value, said in (
        ("graph_fingerprint", "0" * 64, "the champion's graph is 000000000000, that of "),
        ("use_case", "fraud", "the champion's use case is 'fraud', the candidate's 'taxi'"),
    ):
        with_fact(bundle, "bundle", name, value)
        for more in ([], ["--dry-run"]):
            assert evaluate(copied, small_training_set, "--against", bundle, *more) == 2
            error = capsys.readouterr().err
            assert said in error
            assert error.count("\n") == 1
    assert not evaluation_path(copied).exists()
