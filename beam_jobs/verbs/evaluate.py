"""`onegraph evaluate`: a candidate on the test split, per slice; exit 3 if a gate said no.

TensorFlow and the family's library are imported when the rows are read, after everything that can be refused.
"""

import dataclasses
import json
import logging
import pathlib
from typing import Any

from beam_jobs.cli.settings import Evaluate
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.registries.registry_address import check_local
from beam_jobs.reports.comparison_text import comparison_lines, fairness_lines
from beam_jobs.reports.metrics_text import metrics_lines, slice_line
from beam_jobs.tracking.telling import check_tracker, tell
from models.evaluation.comparable import Comparable, check_comparable
from models.evaluation.gate_text import asked_text, gate_text
from models.evaluation.place import check_trained_on, evaluation_path
from models.families.table.choice import THAT_SCORE
from models.registry.registry import Registry
from models.scoring.manifest import model_facts
from models.spec import BEST_F1, Metric, ModelSpec
from models.spec_json import spec_from_json
from models.tasks import BINARY
from models.training.training_set import TrainingSet
from models.use_case import find_model
from models.use_case_files import files_of
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import check_place
from schemas.errors import GateRefusal

_log = logging.getLogger(__name__)


def check(settings: Evaluate) -> None:
    """Raise if the candidate or the training set is not whole, is another use case's, or was evaluated already."""
    _opened(settings)


def run(settings: Evaluate) -> dict[str, Any]:
    """Write the evaluation beside the candidate, then raise `GateRefusal` if a gate said no."""
    opened = _opened(settings)
    import_quietly("transforms.examples.examples")
    families = {opened.spec.family, *([] if opened.champion is None else [opened.champion.opened.manifest["family"]])}
    for family in sorted(families):
        import_quietly(THAT_SCORE[family])
    evaluation = import_quietly("models.evaluation.evaluation")
    champion = None if opened.champion is None else opened.champion.opened.path
    asked = evaluation.Asked(
        draws=settings.intervals, champion=champion, own=opened.own, own_file=_own_file(opened, settings)
    )
    written = evaluation.evaluate_candidate(settings.candidate, opened.training_set, asked)
    findings: dict[str, Any] = {"evaluation": str(written.path)}
    for name in ("metrics", "slices", "verdict", "intervals", "comparison", "fairness"):
        if (file := written.path / f"{name}.json").exists():
            findings[name] = json.loads(file.read_text())
    findings |= tell(settings.track, settings.candidate)
    if not written.manifest["passed"]:
        failed = [gate_text(gate) for gate in findings["verdict"]["gates"] if not gate["passed"]]
        raise GateRefusal(f"{settings.candidate}: gate not met: {'; '.join(failed)}", findings)
    return findings


def plan(settings: Evaluate) -> list[str]:
    """Return what would be read, and what would be written where."""
    opened = _opened(settings)
    spec, training_set = opened.spec, opened.training_set
    rows, gates = training_set.manifest["rows"], [asked_text(dataclasses.asdict(gate)) for gate in spec.gates]
    read = f"{rows['test']:,} rows of {settings.training_set}; {_eval_rows(spec, rows['eval'])}"
    use_case = opened.candidate.manifest["use_case"]
    against = "" if opened.champion is None else f"; against bundle {opened.champion.opened.path.name}"
    if opened.champion is not None and not opened.champion.by_features:
        against += ", whose graph is another and scores the raw rows"
    return [
        f"candidate {settings.candidate} of use case {use_case} would be evaluated on {read}{against}",
        f"slices: {', '.join(training_set.slices) or 'none'}; gates: {', '.join(gates) or 'none'}",
        f"the evaluation would be written to {evaluation_path(settings.candidate)}",
    ]


def describe(result: dict[str, Any]) -> str:
    """Return the metrics, slices, comparison and gates for people."""
    first, *others = metrics_lines(result["metrics"], result.get("intervals", {}).get("metrics", {}))
    lines = [f"{result['evaluation']}: {first}", *others]
    for name, values in result["slices"].items():
        lines.append(f"  by {name} (largest {min(len(values), _SHOWN)} of {len(values)})")
        lines += [f"    {slice_line(value)}" for value in values[:_SHOWN]]
    lines += [f"  {line}" for line in fairness_lines(result.get("fairness", {}))]
    if "comparison" in result:
        lines += [f"  {line}" for line in comparison_lines(result["comparison"])]
    for gate in result["verdict"]["gates"]:
        lines.append(f"  gate {'met' if gate['passed'] else 'NOT MET'}: {gate_text(gate)}")
    return "\n".join(lines)


_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class _Opened:
    """The candidate and its spec, the training set that it was trained on, a champion's bundle, own metrics."""

    candidate: artifact.Artifact
    spec: ModelSpec
    training_set: TrainingSet
    champion: Comparable | None
    own: tuple[Metric, ...]


def _opened(settings: Evaluate) -> _Opened:
    check_tracker(settings.track)
    candidate = artifact.open_artifact(settings.candidate, ArtifactKind.CANDIDATE)
    use_case = candidate.fact("use_case", str)
    settings.check_named(use_case, settings.candidate)
    training_set = TrainingSet.open(settings.training_set)
    check_trained_on(candidate, training_set)
    check_place(evaluation_path(settings.candidate), ArtifactKind.EVALUATION)
    spec = spec_from_json(model_facts(candidate.manifest, settings.candidate), settings.candidate)
    bundle = _champion(settings)
    champion = None if bundle is None else check_comparable(bundle, spec, training_set)
    own = find_model(use_case, settings.use_case_path).metrics if spec.metrics else ()
    return _Opened(candidate, spec, training_set, champion, own)


def _champion(settings: Evaluate) -> pathlib.Path | None:
    """Return the bundle to compare with, None if there is none: before a first release, nothing is in the registry."""
    if settings.registry is None:
        return None if settings.against is None else pathlib.Path(settings.against)
    check_local(settings.registry)
    registry = Registry(settings.registry)
    pointer = registry.standing().pointer
    if pointer is None:
        _log.warning("%s: nothing is released there, so the candidate is compared with nothing", settings.registry)
        return None
    return registry.bundle_path(pointer.champion)


def _own_file(opened: _Opened, settings: Evaluate) -> str:
    return str(files_of(opened.candidate.manifest["use_case"], settings.use_case_path).model) if opened.own else ""


def _eval_rows(spec: ModelSpec, rows: int) -> str:
    if spec.task == BINARY and spec.threshold == BEST_F1:
        return f"{rows:,} others choose the threshold"
    return f"the {rows:,} of split eval are not looked at"
