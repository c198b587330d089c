"""Which candidates may become bundles, and which bundle one became already. Imports neither TensorFlow nor a family."""

import importlib.metadata
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from models.evaluation.gate_text import gate_text
from models.evaluation.place import evaluation_path, manifest_fingerprint
from models.scoring.manifest import model_facts
from models.training.format import check_names
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError, GateRefusal, InputError
from schemas.plain_files import parse_json, read_plain

COPIED = ("model", "graph", "statistics", "schema.pbtxt", "training.json")
"""What a bundle takes over of its candidate."""
EVALUATION = "evaluation"
"""The folder of a bundle with the files of its candidate's evaluation."""
_LARGEST = 64 * 1024 * 1024  # bytes of a verdict


def check_releasable(candidate: str | pathlib.Path) -> tuple[artifact.Artifact, artifact.Artifact]:
    """Return a candidate and its evaluation, both verified; whether it passed its gates is `check_gates`' to say.

    Raises `ArtifactError` if it was not evaluated, or something else was.
    """
    opened = artifact.open_artifact(candidate, ArtifactKind.CANDIDATE)
    opened.verify()
    model_facts(opened.manifest, str(candidate))
    opened.fact("use_case", str)
    check_names(candidate, opened.fact("feature_names", list, str), opened.manifest.get("training_set_format", 1))
    path = evaluation_path(candidate)
    if not path.exists():
        raise ArtifactError(f"{candidate}: not evaluated (no {path}); run `onegraph evaluate` first")
    evaluation = artifact.open_artifact(path, ArtifactKind.EVALUATION)
    evaluation.verify()
    if evaluation.manifest["candidate"] != manifest_fingerprint(opened.path):
        raise ArtifactError(f"{path}: evaluates another candidate than {candidate}; remove it and evaluate again")
    evaluation.fact("passed", bool)
    return opened, evaluation


def check_gates(
    candidate: str | pathlib.Path, evaluation: artifact.Artifact, champion: str | None, override: str | None
) -> tuple[str, ...]:
    """Return the gates that said no, in words, if an override (why they are not to count) lets the candidate pass.

    Raises `GateRefusal` without an override, `InputError` for one that nothing asks for. A gate that holds a candidate
    against the champion says no as well if the evaluation was against another bundle than `champion`, which serves now,
    None if none does or the candidate is it.
    """
    path = evaluation.path / "verdict.json"
    gates = _gates(path)
    failed = [gate_text(gate) for gate in gates if gate.get("passed") is not True]
    if not evaluation.fact("passed", bool) and not failed:
        failed = ["its manifest says so, no gate does"]
    against = evaluation.manifest.get("champion")
    if champion is not None and against != champion and any("no_worse_by" in gate for gate in gates):
        held = f"was held against {against}" if against is not None else "was held against no champion"
        stale = f"the candidate {held}, champion is {champion}"
        if failed or override is not None:
            failed.append(stale)
        else:
            raise GateRefusal(
                f"{candidate}: {stale}; remove {evaluation.path} and evaluate with --registry, or give --override WHY"
            )
    if failed and override is None:
        raise GateRefusal(
            f"{candidate}: its evaluation did not pass the gates ({'; '.join(failed)}); see {path}; --override WHY "
            "releases it all the same and keeps who and why"
        )
    if override is not None and not failed:
        raise InputError(f"{candidate}: passed all its gates, --override has nothing to override; leave it out")
    return tuple(failed)


def check_passed(bundle: pathlib.Path, bundle_id: str) -> None:
    """Raise `GateRefusal` for a bundle whose candidate did not pass its gates: one of which no override is known.

    A release with an override that was stopped half way leaves such a bundle, which nobody answers for.
    """
    path = bundle / EVALUATION / "verdict.json"
    if path.exists() and any(gate.get("passed") is not True for gate in _gates(path)):
        raise GateRefusal(
            f"{bundle}: bundle {bundle_id} did not pass its gates and was not released with --override; release its "
            "candidate with it, or another one"
        )


def _gates(path: pathlib.Path) -> list[Mapping[str, Any]]:
    found = parse_json(read_plain(path, _LARGEST))
    gates = found.get("gates", []) if isinstance(found, dict) else None
    if not isinstance(gates, list) or not all(isinstance(gate, dict) for gate in gates):
        raise ArtifactError(f"{path}: no verdict of an evaluation; evaluate again")
    return gates


def bundle_of(
    opened: artifact.Artifact, evaluation: artifact.Artifact, bundles: pathlib.Path, ids: Iterable[str]
) -> str | None:
    """Return which of these bundles a candidate and its evaluation became, None if none of them.

    Its files are theirs, and the versions of libraries in its manifest are those that are installed: then what is
    made of them now is the same.
    """
    files: Mapping[str, Any] = opened.manifest["files"]
    wanted = {name: entry for name, entry in files.items() if name.partition("/")[0] in COPIED}
    wanted |= {f"{EVALUATION}/{name}": entry for name, entry in evaluation.manifest["files"].items()}
    for bundle in ids:
        try:
            manifest = artifact.open_artifact(bundles / bundle, ArtifactKind.BUNDLE).manifest
            versions = manifest["versions"]
        except (ArtifactError, OSError):
            continue
        found = {name: entry for name, entry in manifest["files"].items() if not name.startswith("golden/")}
        if found == wanted and isinstance(versions, dict) and _are_installed(versions):
            return bundle
    return None


def _are_installed(versions: Mapping[str, Any]) -> bool:
    try:
        return all(importlib.metadata.version(name) == version for name, version in versions.items())
    except importlib.metadata.PackageNotFoundError:
        return False
