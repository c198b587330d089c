"""`onegraph rollback`: back to the previous champion, or to a named one."""

import json
import shutil

import pytest

from beam_jobs.cli.command_line import main
from models.registry.registry import Registry


@pytest.fixture
def own(registry, tmp_path, second_bundle) -> Registry:
    """A registry of two generations."""
    path = shutil.copytree(registry, tmp_path / "registry")
    second_bundle(path)
    return Registry(path)


def test_back_and_forth(own, capsys):
    first, second = (pointer.champion for pointer in own.history())
    assert main(["rollback", "--registry", str(own.path), "--why", "worse", "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["generation"], result["bundle"], result["registry"]) == (3, first, str(own.path))
    assert f"generation 3, champion {first}" in captured.err
    assert main(["rollback", "--registry", str(own.path), "--to", second]) == 0
    assert (own.released().generation, own.released().champion) == (4, second)


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_unknown_bundle(own, capsys, dry_run):
    assert main(["rollback", "--registry", str(own.path), "--to", "0123456789ab", *dry_run]) == 1
    assert "no bundle '0123456789ab'" in capsys.readouterr().err
    assert own.released().generation == 2


def test_nothing_released(tmp_path, capsys):
    assert main(["rollback", "--registry", str(tmp_path / "registry")]) == 1
    assert "no bundle is released here" in capsys.readouterr().err
