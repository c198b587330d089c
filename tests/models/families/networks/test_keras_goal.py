"""What stops a network's training: the metrics of eval, of weighted rows, against scikit-learn's."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from models.families.networks import keras_net
from models.families.networks.keras_goal import Goal
from models.families.networks.keras_parameters import STOP_BY
from models.families.team import ALONE
from models.tasks import BINARY
from tests.models.families.networks.test_keras_net import COLUMNS, SPECS, split


@pytest.mark.parametrize(
    ("name", "theirs"), [("auc", metrics.roc_auc_score), ("aucpr", metrics.average_precision_score)]
)
def test_metrics_of_the_order_are_those_of_scikit_learn(name: str, theirs: Callable[..., Any]) -> None:
    random = np.random.default_rng(4)
    label, weight = (random.random(500) < 0.2).astype(np.float32), random.integers(0, 4, 500).astype(np.float32)
    outputs = (label + random.normal(size=500)).round(1).astype(np.float32)  # rounded: rows of one score
    found = Goal(BINARY, np.zeros(1), stop_by=name).metrics(label, weight, outputs[:, np.newaxis], ALONE)
    assert list(found) == ["logloss", name]
    assert found[name] == pytest.approx(theirs(label, outputs, sample_weight=weight), abs=1e-12)
    chances = 1 / (1 + np.exp(-outputs.astype(np.float64)))
    assert found["logloss"] == pytest.approx(metrics.log_loss(label, chances, sample_weight=weight), rel=1e-6)


@pytest.mark.parametrize(("task", "name"), [("binary", "auc"), ("multiclass", "merror"), ("regression", "mae")])
def test_the_metric_that_is_named_stops_the_training(task: str, name: str) -> None:
    assert name in STOP_BY[task]
    spec = dataclasses.replace(SPECS[task], stop_by=name, rounds=30, early_stopping_rounds=3)
    trained = keras_net.train(spec, COLUMNS, split(spec, 300, 1), split(spec, 200, 2))
    assert list(trained.history)[-1] == name
    costs = np.array(trained.history[name]) * (-1 if name == "auc" else 1)
    assert trained.rounds == 1 + int(np.argmin(costs))
    assert len(costs) == min(30, trained.rounds + 3)


@pytest.mark.parametrize("name", [None, "auc", "aucpr"])
def test_a_round_that_diverged_is_never_the_best(name: str | None) -> None:
    """Scores that are no numbers have an order too, that of the rows: here the best there is."""
    goal = Goal(BINARY, np.zeros(1), stop_by=name)
    label = np.array([1, 1, 1, 0, 0, 0], np.float32)
    diverged, plain = (
        goal.metrics(label, np.ones(6, np.float32), outputs, ALONE)
        for outputs in (np.full((6, 1), np.nan, np.float32), np.zeros((6, 1), np.float32))
    )
    assert np.isnan(diverged["logloss"])
    assert name is None or diverged[name] == 1 > plain[name]
    assert goal.cost(diverged) == np.inf
    assert np.isfinite(goal.cost(plain))
