"""`onegraph release`: a bundle and the next generation, or nothing."""

import json
import re
import shutil

import pytest

from beam_jobs.command_line import main
from models.evaluation import evaluation_path
from models.registry import Registry


def test_release(candidate, tmp_path, capsys):
    registry = Registry(tmp_path / "registry")
    argv = ["release", "--candidate", str(candidate), "--registry", str(registry.path), "--why", "first one"]
    assert main([*argv, "--json"]) == 0
    captured = capsys.readouterr()
    pointer = registry.released()
    assert json.loads(captured.out) == {
        "generation": 1,
        "bundle": pointer.champion,
        "registry": str(registry.path),
    }
    assert pointer.why == "first one"
    assert pointer.who
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", pointer.when)
    assert f"generation 1, champion {pointer.champion}" in captured.err


def test_same_candidate_again_is_the_same_bundle(candidate, tmp_path, capsys):
    for _ in range(2):
        assert main(["release", "--candidate", str(candidate), "--registry", str(tmp_path)]) == 0
    registry = Registry(tmp_path)
    assert (registry.released().generation, len(registry.bundles())) == (2, 1)


def test_not_evaluated(candidate, tmp_path, capsys):
    path = shutil.copytree(candidate, tmp_path / "candidate")
    for dry_run in ([], ["--dry-run"]):
        assert main(["release", "--candidate", str(path), "--registry", str(tmp_path / "registry"), *dry_run]) == 1
        assert "not evaluated" in capsys.readouterr().err
    assert not (tmp_path / "registry").exists()


def test_altered_evaluation(candidate, tmp_path, capsys):
    path = shutil.copytree(candidate, tmp_path / "candidate")
    shutil.copytree(evaluation_path(candidate), evaluation_path(path))
    (evaluation_path(path) / "verdict.json").write_text("{}")
    assert main(["release", "--candidate", str(path), "--registry", str(tmp_path / "registry")]) == 1
    assert "verdict.json: its bytes are not those in the manifest" in capsys.readouterr().err


def test_failure_leaves_the_registry_as_it_was(registry, candidate, tmp_path, monkeypatch):
    own = shutil.copytree(registry, tmp_path / "registry")
    before = sorted(path.relative_to(own) for path in own.rglob("*"))

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("models.golden.write_golden", fail)
    with pytest.raises(OSError, match="no space"):
        main(["release", "--candidate", str(candidate), "--registry", str(own)])
    assert sorted(path.relative_to(own) for path in own.rglob("*")) == before
