"""What XGBoost does not check when it loads a model: whether its trees are trees.

A child, a parent, a feature or a category out of range, or nodes in a circle, end the process by SIGSEGV when the model
is loaded or used. Looked at before XGBoost sees the file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.families.boosting import ubjson

_NODE_ARRAYS = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left")
_MORE_NODE_ARRAYS = ("split_type", "base_weights", "loss_changes", "sum_hessian")
_CATEGORY_ARRAYS = ("categories_nodes", "categories_segments", "categories_sizes", "categories")
_FEATURE_TYPES = ("q", "float", "int", "i", "c")
_NO_NODE = -1
_DEEPEST = 1_000  # far beyond what is trained; what explains a score calls itself once per level
_MOST_CATEGORY = 2**24  # as of XGBoost itself
_MOST_BYTES_OF_CATEGORIES = 512 * 1024 * 1024  # one bit of every category up to a node's highest, as XGBoost holds them


def check_model(data: bytes) -> None:
    """Raise `ValueError`, in a few words, if a model in XGBoost's binary JSON is none that can be used."""
    learner = _named(ubjson.parse(data), "learner", dict)
    shape = _named(learner, "learner_model_param", dict)
    features, classes = _number(shape, "num_feature"), _number(shape, "num_class")
    if _number(shape, "num_target") != 1:
        raise ValueError("it gives more than one number for a row")
    _check_classes(learner, classes, shape.get("base_score"))
    names = learner.get("feature_names", [])
    if len(names) not in (0, features):
        raise ValueError(f"it has {len(names)} feature names and {features} features")
    types = learner.get("feature_types", [])
    if len(types) not in (0, features) or any(kind not in _FEATURE_TYPES for kind in types):
        raise ValueError("its feature types are none")
    booster = _named(learner, "gradient_booster", dict)
    model = _named(_named(booster, "gbtree", dict) if booster.get("name") == "dart" else booster, "model", dict)
    groups = max(classes, 1)
    if booster.get("name") == "gblinear":
        if len(_named(model, "weights")) != (features + 1) * groups:
            raise ValueError("it has another number of weights than of features")
        return
    trees = _named(model, "trees", list)
    if booster.get("name") == "dart" and len(_named(booster, "weight_drop")) != len(trees):
        raise ValueError("it has another number of weights than of trees")
    of_groups = np.asarray(_named(model, "tree_info"))
    if of_groups.shape != (len(trees),) or np.any((of_groups < 0) | (of_groups >= groups)):
        raise ValueError("its trees are not of one group" if groups == 1 else "a tree is of no class")
    _check_rounds(model, len(trees), groups)
    if any(map(len, _named(model, "cats", dict).values()) if "cats" in model else ()):
        raise ValueError("it has names of categories, which it is not trained on here")
    held = 0
    for number, tree in enumerate(trees):
        try:
            held += _check_tree(tree, features)
        except ValueError as error:
            raise ValueError(f"tree {number}: {error}") from None
    if held > _MOST_BYTES_OF_CATEGORIES:
        raise ValueError("its categories are more than fit into memory")


def _check_classes(learner: Mapping[str, Any], classes: int, base_score: Any) -> None:
    """Raise `ValueError` if what scores rows thinks of another number of classes than the trees."""
    objective = _named(learner, "objective", dict)
    of_objective = objective.get("softmax_multiclass_param")
    if of_objective is not None or classes > 1:
        if of_objective is None or _number(_named(objective, "softmax_multiclass_param", dict), "num_class") != classes:
            raise ValueError("it gives more than one number for a row, and its objective has other classes")
        if not isinstance(base_score, str) or base_score.count(",") not in (0, classes - 1):
            raise ValueError("it has base scores of other classes")


def _check_rounds(model: Mapping[str, Any], trees: int, groups: int) -> None:
    """Raise `ValueError` if the rounds of several classes are not of as many trees each."""
    if groups == 1:
        return
    ends = np.asarray(_named(model, "iteration_indptr"))
    if ends.ndim != 1 or ends.dtype.kind not in "iu" or len(ends) < 1 or ends[0] != 0 or ends[-1] != trees:
        raise ValueError("its rounds are not of its trees")
    sizes: np.ndarray = np.diff(ends.astype(np.int64))
    if np.any((sizes < groups) | (np.mod(sizes, groups) != 0)):
        raise ValueError("its rounds are not of its trees")


