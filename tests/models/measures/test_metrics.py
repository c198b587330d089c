"""Metrics: the values of a case that can be counted by hand, and None where a value does not exist."""

import json

import numpy as np
import pytest

from models.measures import metrics

LABEL = np.array([0, 0, 0, 1, 1], np.float32)
SCORES = np.array([0.125, 0.25, 0.75, 0.5, 0.875], np.float32)


def test_a_case_counted_by_hand() -> None:
    found = metrics.of_scores(LABEL, SCORES, 0.5)
    assert found["confusion"] == {"true_positive": 2, "false_positive": 1, "true_negative": 2, "false_negative": 0}
    assert (found["rows"], found["accuracy"], found["precision"], found["recall"]) == (5, 0.8, 2 / 3, 1.0)
    assert found["f1"] == pytest.approx(0.8)
    assert found["auc"] == pytest.approx(5 / 6)  # of six pairs one is the wrong way round
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["log_loss"] == pytest.approx(-np.log([0.875, 0.75, 0.25, 0.5, 0.875]).mean())
    assert (found["label_mean"], found["score_mean"], found["threshold"]) == (0.4, 0.5, 0.5)


def test_a_score_at_the_threshold_is_positive() -> None:
    assert metrics.of_scores(LABEL, SCORES, 0.875)["confusion"]["true_positive"] == 1


def test_metrics_of_one_class_have_no_auc() -> None:
    found = metrics.of_scores(np.zeros(3), np.array([0.0, 0.2, 1.0], np.float32), 0.5)
    assert (found["auc"], found["average_precision"], found["recall"]) == (None, None, None)
    assert np.isfinite(found["log_loss"])


def test_no_rows() -> None:
    found = metrics.of_scores(np.empty(0), np.empty(0), 0.5)
    assert found["rows"] == 0
    assert [found[name] for name in ("log_loss", "accuracy", "precision", "f1", "label_mean")] == [None] * 5
    json.dumps(found, allow_nan=False)


def test_the_threshold_with_the_best_f1_is_the_lowest_of_equals() -> None:
    assert metrics.best_f1_threshold(LABEL, SCORES) == 0.5
    by_hand = [metrics.of_scores(LABEL, SCORES, float(threshold))["f1"] for threshold in SCORES]
    assert metrics.of_scores(LABEL, SCORES, 0.5)["f1"] == max(by_hand)
    tied = np.array([0.25, 0.5], np.float32)
    assert metrics.best_f1_threshold(np.array([1, 1]), tied) == 0.25


def test_curves_have_their_ends_few_points_and_every_row() -> None:
    random = np.random.default_rng(1)
    scores = random.random(5000).astype(np.float32)
    label = (random.random(5000) < scores).astype(np.float32)
    found = metrics.curves(label, scores)
    roc = found["roc"]
    ends = [(roc["false_positive_rate"][at], roc["true_positive_rate"][at]) for at in (0, -1)]
    assert ends == [(0.0, 0.0), (1.0, 1.0)]
    assert len(roc["true_positive_rate"]) <= 200
    assert found["precision_recall"]["recall"][0] == 0.0
    assert found["precision_recall"]["recall"][-1] == 1.0
    calibration = found["calibration"]
    assert sum(calibration["rows"]) == 5000
    assert calibration["score_mean"] == sorted(calibration["score_mean"])
    assert np.abs(np.subtract(calibration["score_mean"], calibration["label_mean"])).max() < 0.1
    counts = found["score_histogram"]["counts_by_label"]
    assert (sum(counts["0"]), sum(counts["1"])) == (int((label == 0).sum()), int(label.sum()))
    json.dumps(found, allow_nan=False)
