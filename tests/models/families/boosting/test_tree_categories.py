"""Models that split by categories: those that XGBoost trains are taken, those that would end the process are not."""

import copy
import pathlib
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import xgboost

from models.families.boosting import trees, ubjson, xgb
from tests.models.families.boosting.test_trees import binary
from tests.support.first_at_once import first_at_once

FEATURES = 4
ARRAYS = ("categories_nodes", "categories_segments", "categories_sizes", "categories", "split_type")
_TYPES = dict(zip(ARRAYS, (">i4", ">i8", ">i8", ">i4", "|u1"), strict=True))
_LETTERS = {">f4": b"d", ">f8": b"D", "|u1": b"U", "|i1": b"i", ">i2": b"I", ">i4": b"l", ">i8": b"L"}


def rows(count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    values = draw.normal(size=(count, FEATURES)).astype(np.float32)
    values[:, 1], values[:, 3] = draw.integers(0, 40, count), draw.integers(0, 3, count)
    label = values[:, 0] + draw.normal(size=40)[values[:, 1].astype(int)] + values[:, 3] > 1
    return values, label


def trained(parameters: dict[str, Any]) -> xgboost.Booster:
    values, label = rows()
    matrix = xgboost.DMatrix(values, label=label, feature_types=["q", "c", "q", "c"], enable_categorical=True)
    return xgboost.train({"objective": "binary:logistic", "max_depth": 4, **parameters}, matrix, 6)


@pytest.mark.parametrize(
    "parameters",
    first_at_once(
        [
            {},
            {"tree_method": "approx", "max_cat_to_onehot": 100},
            {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": 40, "max_cat_threshold": 3},
            {"booster": "dart", "rate_drop": 0.2},
            {"num_parallel_tree": 2, "subsample": 0.5},
        ]
    ),
)
def test_what_is_trained_is_taken(parameters: dict[str, Any]) -> None:
    trees.check_model(bytes(trained(parameters).save_raw("ubj")))


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    """Return a trained model, its arrays of categories as lists."""
    found = ubjson.parse(bytes(trained({}).save_raw("ubj")))
    for tree in found["learner"]["gradient_booster"]["model"]["trees"]:
        assert {name: tree[name].dtype.str for name in ARRAYS} == _TYPES
        tree.update({name: tree[name].tolist() for name in ARRAYS})
    assert len(tree_of(found)["categories_nodes"]) > 2
    return found


def tree_of(model: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return model["learner"]["gradient_booster"]["model"]["trees"][number]


def typed(value: Any, name: str = "") -> bytes:
    """Return a value as XGBoost's own binary JSON: an array of numpy's as one of its type, a list as one of values."""
    if isinstance(value, dict):
        parts = (binary(len(key.encode())) + key.encode() + typed(one, key) for key, one in value.items())
        return b"{" + b"".join(parts) + b"}"
    if name in _TYPES and isinstance(value, list):
        value = np.array(value, np.int64).astype(_TYPES[name])
    if isinstance(value, np.ndarray):
        return b"[$" + _LETTERS[value.dtype.str] + b"#" + binary(len(value)) + value.tobytes()
    if isinstance(value, list):
        return b"[" + b"".join(map(typed, value)) + b"]"
    return binary(value)


def change(name: str, at: int, value: int) -> Any:
    return lambda tree: tree[name].__setitem__(at, value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (change("categories", 0, -1), "a category is out of range"),
        (change("categories", 0, 2**24), "a category is out of range"),
        (change("categories_nodes", 0, 10**6), "its categories are of other nodes"),
        (change("categories_nodes", 0, -1), "its categories are of other nodes"),
        (lambda tree: tree["categories_nodes"].reverse(), "its categories are of other nodes"),
        (change("categories_segments", 0, 10**9), "its nodes have other categories"),
        (change("categories_segments", 1, -3), "its nodes have other categories"),
        (change("categories_sizes", 0, 10**15), "its nodes have other categories"),
        (change("categories_sizes", 0, 0), "its nodes have other categories"),
        (change("categories_sizes", -1, -5), "its nodes have other categories"),
        (lambda tree: tree["categories"].pop(), "its nodes have other categories"),
        (lambda tree: tree["categories_sizes"].pop(), "its nodes have other categories"),
        (lambda tree: tree["categories_nodes"].pop(), "its categories are of other nodes"),
        (lambda tree: tree.update(split_type=[0] * len(tree["split_type"])), "its categories are of other nodes"),
        (lambda tree: tree.update(split_type=[1] * len(tree["split_type"])), "its categories are of other nodes"),
        (change("split_type", 0, 2), "neither numbers nor categories"),
        (lambda tree: tree.update({name: [] for name in ARRAYS[:4]}), "a node has no categories to split by"),
        (lambda tree: tree.pop("categories_sizes"), "it has no categories_sizes"),
    ],
)
def test_categories_that_are_none_are_refused(model: dict[str, Any], spoil: Any, said: str) -> None:
    spoiled = copy.deepcopy(model)
    trees.check_model(typed(spoiled))
    spoil(tree_of(spoiled))
    with pytest.raises(ValueError, match=f"tree 0: .*{said}"):
        trees.check_model(typed(spoiled))


def test_sets_of_categories_that_fill_the_memory_are_refused(model: dict[str, Any]) -> None:
    spoiled = copy.deepcopy(model)
    for tree in spoiled["learner"]["gradient_booster"]["model"]["trees"]:
        tree["categories"] = [2**24 - 1] * len(tree["categories"])
    trees.check_model(typed(spoiled))
    forest = spoiled["learner"]["gradient_booster"]["model"]
    forest["trees"] *= 60
    forest["tree_info"] = np.zeros(len(forest["trees"]), ">i4")
    with pytest.raises(ValueError, match="its categories are more than fit into memory"):
        trees.check_model(typed(spoiled))


@pytest.mark.parametrize("types", [["c"], ["c", "q", "q", "x"], ["c", 1, "q", "q"]])
def test_feature_types_that_are_none_are_refused(model: dict[str, Any], types: list[Any]) -> None:
    spoiled = copy.deepcopy(model)
    spoiled["learner"]["feature_types"] = types
    with pytest.raises(ValueError, match="its feature types are none"):
        trees.check_model(typed(spoiled))


def test_names_of_categories_are_refused(model: dict[str, Any]) -> None:
    spoiled = copy.deepcopy(model)
    spoiled["learner"]["gradient_booster"]["model"]["cats"]["sorted_idx"] = [5]
    with pytest.raises(ValueError, match="names of categories, which it is not trained on here"):
        trees.check_model(typed(spoiled))


LOAD = """
import json, pathlib, sys
import numpy as np
from models.families.boosting import xgb
from schemas.errors import ArtifactError
taken = 0
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        model = xgb.load(folder)
    except ArtifactError:
        continue
    taken += 1
    for row in (0.0, 1.0, 39.0, 1e6, -1.0, 3e38, np.nan):
        rows = np.full((3, len(model.feature_names) or 4), row, np.float32)
        try:
            model.predict(rows), model.contributions(rows)
        except Exception:
            pass
print(taken)
"""


def mutated(model: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Return a model with one to three changes among what says categories."""
    spoiled = copy.deepcopy(model)
    trees_of_it = spoiled["learner"]["gradient_booster"]["model"]["trees"]
    for _ in range(draw.randint(1, 3)):
        tree, name = draw.choice(trees_of_it), draw.choice(ARRAYS)
        values = tree[name]
        value = draw.choice([-1, 0, 1, 2, 7, 31, 32, 33, 255, 4096, 2**24 - 1, 2**24, 2**31 - 1, -(2**31), len(values)])
        if name == "split_type":
            value = draw.choice([0, 1, 2, 255])
        kind = draw.randrange(4)
        if kind == 0 and values:
            values[draw.randrange(len(values))] = value
        elif kind == 1 and values:
            values.pop(draw.randrange(len(values)))
        elif kind == 2 and name != "split_type":
            values.insert(draw.randrange(len(values) + 1), value)
        elif len(values) > 1:
            draw.shuffle(values)
    return spoiled


@pytest.mark.parametrize("count", first_at_once([100, 3_000]))
def test_no_spoiled_categories_end_the_process(model: dict[str, Any], count: int, tmp_path: pathlib.Path) -> None:
    """Each is refused or scores; a shuffled set of categories, say, is as good as another."""
    draw = random.Random(count)
    for number in range(count):
        folder = tmp_path / f"{number:05}"
        folder.mkdir()
        (folder / xgb.FILE).write_bytes(typed(mutated(model, draw)))
    found = subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
    assert 0 < int(found.stdout.split()[-1]) < count


def test_the_binary_form_of_this_test_is_what_xgboost_writes(model: dict[str, Any], tmp_path: pathlib.Path) -> None:
    (tmp_path / xgb.FILE).write_bytes(typed(model))
    values, _ = rows(50)
    assert xgb.load(tmp_path).predict(values).tobytes() == trained({}).inplace_predict(values).tobytes()
    assert ubjson.parse(typed(model)).keys() == model.keys()
