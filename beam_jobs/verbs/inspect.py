"""`onegraph inspect`: what is in a TFRecord file, training set, candidate, evaluation, bundle or registry."""

import itertools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from beam_jobs.cli.settings import Inspect
from beam_jobs.registries.bundle_text import bundle_text
from beam_jobs.registries.listing import listing, listing_text
from models.families.choice import family_of
from models.registry.pointer import LIVE_FILE
from models.registry.registry import describe_bundle
from models.scoring.manifest import model_facts
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError, InputError
from transforms.examples.tfrecord import read_shard


def check(settings: Inspect) -> None:
    """Raise if there is nothing at the path."""
    if not pathlib.Path(settings.path).exists():
        raise InputError(f"{settings.path}: no such file or directory")


def run(settings: Inspect) -> dict[str, Any]:
    """Return what is there; `kind` says what it is."""
    check(settings)
    path = pathlib.Path(settings.path)
    if path.is_file() and path.name == artifact.MANIFEST:
        path = path.parent
    if path.is_file():
        return _examples(path, settings.limit)
    if (path / LIVE_FILE).exists() or (path / "bundles").is_dir():
        return {"kind": "registry", **listing(str(path))}
    kind = _kind(path)
    opened = artifact.open_artifact(path, kind)
    return {"kind": kind, "path": str(path), **_ABOUT[kind](opened)}


def describe(result: dict[str, Any]) -> str:
    """Return it for people."""
    if result["kind"] == "registry":
        return listing_text(result)
    if result["kind"] == "bundle":
        return bundle_text(result)
    if result["kind"] == "tfrecord":
        return _examples_text(result)
    lines = [f"{result['path']}: {result['kind']}"]
    for name, value in result.items():
        if name not in ("kind", "path"):
            lines.append(f"  {name.replace('_', ' ')}: {_text(value)}")
    return "\n".join(lines)


def _kind(path: pathlib.Path) -> str:
    try:
        kind = artifact.kind_of(path)
    except (OSError, ArtifactError):
        raise ArtifactError(
            f"{path}: neither a registry nor a directory with {artifact.MANIFEST}; "
            "wanted a TFRecord file, a training set, a candidate, an evaluation, a bundle or a registry"
        ) from None
    if not isinstance(kind, str) or kind not in _ABOUT:
        raise ArtifactError(f"{path}: of kind {kind!r}, known are {', '.join(_ABOUT)}")
    return kind


def _examples(path: pathlib.Path, limit: int) -> dict[str, Any]:
    records = (record for block in read_shard(path) for record in block)
    shown: list[dict[str, Any]] = []
    for record in itertools.islice(records, limit):
        try:
            example = tf.train.Example.FromString(record)
        except ValueError:  # protobuf's DecodeError is one
            raise ArtifactError(f"{path}: record {len(shown)} is not a tf.train.Example") from None
        shown.append({name: _values(feature) for name, feature in sorted(example.features.feature.items())})
    return {"kind": "tfrecord", "path": str(path), "records": len(shown) + sum(1 for _ in records), "examples": shown}


def _values(feature: tf.train.Feature) -> Any:
    which = feature.WhichOneof("kind")
    values = list(getattr(feature, which).value) if which else []
    readable = [value.decode(errors="backslashreplace") if isinstance(value, bytes) else value for value in values]
    return readable[0] if len(readable) == 1 else readable


def _examples_text(result: Mapping[str, Any]) -> str:
    lines = [f"{result['path']}: {result['records']:,} examples"]
    for number, example in enumerate(result["examples"]):
        lines.append(f"example {number}")
        width = max(map(len, example), default=0)
        lines += [f"  {name:<{width}}  {_text(value)}" for name, value in example.items()]
    return "\n".join(lines)


def _picked(*names: str) -> Callable[[artifact.Artifact], dict[str, Any]]:
    return lambda opened: {name: opened.manifest[name] for name in names if name in opened.manifest}


def _about_candidate(opened: artifact.Artifact) -> dict[str, Any]:
    facts = _picked("use_case", "feature_names", "training_set_fingerprint", "rounds", "model")(opened)
    family = family_of(model_facts(opened.manifest, str(opened.path))["family"])
    return {**facts, **family.describe(opened.path / "model")}


_TRAINING_SET = ("use_case", "rows", "label_mean", "rejected_by_reason", "shards", "feature_names", "slices")
_ABOUT: dict[str, Callable[[artifact.Artifact], dict[str, Any]]] = {
    ArtifactKind.TRAINING_SET: _picked(*_TRAINING_SET, "compression", "fingerprint"),
    ArtifactKind.CANDIDATE: _about_candidate,
    ArtifactKind.EVALUATION: _picked("use_case", "passed", "metrics"),
    ArtifactKind.BUNDLE: lambda opened: describe_bundle(opened.path),
}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
