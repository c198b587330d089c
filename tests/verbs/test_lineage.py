"""`onegraph lineage`: from a bundle back to its release, commit and training set."""

import json
import shutil

import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.evaluation import evaluate_candidate
from models.registry.registry import Registry
from models.training.source import Source
from models.training.training import Means, train_candidate
from models.training.training_set import TrainingSet
from tests.support.printed import for_people


@pytest.fixture
def released(taxi, small_training_set, tmp_path):
    """A registry with a bundle whose candidate says where it comes from, and a copy of the training set."""
    copied = shutil.copytree(small_training_set, tmp_path / "set")
    training_set = TrainingSet.open(copied)
    means = Means(source=Source("a" * 40, str(copied)))
    train_candidate("taxi", taxi.model, training_set, tmp_path / "candidate", means)
    evaluate_candidate(tmp_path / "candidate", training_set)
    registry = Registry(tmp_path / "registry")
    registry.release(tmp_path / "candidate", "ann", "2026-01-01T00:00:00Z", "better")
    return registry


def test_every_step_back_is_named(released, capsys):
    argv = ["lineage", "--registry", str(released.path)]
    assert main([*argv, "--json"]) == 0
    captured = capsys.readouterr().out
    found = json.loads(captured)
    bundle = released.released().champion
    assert found["bundle"] == bundle
    (release,) = found["releases"]
    assert (release["who"], release["why"], release["commit"]) == ("ann", "better", "a" * 40)
    assert release["candidate"].endswith("/candidate")
    assert found["training_set"]["found"]
    assert found["training_set"]["rows"]["train"] == 1800
    text = for_people("lineage", captured)
    assert f"bundle {bundle}: taxi" in text
    assert "a" * 40 in text
    assert main([*argv, bundle]) == 0


def test_a_training_set_that_is_gone_or_another_one_is_said(released, small_training_set, tmp_path, capsys):
    argv = ["lineage", "--registry", str(released.path)]
    shutil.rmtree(tmp_path / "set")
    assert main(argv) == 0
    assert "not looked at, " in capsys.readouterr().out
    assert main([*argv, "--training-set", str(small_training_set)]) == 0
    assert "train 1,800" in capsys.readouterr().out


def test_a_bundle_of_an_older_version_says_what_it_can(registry, tmp_path, capsys):
    own = shutil.copytree(registry, tmp_path / "registry")
    for file in (own / "live.json", *(own / "history").iterdir()):
        pointer = json.loads(file.read_text())
        pointer.pop("origins")  # as it was written before
        file.write_text(json.dumps(pointer))
    assert main(["lineage", "--registry", str(own)]) == 0
    said = capsys.readouterr().out
    assert "no generation says who released it" in said
    assert "no release says where it was; name it with --training-set" in said
    assert main(["lineage", "--registry", str(own), "0123456789ab"]) == 1
    assert "no bundle '0123456789ab'" in capsys.readouterr().err


@pytest.mark.needs_time
def test_the_bundle_has_no_commit_in_it(taxi, small_training_set, released, tmp_path):
    training_set = TrainingSet.open(small_training_set)
    train_candidate("taxi", taxi.model, training_set, tmp_path / "other", Means(source=Source("b" * 40, "elsewhere")))
    evaluate_candidate(tmp_path / "other", training_set)
    bundle = released.released().champion
    assert Registry(tmp_path / "second").release(tmp_path / "other", "", "", "").champion == bundle
