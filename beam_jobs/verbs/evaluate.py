"""`onegraph evaluate`: a candidate on the test split, per slice; exit 3 if a gate said no.

Scikit-learn and TensorFlow are imported when the rows are read, after everything that can be refused.
"""

import dataclasses
import json
from typing import Any

from beam_jobs.cli.settings import Evaluate
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.reports.metrics_text import metrics_lines, short, slice_line
from models.evaluation.place import check_trained_on, evaluation_path
from models.families.choice import THAT_SCORE
from models.scoring.manifest import model_facts
from models.spec import BEST_F1, ModelSpec
from models.spec_json import spec_from_json
from models.tasks import BINARY
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import check_place
from schemas.errors import GateRefusal


def check(settings: Evaluate) -> None:
    """Raise if the candidate or the training set is not whole, is another use case's, or was evaluated already."""
    _opened(settings)


def run(settings: Evaluate) -> dict[str, Any]:
    """Write the evaluation beside the candidate, then raise `GateRefusal` if a gate said no."""
    candidate, training_set = _opened(settings)
    family = model_facts(candidate.manifest, settings.candidate)["family"]
    for module in ("transforms.examples.examples", THAT_SCORE[family]):
        import_quietly(module)
    written = import_quietly("models.evaluation.evaluation").evaluate_candidate(settings.candidate, training_set)
    findings: dict[str, Any] = {"evaluation": str(written.path)}
    for name in ("metrics", "slices", "verdict"):
        findings[name] = json.loads((written.path / f"{name}.json").read_text())
    if not written.manifest["passed"]:
        failed = [_in_words(gate) for gate in findings["verdict"]["gates"] if not gate["passed"]]
        raise GateRefusal(f"{settings.candidate}: gate not met: {'; '.join(failed)}", findings)
    return findings


def plan(settings: Evaluate) -> list[str]:
    """Return what would be read, and what would be written where."""
    candidate, training_set = _opened(settings)
    spec = spec_from_json(model_facts(candidate.manifest, settings.candidate), settings.candidate)
    rows, gates = training_set.manifest["rows"], [_gate_in_words(dataclasses.asdict(gate)) for gate in spec.gates]
    read = f"{rows['test']:,} rows of {settings.training_set}; {_eval_rows(spec, rows['eval'])}"
    return [
        f"candidate {settings.candidate} of use case {candidate.manifest['use_case']} would be evaluated on {read}",
        f"slices: {', '.join(training_set.slices) or 'none'}; gates: {', '.join(gates) or 'none'}",
        f"the evaluation would be written to {evaluation_path(settings.candidate)}",
    ]


def describe(result: dict[str, Any]) -> str:
    """Return the metrics, slices and gates for people."""
    first, *others = metrics_lines(result["metrics"])
    lines = [f"{result['evaluation']}: {first}", *others]
    for name, values in result["slices"].items():
        lines.append(f"  by {name} (largest {min(len(values), _SHOWN)} of {len(values)})")
        lines += [f"    {slice_line(value)}" for value in values[:_SHOWN]]
    for gate in result["verdict"]["gates"]:
        lines.append(f"  gate {'met' if gate['passed'] else 'NOT MET'}: {_in_words(gate)}")
    return "\n".join(lines)


_SHOWN = 5


def _opened(settings: Evaluate) -> tuple[artifact.Artifact, TrainingSet]:
    """Return the candidate and the training set that it was trained on."""
    candidate = artifact.open_artifact(settings.candidate, ArtifactKind.CANDIDATE)
    settings.check_named(candidate.fact("use_case", str), settings.candidate)
    training_set = TrainingSet.open(settings.training_set)
    check_trained_on(candidate, training_set)
    check_place(evaluation_path(settings.candidate), ArtifactKind.EVALUATION)
    return candidate, training_set


def _eval_rows(spec: ModelSpec, rows: int) -> str:
    if spec.task == BINARY and spec.threshold == BEST_F1:
        return f"{rows:,} others choose the threshold"
    return f"the {rows:,} of split eval are not looked at"


def _in_words(gate: dict[str, Any]) -> str:
    return f"{gate['metric']} is {short(gate['value'])}, wanted {_wanted(gate)}"


def _gate_in_words(gate: dict[str, Any]) -> str:
    return f"{gate['metric']} {_wanted(gate)}"


def _wanted(gate: dict[str, Any]) -> str:
    """Return the limit of a gate, of which the other one is missing or None."""
    at_least = gate.get("at_least")
    return f"at most {gate['at_most']}" if at_least is None else f"at least {at_least}"
