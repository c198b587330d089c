"""`onegraph registry`: looking into it, and changing who serves."""

import json
import os
import shutil

import pytest

from beam_jobs.cli.command_line import main
from models.registry.pointer import LIVE_FILE
from models.registry.registry import Registry
from schemas.artifacts import artifact
from tests.support.printed import for_people
from tests.support.signing_keys import make_key


def test_list(registry, capsys):
    assert main(["registry", "list", "--registry", str(registry), "--json"]) == 0
    captured = capsys.readouterr()
    champion = Registry(registry).released().champion
    result = json.loads(captured.out)
    assert (result["champion"], result["bundles"]) == (champion, [champion])
    assert [pointer["why"] for pointer in result["generations"]] == ["first"]
    assert f"{champion}  champion" in for_people("registry", captured.out)


def test_show(registry, capsys):
    champion = Registry(registry).released().champion
    for chosen in ([], [champion]):
        assert main(["registry", "show", *chosen, "--registry", str(registry)]) == 0
        text = capsys.readouterr().out
        assert f"bundle {champion}: taxi, xgboost" in text
        assert "AUC" in text


def test_verify(registry, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    assert main(["registry", "verify", "--registry", str(own.path)]) == 0
    assert "every byte and every golden row as it was" in capsys.readouterr().out
    (own.champion() / "model" / "model.ubj").write_bytes(b"")
    assert main(["registry", "verify", "--registry", str(own.path)]) == 1
    assert "model.ubj: its bytes are not those in the manifest" in capsys.readouterr().err


def test_refusals(registry, tmp_path, capsys):
    assert main(["registry", "list", "--registry", str(tmp_path / "nowhere")]) == 1
    assert "no such directory, wanted a registry" in capsys.readouterr().err
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
    assert f"generation 3, champion {first}, challenger {second} 0.5 of keys" in for_people("registry", captured.out)
    assert own.released().why == "does well"
    assert main([*verb, "list"]) == 0
    assert f"  {second}  challenger  not signed\n" in capsys.readouterr().out
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


def test_sign_and_who_signed(registry, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    champion = own.released().champion
    ours, stranger = make_key(tmp_path, "ours"), make_key(tmp_path, "stranger")
    verb = ["registry", "--registry", str(own.path)]
    trusting = ["--trusted-keys", str(ours.public.parent)]

    def said(*argv, code=0):
        assert main([*verb, *argv, "--json"]) == code
        captured = capsys.readouterr()
        return (for_people("registry", captured.out), json.loads(captured.out)) if code == 0 else (captured.err, None)

    assert said("list")[1]["signed_by"] == {champion: []}
    assert "not signed" in said("show")[0]
    assert "not signed, wanted a signature by one of ours.pem" in said("verify", *trusting, code=1)[0]
    said("sign", champion, "--sign-key-file", str(stranger.private))
    assert "signed by strangers only" in said("verify", *trusting, code=1)[0]
    text, result = said("sign", champion, "--sign-key-file", str(ours.private))
    key = result["bundle"]["signed_by"][1]["key"]
    assert f"key {key[:16]}" in text
    text, result = said("list", *trusting)
    assert [one["name"] for one in result["signed_by"][champion]] == [None, "ours.pem"]
    assert f"{champion}  champion  signed by key " in text
    assert f"ours.pem ({key[:16]})" in text
    assert f"as it was; signed by key {result['signed_by'][champion][0]['key'][:16]}" in said("verify")[0]
    assert f"ours.pem ({key[:16]})" in said("verify", *trusting)[0]
    file = own.champion() / artifact.SIGNATURES
    file.write_text(file.read_text().replace("=", "A=", 1))
    for argv in (["verify"], ["show"], ["sign", champion, "--sign-key-file", str(ours.private)]):
        assert "of its signatures is none; sign again" in said(*argv, code=1)[0]
    text, result = said("list")
    assert (result["signed_by"], "SIGNATURE DOES NOT FIT" in text) == ({champion: None}, True)


def test_what_signing_wants(registry, tmp_path, capsys):
    champion, key = Registry(registry).released().champion, make_key(tmp_path)
    for argv, code, message in (
        (["sign", champion], 2, "--sign-key-file is for `registry sign`, which wants it"),
        (["sign", "--sign-key-file", str(key.private)], 2, "registry sign wants a bundle id"),
        (["show", "--sign-key-file", str(key.private)], 2, "--sign-key-file is for `registry sign`"),
        (["sign", champion, "--sign-key-file", str(key.public)], 1, "no private key in PEM"),
        (["show", "--trusted-keys", str(key.private)], 1, "holds a private key; wanted public keys"),
        (["list", "--trusted-keys", str(tmp_path / "no")], 1, "no such file or directory; wanted public keys in PEM"),
    ):
        assert main(["registry", "--registry", str(registry), *argv]) == code
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (Registry(registry).champion() / artifact.SIGNATURES).exists()


def test_who_is_not_trusted_is_not_promoted(registry, second_candidate, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    second = own.release(second_candidate, "me", "now", "", "shadow").variants.newest("shadow")
    argv = ["registry", "--registry", str(own.path), "promote", second]
    assert main([*argv, "--trusted-keys", str(make_key(tmp_path).public)]) == 1
    assert "not signed, wanted a signature by one of release.pem" in capsys.readouterr().err
    assert own.released().generation == 2


def lost_bytes(path):
    path.write_bytes(b"\xff")


def lost_deep(path):
    path.write_bytes(b"[" * 100_000)


def lost_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("lose", [lost_bytes, lost_deep, lost_pipe, os.unlink])
def test_where_the_pointer_is_lost_the_verbs_go_by_the_history(registry, second_candidate, tmp_path, capsys, lose):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    first = own.released().champion
    second = own.release(second_candidate, "me", "now", "", "challenger", 0.1).variants.newest("challenger")
    verb = ["registry", "--registry", str(own.path)]
    lose(own.path / LIVE_FILE)
    assert main([*verb, "list", "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["live"], result["champion"], len(result["generations"])) == (None, first, 2)
    assert "generation 2, the newest of the history, stands for it" in result["troubles"][0]
    assert result["troubles"][0] in for_people("registry", captured.out)
    assert main(["inspect", str(own.path)]) == 0
    assert main([*verb, "show"]) == 0
    assert main([*verb, "weigh", second, "--weight", "0.5"]) == 0
    assert "stands for it" in capsys.readouterr().out
    assert (own.released().generation, own.released().variants.challengers[0].weight) == (3, 0.5)
    lose(own.path / LIVE_FILE)
    assert main([*verb, "promote", second]) == 0
    lose(own.path / LIVE_FILE)
    assert main(["rollback", "--registry", str(own.path)]) == 0
    assert (own.released().generation, own.released().champion) == (5, first)
    assert "Traceback" not in capsys.readouterr().err


def test_what_a_pointer_says_is_shown_without_its_control_characters(registry, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    own.point_at(own.released().variants, "me", "now", "\x1b[2Jgone")
    assert main(["registry", "list", "--registry", str(own.path)]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[2Jgone" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    "argv",
    [
        ["release", "--candidate", "CANDIDATE"],
        ["rollback"],
        ["rollback", "--dry-run"],
        ["registry", "promote", "0123456789ab"],
        ["registry", "weigh", "0123456789ab", "--weight", "0.1"],
        ["registry", "remove", "0123456789ab"],
        ["registry", "sign", "0123456789ab", "--sign-key-file", "KEY"],
    ],
)
def test_a_registry_at_an_address_is_not_written_to(candidate, tmp_path, capsys, monkeypatch, argv):
    monkeypatch.chdir(tmp_path)
    real = {"CANDIDATE": str(candidate), "KEY": str(make_key(tmp_path / "keys").private)}
    assert main([*(real.get(word, word) for word in argv), "--registry", "gs://bucket/registry"]) == 2
    assert "a registry at an address can be read but not written, since it cannot be locked" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_diff_names_what_changed_from_the_champion(registry, second_candidate, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    first = own.released().champion
    second = own.release(second_candidate, "me", "now", "", "shadow").variants.newest("shadow")
    verb = ["registry", "--registry", str(own.path), "diff"]
    assert main([*verb, second, "--json"]) == 0
    captured = capsys.readouterr().out
    found = json.loads(captured)["difference"]
    assert (found["before"], found["after"]) == (first, second)
    assert f"{first} and {second}:" in for_people("registry", captured)
    assert "parameter" in for_people("registry", captured)
    assert main([*verb, second, first, "--json"]) == 0
    turned = json.loads(capsys.readouterr().out)["difference"]
    assert turned["parameters"]["seed"] == found["parameters"]["seed"][::-1]
    assert main([*verb, second, second]) == 0
    assert "no difference" in capsys.readouterr().out
    assert main([*verb]) == 2
    assert main([*verb, second, "0123456789ab"]) == 1
    assert "no bundle '0123456789ab'" in capsys.readouterr().err


def test_gc_says_what_would_go_and_removes_it(registry, second_bundle, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    first = own.released().champion
    second_bundle(own.path)
    for marker in own.path.glob(f"bundles/*/{artifact.MARKER}"):
        os.utime(marker, (1, 1))
        os.utime(marker.parent, (1, 1))
    verb = ["registry", "gc", "--registry", str(own.path)]
    assert main([*verb, "--dry-run"]) == 0
    assert "2 bundles stay; 0.0 MiB would be removed" in capsys.readouterr().out
    assert main([*verb, "--generations", "1", "--dry-run"]) == 0
    assert f"bundle {first} would be removed" in capsys.readouterr().out
    assert len(own.bundles()) == 2
    assert main([*verb, "--generations", "1", "--json"]) == 0
    captured = capsys.readouterr().out
    assert json.loads(captured)["removed"]["bundles"] == [first]
    assert f"bundle {first} removed" in for_people("registry", captured)
    assert own.bundles() == [own.released().champion]
    for wrong in (["--generations", "0"], [first], ["--weight", "0.5"]):
        assert main([*verb, *wrong]) == 2
    capsys.readouterr()
    assert main(["registry", "list", "--registry", str(own.path), "--generations", "2"]) == 2
    assert "--generations is for `registry gc`" in capsys.readouterr().err
