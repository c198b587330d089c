"""Intervals: those of a bootstrap that copies rows; paired for two models; none where too little is known."""

import numpy as np
import pytest
from sklearn import metrics as sk

from models.measures.class_metrics import ClassMetrics
from models.measures.metrics import ScoreMetrics
from models.measures.number_metrics import NumberMetrics
from models.measures.resampling import differences, intervals

RANDOM = np.random.default_rng(8)
ROWS = 600
SCORES = RANDOM.random(ROWS).astype(np.float32)
LABEL = (RANDOM.random(ROWS) < SCORES).astype(np.float32)
MEASURE = ScoreMetrics(LABEL, SCORES, 0.5)
ONES = np.ones(ROWS)


@pytest.mark.needs_time
def test_it_is_the_interval_of_a_bootstrap_that_copies_rows() -> None:
    found = intervals(MEASURE, ONES, 2_000, 1)
    drawn = [RANDOM.integers(0, ROWS, ROWS) for _ in range(1_000)]
    slow = {
        "auc": [sk.roc_auc_score(LABEL[rows], SCORES[rows]) for rows in drawn],
        "average_precision": [sk.average_precision_score(LABEL[rows], SCORES[rows]) for rows in drawn],
        "f1": [sk.f1_score(LABEL[rows], SCORES[rows] >= 0.5) for rows in drawn],
        "brier": [sk.brier_score_loss(LABEL[rows], SCORES[rows]) for rows in drawn],
    }
    for name, values in slow.items():
        low, high = np.quantile(values, [0.025, 0.975])
        assert found[name] == pytest.approx([low, high], abs=0.1 * (high - low))


def test_the_same_seed_gives_the_same_however_many_fit_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = intervals(MEASURE, ONES, 100, 7)
    assert whole == intervals(MEASURE, ONES, 100, 7)
    assert whole != intervals(MEASURE, ONES, 100, 8)
    monkeypatch.setattr("models.measures.resampling._CELLS", ROWS * 3)
    parts = intervals(MEASURE, ONES, 100, 7)
    assert [parts[name] for name in whole] == [pytest.approx(interval) for interval in whole.values()]


def test_a_value_lies_in_its_interval_and_both_in_its_range() -> None:
    value = MEASURE(ONES[None])
    for name, found in intervals(MEASURE, ONES, 200, 1).items():
        assert found is not None
        assert found[0] <= value[name][0] <= found[1] or name == "calibration_error"  # which grows by noise
        assert name == "lift_at_10" or name == "log_loss" or 0 <= found[0] <= found[1] <= 1


def test_a_row_that_weighs_nothing_is_not_there() -> None:
    weight = np.where(np.arange(ROWS) < 300, 1.0, 0.0)
    half = ScoreMetrics(LABEL[:300], SCORES[:300], 0.5)
    wide, narrow = intervals(MEASURE, weight, 2_000, 1)["auc"], intervals(half, np.ones(300), 2_000, 1)["auc"]
    assert wide == pytest.approx(narrow, abs=0.01)


def test_few_rows_and_few_of_one_label_have_none() -> None:
    assert intervals(ScoreMetrics(LABEL[:9], SCORES[:9], 0.5), np.ones(9), 50, 1)["auc"] is None
    one = np.zeros(ROWS, np.float32)
    one[0] = 1
    found = intervals(ScoreMetrics(one, SCORES, 0.5), ONES, 200, 1)
    assert found["auc"] is None  # in over a third of the draws the one positive row is missing
    assert found["brier"] is not None
    constant = intervals(ScoreMetrics(LABEL, np.full(ROWS, 0.5, np.float32), 0.5), ONES, 50, 1)
    assert constant["auc"] == [0.5, 0.5]


def test_a_difference_on_the_same_rows_is_known_better_than_either() -> None:
    other = ScoreMetrics(LABEL, np.clip(SCORES + RANDOM.normal(0, 0.05, ROWS), 0, 1).astype(np.float32), 0.5)
    between = differences(MEASURE, other, ONES, 500, 1)["auc"]
    alone = intervals(MEASURE, ONES, 500, 1)["auc"]
    assert between is not None
    assert alone is not None
    assert between[1] - between[0] < (alone[1] - alone[0]) / 3
    same = differences(MEASURE, ScoreMetrics(LABEL, SCORES, 0.5), ONES, 50, 1)
    assert all(interval == [0.0, 0.0] for interval in same.values())


def test_every_task_has_intervals() -> None:
    three = RANDOM.dirichlet([1, 2, 3], ROWS).astype(np.float32)
    classes = ClassMetrics(RANDOM.integers(0, 3, ROWS).astype(np.float32), three)
    numbers = NumberMetrics(SCORES + 1, SCORES + 0.5)
    for measure in (classes, numbers):
        value, found = measure(ONES[None]), intervals(measure, ONES, 200, 1)
        assert set(found) == set(value)
        assert all(interval is not None for name, interval in found.items())
