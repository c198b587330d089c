"""`onegraph release`: a bundle and the next generation, or nothing."""

import dataclasses
import json
import re
import shutil

import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.evaluation import Asked, evaluate_candidate, evaluation_path
from models.registry.bundle import write_bundle
from models.registry.registry import Registry
from models.spec import Gate
from models.training.training import overridden, train_candidate
from models.training.training_set import TrainingSet
from schemas.artifacts.signature import TrustedKeys
from tests.support.printed import for_people
from tests.support.signing_keys import make_key
from tests.support.small_artifacts import FAST


def test_release(candidate, tmp_path, capsys):
    registry = Registry(tmp_path / "registry")
    argv = ["release", "--candidate", str(candidate), "--registry", str(registry.path), "--why", "first one"]
    assert main([*argv, "--json"]) == 0
    captured = capsys.readouterr()
    pointer = registry.released()
    result = json.loads(captured.out)
    assert (result["generation"], result["registry"]) == (1, str(registry.path))
    assert result["bundle"] == result["champion"] == pointer.champion
    assert pointer.why == "first one"
    assert pointer.who
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", pointer.when)
    assert f"generation 1, champion {pointer.champion}" in for_people("release", captured.out)


def test_same_candidate_again_is_the_same_bundle(candidate, tmp_path, capsys):
    for _ in range(2):
        assert main(["release", "--candidate", str(candidate), "--registry", str(tmp_path)]) == 0
        captured = capsys.readouterr()
    registry = Registry(tmp_path)
    assert (registry.released().generation, len(registry.bundles())) == (2, 1)
    assert f"bundle {registry.released().champion} was champion already" in captured.out + captured.err


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

    monkeypatch.setattr("models.scoring.golden.write_golden", fail)
    with pytest.raises(OSError, match="no space"):
        main(["release", "--candidate", str(candidate), "--registry", str(own)])
    assert sorted(path.relative_to(own) for path in own.rglob("*")) == before


def test_challenger_and_shadow(registry, second_candidate, tmp_path, capsys):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    champion = own.released().champion
    argv = ["release", "--candidate", str(second_candidate), "--registry", str(own.path)]
    assert main([*argv, "--as", "challenger", "--weight", "0.1", "--experiment", "autumn", "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["role"], result["champion"], result["experiment"]) == ("challenger", champion, "autumn")
    assert result["challengers"] == [{"bundle": result["bundle"], "weight": 0.1, "parts": [[0, 100_000]]}]
    assert (result["was"], result["released_before"]) == (None, False)
    for role, said in (
        (["shadow"], "was challenger until now"),
        (["shadow"], "was shadow already"),
        (["challenger", "--weight", "0.5"], "was shadow until now"),
        (["challenger", "--weight", "0.9"], "was challenger already"),
        (["champion"], "was challenger until now"),
        (["champion"], "was champion already"),
    ):
        assert main([*argv, "--as", *role]) == 0
        captured = capsys.readouterr()
        assert f"; bundle {result['bundle']} {said}" in captured.out + captured.err
        variants = own.released().variants
        assert variants.role(result["bundle"]) == role[0]
        assert len(own.bundles()) == 2
    assert (own.released().generation, own.released().variants.bundles) == (8, (result["bundle"],))
    assert main(["rollback", "--to", champion, "--registry", str(own.path)]) == 0
    capsys.readouterr()
    assert main([*argv, "--as", "shadow"]) == 0
    captured = capsys.readouterr()
    assert f"bundle {result['bundle']} was" in captured.out + captured.err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--as", "challenger"], "--as challenger wants --weight"),
        (["--as", "shadow", "--weight", "0.1"], "--weight is for a challenger"),
        (["--as", "king"], "--as is 'king', wanted one of champion, challenger, shadow"),
    ],
)
def test_roles_that_make_no_sense(candidate, tmp_path, capsys, given, message):
    assert main(["release", "--candidate", str(candidate), "--registry", str(tmp_path / "new"), *given]) == 2
    assert message in capsys.readouterr().err


