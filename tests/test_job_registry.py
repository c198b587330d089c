"""`onegraph registry`: looking into it, and changing who serves."""

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


def test_weigh_remove_and_promote(registry, second_candidate, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    first = own.released().champion
    second = own.release(second_candidate, "me", "now", "", "challenger", 0.1).variants.newest("challenger")
    verb = ["registry", "--registry", str(own.path)]
    assert main([*verb, "weigh", second, "--weight", "0.5", "--why", "does well", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["challengers"][0]["weight"] == 0.5
    assert f"generation 3, champion {first}, challenger {second} 0.5 of keys" in captured.err
    assert own.released().why == "does well"
    assert main([*verb, "list"]) == 0
    assert f"  {second}  challenger\n" in capsys.readouterr().err
    assert main([*verb, "remove", second]) == 0
    assert own.released().variants.bundles == (first,)
    assert main(["rollback", "--registry", str(own.path)]) == 0
    assert main([*verb, "promote", second]) == 0
    assert (own.released().generation, own.released().variants.bundles) == (6, (second,))
    for argv, code, message in (
        (["promote"], 2, "wants a bundle id"),
        (["weigh", second], 2, "--weight is for `registry weigh`"),
        (["promote", first, "--weight", "1"], 2, "--weight is for `registry weigh`"),
        (["promote", first], 1, "does not serve here"),
        (["promote", second], 1, "is the champion already"),
        (["remove", second], 1, "is the champion; promote"),
        (["weigh", second, "--weight", "0.1"], 1, "only a challenger has a weight"),
    ):
        assert main([*verb, *argv]) == code
        assert message in capsys.readouterr().err
    assert own.released().generation == 6
