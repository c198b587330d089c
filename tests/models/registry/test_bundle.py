"""The bundle: id from content, and every way in which a directory is not one."""

import json
import pathlib
import random
import shutil

import pytest

from models.evaluation.evaluation import evaluation_path
from models.registry import bundle
from models.registry.registry import Registry
from models.scoring import golden
from models.scoring.scorer import Scorer
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, GateRefusal, InputError
from tests.support.hostile_bundles import golden_rows_cut, golden_rows_cut_and_said


@pytest.fixture
def copied(registry, tmp_path) -> pathlib.Path:
    """A copy of the released bundle that a test may spoil."""
    return shutil.copytree(Registry(registry).champion(), tmp_path / "bundle")


def complete_again(path: pathlib.Path, **changed) -> None:
    """Write manifest and marker anew, as someone would who wants to hide a change."""
    manifest = json.loads((path / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    artifact.complete(path, "bundle", {**facts, **changed})


def test_same_content_is_same_id(candidate, registry, tmp_path):
    again = bundle.write_bundle(candidate, tmp_path / "bundles")
    assert [again] == Registry(registry).bundles()
    assert bundle.write_bundle(candidate, tmp_path / "bundles") == again
    assert [path.name for path in (tmp_path / "bundles").iterdir()] == [again]


def test_other_content_is_other_id(candidate, second_candidate, tmp_path):
    ids = {bundle.write_bundle(one, tmp_path / "bundles") for one in (candidate, second_candidate)}
    assert len(ids) == 2


def test_loads_where_it_was_copied(copied, registry, trips):
    here, there = Scorer.load(Registry(registry).champion()), Scorer.load(copied)
    assert here.bundle_id == there.bundle_id == Registry(registry).released().champion
    golden.replay_golden(there, copied / "golden")
    batch = trips.slice(0, 50)
    assert here.score(batch).scores.tobytes() == there.score(batch).scores.tobytes()


@pytest.mark.parametrize("tag", ["event_time:iso", "event_time"])
def test_times_that_nobody_can_read_are_refused(copied, tag):
    """As a bundle of before may have them: each row would fail."""
    schema = copied / "schema.pbtxt"
    schema.write_text(schema.read_text().replace("event_time:s", tag))
    with pytest.raises(InputError, match=r"schema\.pbtxt: trip_start_timestamp: tag event_time.* has no known unit"):
        Scorer.load(copied, verify=False)


def test_half_written_is_refused(copied):
    (copied / artifact.MARKER).unlink()
    with pytest.raises(ArtifactError, match="not a completed bundle"):
        Scorer.load(copied)


@pytest.mark.parametrize("name", ["model/model.ubj", "graph/transform_fn/saved_model.pb", "golden/rows.arrow"])
def test_changed_byte_is_refused(copied, name):
    data = bytearray((copied / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / name).write_bytes(data)
    with pytest.raises(ArtifactError, match=r"its bytes are not those in the manifest"):
        Scorer.load(copied)


def test_every_cut_and_flipped_byte_is_seen_before_anything_is_parsed(copied, monkeypatch):
    monkeypatch.setattr(Scorer, "of_parts", lambda *_: pytest.fail("a changed bundle was parsed"))
    draw = random.Random(20)
    files = [path for path in sorted(copied.rglob("*")) if path.is_file() and path.stat().st_size]
    for path in draw.choices(files, [path.stat().st_size for path in files], k=300) + files:
        good = path.read_bytes()
        at = draw.randrange(len(good))
        for bad in (good[:at] + bytes([good[at] ^ 1 << draw.randrange(8)]) + good[at + 1 :], good[:at]):
            path.write_bytes(bad)
            with pytest.raises(ArtifactError):
                Scorer.load(copied)
        path.write_bytes(good)


def test_changed_manifest_is_refused(copied):
    text = (copied / artifact.MANIFEST).read_text()
    (copied / artifact.MANIFEST).write_text(text.replace('"task": "binary"', '"task": "another"'))
    with pytest.raises(ArtifactError, match="altered since COMPLETED"):
        Scorer.load(copied)


def test_missing_file_is_refused(copied):
    (copied / "statistics" / "train.pb").unlink()
    with pytest.raises(ArtifactError, match="missing, the manifest names it"):
        Scorer.load(copied)


def test_extra_file_is_refused(copied):
    (copied / "model" / "hook.py").write_text("")
    with pytest.raises(ArtifactError, match=r"hook\.py: not in the manifest"):
        Scorer.load(copied)


def test_another_schema_is_refused(copied):
    text = (copied / "schema.pbtxt").read_text()
    (copied / "schema.pbtxt").write_text(text.replace('"fare"', '"fair"'))
    complete_again(copied)
    with pytest.raises(ArtifactError, match="not the schema that the manifest names"):
        Scorer.load(copied)


def test_another_model_is_refused(copied, registry, second_candidate, trips):
    """A model swapped in with a manifest to match scores the golden rows otherwise."""
    shutil.copy(second_candidate / "model" / "model.ubj", copied / "model" / "model.ubj")
    complete_again(copied)
    scorer = Scorer.load(copied)
    assert scorer.bundle_id != Registry(registry).released().champion
    with pytest.raises(ArtifactError, match="the score differs in"):
        golden.replay_golden(scorer, copied / "golden")


def test_model_of_other_features_is_refused(copied):
    manifest = json.loads((copied / artifact.MANIFEST).read_text())
    complete_again(copied, feature_names=manifest["feature_names"][::-1])
    with pytest.raises(ArtifactError, match="its features are"):
        Scorer.load(copied)


def test_broken_model_file_is_one_line(copied):
    (copied / "model" / "model.ubj").write_bytes(b"{no model")
    complete_again(copied)
    with pytest.raises(ArtifactError, match="not an XGBoost model") as raised:
        Scorer.load(copied)
    assert "\n" not in str(raised.value)


def test_not_evaluated_is_refused(candidate, tmp_path):
    path = shutil.copytree(candidate, tmp_path / "candidate")
    with pytest.raises(ArtifactError, match="not evaluated"):
        bundle.write_bundle(path, tmp_path / "bundles")


def test_evaluation_of_another_candidate_is_refused(candidate, second_candidate, tmp_path):
    path = shutil.copytree(candidate, tmp_path / "candidate")
    shutil.copytree(evaluation_path(second_candidate), evaluation_path(path))
    with pytest.raises(ArtifactError, match="evaluates another candidate"):
        bundle.write_bundle(path, tmp_path / "bundles")


def test_failed_gate_is_refused(candidate, tmp_path):
    path = shutil.copytree(candidate, tmp_path / "candidate")
    findings = shutil.copytree(evaluation_path(candidate), evaluation_path(path))
    facts = json.loads((findings / artifact.MANIFEST).read_text())
    artifact.complete(findings, "evaluation", {**facts, "passed": False})
    with pytest.raises(GateRefusal, match="did not pass the gates"):
        Registry(tmp_path / "registry").release(path, "me", "now", "")
    assert not (tmp_path / "registry").exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("threshold", "abc", "has 'threshold' a str, wanted a number from 0 to 1"),
        ("threshold", [0.5], "has 'threshold' a list, wanted a number from 0 to 1"),
        ("threshold", True, "has 'threshold' a bool, wanted a number from 0 to 1"),
        ("threshold", None, "has 'threshold' null, wanted a number from 0 to 1"),
        ("threshold", 1.5, "has 'threshold' 1.5, wanted a number from 0 to 1"),
        ("threshold", -1, "has 'threshold' -1, wanted a number from 0 to 1"),
        ("use_case", 7, "has 'use_case' 7, wanted text"),
        ("feature_names", "fare", "has 'feature_names' a str, wanted a list of names"),
        ("feature_names", [["fare"]], "has 'feature_names' a list, wanted a list of names"),
        ("feature_names", ["fare", "fare"], "has 'feature_names' a list, wanted a list of names"),
        ("feature_kinds", ["int"], "16 feature names and 1 kinds"),
        ("feature_kinds", ["text"] * 16, "has 'feature_kinds' a list, wanted a list of int and float"),
        ("slices", {"a": 1}, "has 'slices' a dict, wanted a list of names"),
        ("golden_rows", "128", "has 'golden_rows' a str, wanted a count"),
        ("golden_rows", 128.0, "has 'golden_rows' 128.0, wanted a count"),
        ("metrics", [], "has 'metrics' a list, wanted auc, average_precision, log_loss as numbers"),
        ("metrics", {"auc": "high"}, "has 'metrics' a dict, wanted auc, average_precision, log_loss as numbers"),
        ("versions", {"numpy": 2}, "has 'versions' a dict, wanted texts by name"),
        ("graph_fingerprint", None, "has 'graph_fingerprint' null, wanted text"),
    ],
)
def test_a_fact_of_another_type_is_refused(copied, name, value, said):
    complete_again(copied, **{name: value})
    with pytest.raises(ArtifactError, match=said) as raised:
        Scorer.load(copied)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("rows", [golden_rows_cut, golden_rows_cut_and_said])
def test_golden_rows_that_were_cut_are_refused(copied, rows):
    complete_again(copied, **rows(copied))
    with pytest.raises(ArtifactError, match=r"has 1 golden rows, the manifest says (256|1), wanted at least 128"):
        golden.replay_golden(Scorer.load(copied), copied / "golden")


def test_a_count_of_golden_rows_that_is_not_theirs_is_refused(copied):
    complete_again(copied, golden_rows=golden.ROWS + 1)
    with pytest.raises(ArtifactError, match=f"has {golden.ROWS} golden rows, the manifest says {golden.ROWS + 1}"):
        golden.replay_golden(Scorer.load(copied), copied / "golden")


def test_nothing_pickled_inside(copied):
    suffixes = {path.suffix for path in copied.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".pbtxt", ".pb", ".ubj", ".arrow", ".index", ".data-00000-of-00001", ""}


def test_a_candidate_of_before_that_took_a_feature_for_the_label(candidate, tmp_path):
    copied = shutil.copytree(candidate, tmp_path / "candidate")
    manifest = json.loads((copied / artifact.MANIFEST).read_text())
    assert manifest.pop("training_set_format") == 2
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    artifact.complete(copied, "candidate", {**facts, "feature_names": ["fare", "label"]})
    with pytest.raises(ArtifactError, match="feature 'label' cannot be told from what is ours; build and train again"):
        bundle.check_releasable(copied)
