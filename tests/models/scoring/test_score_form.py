"""The form of scores, by task; and predictions of classes and numbers, as bytes and as columns."""

import json
import types
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.scoring.manifest import check_manifest
from models.scoring.prediction import PredictionEncoder, is_ours
from models.scoring.score_form import ScoreForm
from schemas.errors import ArtifactError
from schemas.schema import Schema

NAMES = ("50 %", 'a "b"', "é")
CLASSES = ScoreForm("multiclass", NAMES)
SCORES = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], np.float32)
BATCH = pa.record_batch({"trip": pa.array([7, 8])})


def encoder(form: ScoreForm, schema: str = 'feature { name: "trip" type: INT annotation { tag: "id" } }') -> Any:
    scorer: Any = types.SimpleNamespace(
        bundle_id="abc", form=form, feature_names=(), schema=Schema.from_text(schema), causes=None
    )
    return PredictionEncoder(scorer)


def test_scores_of_classes_are_an_object_by_name() -> None:
    first, second = encoder(CLASSES).encode(BATCH, SCORES, np.zeros((2, 0)), ["t/0", "t/1"])
    assert first.decode() == (
        '{"id":"t/0","trip":7,"scores":{"50 %":0.5,"a \\"b\\"":0.25,"\\u00e9":0.25},"label":"50 %",'
        '"bundle":"abc","variant":"champion"}'
    )
    assert json.loads(second)["label"] == "é"


def test_columns_say_the_same() -> None:
    columns = encoder(CLASSES).columns(BATCH, SCORES, np.zeros((2, 0)), ["t/0", "t/1"])
    wanted = ["id", "trip", *(f"scores.{name}" for name in NAMES), "label", "bundle", "variant"]
    assert columns.schema.names == wanted
    assert columns.column("label").to_pylist() == ["50 %", "é"]
    assert columns.column("scores.é").to_pylist() == SCORES[:, 2].tolist()


def test_a_number_has_no_label() -> None:
    made = encoder(ScoreForm("regression"))
    scores = np.array([181_234.5, -3], np.float32)
    lines = made.encode(BATCH, scores, np.zeros((2, 0)), ["t/0", "t/1"])
    assert list(json.loads(lines[0])) == ["id", "trip", "score", "bundle", "variant"]
    assert [json.loads(line)["score"] for line in lines] == scores.tolist()
    assert "label" not in made.columns(BATCH, scores, np.zeros((2, 0)), ["t/0", "t/1"]).schema.names


def test_no_id_takes_the_place_of_a_score() -> None:
    assert is_ours("scores.low")
    schema = 'feature { name: "scores.é" type: INT annotation { tag: "id" } }'
    columns = encoder(CLASSES, schema).columns(
        pa.record_batch({"scores.é": pa.array([1, 2])}), SCORES, np.zeros((2, 0)), ["t/0", "t/1"]
    )
    assert columns.column("ids.scores.é").to_pylist() == [1, 2]
    assert columns.column("scores.é").to_pylist() == SCORES[:, 2].tolist()


def test_what_bundles_are_compared_by() -> None:
    assert CLASSES.said(SCORES).tolist() == ["50 %", "é"]
    assert ScoreForm("multiclass", NAMES[::-1]).said(SCORES).tolist() == ["é", "50 %"], "by name, not by number"
    assert ScoreForm("binary", threshold=0.5).said(SCORES[:, 0]).tolist() == [1, 0]
    assert ScoreForm("regression").said(np.array([1.5], np.float32)).tolist() == [1.5]
    assert CLASSES.leading(SCORES).tolist() == [0.5, np.float32(0.7)]
    assert CLASSES.none().shape == (0, 3)


GOOD = {
    "use_case": "own",
    "family": "xgboost",
    "feature_names": ["a"],
    "feature_kinds": ["float"],
    "slices": [],
    "rounds": 1,
    "golden_rows": 256,
    "versions": {},
    **dict.fromkeys(("schema_fingerprint", "graph_fingerprint", "training_set_fingerprint"), "x"),
}
BY_TASK: dict[str, dict[str, Any]] = {
    "binary": {"threshold": 0.5, "metrics": {"auc": 0.5, "average_precision": 0.5, "log_loss": 0.5}},
    "multiclass": {"classes": ["a", "b"], "metrics": {"accuracy": 0.5, "log_loss": 0.5}},
    "regression": {"metrics": {"rmse": 2.5, "mae": 1.5}},
}


@pytest.mark.parametrize("task", BY_TASK)
def test_a_manifest_says_what_its_task_needs(task: str) -> None:
    manifest = {**GOOD, "task": task, **BY_TASK[task]}
    check_manifest(manifest, "b/1")
    for name in BY_TASK[task]:
        with pytest.raises(ArtifactError, match=f"b/1: its manifest has no '{name}', wanted"):
            check_manifest({key: value for key, value in manifest.items() if key != name}, "b/1")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"task": "clusters"}, "has 'task' 'clusters', wanted one of binary, multiclass, regression, ranking"),
        ({"task": "ranking"}, "has 'metrics' a dict, wanted ndcg, ndcg_at_10 as numbers"),
        ({"task": ["binary"]}, "has 'task' a list, wanted one of"),
        ({"classes": ["a"]}, "has 'classes' a list, wanted a list of names"),
        ({"classes": ["a", "a"]}, "has 'classes' a list, wanted a list of names"),
        ({"classes": "ab"}, "has 'classes' a str, wanted a list of names"),
        ({"metrics": {"accuracy": "0.5", "log_loss": 0.5}}, "has 'metrics' a dict, wanted accuracy, log_loss as"),
    ],
)
def test_a_manifest_that_does_not(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(ArtifactError, match=f"b/1: its manifest {said}"):
        check_manifest({**GOOD, "task": "multiclass", **BY_TASK["multiclass"], **facts}, "b/1")
