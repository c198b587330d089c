"""Every loss of the family `xgboost`: repeatable bytes, scores in the label's unit, margins, weights, what stops it."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from models import losses, tasks
from models.families.boosting import xgb
from models.families.boosting.xgb_losses import FOCAL, base_score_of, focal_gradient, focal_losses, metrics_of
from models.families.family import Split
from models.families.team import Team
from models.losses import LOSSES, Loss
from models.spec import ModelSpec
from schemas.errors import InputError
from tests.support.small_artifacts import FAST
from tests.support.splits import COLUMNS

CASES: dict[str, tuple[Loss, Callable[[np.ndarray], np.ndarray]]] = {
    "LogLoss": (losses.LogLoss(), lambda signal: signal > 1),
    "Focal": (losses.Focal(), lambda signal: signal > 1),
    "Squared": (losses.Squared(), lambda signal: 100 + 10 * signal),
    "Absolute": (losses.Absolute(), lambda signal: 100 + 10 * signal),
    "Quantile": (losses.Quantile(0.9), lambda signal: 100 + 10 * signal),
    "Poisson": (losses.Poisson(), lambda signal: np.floor(np.exp(signal))),
    "Tweedie": (losses.Tweedie(1.3), lambda signal: np.maximum(0, 10 * signal)),
    "Gamma": (losses.Gamma(), np.exp),
    "NDCG": (losses.NDCG(), lambda signal: np.clip(np.floor(2 + signal), 0, 4)),
    "NDCG linear": (losses.NDCG("linear"), lambda signal: np.maximum(0, 2 + signal)),
    "Pairwise": (losses.Pairwise(), lambda signal: np.clip(np.floor(2 + signal), 0, 4)),
}


def test_every_loss_is_here() -> None:
    assert {loss.name for loss, _ in CASES.values()} == set(LOSSES)


def spec_of(name: str) -> ModelSpec:
    loss = CASES[name][0]
    return ModelSpec(task=loss.tasks[0], loss=loss, parameters=FAST, rounds=40, early_stopping_rounds=5, seed=3)


def split_of(name: str, rows: int, seed: int) -> Split:
    """Return rows whose label follows the first feature, with noise, in queries of ten."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 3)).astype(np.float32)
    label = CASES[name][1](features[:, 0] + 0.3 * random.normal(size=rows)).astype(np.float32)
    query = random.permutation(rows) // 10 if CASES[name][0].tasks == ("ranking",) else None
    return Split(features, label, {}, query=query)


def margins(loss: Loss, scores: np.ndarray) -> np.ndarray:
    exact = scores.astype(np.float64)
    link = loss.link(loss.tasks[0])
    return {"logit": lambda: np.log(exact / (1 - exact)), "log": lambda: np.log(exact), "identity": lambda: exact}[
        link
    ]()


@pytest.mark.parametrize("name", CASES)
def test_equal_bytes_scores_in_the_labels_unit_and_contributions_that_add_up(name: str, tmp_path: pathlib.Path) -> None:
    trained, again = (xgb.train(spec_of(name), COLUMNS, split_of(name, 2000, 1), split_of(name, 900, 2)) for _ in "ab")
    assert trained.booster.save_raw() == again.booster.save_raw()
    last = list(trained.history)[-1]
    best = np.argmax if last.startswith("ndcg") else np.argmin
    assert trained.rounds == 1 + int(best(trained.history[last]))
    trained.save(tmp_path)
    model, test = xgb.load(tmp_path), split_of(name, 1000, 3)
    scores, loss = model.predict(test.features), CASES[name][0]
    assert (scores.dtype, scores.shape) == (np.float32, (1000,))
    parts = [model.predict(test.features[at : at + 7]) for at in range(0, 1000, 7)]
    assert np.concatenate(parts).tobytes() == scores.tobytes()
    added = model.contributions(test.features).sum(axis=1, dtype=np.float64)
    assert added == pytest.approx(margins(loss, scores), rel=1e-4, abs=1e-4)
    if isinstance(loss, losses.Quantile):
        assert (test.label <= scores).mean() == pytest.approx(loss.level, abs=0.05)
    elif loss.tasks != ("ranking",) and loss.calibrated:
        assert scores.mean() == pytest.approx(test.label.mean(), rel=0.1)
    assert np.corrcoef(scores, test.features[:, 0])[0, 1] > 0.6


