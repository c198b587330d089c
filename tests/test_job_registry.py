"""`onegraph registry list|show|verify`."""

import json
import shutil

from beam_jobs.command_line import main
from models.registry import Registry


def test_list(registry, capsys):
    assert main(["registry", "list", "--registry", str(registry), "--json"]) == 0
    captured = capsys.readouterr()
    champion = Registry(registry).released().champion
    result = json.loads(captured.out)
    assert (result["champion"], result["bundles"]) == (champion, [champion])
    assert [pointer["why"] for pointer in result["generations"]] == ["first"]
    assert f"{champion}  champion" in captured.err


def test_show(registry, capsys):
    champion = Registry(registry).released().champion
    for chosen in ([], [champion]):
        assert main(["registry", "show", *chosen, "--registry", str(registry)]) == 0
        error = capsys.readouterr().err
        assert f"bundle {champion}: taxi, xgboost" in error
        assert "AUC" in error


def test_verify(registry, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    assert main(["registry", "verify", "--registry", str(own.path)]) == 0
    assert "every byte and every golden row as it was" in capsys.readouterr().err
    (own.champion() / "model" / "model.ubj").write_bytes(b"")
    assert main(["registry", "verify", "--registry", str(own.path)]) == 1
    assert "model.ubj: its bytes are not those in the manifest" in capsys.readouterr().err


def test_refusals(registry, tmp_path, capsys):
    assert main(["registry", "list", "--registry", str(tmp_path / "nowhere")]) == 1
    assert "no such registry directory" in capsys.readouterr().err
    assert main(["registry", "show", "0123456789ab", "--registry", str(registry)]) == 1
    assert "no bundle '0123456789ab'" in capsys.readouterr().err
    assert main(["registry", "burn", "--registry", str(registry)]) == 2
