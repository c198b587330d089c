"""Artifacts by their kind: training set, candidate, evaluation, bundle, predictions."""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from beam_jobs.inspection import statistics
from beam_jobs.inspection.finding import (
    counts_text,
    next_line,
    of_kind,
    read_json,
    rejected_line,
    rejections_of,
    text_of,
)
from beam_jobs.registries.bundle_text import bundle_text
from beam_jobs.reports.metrics_text import SLICE_METRICS, task_of
from beam_jobs.reports.terminal_text import shown
from beam_jobs.reports.text_table import number, table
from beam_jobs.sets.anomaly_files import ANOMALIES, read_anomalies
from beam_jobs.sets.set_text import NO_ANOMALIES, anomaly_lines
from models.evaluation.gate_text import gate_text
from models.families.table.choice import describe_model
from models.registry.registry import describe_bundle
from models.scoring.manifest import model_facts
from models.training.test_rows import FACT
from models.tuning.fact import TUNING
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError

_STATISTICS = "statistics"
_SLICES = 5
_OF_CLASS = ("recall", "precision", "f1", "auc")
_FINDINGS = ("metrics", "slices", "verdict")
_METRICS = (
    *("auc", "average_precision", "macro_auc", "macro_f1", "log_loss", "precision", "recall", "f1", "accuracy"),
    *("rmse", "mae", "r2", "score_mean", "threshold"),
)


class _Kind(NamedTuple):
    look: Callable[[artifact.Artifact, int], dict[str, Any]]
    text: Callable[[Mapping[str, Any]], list[str]]


def look(path: pathlib.Path, limit: int) -> dict[str, Any]:
    """Return what an artifact's directory holds; `kind` says which it is. Raises `ArtifactError` for what is none."""
    kind = artifact.kind_of(path)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ArtifactError(f"{path}: of kind {json.dumps(kind)[:60]}, known are {', '.join(_KINDS)}")
    opened = artifact.open_artifact(path, kind)
    return {"kind": kind, "path": str(path), **_KINDS[kind].look(opened, limit)}


def text(found: Mapping[str, Any]) -> list[str]:
    """Return what `look` found for people."""
    return _KINDS[found["kind"]].text(found)


def _facts(opened: artifact.Artifact, *names: str) -> dict[str, Any]:
    return {name: opened.manifest[name] for name in names if name in opened.manifest}


def _training_set(opened: artifact.Artifact, _: int) -> dict[str, Any]:
    names = (
        *("use_case", "task", "classes", "rows", "label_mean", "class_rows", "shards", "feature_names", "slices"),
        *("compression", "fingerprint"),
    )
    found = {**_facts(opened, *names), "rejections": rejections_of(opened.manifest, opened.path)}
    for name in ("rows", "shards"):
        opened.fact(name, dict)
    return {**found, FACT: FACT in opened.manifest, _STATISTICS: _statistics(opened)}


def _statistics(opened: artifact.Artifact) -> dict[str, Any]:
    folder = opened.path / _STATISTICS
    return statistics.look(folder)["splits"] if folder.is_dir() else {}


def _training_set_text(found: Mapping[str, Any]) -> list[str]:
    shards = {split: len(files) for split, files in found["shards"].items() if isinstance(files, list)}
    return [
        f"  use case {text_of(found.get('use_case', '-'))}, fingerprint {text_of(found.get('fingerprint', '-'))[:12]}",
        f"  rows: {counts_text(found['rows'])}",
        rejected_line(found["rejections"]),
        *_labels_text(found),
        f"  shards: {counts_text(shards)}, compression {text_of(found.get('compression', '-'))}",
        f"  features: {text_of(found.get('feature_names', []))}",
        f"  slices: {text_of(found.get('slices', []))}",
        *(["  raw rows of the test split: kept"] if found[FACT] else []),
        *statistics.text(found[_STATISTICS]),
    ]


