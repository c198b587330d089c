"""What the manifest of a bundle or a candidate must say: facts of their type, before anything is loaded by it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from models.spec import FAMILIES
from models.tasks import BINARY, MULTICLASS, RANKING, REGRESSION, TASKS
from schemas.errors import ArtifactError

_KINDS = ("int", "float")
_LONGEST = 40  # letters of a text that is shown
_METRICS: Mapping[str, tuple[str, ...]] = {
    BINARY: ("auc", "average_precision", "log_loss"),
    MULTICLASS: ("accuracy", "log_loss"),
    REGRESSION: ("rmse", "mae"),
    RANKING: ("ndcg", "ndcg_at_10"),
}


def check_manifest(manifest: Mapping[str, Any], where: str) -> None:
    """Raise `ArtifactError` naming `where` for the first fact that is missing or of another type.

    >>> check_manifest({"use_case": "taxi", "task": "binary", "family": "xgboost"} | {"threshold": True}, "b/1")
    Traceback (most recent call last):
    schemas.errors.ArtifactError: b/1: its manifest has 'threshold' a bool, wanted a number from 0 to 1; release again
    """
    _check(manifest, _FIRST_FACTS, f"{where}: its manifest", "release again")
    _check(manifest, {**_FACTS_OF[manifest["task"]], **_FACTS}, f"{where}: its manifest", "release again")
    if len(manifest["feature_kinds"]) != len(manifest["feature_names"]):
        raise ArtifactError(
            f"{where}: its manifest has {len(manifest['feature_names'])} feature names and "
            f"{len(manifest['feature_kinds'])} kinds; release again"
        )


def model_facts(manifest: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return what a candidate's manifest says of its model; `task` and `family` are as they should be.

    Raises `ArtifactError` naming `where` if it does not say so.

    >>> model_facts({"model": {"task": "binary", "family": ["xgboost"]}}, "c")
    Traceback (most recent call last):
    schemas.errors.ArtifactError: c: its manifest's model has 'family' a list, wanted one of xgboost, keras; train again
    """
    _check(manifest, {"model": (_is_object, "an object")}, f"{where}: its manifest", "train again")
    model: Mapping[str, Any] = manifest["model"]
    _check(model, {"task": _TASK, "family": _FAMILY}, f"{where}: its manifest's model", "train again")
    return model


def _check(facts: Mapping[str, Any], wanted: Mapping[str, "_Fact"], said_by: str, cure: str) -> None:
    for name, (fits, kind) in wanted.items():
        if name not in facts:
            raise ArtifactError(f"{said_by} has no {name!r}, wanted {kind}; {cure}")
        if not fits(facts[name]):
            got = _said(facts[name], fits in (_is_family, _is_task))
            raise ArtifactError(f"{said_by} has {name!r} {got}, wanted {kind}; {cure}")


def _said(value: Any, is_name: bool) -> str:
    """Return what a value is, for people; of texts only a short name is shown."""
    shown = is_name and isinstance(value, str) and value.isidentifier() and len(value) <= _LONGEST
    if type(value) in (int, float) or shown:
        return repr(value)
    return "null" if value is None else f"a {type(value).__name__}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_family(value: Any) -> bool:
    return _is_text(value) and value in FAMILIES


def _is_task(value: Any) -> bool:
    return _is_text(value) and value in TASKS


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_names(value: Any) -> bool:
    return _are_texts(value) and bool(value) and len(set(value)) == len(value)


def _are_kinds(value: Any) -> bool:
    return _are_texts(value) and set(value) <= set(_KINDS)


def _are_classes(value: Any) -> bool:
    return _are_names(value) and len(value) > 1


def _metrics(names: tuple[str, ...]) -> "_Fact":
    def are_metrics(value: Any) -> bool:
        return isinstance(value, dict) and all(_is_number(value.get(name)) for name in names)

    return are_metrics, f"{', '.join(names)} as numbers"


def _are_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


_Fact = tuple[Callable[[Any], bool], str]  # whether a value will do, and what is wanted
_TEXT: _Fact = _is_text, "text"
_FAMILY: _Fact = _is_family, f"one of {', '.join(FAMILIES)}"
_TASK: _Fact = _is_task, f"one of {', '.join(TASKS)}"
_FIRST_FACTS: Mapping[str, _Fact] = {"use_case": _TEXT, "task": _TASK, "family": _FAMILY}
_FACTS_OF: Mapping[str, Mapping[str, _Fact]] = {
    BINARY: {"threshold": (_is_share, "a number from 0 to 1"), "metrics": _metrics(_METRICS[BINARY])},
    MULTICLASS: {"classes": (_are_classes, "a list of names"), "metrics": _metrics(_METRICS[MULTICLASS])},
    REGRESSION: {"metrics": _metrics(_METRICS[REGRESSION])},
    RANKING: {"metrics": _metrics(_METRICS[RANKING])},
}
_FACTS: Mapping[str, _Fact] = {
    "feature_names": (_are_names, "a list of names"),
    "feature_kinds": (_are_kinds, f"a list of {' and '.join(_KINDS)}"),
    "slices": (_are_texts, "a list of names"),
    "rounds": (_is_count, "a count"),
    "golden_rows": (_is_count, "a count"),
    "schema_fingerprint": _TEXT,
    "graph_fingerprint": _TEXT,
    "training_set_fingerprint": _TEXT,
    "versions": (_are_versions, "texts by name"),
}
