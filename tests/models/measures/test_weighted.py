"""A row that counts for three is three rows: metrics, curves, threshold and training, for every task."""

import numpy as np
import pyarrow as pa
import pytest

from models.families.boosting import xgb
from models.families.family import Split
from models.measures import class_metrics, metrics, number_metrics
from models.spec import ModelSpec
from tests.support.small_artifacts import FAST
from tests.support.splits import COLUMNS

RANDOM = np.random.default_rng(5)
ROWS = 300
WEIGHT = RANDOM.integers(1, 4, ROWS).astype(np.float32)
SCORES = RANDOM.random(ROWS).astype(np.float32)
THREE = RANDOM.dirichlet([1, 2, 3], ROWS).astype(np.float32)
LABELS = {
    "binary": (RANDOM.random(ROWS) < SCORES).astype(np.float32),
    "multiclass": RANDOM.integers(0, 3, ROWS).astype(np.float32),
    "regression": (SCORES + RANDOM.normal(size=ROWS)).astype(np.float32),
}


def measured(task, label, weight, at):
    if task == "binary":
        return metrics.of_scores(label[at], SCORES[at], 0.5, weight)
    if task == "multiclass":
        return class_metrics.of_classes(label[at], THREE[at], ["a", "b", "c"], weight)
    return number_metrics.of_numbers(label[at], SCORES[at], weight)


def plain(value):
    """Return all numbers of a finding, in order, without those that count rows."""
    if isinstance(value, dict):
        return [number for name, part in value.items() if name not in ("rows", "weight") for number in plain(part)]
    if isinstance(value, list):
        return [number for part in value for number in plain(part)]
    return [value] if isinstance(value, int | float) else []


@pytest.mark.parametrize("task", LABELS)
def test_metrics_of_weighted_rows_are_those_of_repeated_rows(task):
    label, whole = LABELS[task], slice(None)
    weighted = measured(task, label, WEIGHT, whole)
    repeated = measured(task, label, None, np.repeat(np.arange(ROWS), WEIGHT.astype(int)))
    assert plain(weighted) == pytest.approx(plain(repeated))
    assert plain(weighted) != pytest.approx(plain(measured(task, label, None, whole)))
    assert (weighted["rows"], weighted["weight"]) == (ROWS, WEIGHT.sum())


def test_the_threshold_heeds_weights():
    label = LABELS["binary"]
    repeated = np.repeat(np.arange(ROWS), WEIGHT.astype(int))
    found = metrics.best_f1_threshold(label, SCORES, WEIGHT)
    assert found == metrics.best_f1_threshold(label[repeated], SCORES[repeated])


@pytest.mark.parametrize("task", LABELS)
def test_training_heeds_weights(task):
    features = RANDOM.normal(size=(ROWS, 3)).astype(np.float32)
    classes = ("a", "b", "c") if task == "multiclass" else ()
    spec = ModelSpec(task=task, classes=classes, parameters={**FAST, "tree_method": "exact"}, rounds=8, seed=1)
    label, repeated = LABELS[task], np.repeat(np.arange(ROWS), WEIGHT.astype(int))

    def scores(rows, weight):
        split = Split(features[rows], label[rows], {"s": pa.array(["x"] * len(rows)).dictionary_encode()}, weight)
        return xgb.train(spec, COLUMNS, split, split).booster.inplace_predict(features)

    weighted = scores(np.arange(ROWS), WEIGHT)
    assert weighted == pytest.approx(scores(repeated, None), abs=1e-4)
    assert not np.allclose(weighted, scores(np.arange(ROWS), None), atol=1e-3)


@pytest.mark.parametrize("task", LABELS)
def test_what_cannot_be_computed_is_none(task):
    nothing = measured(task, LABELS[task], None, slice(0, 0))
    assert nothing["rows"] == 0
    assert not np.isnan([number for number in plain(nothing) if number is not None]).any()
    one = measured(task, LABELS[task], None, slice(0, 1))
    assert one["rows"] == 1
    assert one[{"binary": "auc", "multiclass": "macro_auc", "regression": "r2"}[task]] is None