def test_signed(candidate, tmp_path, capsys):
    key = make_key(tmp_path)
    argv = ["release", "--candidate", str(candidate), "--registry", str(tmp_path / "registry")]
    assert main(argv) == 0
    unsigned = Registry(tmp_path / "registry").released().champion
    capsys.readouterr()
    assert main([*argv, "--sign-key-file", str(key.private), "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    trusting = Registry(tmp_path / "registry", TrustedKeys.of(key.public))
    assert trusting.champion().name == result["bundle"] == unsigned
    assert f"{unsigned} signed by key {result['signed_by'][:16]}" in for_people("release", captured.out)
    private = "".join(key.private.read_text().splitlines()[1:-1])
    written = [file.read_bytes() for file in (tmp_path / "registry").rglob("*") if file.is_file()]
    assert not [data for data in (*written, captured.out.encode(), captured.err.encode()) if private.encode() in data]


def test_a_key_that_cannot_sign_leaves_nothing(candidate, tmp_path, capsys):
    argv = ["release", "--candidate", str(candidate), "--registry", str(tmp_path / "registry")]
    for dry_run in ([], ["--dry-run"]):
        assert main([*argv, "--sign-key-file", str(make_key(tmp_path / str(len(dry_run))).public), *dry_run]) == 1
        assert "no private key in PEM; `openssl genpkey -algorithm ed25519` makes one" in capsys.readouterr().err
    assert not (tmp_path / "registry").exists()


@pytest.fixture(scope="module")
def refused(taxi, small_training_set, tmp_path_factory):
    """A candidate of which a gate said no."""
    path = tmp_path_factory.mktemp("refused") / "candidate"
    strict = dataclasses.replace(overridden(taxi.model, parameters=FAST), gates=(Gate("auc", at_least=0.9999),))
    opened = TrainingSet.open(small_training_set)
    train_candidate("taxi", strict, opened, path)
    evaluate_candidate(path, opened, Asked(draws=0))
    return path


def test_a_gate_that_said_no_is_overridden_and_that_is_kept(refused, candidate, tmp_path, capsys):
    registry = Registry(tmp_path / "registry")
    argv = ["release", "--candidate", str(refused), "--registry", str(registry.path), "--why", "first one"]
    for more in ([], ["--dry-run"]):
        assert main([*argv, *more]) == 3
        assert re.search(r"\(auc is 0\.\d{4}, wanted at least 0\.9999\); see .*verdict\.json", capsys.readouterr().err)
    assert not registry.path.exists()
    assert main([*argv, "--override", " "]) == 2
    assert "--override is empty, wanted WHY" in capsys.readouterr().err
    override = ["--override", "the data of June are gone"]
    assert main([*argv, *override, "--dry-run"]) == 0
    assert "overridden would be: auc is 0." in capsys.readouterr().out
    assert not registry.path.exists()
    assert main([*argv, *override, "--json"]) == 0
    captured = capsys.readouterr()
    bundle, pointer = json.loads(captured.out)["bundle"], registry.released()
    assert "released though auc is 0." in for_people("release", captured.out)
    said = pointer.overrides[bundle]
    assert (said.why, said.who, said.when) == ("the data of June are gone", pointer.who, pointer.when)
    assert len(said.gates) == 1
    assert pointer.why == "first one"
    for verb in (["registry", "list"], ["registry", "show"], ["status"]):
        assert main([*verb, "--registry", str(registry.path)]) == 0
        words = " ".join(capsys.readouterr().out.split())  # a table breaks lines where the path is long
        assert f"OVERRIDDEN by {said.who}, {said.when}: the data of June are gone (auc is " in words
    # Whoever comes later does not make it forgotten, and a bundle that passed says nothing of it.
    shadow = ["release", "--candidate", str(candidate), "--registry", str(registry.path), "--as", "shadow"]
    assert main(shadow) == 0
    assert registry.released().overrides == {bundle: said}
    assert main([*shadow[:-1], "champion"]) == 0
    assert registry.released().overrides == {}
    assert main(["rollback", "--registry", str(registry.path), "--to", bundle]) == 0
    assert registry.released().overrides == {bundle: said}


def test_a_bundle_that_nobody_answers_for_does_not_serve(refused, candidate, tmp_path, capsys):
    """What a release with an override leaves that was stopped before its generation was written."""
    registry = Registry(tmp_path / "registry")
    assert main(["release", "--candidate", str(candidate), "--registry", str(registry.path)]) == 0
    bundle = write_bundle(refused, registry.path / "bundles")
    capsys.readouterr()
    assert main(["rollback", "--registry", str(registry.path), "--to", bundle]) == 3
    assert "did not pass its gates and was not released with --override" in capsys.readouterr().err
    assert registry.released().generation == 1


def test_an_override_does_not_change_the_bundle(refused, tmp_path, capsys):
    made = []
    for why in ("one reason", "another"):
        registry = Registry(tmp_path / why)
        assert main(["release", "--candidate", str(refused), "--registry", str(registry.path), "--override", why]) == 0
        made.append(registry.released().champion)
    capsys.readouterr()
    assert made[0] == made[1]


def test_an_override_of_nothing_is_a_mistake(candidate, tmp_path, capsys):
    argv = ["release", "--candidate", str(candidate), "--registry", str(tmp_path / "registry"), "--override", "why not"]
    assert main(argv) == 1
    assert "passed all its gates, --override has nothing to override" in capsys.readouterr().err
    assert not (tmp_path / "registry").exists()
