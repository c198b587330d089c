"""What differs between two bundles."""

import json
import shutil

import pytest

from models.registry.bundle_difference import bundle_difference
from models.registry.registry import Registry
from schemas.artifacts import artifact
from schemas.errors import ArtifactError


@pytest.fixture
def pair(registry, second_bundle, tmp_path):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    first = own.champion()
    second_bundle(own.path)
    return first, own.champion()


def changed(path, **facts):
    """A bundle with other facts, written as the bundle's own."""
    manifest = json.loads((path / artifact.MANIFEST).read_text())
    kept = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    artifact.complete(path, "bundle", {**kept, **facts})
    return path


def test_another_seed_is_a_parameter_and_other_metrics(pair):
    found = bundle_difference(*pair)
    assert (found["before"], found["after"]) == tuple(path.name for path in pair)
    assert found["parameters"]["seed"][1] == 2
    assert "auc" in found["metrics"]
    before, after = (json.loads((path / artifact.MANIFEST).read_text())["metrics"] for path in pair)
    assert found["metrics"]["auc"] == [before["auc"], after["auc"]]
    assert (found["schema"], found["features"]) == ([], {"added": [], "removed": [], "moved": False})
    assert "graph_fingerprint" not in found["facts"]


def test_one_bundle_differs_in_nothing_from_itself(pair):
    found = bundle_difference(pair[0], pair[0])
    assert not any(found[name] for name in ("facts", "versions", "parameters", "metrics", "schema"))


def test_features_versions_and_schema(pair):
    first, second = pair
    manifest = json.loads((second / artifact.MANIFEST).read_text())
    names = manifest["feature_names"]
    schema = (second / "schema.pbtxt").read_text()
    (second / "schema.pbtxt").write_text(
        schema + 'feature { name: "tip_jar" type: FLOAT presence { min_fraction: 1 } }'
    )
    changed(
        second,
        feature_names=[names[1], names[0], *names[3:], "new"],
        feature_kinds=manifest["feature_kinds"],
        versions={**manifest["versions"], "xgboost": "9.0"},
    )
    found = bundle_difference(first, second)
    assert found["features"] == {"added": ["new"], "removed": [names[2]], "moved": True}
    assert found["versions"]["xgboost"][1] == "9.0"
    assert [(one["column"], one["rejects"]) for one in found["schema"]] == [("tip_jar", True)]


def test_a_bundle_that_does_not_say_what_it_was_trained_with(pair):
    (pair[1] / "training.json").write_text("[]")
    with pytest.raises(ArtifactError, match=r"training\.json: does not say what the model was trained with"):
        bundle_difference(*pair)
