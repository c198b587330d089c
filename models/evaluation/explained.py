"""What a model does with the rows of a test split, as an evaluation keeps it: importance and dependence."""

import pathlib
from typing import Any

import numpy as np

from models.evaluation import dependence, field_values
from models.evaluation.dependence import Tried
from models.evaluation.importance import Features, importance, rows_to_explain
from models.families.family import Model, Split
from models.families.table.choice import describe_model
from models.spec import ModelSpec
from models.training.training import MODEL_FOLDER
from schemas.plain_files import read_plain
from schemas.schema import Schema
from transforms.graph.graph import TransformGraph

MOST_SHOWN = 8
"""Fields and features whose dependence is computed: those of the largest importance."""
_SEED = 0
_MOST_STATISTICS = 256 * 1024 * 1024


def explain(candidate: pathlib.Path, model: Model, spec: ModelSpec, split: Split) -> dict[str, Any]:
    """Return importance by raw field and by feature, and the dependence of the most important ones, as plain JSON.

    `candidate` is the folder of the model. `rows` rows are looked at, drawn from the split's (`of_rows`) without
    replacement and with a fixed seed, so that the same model and split give the same values.
    """
    graph = TransformGraph.load(candidate / "graph")
    raw = Schema.load(candidate / "schema.pbtxt")
    hidden = frozenset(column.name for schema in (raw, graph.schema) for column in schema.with_role("personal"))
    known = Features(graph.feature_names, graph.feature_columns, graph.wide_outputs, hidden)
    size = sum(file.stat().st_size for file in (candidate / MODEL_FOLDER).rglob("*") if file.is_file())
    count = rows_to_explain(split.features, model.classes, size)
    drawn = np.sort(np.random.default_rng(_SEED).choice(len(split.features), count, replace=False))
    features, weight = split.features[drawn], None if split.weight is None else split.weight[drawn]
    if weight is not None and not weight.any():
        weight = None
    found = importance(model, spec.task, known, features, weight)
    _add_gain(found, spec.family, candidate / MODEL_FOLDER, known)
    statistics = field_values.by_name(read_plain(candidate / "statistics" / "train.pb", _MOST_STATISTICS))
    tried = _tried(found, known, graph, statistics, features)
    lines = dependence.dependence(model, tried, features, weight, spec.classes)
    return {"of_rows": len(split.features), "seed": _SEED, **found, "dependence": lines}


def _tried(found: Any, known: Features, graph: TransformGraph, statistics: Any, features: np.ndarray) -> list[Tried]:
    """Return values to try of the most important fields, and of the features that are made of several together."""
    columns = {name: where.start for name, where in known.outputs if where.stop - where.start == 1}
    ranked = [(one["mean_abs"], one["of"][0], True) for one in found["fields"] if len(one["of"]) == 1]
    ranked += [
        (one["mean_abs"], one["feature"], False)
        for one in found["features"]
        if len(one["fields"]) > 1 and one["feature"] in columns and known.personal.isdisjoint(one["fields"])
    ]
    tried: list[Tried] = []
    for mean, name, is_field in sorted(ranked, key=lambda one: -one[0]):
        if len(tried) == MOST_SHOWN or not mean:
            break
        at = -1 if is_field else columns[name]
        one = (
            field_values.of_field(name, known, graph, statistics.get(name))
            if is_field
            else dependence.of_feature(name, known.fields[at], at, features)
        )
        if one is not None:
            tried.append(one)
    return tried


def _add_gain(found: dict[str, Any], family: str, model_folder: pathlib.Path, known: Features) -> None:
    """Give features the share of the gain of the trees that split by them, where the family tells it."""
    gain = describe_model(family, model_folder).get("share_of_gain")
    if not isinstance(gain, dict):
        return
    of_output = {name: sum(gain.get(one, 0.0) for one in known.names[where]) for name, where in known.outputs}
    for one in found["features"]:
        one["gain"] = round(of_output[one["feature"]], 4)
