"""Our metrics are scikit-learn's, with and without weights, with and without ties."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from models.costs import Costs
from models.losses import Quantile
from models.measures.class_metrics import of_classes
from models.measures.measuring import Measuring
from models.measures.metrics import curves, of_scores
from models.measures.number_metrics import of_numbers
from models.measures.scored_rows import ScoredRows
from models.spec import ModelSpec

ROWS = 2_000
CLOSE = 1e-12
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["rows", "weights"])


def weights(random: np.random.Generator, weighted: bool) -> np.ndarray | None:
    return random.choice(np.array([0, 0.5, 1, 3.25], np.float32), ROWS) if weighted else None


@WEIGHTED
@pytest.mark.parametrize("steps", [7, 2**20], ids=["ties", "none"])
def test_binary(weighted: bool, steps: int) -> None:
    random = np.random.default_rng(1)
    scores = (np.floor(random.random(ROWS) * steps) / steps).astype(np.float32)
    label = (random.random(ROWS) < scores).astype(np.float32)
    weight = weights(random, weighted)
    costs = Costs(false_positive=2, false_negative=9, true_positive=-1)
    found = of_scores(label, scores, 0.5, weight, costs)
    said, given = scores >= 0.5, {"sample_weight": weight}
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    _, false_positive, false_negative, true_positive = sk.confusion_matrix(label, said, **given).ravel()
    paid = 2 * false_positive + 9 * false_negative - true_positive
    wanted = {
        "auc": sk.roc_auc_score(label, scores, **given),
        "average_precision": sk.average_precision_score(label, scores, **given),
        "log_loss": sk.log_loss(label, clipped, **given),
        "brier": sk.brier_score_loss(label, scores.astype(np.float64), **given),
        "accuracy": sk.accuracy_score(label, said, **given),
        "precision": sk.precision_score(label, said, **given),
        "recall": sk.recall_score(label, said, **given),
        "f1": sk.f1_score(label, said, **given),
        "cost": paid / (ROWS if weight is None else weight.sum(dtype=np.float64)),
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=CLOSE)
    drawn = curves(label, scores, weight)
    if steps == 7:
        recall, precision = drawn["precision_recall"]["recall"], drawn["precision_recall"]["precision"]
        theirs = sk.precision_recall_curve(label, scores, **given)
        assert recall == pytest.approx(theirs[1][::-1].tolist())
        assert precision == pytest.approx(theirs[0][::-1].tolist())
        false, true, _ = sk.roc_curve(label, scores, drop_intermediate=False, **given)
        assert drawn["roc"]["false_positive_rate"] == pytest.approx(false.tolist())
        assert drawn["roc"]["true_positive_rate"] == pytest.approx(true.tolist())


@WEIGHTED
def test_calibration_error_and_lift_as_one_would_write_them(weighted: bool) -> None:
    random = np.random.default_rng(2)
    scores = random.permutation(ROWS).astype(np.float32) / ROWS
    label = (random.random(ROWS) < scores**2).astype(np.float32)
    weight = random.choice(np.array([1, 3], np.float32), ROWS) if weighted else np.ones(ROWS, np.float32)
    found = of_scores(label, scores, 0.5, weight)
    rows = sorted(zip(scores.tolist(), label.tolist(), weight.tolist(), strict=True))
    whole, before, bins = sum(one[2] for one in rows), 0.0, [[0.0, 0.0] for _ in range(10)]
    for score, was, count in rows:  # a row is of the last tenth that has begun by the time it begins
        into = bins[min(int(before * 10 / whole + 1e-9), 9)]
        into[0] += count * score
        into[1] += count * was
        before += count
    error = sum(abs(said - was) for said, was in bins) / whole
    # A tenth begins with the first row that begins at its cut or behind it.
    assert found["calibration_error"] == pytest.approx(error, abs=3 / ROWS if weighted else 1e-9)
    left, caught = whole / 10, 0.0
    for _, was, count in reversed(rows):
        caught += was * min(count, left)
        left -= min(count, left)
    positives = sum(was * count for _, was, count in rows)
    assert found["lift_at_10"] == pytest.approx(10 * caught / positives)


@WEIGHTED
def test_classes(weighted: bool) -> None:
    random = np.random.default_rng(3)
    scores = random.dirichlet([1, 2, 3, 1], ROWS).astype(np.float32)
    label = np.array([random.choice(4, p=row / row.sum()) for row in scores.astype(np.float64)], np.float32)
    weight = weights(random, weighted)
    found = of_classes(label, scores, ["a", "b", "c", "d"], weight)
    said, given = scores.argmax(axis=1), {"sample_weight": weight}
    each = np.eye(4)[label.astype(int)]
    normal = scores.astype(np.float64) / scores.astype(np.float64).sum(axis=1, keepdims=True)
    wanted = {
        "accuracy": sk.accuracy_score(label, said, **given),
        "balanced_accuracy": sk.balanced_accuracy_score(label, said, **given),
        "top_2_accuracy": sk.top_k_accuracy_score(label, scores, k=2, **given),
        "top_3_accuracy": sk.top_k_accuracy_score(label, scores, k=3, **given),
        "macro_auc": sk.roc_auc_score(each, scores, average="macro", **given),
        "macro_average_precision": sk.average_precision_score(each, scores, average="macro", **given),
        "macro_precision": sk.precision_score(label, said, average="macro", **given),
        "macro_f1": sk.f1_score(label, said, average="macro", **given),
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=CLOSE)
    assert found["log_loss"] == pytest.approx(sk.log_loss(label, normal, **given), rel=1e-6)  # theirs sum to exactly 1
    assert found["confusion"] == pytest.approx(sk.confusion_matrix(label, said, **given))


@WEIGHTED
def test_numbers(weighted: bool) -> None:
    random = np.random.default_rng(4)
    scores = random.gamma(2.0, 3.0, ROWS).astype(np.float32) + np.float32(0.5)
    label = random.poisson(scores).astype(np.float32)
    weight = weights(random, weighted)
    found = of_numbers(label, scores, weight, quantile=0.9, power=1.3)
    given = {"sample_weight": weight}
    wide = label.astype(np.float64), scores.astype(np.float64)
    wanted = {
        "rmse": sk.root_mean_squared_error(*wide, **given),
        "mae": sk.mean_absolute_error(*wide, **given),
        "r2": sk.r2_score(*wide, **given),
        "pinball": sk.mean_pinball_loss(*wide, alpha=0.9, **given),
        "poisson_deviance": sk.mean_poisson_deviance(*wide, **given),
        "tweedie_deviance": sk.mean_tweedie_deviance(*wide, power=1.3, **given),
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-9)
    counted = np.ones(ROWS, int) if weight is None else (weight * 4).astype(int)
    median = sk.median_absolute_error(np.repeat(wide[0], counted), np.repeat(wide[1], counted))
    assert found["median_absolute_error"] == pytest.approx(median, rel=1e-12)


def test_what_numbers_have_no_deviance_and_no_spread() -> None:
    found = of_numbers(np.array([1.0, -1.0]), np.array([1.0, 1.0]))
    assert (found["poisson_deviance"], found["tweedie_deviance"]) == (None, None)
    large = of_numbers(np.array([1e8, 1e8 + 16], np.float32), np.array([1e8, 1e8], np.float32))
    assert large["r2"] == pytest.approx(-1.0)
    assert of_numbers(np.full(9, 0.1, np.float32), np.ones(9, np.float32))["r2"] is None


def test_the_pinball_loss_is_of_the_level_that_is_learnt() -> None:
    random = np.random.default_rng(4)
    label, scores = random.random(200).astype(np.float32), random.random(200).astype(np.float32)
    rows = ScoredRows(label, scores, None, pa.RecordBatch.from_arrays([], []))
    spec = ModelSpec(task="regression", loss=Quantile(0.9))
    assert Measuring(spec).metrics(rows)["pinball"] == pytest.approx(sk.mean_pinball_loss(label, scores, alpha=0.9))