def _check_tree(tree: Any, features: int) -> int:
    """Return how many bytes the sets of categories of a tree will take; raises `ValueError` if it is none."""
    nodes = _number(_named(tree, "tree_param", dict), "num_nodes")
    if nodes < 1 or _number(tree["tree_param"], "size_leaf_vector") > 1:
        raise ValueError("it has no node, or leaves of several values")
    columns = {name: np.asarray(_named(tree, name)) for name in (*_NODE_ARRAYS, *_MORE_NODE_ARRAYS)}
    for name, column in columns.items():
        if column.shape != (nodes,) or column.dtype.kind not in "iuf":
            raise ValueError(f"{name} has another size than its nodes")
    left, right, parents, split = (columns[name].astype(np.int64) for name in _NODE_ARRAYS[:4])
    inner = np.flatnonzero(left != _NO_NODE)
    children = np.concatenate([left[inner], right[inner]])
    if np.any(right[left == _NO_NODE] != _NO_NODE) or np.any((children < 1) | (children >= nodes)):
        raise ValueError("a node's child is out of range")
    if np.any((split[inner] < 0) | (split[inner] >= features)):
        raise ValueError("a node's feature is out of range")
    if len(np.unique(children)) < len(children) or np.any(parents[children] != np.concatenate([inner, inner])):
        raise ValueError("its nodes are no tree")
    others = np.setdiff1d(np.arange(1, nodes), children)
    if np.any((parents[others] >= nodes) & (parents[others] != np.iinfo(np.int32).max)):
        raise ValueError("a node's parent is out of range")
    level, depth = np.zeros(1, np.int64), 0
    while len(level := level[left[level] != _NO_NODE]):
        level, depth = np.concatenate([left[level], right[level]]), depth + 1
        if depth > _DEEPEST:
            raise ValueError(f"it is deeper than {_DEEPEST:,} nodes")
    return _check_categories(tree, columns["split_type"], left)


def _check_categories(tree: Mapping[str, Any], split_type: np.ndarray, left: np.ndarray) -> int:
    """Return what `_check_tree` does: nodes that split by categories each have a set of their own, one behind another.

    XGBoost reads the sets by places in the file and sets a bit for every category, without a look at either.
    """
    if np.any((split_type != 0) & (split_type != 1)):
        raise ValueError("a node splits by neither numbers nor categories")
    wanted = np.flatnonzero(split_type)
    if not any(len(_named(tree, name)) for name in _CATEGORY_ARRAYS if name in tree):
        if len(wanted):
            raise ValueError("a node has no categories to split by")
        return 0
    arrays = [np.asarray(_named(tree, name)) for name in _CATEGORY_ARRAYS]
    if any(one.ndim != 1 or one.dtype.kind not in "iu" for one in arrays):
        raise ValueError("its categories are no numbers")
    nodes, starts, sizes, categories = (one.astype(np.int64) for one in arrays)
    if not np.array_equal(nodes, wanted) or np.any(left[wanted] == _NO_NODE):
        raise ValueError("its categories are of other nodes than split by them")
    if len(sizes) != len(nodes) or np.any(sizes < 1) or np.any(sizes > len(categories)):
        raise ValueError("its nodes have other categories than it has")
    ends = np.cumsum(sizes)
    if ends[-1] != len(categories) or not np.array_equal(starts, ends - sizes):
        raise ValueError("its nodes have other categories than it has")
    if np.any((categories < 0) | (categories >= _MOST_CATEGORY)):
        raise ValueError("a category is out of range")
    return int((np.maximum.reduceat(categories, starts) // 32 + 1).sum()) * 4


def _named(value: Any, name: str, kind: type = object) -> Any:
    if not isinstance(value, Mapping) or not isinstance(value.get(name), kind):
        raise ValueError(f"it has no {name}")
    if kind is object and not isinstance(value.get(name), Sequence | np.ndarray):
        raise ValueError(f"it has no {name}")
    return value[name]


def _number(value: Mapping[str, Any], name: str) -> int:
    found = value.get(name)
    if not isinstance(found, str) or not found.isascii() or not found.isdigit() or len(found) > 9:
        raise ValueError(f"it has no number {name}")
    return int(found)
