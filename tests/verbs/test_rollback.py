"""`onegraph rollback`: back to the previous champion, or to a named one."""

import json

import pytest

from beam_jobs.cli.command_line import main
from tests.support.printed import for_people


def test_back_and_forth(registry_of_two, capsys):
    first, second = (pointer.champion for pointer in registry_of_two.history())
    assert main(["rollback", "--registry", str(registry_of_two.path), "--why", "worse", "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["generation"], result["bundle"], result["registry"]) == (3, first, str(registry_of_two.path))
    assert f"generation 3, champion {first}" in for_people("rollback", captured.out)
    assert main(["rollback", "--registry", str(registry_of_two.path), "--to", second]) == 0
    assert (registry_of_two.released().generation, registry_of_two.released().champion) == (4, second)


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_unknown_bundle(registry_of_two, capsys, dry_run):
    assert main(["rollback", "--registry", str(registry_of_two.path), "--to", "0123456789ab", *dry_run]) == 1
    first, second = (pointer.champion for pointer in registry_of_two.history())
    said = f"no bundle '0123456789ab' to go back to; champions so far, by generation: {second} (2), {first} (1)"
    assert said in capsys.readouterr().err
    assert registry_of_two.released().generation == 2


def test_nothing_released(tmp_path, capsys):
    assert main(["rollback", "--registry", str(tmp_path / "registry")]) == 1
    assert "no such directory, wanted a registry" in capsys.readouterr().err
    assert main(["rollback", "--registry", str(tmp_path)]) == 1
    assert "not a registry, has neither live.json nor bundles" in capsys.readouterr().err
    (tmp_path / "bundles").mkdir()
    assert main(["rollback", "--registry", str(tmp_path)]) == 1
    assert "no bundle is released here" in capsys.readouterr().err
