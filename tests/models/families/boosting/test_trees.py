"""Models that are no trees are refused before XGBoost sees them; whatever it trains is not."""

import copy
import json
import random

import numpy as np
import pytest
import xgboost

from models.families.boosting import trees, ubjson, xgb
from schemas.errors import ArtifactError
from tests.support.first_at_once import first_at_once

FEATURES = 5


@pytest.fixture(scope="module")
def rows():
    random_rows = np.random.default_rng(1)
    values = random_rows.random((400, FEATURES), np.float32)
    return xgboost.DMatrix(values, label=values[:, 0] + values[:, 1] > 1)


@pytest.fixture(scope="module")
def model(rows):
    """A trained model, as XGBoost's JSON."""
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3}, rows, 4)
    return json.loads(bytes(booster.save_raw("json")))


def binary(value):
    """Return a value as binary JSON, in the form of XGBoost; arrays of numbers are typed."""
    if value is None or isinstance(value, bool):
        return {None: b"Z", True: b"T", False: b"F"}[value]
    if isinstance(value, int):
        return b"L" + value.to_bytes(8, "big", signed=True)
    if isinstance(value, float):
        return b"d" + np.array(value, ">f4").tobytes()
    if isinstance(value, str):
        return b"S" + text(value)
    if isinstance(value, dict):
        return b"{" + b"".join(text(name) + binary(one) for name, one in value.items()) + b"}"
    if value and all(type(one) in (int, float) for one in value):
        kind, dtype = (b"L", ">i8") if all(type(one) is int for one in value) else (b"d", ">f4")
        return b"[$" + kind + b"#" + binary(len(value)) + np.array(value, dtype).tobytes()
    return b"[" + b"".join(map(binary, value)) + b"]"


def text(value):
    return binary(len(value.encode())) + value.encode()


@pytest.mark.parametrize(
    "parameters",
    first_at_once(
        [
            {"tree_method": "hist"},
            {"tree_method": "exact", "gamma": 1.0},
            {"tree_method": "approx", "num_parallel_tree": 3},
            {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": 60},
            {"booster": "dart", "rate_drop": 0.2},
            {"booster": "gblinear"},
        ]
    ),
)
def test_what_is_trained_is_taken(rows, parameters):
    booster = xgboost.train({"objective": "binary:logistic", **parameters}, rows, 20)
    trees.check_model(bytes(booster.save_raw("ubj")))


def test_the_binary_form_of_this_test_is_read_too(model):
    trees.check_model(binary(model))


def tree_of(model):
    return model["learner"]["gradient_booster"]["model"]["trees"][0]


def put(name, at, value):
    return lambda model: tree_of(model)[name].__setitem__(at, value)


def param(name, value):
    return lambda model: model["learner"]["learner_model_param"].__setitem__(name, value)


def circle(model):
    tree = tree_of(model)
    tree["left_children"][0], tree["right_children"][0] = 1, 2
    tree["left_children"][1], tree["right_children"][1] = 2, 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("split_indices", 0, 1 << 30), "tree 0: a node's feature is out of range"),
        (put("split_indices", 0, FEATURES), "tree 0: a node's feature is out of range"),
        (put("split_indices", 0, -1), "tree 0: a node's feature is out of range"),
        (put("left_children", 0, 1 << 30), "tree 0: a node's child is out of range"),
        (put("right_children", 0, -7), "tree 0: a node's child is out of range"),
        (put("left_children", 0, 0), "tree 0: a node's child is out of range"),
        (put("left_children", 0, 2), "tree 0: its nodes are no tree"),
        (put("parents", 1, 1 << 30), "tree 0: its nodes are no tree"),
        (put("split_type", 0, 1), "tree 0: a node has no categories to split by"),
        (circle, "tree 0: its nodes are no tree"),
        (lambda model: tree_of(model)["left_children"].pop(), "tree 0: left_children has another size"),
        (
            lambda model: tree_of(model)["tree_param"].update(num_nodes="1000000000"),
            "tree 0: it has no number num_nodes",
        ),
        (lambda model: tree_of(model)["tree_param"].update(num_nodes="999999"), "has another size than its nodes"),
        (param("num_feature", "3"), "a node's feature is out of range|feature names"),
        (param("num_class", "1000"), "more than one number"),
        (lambda model: model["learner"]["gradient_booster"]["model"].update(tree_info=[7] * 4), "not of one group"),
        (lambda model: model["learner"].pop("gradient_booster"), "it has no gradient_booster"),
    ],
)
def test_what_is_no_tree_is_refused(model, change, said, tmp_path):
    spoiled = copy.deepcopy(model)
    change(spoiled)
    (tmp_path / xgb.FILE).write_bytes(binary(spoiled))
    with pytest.raises(ArtifactError, match=f"not an XGBoost model: .*({said})") as raised:
        xgb.load(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_cut_or_has_a_flipped_byte_is_read_or_refused(model):
    """No byte makes the reader raise anything but what is caught."""
    data, draw = binary(model), random.Random(3)
    for _ in range(2_000):
        at = draw.randrange(len(data))
        spoiled = draw.choice([data[:at], data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]])
        try:
            trees.check_model(spoiled)
        except ValueError:
            continue


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[" * 100, b"S" + binary(9) + b"x", b"{" + text("a") + b"Z" + text("a") + b"Z}", b"ZZ", b"[$x#U\x01a"],
)
def test_binary_json_that_is_none(data):
    with pytest.raises(ValueError, match=r"."):
        ubjson.parse(data)


def test_binary_json_nested_too_deep_is_no_recursion_error():
    with pytest.raises(ValueError, match="nested too deep"):
        ubjson.parse(b"[" * 100_000)
