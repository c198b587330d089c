"""The family `xgboost`: repeatable bytes, imbalance, any name of a feature, and what a model file must be."""

import dataclasses
import pathlib

import numpy as np
import pytest

from models.families.boosting import xgb
from models.families.boosting.xgb import TrainedBooster, XGBoostModel
from models.families.family import Family, FeatureColumns
from models.families.table.choice import family_of
from schemas.errors import ArtifactError, InputError
from tests.support.small_artifacts import FAST
from tests.support.splits import COLUMNS, SPEC, random_split


@pytest.fixture(scope="module")
def trained() -> TrainedBooster:
    return xgb.train(SPEC, COLUMNS, random_split(2000, 1), random_split(1000, 2))


@pytest.fixture
def model(trained: TrainedBooster, tmp_path: pathlib.Path) -> XGBoostModel:
    trained.save(tmp_path)
    return xgb.load(tmp_path)


def test_it_is_a_family() -> None:
    family: Family = xgb  # what mypy compares with the protocol
    assert family_of(SPEC.family) is family


def test_two_trainings_are_equal_bytes(trained: TrainedBooster) -> None:
    again = xgb.train(SPEC, COLUMNS, random_split(2000, 1), random_split(1000, 2))
    assert again.booster.save_raw() == trained.booster.save_raw()
    other = dataclasses.replace(SPEC, parameters={**FAST, "subsample": 0.5})
    changed = xgb.train(other, COLUMNS, random_split(2000, 1), random_split(1000, 2))
    assert changed.booster.save_raw() != trained.booster.save_raw()


def test_stops_early_and_keeps_the_best_rounds(trained: TrainedBooster) -> None:
    losses = trained.history["logloss"]
    assert trained.rounds == 1 + int(np.argmin(losses)) == trained.booster.num_boosted_rounds()
    assert trained.rounds < len(losses) < SPEC.rounds


def test_what_it_was_trained_with_is_told_in_full(trained: TrainedBooster) -> None:
    assert trained.parameters.items() >= {**FAST, "seed": 3, "objective": "binary:logistic"}.items()
    assert trained.parameters["weight_of_positives"] == 9.0


def test_imbalance_is_handled_and_scores_stay_probabilities(model: XGBoostModel) -> None:
    test = random_split(4000, 5)
    scores = model.predict(test.features)
    assert (scores.dtype, scores.shape) == (np.float32, (4000,))
    assert abs(float(scores.mean()) - 0.1) < 0.03
    assert scores[test.label == 1].mean() > scores[test.label == 0].mean() + 0.2


def test_saved_model_scores_alike_at_any_batch_size(model: XGBoostModel) -> None:
    features = random_split(500, 6).features
    whole = model.predict(features)
    for size in (1, 3, 17, 100):
        parts = [model.predict(features[start : start + size]) for start in range(0, 500, size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_contributions_add_up_to_the_log_odds(model: XGBoostModel) -> None:
    features = random_split(50, 7).features
    contributions = model.contributions(features)
    assert (contributions.dtype, contributions.shape) == (np.float32, (50, 4))
    scores = model.predict(features).astype(np.float64)
    assert np.allclose(contributions.sum(axis=1), np.log(scores / (1 - scores)), atol=1e-4)
    assert model.contributions(features[:0]).shape == (0, 4)


def test_a_missing_value_is_no_fault(model: XGBoostModel) -> None:
    assert np.isfinite(model.predict(np.full((2, 3), np.nan, np.float32))).all()


def test_parameters_are_checked_before_anything_is_trained() -> None:
    wrong = dataclasses.replace(SPEC, parameters={"max_deepth": 3})
    with pytest.raises(InputError, match="did you mean max_depth"):
        xgb.train(wrong, COLUMNS, random_split(50, 1), random_split(50, 2))


ODD_NAMES = ("age<18", "zip[0]", 'a "b"\n\t=:,é')


def test_a_feature_may_have_any_name(tmp_path: pathlib.Path) -> None:
    xgb.train(SPEC, FeatureColumns.floats(*ODD_NAMES), random_split(500, 1), random_split(500, 2)).save(tmp_path)
    model = xgb.load(tmp_path)
    assert model.feature_names == xgb.names_in_model(ODD_NAMES) == ("age%3C18", "zip%5B0%5D", ODD_NAMES[2])
    features = random_split(20, 3).features
    plain = xgb.train(SPEC, COLUMNS, random_split(500, 1), random_split(500, 2)).booster
    assert model.predict(features).tobytes() == plain.inplace_predict(features, validate_features=False).tobytes()
    described = xgb.describe(tmp_path)
    assert set(described["share_of_gain"]) <= set(ODD_NAMES)
    assert described["share_of_gain"]["age<18"] > 0.5


def test_two_features_that_xgboost_cannot_tell_apart_are_one_line() -> None:
    with pytest.raises(InputError, match="xgboost: feature_names must be unique"):
        xgb.train(SPEC, FeatureColumns.floats("a[", "a%5B", "b"), random_split(50, 1), random_split(50, 2))


def test_what_a_person_asks_of_a_model(trained: TrainedBooster, tmp_path: pathlib.Path) -> None:
    trained.save(tmp_path)
    described = xgb.describe(tmp_path)
    shares = described.pop("share_of_gain")
    assert described == {
        "family": "xgboost",
        "objective": "binary:logistic",
        "trees": trained.rounds,
        "features": 3,
    }
    assert next(iter(shares)) == "a"
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


def test_a_file_that_is_no_model_is_one_line(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ArtifactError, match=r"model\.ubj: no such model file"):
        xgb.load(tmp_path)
    (tmp_path / xgb.FILE).write_bytes(b"{}")
    for read in (xgb.load, xgb.describe):
        with pytest.raises(ArtifactError, match=r"model\.ubj: not an XGBoost model") as raised:
            read(tmp_path)
        assert "\n" not in str(raised.value)