@pytest.mark.parametrize("name", CASES)
def test_every_loss_heeds_the_weights_of_rows(name: str) -> None:
    """Half of the rows, or queries, say the contrary of the others: those that weigh more are believed."""
    made = split_of(name, 2000, 1)
    group = np.arange(2000) if made.query is None else made.query
    contrary = group % 2 == 1
    features = np.where(contrary[:, None], -made.features, made.features)
    found = {}
    for believed in (0, 1):
        weight = np.where(contrary == (believed == 1), 1.0, 0.02).astype(np.float32)
        split = dataclasses.replace(made, features=features, weight=weight)
        scores = xgb.train(spec_of(name), COLUMNS, split, split).booster.inplace_predict(made.features)
        found[believed] = np.corrcoef(scores, made.features[:, 0])[0, 1]
    assert found[0] > 0.5
    assert found[1] < -0.5


def test_rows_of_one_query_weigh_alike() -> None:
    made = split_of("NDCG", 100, 1)
    uneven = dataclasses.replace(made, weight=np.arange(1, 101, dtype=np.float32))
    with pytest.raises(InputError, match="rows of one query have other weights, in 10 of 10 queries; give all"):
        xgb.train(spec_of("NDCG"), COLUMNS, uneven, made)


@pytest.mark.parametrize(("gamma", "alpha"), [(0.0, 0.5), (2.0, 0.25), (5.0, 0.9), (0.5, 0.1)])
def test_the_focal_gradient_is_that_of_the_focal_loss(gamma: float, alpha: float) -> None:
    margin = np.concatenate([np.linspace(-6, 6, 49)] * 2)
    label = np.repeat([0.0, 1.0], 49)
    first, second = focal_gradient(margin, label, gamma, alpha)
    step = 1e-4
    after, at, before = (focal_losses(margin + by, label, gamma, alpha) for by in (step, 0, -step))
    assert first == pytest.approx((after - before) / (2 * step), abs=1e-6)
    assert second == pytest.approx(np.maximum((after - 2 * at + before) / step**2, 0), abs=1e-6)
    assert np.isfinite(focal_gradient(np.array([-800.0, 800.0]), np.array([1.0, 0.0]), gamma, alpha)).all()


def test_focal_loss_without_focus_is_log_loss_without_balance() -> None:
    train, test = split_of("LogLoss", 2000, 1), split_of("LogLoss", 500, 2)
    plain = dataclasses.replace(spec_of("LogLoss"), balance="none", stop_by="logloss")
    # a leaf's sums of derivatives are half as large, so are what they are regularised by
    halved = {**FAST, "lambda": 0.5, "min_child_weight": 0.5}
    focal = dataclasses.replace(plain, loss=losses.Focal(gamma=0, alpha=0.5), parameters=halved)
    scores = [xgb.train(spec, COLUMNS, train, test).booster.inplace_predict(test.features) for spec in (plain, focal)]
    assert scores[1] == pytest.approx(scores[0], abs=1e-3)


def test_without_balance_rows_weigh_1_and_scores_begin_at_their_mean() -> None:
    train, test = split_of("LogLoss", 4000, 1), split_of("LogLoss", 2000, 2)
    balanced = xgb.train(spec_of("LogLoss"), COLUMNS, train, test)
    plain = xgb.train(dataclasses.replace(spec_of("LogLoss"), balance="none"), COLUMNS, train, test)
    assert "weight_of_positives" not in plain.parameters
    assert plain.parameters["base_score"] == pytest.approx(train.label.mean())
    assert balanced.parameters["weight_of_positives"] > 3
    for trained in (balanced, plain):
        assert trained.booster.inplace_predict(test.features).mean() == pytest.approx(test.label.mean(), abs=0.03)


