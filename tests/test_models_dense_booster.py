"""The direct call of XGBoost: the bytes that `inplace_predict` gives, from several threads too."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost

from models import dense_booster


@pytest.fixture(scope="module")
def booster() -> xgboost.Booster:
    random = np.random.default_rng(3)
    features = random.normal(size=(400, 5)).astype(np.float32)
    label = (features[:, 0] * features[:, 1] > 0).astype(np.float32)
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(features, label), 20)


def rows(count: int, seed: int = 5) -> np.ndarray:
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 5)).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    return features


@pytest.mark.parametrize("count", [1, 2, 17, 1000])
def test_the_bytes_are_those_of_inplace_predict(booster, count):
    features = rows(count)
    found = dense_booster.predict(booster, features)
    assert found.dtype == np.float32
    assert found.tobytes() == booster.inplace_predict(features, validate_features=False).tobytes()
    by_column = np.asfortranarray(features)
    assert dense_booster.predict(booster, by_column[::-1]).tobytes() == found[::-1].tobytes()


def test_an_answer_stays_when_the_next_one_comes(booster):
    first = dense_booster.predict(booster, rows(10))
    kept = first.copy()
    dense_booster.predict(booster, rows(10, seed=6))
    assert first.tobytes() == kept.tobytes()


def test_threads_do_not_meet(booster):
    wanted = [dense_booster.predict(booster, rows(50, seed)).tobytes() for seed in range(40)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda seed: dense_booster.predict(booster, rows(50, seed)).tobytes(), range(40)))
    assert found == wanted


def test_several_classes_have_a_column_each():
    features = rows(60)
    label = np.arange(60) % 3
    parameters = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(features, label), 3)
    found = dense_booster.predict(booster, features)
    assert found.shape == (60, 3)
    assert found.tobytes() == booster.inplace_predict(features, validate_features=False).tobytes()


def test_a_matrix_of_another_width_is_refused(booster):
    with pytest.raises(xgboost.core.XGBoostError):
        dense_booster.predict(booster, rows(3)[:, :4])