def _labels_text(found: Mapping[str, Any]) -> list[str]:
    """Return the mean label of every split, or how many rows it has of each class."""
    label_mean = of_kind(found.get("label_mean", {}), dict, found["path"], "label_mean to be an object")
    by_class = of_kind(found.get("class_rows", {}), dict, found["path"], "class_rows to be an object")
    lines = [f"  label mean: {counts_text(label_mean)}"] if label_mean or not by_class else []
    for split, rows in by_class.items():
        counts = of_kind(rows, dict, found["path"], "class_rows to be counts by class")
        lines.append(f"  classes of {shown(split)}: {counts_text(counts)}")
    return lines


def _candidate(opened: artifact.Artifact, _: int) -> dict[str, Any]:
    facts = _facts(opened, "use_case", "feature_names", "training_set_fingerprint", "rounds", "model")
    family = model_facts(opened.manifest, str(opened.path))["family"]
    tuned = {TUNING: opened.fact(TUNING, dict)} if TUNING in opened.manifest else {}
    return {**facts, **tuned, **describe_model(family, opened.path / "model")}


def _candidate_text(found: Mapping[str, Any]) -> list[str]:
    named = {name: value for name, value in found.items() if name not in ("kind", "path", "share_of_gain", "model")}
    named |= {name: value for name, value in found["model"].items() if name not in named}
    lines = [f"  {shown(name.replace('_', ' '))}: {_fact_text(value)}" for name, value in named.items()]
    gain = [[shown(name), f"{share:.2%}"] for name, share in found.get("share_of_gain", {}).items()]
    lines += [f"  {line}" for line in table(["feature", "share of gain"], gain)] if gain else []
    return [*lines, next_line(f"inspect {shown(found['path'])}/{_STATISTICS} shows what it was trained on")]


def _fact_text(value: Any) -> str:
    """Return a fact in one line; gates without what they do not ask for."""
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        parts = [{name: part for name, part in one.items() if part is not None} for one in value]
        return "; ".join(map(text_of, parts))
    return text_of(value)


def _evaluation(opened: artifact.Artifact, _: int) -> dict[str, Any]:
    opened.fact("metrics", dict)
    return {**_facts(opened, "use_case"), **look_at_evaluation(opened.path)}


def look_at_evaluation(folder: pathlib.Path) -> dict[str, Any]:
    """Return the findings of an evaluation in a folder, as a bundle has them too."""
    found = {name: read_json(folder / f"{name}.json", dict, f"the {name} of an evaluation") for name in _FINDINGS}
    for values in found["slices"].values():
        for entry in of_kind(values, list, folder, "a list per slice"):
            of_kind(entry, dict, folder, "metrics per value of a slice")
    for gate in of_kind(found["verdict"].get("gates", []), list, folder, "a list of gates"):
        of_kind(gate, dict, folder, "gates with metric, value and passed")
    return {"passed": found["verdict"].get("passed") is True, **found}


def evaluation_text(found: Mapping[str, Any]) -> list[str]:
    """Return metrics, gates and slices for people."""
    metrics = found["metrics"]
    rows = f"  {_count(metrics.get('rows'))} test rows"
    rows += f", label mean {_short(metrics['label_mean'])}" if "label_mean" in metrics else ""
    lines = [f"{rows}; {'passed' if found['passed'] else 'DID NOT PASS'} its gates"]
    lines += [
        f"  gate {'met' if gate.get('passed') else 'NOT MET'}: {_gate(gate)}"
        for gate in found["verdict"].get("gates", [])
    ]
    shown_metrics = [[name.replace("_", " "), _short(metrics[name])] for name in _METRICS if name in metrics]
    lines += [f"  {line}" for line in table(["metric", "test"], shown_metrics)]
    if "confusion" in metrics and isinstance(metrics["confusion"], dict):
        lines.append(f"  confusion: {text_of(metrics['confusion'])}")
    lines += _classes_text(metrics, found)
    heads, names = zip(*SLICE_METRICS[task_of(metrics)], strict=True)
    for name, values in found["slices"].items():
        lines += ["", f"by {shown(name)} (largest {min(len(values), _SLICES)} of {len(values)})"]
        rows_of = [
            [_slice(one), _count(one.get("rows")), *(_short(one.get(metric)) for metric in names)]
            for one in values[:_SLICES]
        ]
        lines += [f"  {line}" for line in table(["value", "rows", *heads], rows_of)]
    return lines


