"""Evaluation: how good a candidate is on rows it never saw, per slice, and whether its gates let it pass.

Every task has its own metrics, with the weight of rows where they have one.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from models.evaluation import class_metrics, metrics, number_metrics, rank_metrics
from models.evaluation.place import check_trained_on, evaluation_path, manifest_fingerprint
from models.families.choice import family_of
from models.families.family import Model, Split
from models.scoring.manifest import model_facts
from models.spec import BEST_F1, ModelSpec
from models.spec_json import spec_from_json
from models.tasks import BINARY, MULTICLASS, RANKING, REGRESSION
from models.training import labels
from models.training.training import MODEL_FOLDER, calibration_fact
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import making
from schemas.errors import InputError

_VALUES_PER_SLICE = 50


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What an evaluation found. `verdict` has `passed` and one entry per gate; every value is plain JSON, no NaN."""

    metrics: Mapping[str, Any]
    slices: Mapping[str, list[dict[str, Any]]]
    curves: Mapping[str, Any]
    verdict: Mapping[str, Any]


def evaluate_candidate(candidate: str | pathlib.Path, training_set: TrainingSet) -> artifact.Artifact:
    """Evaluate a candidate on the `test` split of its training set and write the evaluation beside it.

    Raises `ArtifactError` if the candidate is not whole or was trained on another training set, `InputError` for a
    split without rows, or without both labels of a binary task. A gate that says no is no error here: read
    `verdict.json`.
    """
    opened = artifact.open_artifact(candidate, ArtifactKind.CANDIDATE)
    opened.verify()
    check_trained_on(opened, training_set)
    spec = spec_from_json(model_facts(opened.manifest, str(candidate)), str(candidate))
    with making(evaluation_path(candidate), ArtifactKind.EVALUATION) as path:
        return _evaluate_into(path, opened, spec, training_set)


def _evaluate_into(
    path: pathlib.Path, opened: artifact.Artifact, spec: ModelSpec, training_set: TrainingSet
) -> artifact.Artifact:
    model = family_of(spec.family).load(opened.path / MODEL_FOLDER)
    found = evaluate(model, spec, training_set.load("eval"), training_set.load("test"))
    for name in ("metrics", "slices", "curves", "verdict"):
        text = json.dumps(getattr(found, name), indent=1, sort_keys=True, allow_nan=False)
        (path / f"{name}.json").write_text(text + "\n")
    facts = {
        "use_case": opened.manifest["use_case"],
        "candidate": manifest_fingerprint(opened.path),
        "metrics": found.metrics,
        "passed": found.verdict["passed"],
        **calibration_fact(spec),
    }
    return artifact.complete(path, ArtifactKind.EVALUATION, facts)


def evaluate(model: Model, spec: ModelSpec, eval_split: Split, test_split: Split) -> Evaluation:
    """Measure everything on `test_split`; a binary task's threshold may be chosen on `eval_split`."""
    for name, split in (("eval", eval_split), ("test", test_split)):
        labels.check_values(split.label, spec, name)
        if spec.task == BINARY and not labels.has_both(split.label):
            raise InputError(f"{name} split: {len(split.label)} rows without both labels; use more data")
        if not len(split.label):
            raise InputError(f"{name} split: no rows; use more data")
    if spec.task == RANKING:
        return _of_ranking(model, spec, test_split)
    measure, curves = _measures(model, spec, eval_split)
    label, scores, weight = test_split.label, model.predict(test_split.features), test_split.weight
    overall = measure(label, scores, weight) | calibration_fact(spec)
    slices = {
        name: _per_value(values, lambda rows: _of_rows(measure, label, scores, weight, rows))
        for name, values in sorted(test_split.slices.items())
    }
    return Evaluation(overall, slices, curves(label, scores, weight), _verdict(spec, overall))


def _of_ranking(model: Model, spec: ModelSpec, test_split: Split) -> Evaluation:
    """Measure a ranking, query by query; in a slice, of those of a query's rows that are in it."""
    ranked = rank_metrics.Ranked.of(test_split, model.predict(test_split.features), spec)
    overall = ranked.metrics()
    slices = {
        name: _per_value(values, lambda rows: ranked.of_rows(rows).metrics())
        for name, values in sorted(test_split.slices.items())
    }
    return Evaluation(overall, slices, ranked.curves(), _verdict(spec, overall))


_Measure = Callable[[np.ndarray, np.ndarray, np.ndarray | None], dict[str, Any]]  # of label, scores, weight
_WHOLE_ONLY = ("classes", "confusion")  # of several classes: what the values of a slice do not repeat


def _measures(model: Model, spec: ModelSpec, eval_split: Split) -> tuple[_Measure, _Measure]:
    """Return what gives a task's metrics, and what gives its curves."""
    if spec.task == REGRESSION:
        return number_metrics.of_numbers, number_metrics.curves
    if spec.task == MULTICLASS:
        return functools.partial(_of_classes, spec.classes), class_metrics.curves
    if spec.threshold == BEST_F1:
        threshold = metrics.best_f1_threshold(eval_split.label, model.predict(eval_split.features), eval_split.weight)
    else:
        threshold = float(np.float32(spec.threshold))  # what scores, float32, are compared with
    return functools.partial(_of_scores, threshold), metrics.curves


def _of_scores(threshold: float, label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None) -> dict[str, Any]:
    return metrics.of_scores(label, scores, threshold, weight)


def _of_classes(
    names: Sequence[str], label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None
) -> dict[str, Any]:
    return class_metrics.of_classes(label, scores, names, weight)


def _of_rows(
    measure: _Measure, label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None, rows: np.ndarray
) -> dict[str, Any]:
    """Return the metrics of some rows (bool [rows])."""
    found = measure(label[rows], scores[rows], None if weight is None else weight[rows])
    return {name: value for name, value in found.items() if "classes" not in found or name not in _WHOLE_ONLY}


def _per_value(values: pa.DictionaryArray, measured: Callable[[np.ndarray], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the metrics per value of a slice, the most frequent values first; a missing value is None."""
    names = [None, *values.dictionary.to_pylist()]
    codes = values.indices.fill_null(-1).to_numpy() + 1
    counts = np.bincount(codes, minlength=len(names))
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda code: (-counts[code], names[code] or "", code))
    return [{"value": names[code], **measured(codes == code)} for code in order[:_VALUES_PER_SLICE]]


def _verdict(spec: ModelSpec, overall: Mapping[str, Any]) -> dict[str, Any]:
    gates = []
    for gate in spec.gates:
        value = overall.get(gate.metric)
        entry = {**dataclasses.asdict(gate), "value": value, "passed": gate.passes(value)}
        gates.append({name: part for name, part in entry.items() if part is not None or name == "value"})
    return {"passed": all(gate["passed"] for gate in gates), "gates": gates}
