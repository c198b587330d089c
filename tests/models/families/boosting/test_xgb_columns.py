"""What a spec asks of features by name: directions, which act together, and ids that are categories."""

import dataclasses
import pathlib

import numpy as np
import pytest
import xgboost

from models.families.boosting import xgb
from models.families.boosting.xgb_columns import MOST_CATEGORIES
from models.families.family import FeatureColumns, Split
from models.spec import ModelSpec
from schemas.errors import InputError
from tests.support.small_artifacts import FAST
from transforms.graph.wide_outputs import IDS, VECTOR, WideOutput

NAMES = ("age", "word", "size/0", "size/1", "genre/a", "genre/b")
COLUMNS = FeatureColumns(
    NAMES,
    ("float", "int", "float", "float", "int", "int"),
    (WideOutput("size", VECTOR, 2, 2), WideOutput("genre", IDS, 4, 2)),
)
SPEC = ModelSpec(task="regression", parameters=FAST | {"max_depth": 5}, rounds=25, seed=3)
_EFFECT = np.random.default_rng(9).normal(size=41) * 3


def split(rows: int, seed: int) -> Split:
    """Return rows whose label rises and falls with age and size, and has an effect for each of 40 words; -1 is none."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 6)).astype(np.float32)
    features[:, 1] = random.integers(-1, 40, rows)
    features[:, 4:] = random.integers(0, 3, (rows, 2))
    waves = np.sin(3 * features[:, 0]) + np.sin(3 * features[:, 2]) * features[:, 0] + np.sin(3 * features[:, 3])
    label = waves + features[:, 0] + _EFFECT[features[:, 1].astype(int)] + 0.1 * random.normal(size=rows)
    return Split(features, label.astype(np.float32), {})


def trained(spec: ModelSpec, folder: pathlib.Path, columns: FeatureColumns = COLUMNS) -> xgb.XGBoostModel:
    xgb.train(spec, columns, split(1500, 1), split(500, 2)).save(folder)
    return xgb.load(folder)


def steps(model: xgb.XGBoostModel, column: int) -> np.ndarray:
    """Return how scores change as one feature of some rows rises."""
    rows = np.repeat(split(20, 5).features, 50, axis=0)
    rows[:, column] = np.tile(np.linspace(-3, 3, 50), 20)
    return np.diff(model.predict(rows).reshape(20, 50), axis=1)


def test_scores_rise_and_fall_with_named_features_only(tmp_path: pathlib.Path) -> None:
    free = trained(SPEC, tmp_path / "free")
    bound = trained(dataclasses.replace(SPEC, monotone={"age": 1, "size": -1}), tmp_path / "bound")
    for column, direction in ((0, 1), (2, -1), (3, -1)):
        assert (steps(free, column) * direction < -1e-3).any()
        assert (steps(bound, column) * direction >= -1e-6).all()


def test_features_act_together_only_in_their_groups(tmp_path: pathlib.Path) -> None:
    groups = (("age", "word"), ("size", "genre"))
    model = trained(dataclasses.replace(SPEC, interactions=groups), tmp_path)
    names = list(xgb.names_in_model(NAMES))
    booster = xgboost.Booster(model_file=str(tmp_path / xgb.FILE))
    matrix = xgboost.DMatrix(split(50, 4).features, feature_names=names)
    together = np.abs(booster.predict(matrix, pred_interactions=True)).max(axis=0)
    assert together[0, 1] > 1e-3
    assert together[:2, 2:6].max() < 1e-5
    assert model.feature_names == tuple(names)


@pytest.mark.parametrize(
    ("named", "by_position"),
    [
        ({"monotone": {"age": 1, "size": -1}}, {"monotone_constraints": "(1,0,-1,-1,0,0)"}),
        ({"interactions": (("age", "size"), ("word",))}, {"interaction_constraints": "[[0,2,3],[1]]"}),
    ],
)
def test_names_say_what_positions_say(named: dict, by_position: dict) -> None:
    both = [
        dataclasses.replace(SPEC, **named),
        dataclasses.replace(SPEC, parameters={**SPEC.parameters, **by_position}),
    ]
    one, other = (xgb.train(spec, COLUMNS, split(500, 1), split(200, 2)) for spec in both)
    assert one.booster.save_raw() == other.booster.save_raw()
    assert one.parameters == other.parameters
    with pytest.raises(InputError, match=f"{next(iter(named))} and parameter '{next(iter(by_position))}' say the same"):
        xgb.check_parameters(dataclasses.replace(both[1], **named), COLUMNS)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"monotone": {"aeg": 1}},
            r"monotone: no feature is called 'aeg' \(size, genre, age, .*\), did you mean age\?",
        ),
        ({"monotone": {"size": 1, "size/1": -1}}, "monotone has both directions for feature 'size/1'; keep one"),
        ({"interactions": (("age", "genres"),)}, "interactions: no feature is called 'genres' .* did you mean genre"),
        ({"categories": ("wrd",)}, "categories: no feature is called 'wrd' .* did you mean word"),
        ({"categories": ("age",)}, "categories: feature 'age' is a float, wanted an output that is one integer"),
        ({"categories": ("genre/a",)}, "feature 'genre/a' is one of several columns of output 'genre'"),
        (
            {"categories": ("word",), "parameters": {"tree_method": "exact"}},
            "`exact` tree method doesn't support categorical features",
        ),
    ],
)
def test_what_no_feature_has_is_one_line(asked: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        xgb.check_parameters(dataclasses.replace(SPEC, **asked), COLUMNS)
    assert "\n" not in str(raised.value)


def test_words_as_categories_score_better_alike_everywhere_and_explain(tmp_path: pathlib.Path) -> None:
    plain = trained(dataclasses.replace(SPEC, rounds=10), tmp_path / "plain")
    spec = dataclasses.replace(SPEC, categories=("word",), rounds=10)
    model = trained(spec, tmp_path / "categories")
    test = split(1000, 3)
    errors = [float(np.abs(one.predict(test.features) - test.label).mean()) for one in (plain, model)]
    assert errors[1] < 0.9 * errors[0]
    scores = model.predict(test.features)
    for size in (1, 7, 100):
        parts = [model.predict(test.features[at : at + size]) for at in range(0, 1000, size)]
        assert np.concatenate(parts).tobytes() == scores.tobytes()
    assert model.contributions(test.features).sum(axis=1, dtype=np.float64) == pytest.approx(scores, abs=1e-4)
    again = xgb.train(spec, COLUMNS, split(1500, 1), split(500, 2))
    assert bytes(again.booster.save_raw("ubj")) == (tmp_path / "categories" / xgb.FILE).read_bytes()
    assert xgb.describe(tmp_path / "categories")["share_of_gain"]["word"] > 0.3


def test_an_id_below_0_is_missing_in_training_and_in_scores(tmp_path: pathlib.Path) -> None:
    model = trained(dataclasses.replace(SPEC, categories=("word",)), tmp_path)
    rows = split(200, 3).features
    rows[:, 1] = -1
    missing = rows.copy()
    missing[:, 1] = np.nan
    assert model.predict(rows).tobytes() == model.predict(missing).tobytes()
    assert model.contributions(rows).tobytes() == model.contributions(missing).tobytes()
    assert (rows[:, 1] == -1).all()  # what was given is as it was
    unseen = rows.copy()
    unseen[:, 1] = 1_000_000
    assert np.isfinite(model.predict(unseen)).all()


def test_too_many_categories_are_one_line() -> None:
    made = split(100, 1)
    made.features[3, 1] = MOST_CATEGORIES
    with pytest.raises(InputError, match="feature 'word' has ids up to 65,536, wanted at most 65,535; keep the most"):
        xgb.train(dataclasses.replace(SPEC, categories=("word",)), COLUMNS, made, split(100, 2))