def _count(value: Any) -> str:
    return f"{value:,}" if type(value) is int else "-"


def _classes_text(metrics: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return the metrics of each class, if there are classes."""
    classes = of_kind(metrics.get("classes", []), list, found.get("path", "evaluation"), "classes to be a list")
    rows = []
    for one in classes:
        one = of_kind(one, dict, found.get("path", "evaluation"), "metrics per class")
        cells = [_short(one.get(name)) for name in _OF_CLASS]
        rows.append([text_of(one.get("class")), _count(one.get("rows")), *cells])
    return [f"  {line}" for line in table(["class", "rows", *_OF_CLASS], rows)] if rows else []


def _slice(one: Mapping[str, Any]) -> str:
    return "(missing)" if one.get("value") is None else text_of(one["value"])


def _gate(gate: Mapping[str, Any]) -> str:
    return shown(gate_text(gate))


def _short(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else "-"


def _bundle_text(found: Mapping[str, Any]) -> list[str]:
    return [
        *bundle_text(dict(found)).splitlines(),
        next_line(f"inspect {found['path']}/{_STATISTICS}, or /graph, or /evaluation"),
    ]


def _cross_validation(opened: artifact.Artifact, _: int) -> dict[str, Any]:
    opened.fact("summary", dict, dict)
    return _facts(opened, "use_case", "folds", "rows", "training_set_fingerprint", "summary")


def _cross_validation_text(found: Mapping[str, Any]) -> list[str]:
    named = {name: value for name, value in found.items() if name not in ("kind", "path", "summary")}
    lines = [f"  {shown(name.replace('_', ' '))}: {_fact_text(value)}" for name, value in named.items()]
    rows = [[shown(name), _short(one.get("mean")), _short(one.get("spread"))] for name, one in found["summary"].items()]
    return [*lines, *(f"  {line}" for line in table(["metric", "mean", "spread"], rows))]


def _validation(opened: artifact.Artifact, _: int) -> dict[str, Any]:
    opened.fact("rows", dict)
    file = opened.path / ANOMALIES
    found = read_anomalies(read_json(file, dict, "the anomalies of a validation"), file)
    listed = [anomaly.to_json() for anomaly in found]
    facts = {**_facts(opened, "rows"), "rejections": rejections_of(opened.manifest, opened.path), "anomalies": listed}
    return {**facts, _STATISTICS: _statistics(opened)}


def _validation_text(found: Mapping[str, Any]) -> list[str]:
    return [
        f"  rows: {counts_text(found['rows'])}",
        rejected_line(found["rejections"]),
        *(anomaly_lines(found["anomalies"]) or [NO_ANOMALIES]),
        *statistics.text(found[_STATISTICS]),
    ]


def _predictions(opened: artifact.Artifact, limit: int) -> dict[str, Any]:
    from beam_jobs.inspection import predictions  # Arrow's Parquet, which no other kind needs

    return predictions.look_at_directory(opened, limit)


def _predictions_text(found: Mapping[str, Any]) -> list[str]:
    from beam_jobs.inspection import predictions

    return predictions.text(found)


_KINDS: dict[str, _Kind] = {
    ArtifactKind.TRAINING_SET: _Kind(_training_set, _training_set_text),
    ArtifactKind.CANDIDATE: _Kind(_candidate, _candidate_text),
    ArtifactKind.EVALUATION: _Kind(_evaluation, evaluation_text),
    ArtifactKind.BUNDLE: _Kind(lambda opened, _: describe_bundle(opened.path), _bundle_text),
    ArtifactKind.VALIDATION: _Kind(_validation, _validation_text),
    ArtifactKind.PREDICTIONS: _Kind(_predictions, _predictions_text),
    ArtifactKind.CROSS_VALIDATION: _Kind(_cross_validation, _cross_validation_text),
}
