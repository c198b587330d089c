"""The family `xgboost` with labels that are classes or numbers."""

import dataclasses
import pathlib

import numpy as np
import pytest

from models.families.boosting import trees, ubjson, xgb
from models.families.boosting.xgb import XGBoostModel
from models.spec import ModelSpec
from schemas.errors import InputError
from tests.models.families.boosting.test_trees import binary
from tests.support.small_artifacts import FAST
from tests.support.splits import COLUMNS, random_split

CLASSES = ModelSpec(task="multiclass", classes=("a", "b", "c", "d"), parameters=FAST, rounds=30, seed=3)
NUMBERS = ModelSpec(task="regression", parameters=FAST, rounds=60, seed=3)


def split(spec, rows, seed):
    """Return a split whose label follows the first two features, in the middle of a large number or of the classes."""
    made = random_split(rows, seed)
    signal = made.features[:, 0] + 0.5 * made.features[:, 1]
    if spec.classes:
        return dataclasses.replace(made, label=np.digitize(signal, [-1, 0, 1]).astype(np.float32))
    return dataclasses.replace(made, label=(150_000 + 40_000 * signal).astype(np.float32))


def trained(spec, folder: pathlib.Path) -> XGBoostModel:
    xgb.train(spec, COLUMNS, split(spec, 2000, 1), split(spec, 1000, 2)).save(folder)
    return xgb.load(folder)


def test_every_class_has_a_score(tmp_path):
    model, test = trained(CLASSES, tmp_path), split(CLASSES, 1000, 5)
    scores = model.predict(test.features)
    assert (scores.dtype, scores.shape, model.classes) == (np.float32, (1000, 4), 4)
    assert scores.sum(axis=1) == pytest.approx(np.ones(1000), abs=1e-5)
    assert (scores.argmax(axis=1) == test.label).mean() > 0.85
    for size in (1, 7, 100):
        parts = [model.predict(test.features[start : start + size]) for start in range(0, 1000, size)]
        assert np.concatenate(parts).tobytes() == scores.tobytes()


def test_a_number_is_expected(tmp_path):
    model, test = trained(NUMBERS, tmp_path), split(NUMBERS, 1000, 5)
    scores = model.predict(test.features)
    assert (scores.dtype, scores.shape, model.classes) == (np.float32, (1000,), 0)
    assert np.abs(scores - test.label).mean() < 8_000


@pytest.mark.parametrize("spec", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_two_trainings_are_equal_bytes(spec):
    first, again = (xgb.train(spec, COLUMNS, split(spec, 500, 1), split(spec, 300, 2)) for _ in range(2))
    assert first.booster.save_raw() == again.booster.save_raw()
    metric = {"multiclass": "mlogloss", "regression": "rmse"}[spec.task]
    assert first.rounds == 1 + int(np.argmin(first.history[metric]))


def test_contributions_add_up(tmp_path):
    model, features = trained(NUMBERS, tmp_path / "n"), split(NUMBERS, 50, 7).features
    assert model.contributions(features).sum(axis=1) == pytest.approx(model.predict(features), rel=1e-4)
    model = trained(CLASSES, tmp_path / "c")
    added = model.contributions(features)
    assert (added.dtype, added.shape) == (np.float32, (50, 4, 4))
    odds = np.exp(added.sum(axis=2, dtype=np.float64))
    assert odds / odds.sum(axis=1, keepdims=True) == pytest.approx(model.predict(features), abs=1e-4)


def test_a_regression_begins_at_the_mean():
    made = split(NUMBERS, 500, 1)
    found = xgb.train(dataclasses.replace(NUMBERS, rounds=1), COLUMNS, made, made)
    assert found.parameters["base_score"] == pytest.approx(made.label.mean())


def test_what_a_person_asks_of_a_model_of_classes(tmp_path):
    trained(CLASSES, tmp_path)
    described = xgb.describe(tmp_path)
    assert (described["objective"], described["features"]) == ("multi:softprob", 3)
    assert described["trees"] % 4 == 0


@pytest.mark.parametrize("name", ["num_class", "objective"])
def test_the_number_of_classes_is_no_parameter(name):
    with pytest.raises(InputError, match=f"parameter '{name}' is set by the family"):
        xgb.check_parameters(dataclasses.replace(CLASSES, parameters={name: 4}), COLUMNS)


def model_of_classes(folder):
    trained(dataclasses.replace(CLASSES, rounds=3), folder)
    return as_values(ubjson.parse((folder / xgb.FILE).read_bytes()))


def as_values(value):
    if isinstance(value, dict):
        return {name: as_values(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_values(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def forest(model):
    return model["learner"]["gradient_booster"]["model"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: forest(model)["tree_info"].__setitem__(1, 4), "a tree is of no class"),
        (lambda model: forest(model)["tree_info"].__setitem__(1, -1), "a tree is of no class"),
        (lambda model: forest(model)["iteration_indptr"].__setitem__(1, 5), "its rounds are not of its trees"),
        (lambda model: forest(model)["iteration_indptr"].__setitem__(-1, 4_000), "its rounds are not of its trees"),
        (lambda model: forest(model)["iteration_indptr"].__setitem__(1, -4), "its rounds are not of its trees"),
        (lambda model: model["learner"]["learner_model_param"].update(num_class="3"), "objective has other classes"),
        (lambda model: model["learner"]["learner_model_param"].update(num_class="0"), "objective has other classes"),
        (lambda model: model["learner"]["learner_model_param"].update(base_score="[0.5,0.5]"), "base scores of other"),
        (lambda model: model["learner"]["objective"].pop("softmax_multiclass_param"), "objective has other classes"),
        (
            lambda model: model["learner"]["objective"]["softmax_multiclass_param"].update(num_class="400"),
            "objective has other classes",
        ),
    ],
)
def test_a_model_whose_classes_do_not_fit_is_refused(change, said, tmp_path):
    model = model_of_classes(tmp_path)
    trees.check_model(binary(model))
    change(model)
    with pytest.raises(ValueError, match=said):
        trees.check_model(binary(model))
