"""What a bundle is and who signed it, for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.override_text import override_text
from beam_jobs.reports.terminal_text import shown
from models.losses import CALIBRATED
from models.tasks import BINARY, MULTICLASS, RANKING, REGRESSION
from schemas.artifacts.signature import Signer
from schemas.personal.treatments import FACT


def bundle_text(bundle: dict[str, Any]) -> str:
    """Return what a bundle is; `bundle` is as `describe_bundle` returns it."""
    versions = ", ".join(f"{name} {version}" for name, version in bundle["versions"].items())
    return "\n".join(
        [
            f"bundle {bundle['id']}: {bundle['use_case']}, {_model(bundle)}",
            f"  test split: {_metrics(bundle)}",
            f"  features: {', '.join(bundle['feature_names'])}",
            f"  training set {bundle['training_set_fingerprint'][:12]}; {versions}",
            *_personal(bundle.get(FACT)),
            f"  {signed_text(bundle['signed_by'])}",
            *([f"  {override_text(bundle['override'])}"] if "override" in bundle else []),
        ]
    )


def _model(bundle: Mapping[str, Any]) -> str:
    if bundle["task"] == MULTICLASS:
        return f"{bundle['family']} of {len(bundle['classes'])} classes"
    return bundle["family"] if bundle["task"] == BINARY else f"{bundle['family']}, {bundle['task']}"


def _metrics(bundle: Mapping[str, Any]) -> str:
    metrics = bundle["metrics"]
    if bundle["task"] == REGRESSION:
        return f"RMSE {metrics['rmse']:,.4f}, MAE {metrics['mae']:,.4f}, R2 {_short(metrics.get('r2'))}"
    if bundle["task"] == RANKING:
        return f"NDCG {metrics['ndcg']:.4f}, NDCG@10 {metrics['ndcg_at_10']:.4f}"
    if bundle["task"] == MULTICLASS:
        return (
            f"accuracy {metrics['accuracy']:.4f}, macro AUC {_short(metrics.get('macro_auc'))}, "
            f"log loss {metrics['log_loss']:.4f}"
        )
    return (
        f"AUC {metrics['auc']:.4f}, average precision {metrics['average_precision']:.4f}, "
        f"log loss {metrics['log_loss']:.4f}, threshold {bundle['threshold']:.4f}"
        + ("" if metrics.get(CALIBRATED, True) else "; scores are not calibrated")
    )


def _personal(said: Mapping[str, Any] | None) -> list[str]:
    """Return what becomes of personal columns, and which key their hashes need.

    >>> _personal({"columns": {"card": "hash", "mail": "drop"}, "key": "f27a6ab2"}), _personal(None)
    (['  personal: card hash, mail drop; hashed with key f27a6ab2'], [])
    """
    if said is None:
        return []
    columns = ", ".join(f"{shown(name)} {shown(word)}" for name, word in said["columns"].items())
    return [f"  personal: {columns}" + (f"; hashed with key {shown(said['key'])}" if said["key"] else "")]


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else "-"


def signed_text(signed_by: Sequence[dict[str, str | None]] | None) -> str:
    """Return who signed; None is a signature that does not fit the bundle.

    >>> signed_text([{"key": "f" * 64, "name": "release.pem"}]), signed_text([])
    ('signed by release.pem (ffffffffffffffff)', 'not signed')
    """
    if signed_by is None:
        return "SIGNATURE DOES NOT FIT"
    names = [str(Signer(signer["key"] or "", signer["name"])) for signer in signed_by]
    return f"signed by {', '.join(names)}" if names else "not signed"
