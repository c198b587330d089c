"""Evaluated candidates without a model in them, made in a moment: what pages are made of.

Their numbers are those that the evaluation's own functions give of made-up scores; what an evaluation may have beside
them is written as docs/models.md has it.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.evaluation.place import evaluation_path, manifest_fingerprint
from models.measures import class_metrics, metrics, number_metrics
from models.spec import ModelSpec
from models.spec_json import spec_as_json
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind

NAMES = ("at a glance", "soon", "50 %, <b>late</b>")
_THRESHOLD = 0.4


def write_model(
    path: pathlib.Path,
    task: str = "binary",
    seed: int = 0,
    more: Mapping[str, Any] | None = None,
    use_case: str = "trips",
) -> pathlib.Path:
    """Write a candidate and its evaluation; `more` has parts of the evaluation that replace or join the usual ones."""
    spec = ModelSpec(task=task, classes=NAMES if task == "multiclass" else ())
    folder = artifact.create(path, ArtifactKind.CANDIDATE)
    history = {"logloss": [0.6, 0.4, 0.35, 0.36], "auc": [0.7, 0.8, 0.85, 0.84]}
    training = {"rounds": 3, "parameters": {"eta": 0.1, "max_depth": 6}, "eval": history}
    (folder / "training.json").write_text(json.dumps(training))
    facts = {"use_case": use_case, "model": spec_as_json(spec), "rounds": 3, "training_set_fingerprint": "d5fa75b0ca72"}
    artifact.complete(folder, ArtifactKind.CANDIDATE, facts)
    parts = {**parts_of(task, seed), **(more or {})}
    evaluation = artifact.create(evaluation_path(path), ArtifactKind.EVALUATION)
    for name, part in parts.items():
        (evaluation / f"{name}.json").write_text(json.dumps(part))
    facts = {
        "use_case": use_case,
        "candidate": manifest_fingerprint(folder),
        "metrics": parts["metrics"],
        "passed": parts["verdict"]["passed"],
    }
    artifact.complete(evaluation, ArtifactKind.EVALUATION, facts)
    return path


def parts_of(task: str, seed: int = 0, rows: int = 800) -> dict[str, Any]:
    """Return the parts that every evaluation has: metrics, slices, curves, verdict."""
    random = np.random.default_rng(seed)
    town = random.choice(["Rome", "Bern", "<script>alert(1)</script>"], rows)
    if task == "binary":
        scores = random.random(rows).astype(np.float32)
        label = (random.random(rows) < scores**2).astype(np.float32)
        found = metrics.of_scores(label, scores, _THRESHOLD)
        curves = metrics.curves(label, scores)

        def measured(of: np.ndarray) -> dict[str, Any]:
            return metrics.of_scores(label[of], scores[of], _THRESHOLD)
    elif task == "multiclass":
        scores = random.dirichlet(np.ones(3), rows).astype(np.float32)
        label = np.array([random.choice(3, p=one / one.sum()) for one in scores.astype(np.float64)], np.float32)
        found, curves = class_metrics.of_classes(label, scores, NAMES), class_metrics.curves(label, scores)

        def measured(of: np.ndarray) -> dict[str, Any]:
            whole = class_metrics.of_classes(label[of], scores[of], NAMES)
            return {name: value for name, value in whole.items() if name not in ("classes", "confusion")}
    else:
        label = random.lognormal(10, 1, rows).astype(np.float32)
        scores = (label * random.lognormal(0, 0.2, rows)).astype(np.float32)
        found, curves = number_metrics.of_numbers(label, scores), number_metrics.curves(label, scores)

        def measured(of: np.ndarray) -> dict[str, Any]:
            return number_metrics.of_numbers(label[of], scores[of])

    slices = {"town": [{"value": one, **measured(town == one)} for one in sorted(set(town.tolist()))]}
    name = {"binary": "auc", "multiclass": "accuracy", "regression": "r2"}[task]
    gate = {"metric": name, "at_least": 0.5, "value": found[name], "passed": found[name] >= 0.5}
    return {
        "metrics": found,
        "slices": slices,
        "curves": curves,
        "verdict": {"passed": gate["passed"], "gates": [gate]},
    }


def everything(seed: int = 0) -> dict[str, Any]:
    """Return what an evaluation of a binary label may have beside that, and metrics and curves with more in them."""
    parts = parts_of("binary", seed)
    found, at = parts["metrics"], [step / 100 for step in range(2, 100, 2)]
    roc = parts["curves"]["roc"]
    true, false = np.interp(at, [0, 1], [300, 0]), np.interp(at, [0, 1], [500, 0])
    own = {"brier": 0.1234, "calibration_error": 0.0213, "card_precision_100": 0.2731, "cost": 12.5}
    gain = {"share": [0.0, 0.5, 1.0], "recall": [0.0, 0.8, 1.0], "lift": [None, 1.6, 1.0]}
    values = [
        {"value": name, "rows": 200, "positives": 60, "negatives": 140, "selection_rate": rate,
         "true_positive_rate": 0.75, "false_positive_rate": None}
        for name, rate in (("Rome", 0.25), ("Bern", 0.5), (None, 0.3))
    ]  # fmt: skip
    apart = {
        "difference": 0.25,
        "ratio": 0.5,
        "least": {"value": "Rome", "rate": 0.25, "rows": 200},
        "most": {"value": "Bern", "rate": 0.5, "rows": 200},
    }
    of_town = [{"value": one["value"], "rows": one["rows"], "auc": [0.7, 0.9]} for one in parts["slices"]["town"]]
    compared = {"candidate": found["auc"], "champion": 0.81234, "difference": found["auc"] - 0.81234,
                "interval": [-0.01, 0.05]}  # fmt: skip
    certain = {"candidate": 0.9, "champion": 0.8, "difference": 0.1, "interval": [0.05, 0.15]}
    failed = {"metric": "log_loss", "no_worse_by": 0.01, "slice": "town", "slice_value": "Bern", "rows": 250,
              "value": 0.7, "champion": 0.6, "limit": 0.61, "passed": False}  # fmt: skip
    return {
        "metrics": found | own,
        "curves": parts["curves"] | {"gain": gain, "cost": {"threshold": at, "cost": [2 - one for one in at]}},
        "verdict": {
            "passed": False,
            "gates": [
                *parts["verdict"]["gates"],
                failed,
                {"metric": "auc", "no_worse_by": 0.0, "value": found["auc"], "passed": True, "why": "no champion"},
            ],
        },
        "intervals": {
            "method": "bootstrap",
            "draws": 200,
            "seed": 7,
            "level": 0.95,
            "metrics": {"auc": [0.81, 0.87], "log_loss": None},
            "slices": {"town": of_town},
        },
        "thresholds": {
            "chosen": _THRESHOLD,
            "threshold": at,
            "selected": [(a + b) / 800 for a, b in zip(true, false, strict=True)],
            "true_positive": true.tolist(),
            "false_positive": false.tolist(),
            "true_negative": (500 - false).tolist(),
            "false_negative": (300 - true).tolist(),
            "precision": [0.375] * len(at),
            "recall": (true / 300).tolist(),
            "f1": [None, *(0.5 for _ in at[1:])],
            "accuracy": [0.5] * len(at),
            "cost": [2 - one for one in at],
        },
        "fairness": {
            "town": {
                "values": values,
                "selection_rate": apart,
                "true_positive_rate": None,
                "false_positive_rate": None,
                "fewest": 30,
                "too_few": [None],
            },
        },
        "comparison": {
            "champion": "23b098b2ac52",
            "metrics": {
                "auc": compared,
                "log_loss": {"candidate": 0.4, "champion": None, "difference": None, "interval": None},
            },
            "slices": {"town": [{"value": "Bern", "rows": 250, "metrics": {"auc": certain, "log_loss": compared}}]},
        },
        "explanation": explanation(len(roc["true_positive_rate"])),
    }


def explanation(rows: int = 500, features: int = 4) -> dict[str, Any]:
    """Return the explanation of a model of so many features, each of a raw field of its own but for the last."""
    names = [f"feature {at} <i>" for at in range(features)]
    means = [1 / (at + 1) for at in range(features)]
    shares = [mean / sum(means) for mean in means]
    of = [[f"field {at}"] for at in range(features - 1)] + [["field 0", "field 1"]]
    fields = [
        {"field": "+".join(names), "of": names, "mean_abs": mean, "share": share}
        for names, mean, share in zip(of, means, shares, strict=True)
    ]
    listed = [
        {"feature": name, "fields": one, "columns": 1, "mean_abs": mean, "share": share, "gain": share}
        for name, one, mean, share in zip(names, of, means, shares, strict=True)
    ]
    return {
        "rows": rows,
        "of_rows": 800,
        "seed": 0,
        "margin": "log-odds",
        "largest_gap": 1.5e-7,
        "bias": -1.25,
        "fields": fields,
        "features": listed,
        "dependence": [
            {
                "field": "field 0",
                "values": [1.5, 2.5, 9.0],
                "mean_score": [0.1, 0.4, 0.2],
                "missing": 0.15,
                "unchanged": ["feature 3 <i>"],
            },
            {
                "field": "field 1",
                "values": ["Cash", "<script>alert(2)</script>"],
                "mean_score": [0.25, 0.5],
                "shares": [0.75, 0.25],
            },
            {"feature": names[-1], "fields": of[-1], "values": [0.0, 1.0], "rows": [10, 20], "mean_score": [0.3, 0.6]},
        ],
    }
