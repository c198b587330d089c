"""Importance: what contributions say, by raw field and by feature; they add up to the margin of every task."""

import numpy as np
import pytest
import xgboost

from models.evaluation.importance import Features, importance, rows_to_explain
from models.families.boosting.xgb import XGBoostModel
from transforms.graph.wide_outputs import WideOutput

NAMES = ("age", "fare", "fare_again", "fare_per_mile", "genre/a", "genre/b")
FIELDS = (("age",), ("fare",), ("fare",), ("fare", "miles"), ("genre",), ("genre",))
KNOWN = Features(NAMES, FIELDS, (WideOutput("genre", "ids", 4, 2),))
ROWS = np.random.default_rng(5).normal(size=(400, len(NAMES))).astype(np.float32)


class Linear:
    """A model whose contributions are known: what a row has of each feature, times a number."""

    feature_names, classes = NAMES, 0
    slopes = np.array([1.0, 2.0, -2.0, 0.5, 1.0, 1.0], np.float32)

    def predict(self, features: np.ndarray) -> np.ndarray:
        return features @ self.slopes + 3

    def contributions(self, features: np.ndarray) -> np.ndarray:
        return np.concatenate([features * self.slopes, np.full((len(features), 1), 3, np.float32)], axis=1)


def trained(objective: str, label: np.ndarray, **more: object) -> XGBoostModel:
    data = xgboost.DMatrix(ROWS, label=label, feature_names=list(NAMES))
    return XGBoostModel(xgboost.train({"objective": objective, "max_depth": 4, **more}, data, 12))


def test_what_cancels_within_a_field_counts_for_nothing() -> None:
    rows = ROWS.copy()
    rows[:, 2] = rows[:, 1]
    found = importance(Linear(), "regression", KNOWN, rows)
    of_fields = {one["field"]: one for one in found["fields"]}
    assert set(of_fields) == {"age", "fare", "fare+miles", "genre"}
    assert of_fields["fare"]["mean_abs"] == pytest.approx(0, abs=1e-6)
    assert of_fields["fare+miles"]["of"] == ["fare", "miles"]
    of_features = {one["feature"]: one for one in found["features"]}
    assert of_features["fare"]["mean_abs"] == pytest.approx(2 * np.abs(rows[:, 1]).mean(), rel=1e-5)
    assert of_features["genre"]["columns"] == 2
    assert of_features["genre"]["mean_abs"] == pytest.approx(np.abs(rows[:, 4] + rows[:, 5]).mean(), rel=1e-5)
    assert list(of_features) == sorted(of_features, key=lambda name: -of_features[name]["mean_abs"])
    assert sum(one["share"] for one in found["features"]) == pytest.approx(1, abs=1e-5)
    assert found["bias"] == 3


def test_rows_count_for_their_weight() -> None:
    weight = np.where(np.arange(len(ROWS)) < 100, 1.0, 0.0).astype(np.float32)
    weighted = importance(Linear(), "regression", KNOWN, ROWS, weight)
    alone = importance(Linear(), "regression", KNOWN, ROWS[:100])
    assert weighted["fields"] == alone["fields"]


@pytest.mark.parametrize(
    ("task", "objective", "more", "margin"),
    [
        ("binary", "binary:logistic", {}, "log-odds"),
        ("multiclass", "multi:softprob", {"num_class": 3}, "log-odds before softmax"),
        ("regression", "reg:squarederror", {}, "score"),
        ("regression", "reg:absoluteerror", {}, "score"),
        ("regression", "count:poisson", {}, "logarithm of the score"),
    ],
)
def test_contributions_add_up_to_the_margin(task: str, objective: str, more: dict[str, object], margin: str) -> None:
    random = np.random.default_rng(1)
    label = {"binary": ROWS[:, 0] > 0.5, "multiclass": np.digitize(ROWS[:, 1], [-0.4, 0.4])}.get(
        task, random.poisson(np.exp(ROWS[:, 0] / 2))
    )
    found = importance(trained(objective, label, **more), task, KNOWN, ROWS)
    assert found["margin"] == margin
    assert found["largest_gap"] < 1e-5
    assert found["fields"][0]["field"] == {"multiclass": "fare"}.get(task, "age")


def test_several_classes_are_averaged_and_parts_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained("multi:softprob", np.digitize(ROWS[:, 1], [-0.4, 0.4]), num_class=3)
    plain = np.abs(model.contributions(ROWS)[:, :, 0]).mean()
    whole = importance(model, "multiclass", KNOWN, ROWS)
    assert {one["feature"]: one["mean_abs"] for one in whole["features"]}["age"] == pytest.approx(plain, rel=1e-5)
    monkeypatch.setattr("models.evaluation.importance._AT_ONCE", 100)
    assert importance(model, "multiclass", KNOWN, ROWS) == whole


def test_very_wide_models_are_explained_on_fewer_rows() -> None:
    assert rows_to_explain(np.empty((3, 4)), 0) == 3
    assert rows_to_explain(np.empty((9_000, 10_000)), 1_000) == 20
