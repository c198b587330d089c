"""The bundle: graph, model, schema, golden rows, statistics and evaluation in one immutable directory.

Its id is made from its content: the same candidate released twice is the same bundle.
"""

import pathlib
import shutil
import uuid
from collections.abc import Mapping
from typing import Any

import numpy
import pyarrow
import tensorflow as tf

from models.families.table.choice import family_of
from models.losses import CALIBRATED
from models.registry.releasable import COPIED, EVALUATION, check_releasable
from models.scoring import golden
from models.scoring.manifest import model_facts
from models.scoring.scorer import Scorer
from models.tasks import BINARY, MULTICLASS
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import copy_file, copy_folder
from schemas.personal.treatments import FACT
from schemas.plain_files import read_plain, sync

_MOST_STATISTICS = 256 * 1024 * 1024


def write_bundle(candidate: str | pathlib.Path, bundles: str | pathlib.Path) -> str:
    """Write the bundle of an evaluated candidate below `bundles`; return its id. Writes nothing if it is there.

    The bundle gets its name last, by a rename: a crash leaves only a directory that starts with a dot.
    """
    opened, evaluation = check_releasable(candidate)
    bundles = pathlib.Path(bundles)
    unfinished = bundles / f".unfinished-{uuid.uuid4().hex}"
    unfinished.mkdir(parents=True)
    try:
        written = _fill(opened, evaluation, unfinished)
        bundle_id = artifact.content_id(written.manifest)
        target = bundles / bundle_id
        try:
            unfinished.rename(target)  # a folder with something in it is not replaced
        except OSError:
            if not target.exists():
                raise
            artifact.open_artifact(target, ArtifactKind.BUNDLE).verify()
        sync(bundles)
        return bundle_id
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(opened: artifact.Artifact, evaluation: artifact.Artifact, path: pathlib.Path) -> artifact.Artifact:
    for name in COPIED:
        source = opened.path / name
        if source.is_dir():
            copy_folder(source, path / name)
        else:
            copy_file(source, path / name)
    findings = path / EVALUATION
    findings.mkdir()
    for name in evaluation.manifest["files"]:
        copy_file(evaluation.path / name, findings / name)
    scorer = Scorer.of_parts(path, _facts(opened, evaluation))
    rows = golden.choose_rows(scorer, read_plain(path / "statistics" / "train.pb", _MOST_STATISTICS))
    golden.write_golden(scorer, rows, path / "golden")
    return artifact.complete(path, ArtifactKind.BUNDLE, _facts(opened, evaluation))


def _facts(opened: artifact.Artifact, evaluation: artifact.Artifact) -> dict:
    """Return what a bundle's manifest says besides its files; no clock reading, so that content alone makes the id."""
    manifest = opened.manifest
    model = model_facts(manifest, str(opened.path))
    names = ("use_case", "feature_names", "feature_kinds", "slices", "rounds")
    prints = ("schema_fingerprint", "graph_fingerprint", "training_set_fingerprint")
    return {
        **{name: manifest[name] for name in (*names, *prints)},
        **{name: manifest[name] for name in (FACT, CALIBRATED) if name in manifest},
        "task": model["task"],
        "family": model["family"],
        **_facts_of_task(model, evaluation.manifest["metrics"]),
        "metrics": evaluation.manifest["metrics"],
        "golden_rows": golden.ROWS,
        "versions": {
            "numpy": numpy.__version__,
            "pyarrow": pyarrow.__version__,
            "tensorflow": tf.__version__,
            **family_of(model["family"]).versions(),
        },
    }


def _facts_of_task(model: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes labels of scores: the threshold, or the names of the classes."""
    if model["task"] == BINARY:
        return {"threshold": metrics["threshold"]}
    return {"classes": model["classes"]} if model["task"] == MULTICLASS else {}