@pytest.mark.parametrize(
    ("name", "stop_by", "history"),
    [
        ("LogLoss", None, ["auc", "logloss"]),
        ("LogLoss", "auc", ["logloss", "auc"]),
        ("LogLoss", "aucpr", ["auc", "logloss", "aucpr"]),
        ("Focal", None, ["auc", "logloss", FOCAL]),
        ("Focal", "aucpr", ["auc", "logloss", "aucpr"]),
        ("Tweedie", None, ["mae", "rmse", "tweedie-nloglik@1.3"]),
        ("Tweedie", "mae", ["rmse", "tweedie-nloglik@1.3", "mae"]),
        ("NDCG", "ndcg@5", ["ndcg@10", "ndcg", "ndcg@5"]),
    ],
)
def test_the_last_metric_of_the_history_stops(name: str, stop_by: str | None, history: list[str]) -> None:
    spec = dataclasses.replace(spec_of(name), stop_by=stop_by, rounds=80, early_stopping_rounds=3)
    trained = xgb.train(spec, COLUMNS, split_of(name, 1000, 1), split_of(name, 500, 2))
    assert list(trained.history) == history
    values = np.array(trained.history[history[-1]])
    best = values.argmax() if history[-1].startswith(("auc", "ndcg")) else values.argmin()
    assert trained.rounds == 1 + best
    assert len(values) in (trained.rounds + 3, 80)


@pytest.mark.parametrize(
    ("name", "stop_by", "message"),
    [
        (
            "LogLoss",
            "rmse",
            "stop_by is 'rmse', wanted one of auc, logloss, aucpr, error of task binary with loss LogLoss",
        ),
        ("LogLoss", "acu", "did you mean auc?"),
        ("LogLoss", "auc@5", "stop_by is 'auc@5'"),
        ("LogLoss", FOCAL, "stop_by is 'focal'"),
        ("Squared", "quantile", "wanted one of mae, rmse, mape of task regression"),
        ("NDCG", "ndcg@0", "each with @ and a number, as ndcg@5, of task ranking"),
    ],
)
def test_a_metric_that_the_task_has_not_is_one_line(name: str, stop_by: str, message: str) -> None:
    spec = dataclasses.replace(spec_of(name), stop_by=stop_by)
    for asked in (lambda: metrics_of(spec), lambda: xgb.check_parameters(spec, COLUMNS)):
        with pytest.raises(InputError, match=message):
            asked()


@pytest.mark.parametrize("name", ["quantile_alpha", "tweedie_variance_power", "ndcg_exp_gain"])
def test_what_the_loss_sets_is_no_parameter(name: str) -> None:
    spec = dataclasses.replace(spec_of("Quantile"), parameters={name: 0.5})
    with pytest.raises(InputError, match=f"parameter '{name}' is set by the model's loss; remove it"):
        xgb.check_parameters(spec, COLUMNS)


@dataclasses.dataclass(frozen=True)
class SecondPart(Team):
    """A team whose other worker has the label 3 once, at weight 2; it counts who asks for all labels."""

    workers: int = 2
    asked: list[str] = dataclasses.field(default_factory=list)

    def total(self, values: Sequence[float]) -> list[float]:
        self.asked.append("total")
        return [values[0] + 6.0, values[1] + 2.0]

    def gathered(self, value: Any) -> list[Any]:
        self.asked.append("gathered")
        return [value, (np.array([3], np.float32), np.array([2], np.float32))]


@pytest.mark.parametrize(
    ("spec", "score", "asked"),
    [
        (ModelSpec(), 0.5, []),
        (ModelSpec(task=tasks.MULTICLASS, classes=("a", "b", "c")), 0.5, []),
        (ModelSpec(task=tasks.RANKING), 0.0, []),
        (ModelSpec(task=tasks.REGRESSION), 7 / 4, ["total"]),
        (ModelSpec(task=tasks.REGRESSION, loss=losses.Absolute()), 1.0, ["gathered"]),
    ],
)
def test_a_team_says_no_more_of_its_labels_than_the_loss_needs(spec: ModelSpec, score: float, asked: list[str]) -> None:
    team = SecondPart()
    assert base_score_of(spec, np.array([0, 1], np.float32), np.array([1, 1], np.float32), team) == score
    assert team.asked == asked
