"""The explanation of a candidate: what it says of a raw field is what scoring raw rows with another value gives."""

import json
import pathlib

import numpy as np
import pyarrow as pa
import pytest

from models.evaluation import explained
from models.evaluation.dependence import MOST_CLASSES, Tried, dependence, of_feature
from models.evaluation.evaluation import EXPLANATION, evaluation_path
from models.families.boosting.xgb import load
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from models.spec import ModelSpec
from models.training.training_set import TrainingSet
from tests.models.evaluation.test_importance import NAMES, ROWS, Linear, trained


@pytest.fixture(scope="module")
def found(candidate: pathlib.Path) -> dict:
    return json.loads((evaluation_path(candidate) / EXPLANATION).read_text())


def test_a_field_moves_the_mean_score_as_raw_rows_do(
    found: dict, registry: pathlib.Path, trips: pa.RecordBatch
) -> None:
    scorer = Scorer.load(Registry(registry).champion())
    test = trips.slice(2400, 600)
    drawn = np.sort(np.random.default_rng(found["seed"]).choice(600, found["rows"], replace=False))
    rows = test.take(pa.array(drawn)).select(scorer.graph.input_names)
    lines = {line["field"]: line for line in found["dependence"]}
    assert {"payment_type", "fare"} <= set(lines)
    for name in ("payment_type", "fare"):
        kind = rows.schema.field(name).type
        for value, mean in zip(lines[name]["values"], lines[name]["mean_score"], strict=True):
            given = pa.array([value] * rows.num_rows, kind)
            changed = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), given)
            assert mean == pytest.approx(scorer.score(changed).scores.mean(dtype=np.float64), rel=2e-5), (name, value)
    assert lines["payment_type"]["values"][:2] == ["Cash", "Credit Card"]
    assert sum(lines["payment_type"]["shares"]) == pytest.approx(1, abs=0.01)


def test_what_matters_to_a_tip_is_how_it_was_paid(found: dict) -> None:
    assert found["fields"][0]["of"] == ["payment_type"]
    assert found["margin"] == "log-odds"
    assert found["largest_gap"] < 1e-5
    assert found["rows"] == 500
    assert found["of_rows"] == 600
    assert max(found["features"], key=lambda one: one["gain"])["feature"] == "payment_type"
    assert sum(one["gain"] for one in found["features"]) == pytest.approx(1, abs=0.01)


def test_the_same_candidate_and_rows_give_the_same(found: dict, candidate: pathlib.Path, small_training_set) -> None:
    split = TrainingSet.open(small_training_set).load("test")
    again = explained.explain(candidate, load(candidate / "model"), ModelSpec(), split)
    assert json.loads(json.dumps(again)) == found


def test_a_feature_of_several_fields_is_tried_with_its_own_values() -> None:
    few = ROWS.copy()
    few[:, 3] = np.arange(len(few)) % 3
    few[:7, 3] = np.nan
    one = of_feature("fare_per_mile", ("fare", "miles"), 3, few)
    assert one.said["values"] == [0, 1, 2]
    assert sum(one.said["rows"]) == len(few) - 7
    (line,) = dependence(Linear(), [one], np.nan_to_num(few))
    assert np.diff(line["mean_score"]) == pytest.approx([0.5, 0.5], rel=1e-4)
    many = of_feature("age", ("age",), 0, ROWS)
    assert len(many.said["values"]) == 20
    assert many.missing is None
    weight = np.zeros(len(ROWS), np.float32)
    weight[3] = 1
    (line,) = dependence(Linear(), [many], ROWS, weight)
    wanted = Linear().predict(np.concatenate([[many.features[0, 0]], ROWS[3, 1:]])[None])
    assert line["mean_score"][0] == pytest.approx(float(wanted[0]), rel=1e-4)


def test_of_very_many_classes_the_likeliest_are_told() -> None:
    model = trained("multi:softprob", np.arange(len(ROWS)) % 9, num_class=9)
    tried = Tried(said={"field": "a"}, columns=[0, 1], features=ROWS[:3, :2], missing=ROWS[3, :2])
    (line,) = dependence(model, [tried], ROWS[:50], None, [f"class {at}" for at in range(9)])
    assert len(line["classes"]) == MOST_CLASSES
    for one in line["classes"]:
        changed = ROWS[:50].copy()
        changed[:, :2] = ROWS[3, :2]
        scores = model.predict(changed)[:, int(one["class"][-1])]
        assert one["missing"] == pytest.approx(scores.mean(dtype=np.float64), rel=1e-5)
    assert len(NAMES) == ROWS.shape[1]
