"""`onegraph evaluate`: a candidate on the test split, per slice; exit 3 if a gate said no."""

import json
from typing import Any

from beam_jobs.cli.settings import Evaluate
from models.evaluation.evaluation import evaluate_candidate, evaluation_path
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import GateRefusal


def check(settings: Evaluate) -> None:
    """Raise if the candidate or the training set is not whole, is another use case's, or was evaluated already."""
    artifact.open_artifact(settings.candidate, ArtifactKind.CANDIDATE)
    TrainingSet.open(settings.training_set)
    artifact.check_free(evaluation_path(settings.candidate), ArtifactKind.EVALUATION)


def run(settings: Evaluate) -> dict[str, Any]:
    """Write the evaluation beside the candidate, then raise `GateRefusal` if a gate said no."""
    check(settings)
    written = evaluate_candidate(settings.candidate, TrainingSet.open(settings.training_set))
    findings: dict[str, Any] = {"evaluation": str(written.path)}
    for name in ("metrics", "slices", "verdict"):
        findings[name] = json.loads((written.path / f"{name}.json").read_text())
    if not written.manifest["passed"]:
        failed = [_in_words(gate) for gate in findings["verdict"]["gates"] if not gate["passed"]]
        raise GateRefusal(f"{settings.candidate}: gate not met: {'; '.join(failed)}", findings)
    return findings


def describe(result: dict[str, Any]) -> str:
    """Return the metrics, slices and gates for people."""
    metrics = result["metrics"]
    confusion = metrics["confusion"]
    lines = [
        f"{result['evaluation']}: {metrics['rows']:,} test rows, {_share(metrics['label_mean'])} positive",
        (
            f"  AUC {_short(metrics['auc'])}  average precision {_short(metrics['average_precision'])}"
            f"  log loss {_short(metrics['log_loss'])}  mean score {_short(metrics['score_mean'])}"
        ),
        (
            f"  at threshold {_short(metrics['threshold'])}: precision {_short(metrics['precision'])}"
            f"  recall {_short(metrics['recall'])}  F1 {_short(metrics['f1'])}  accuracy {_short(metrics['accuracy'])}"
        ),
        f"  {'':18}{'said yes':>10}{'said no':>10}",
        f"  {'was yes':18}{confusion['true_positive']:>10,}{confusion['false_negative']:>10,}",
        f"  {'was no':18}{confusion['false_positive']:>10,}{confusion['true_negative']:>10,}",
    ]
    for name, values in result["slices"].items():
        lines.append(f"  by {name} (largest {min(len(values), _SHOWN)} of {len(values)})")
        lines += [f"    {_slice(value)}" for value in values[:_SHOWN]]
    for gate in result["verdict"]["gates"]:
        lines.append(f"  gate {'met' if gate['passed'] else 'NOT MET'}: {_in_words(gate)}")
    return "\n".join(lines)


_SHOWN = 5


def _slice(value: dict[str, Any]) -> str:
    name = "(missing)" if value["value"] is None else value["value"]
    return (
        f"{name:32.32} {value['rows']:>7,} rows  positive {_share(value['label_mean'])}"
        f"  AUC {_short(value['auc'])}  F1 {_short(value['f1'])}"
    )


def _in_words(gate: dict[str, Any]) -> str:
    wanted = f"at least {gate['at_least']}" if "at_least" in gate else f"at most {gate['at_most']}"
    return f"{gate['metric']} is {_short(gate['value'])}, wanted {wanted}"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
