"""`onegraph inspect`: every kind of thing, and what is none of them."""

import json
import pathlib
import shutil

import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.evaluation import evaluation_path, manifest_fingerprint
from models.registry.registry import Registry
from schemas.artifacts import artifact
from tests.support.printed import for_people


def inspected(capsys, *argv) -> tuple[dict, str]:
    assert main(["inspect", *map(str, argv), "--json"]) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out), for_people("inspect", captured.out)


def test_tfrecord(small_training_set, capsys, trips):
    result, text = inspected(capsys, small_training_set / "test-00000-of-00001.tfrecord.gz", "--limit", "2")
    assert (result["kind"], result["records"], len(result["examples"])) == ("tfrecord", 600, 2)
    first = result["examples"][0]
    assert first["slice.payment_type"] == trips.column("payment_type")[2400].as_py()
    assert first["label"] in (0.0, 1.0)
    assert "600 examples" in text
    assert "slice.payment_type" in text


def test_training_set(small_training_set, capsys):
    for path in (small_training_set, small_training_set / "manifest.json"):
        result, text = inspected(capsys, path)
        assert (result["kind"], result["rows"]["train"]) == ("training_set", 1800)
        assert "train 1,800" in text


def test_candidate_and_evaluation(candidate, capsys):
    result, text = inspected(capsys, candidate)
    assert (result["kind"], result["family"]) == ("candidate", "xgboost")
    assert max(result["share_of_gain"].values()) <= 1
    assert "share of gain" in text
    result, text = inspected(capsys, evaluation_path(candidate))
    assert (result["kind"], result["passed"]) == ("evaluation", True)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({}, "its manifest's model has no 'task', wanted one of binary, multiclass, regression, ranking; train again"),
        ({"task": "binary"}, "its manifest's model has no 'family', wanted one of xgboost, keras; train again"),
        ("x", "its manifest has 'model' a str, wanted an object; train again"),
        ({"task": "binary", "family": []}, "its manifest's model has 'family' a list, wanted one of xgboost, keras"),
        ({"task": "binary", "family": "xgboost"}, None),
    ],
)
def test_a_candidate_that_says_no_model_is_one_line_to_every_verb(model, said, candidate, tmp_path, capsys):
    path = shutil.copytree(candidate, tmp_path / "candidate")
    complete_again(path, "candidate", model=model)
    findings = shutil.copytree(evaluation_path(candidate), evaluation_path(path))
    complete_again(findings, "evaluation", candidate=manifest_fingerprint(path))
    for argv in (["inspect", path], ["release", "--candidate", path, "--registry", tmp_path / "registry"]):
        assert main([*map(str, argv)]) == (1 if said else 0)
        error = capsys.readouterr().err
        if said:
            assert f"{path}: {said}" in error
            assert error.count("\n") == 1


def complete_again(path: pathlib.Path, kind: str, **changed: object) -> None:
    """Write manifest and marker anew."""
    manifest = json.loads((path / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    artifact.complete(path, kind, {**facts, **changed})


def test_bundle_and_registry(registry, capsys):
    champion = Registry(registry).released().champion
    result, text = inspected(capsys, Registry(registry).champion())
    assert (result["kind"], result["id"]) == ("bundle", champion)
    assert f"bundle {champion}: taxi" in text
    result, text = inspected(capsys, registry)
    assert (result["kind"], result["bundles"]) == ("registry", [champion])


@pytest.mark.parametrize(
    ("argument", "code", "message"),
    [
        (["nowhere"], 1, "nowhere: no such file or directory"),
        (["."], 1, "neither a registry nor a directory with manifest.json"),
        ([__file__], 1, "nothing that onegraph shows; wanted a TFRecord"),
        ([".", "--limit", "0"], 2, "--limit is 0"),
        ([], 2, "PATH is missing"),
    ],
)
def test_refusals(argument, code, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", *argument]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_two_schemas_are_compared(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.pbtxt").write_text('feature { name: "x" type: INT } feature { name: "y" type: BYTES }')
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "schema.pbtxt").write_text('feature { name: "x" type: INT presence { min_fraction: 1 } }')
    a, b = str(tmp_path / "a.pbtxt"), str(tmp_path / "b")
    assert main(["inspect", a, "--against", b]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "x required no yes yes" in said
    assert "y column BYTES, may be missing none -" in said
    assert "2 differences; records that were taken may be rejected by 1 of them" in said
    assert main(["inspect", a, "--against", a]) == 0
    assert f"the same as {a}" in capsys.readouterr().out
    assert main(["inspect", a, "--against", str(tmp_path)]) == 1
    assert "no schema.pbtxt in it; give a schema file, a bundle or a training set" in capsys.readouterr().err
