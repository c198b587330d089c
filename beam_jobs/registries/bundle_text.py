"""What a bundle is and who signed it, for people."""

from collections.abc import Sequence
from typing import Any

from schemas.artifacts.signature import Signer


def bundle_text(bundle: dict[str, Any]) -> str:
    """Return what a bundle is; `bundle` is as `describe_bundle` returns it."""
    metrics = bundle["metrics"]
    versions = ", ".join(f"{name} {version}" for name, version in bundle["versions"].items())
    return "\n".join(
        [
            f"bundle {bundle['id']}: {bundle['use_case']}, {bundle['family']}",
            (
                f"  test split: AUC {metrics['auc']:.4f}, average precision {metrics['average_precision']:.4f}, "
                f"log loss {metrics['log_loss']:.4f}, threshold {bundle['threshold']:.4f}"
            ),
            f"  features: {', '.join(bundle['feature_names'])}",
            f"  training set {bundle['training_set_fingerprint'][:12]}; {versions}",
            f"  {signed_text(bundle['signed_by'])}",
        ]
    )


def signed_text(signed_by: Sequence[dict[str, str | None]] | None) -> str:
    """Return who signed; None is a signature that does not fit the bundle.

    >>> signed_text([{"key": "f" * 64, "name": "release.pem"}]), signed_text([])
    ('signed by release.pem (ffffffffffffffff)', 'not signed')
    """
    if signed_by is None:
        return "SIGNATURE DOES NOT FIT"
    names = [str(Signer(signer["key"] or "", signer["name"])) for signer in signed_by]
    return f"signed by {', '.join(names)}" if names else "not signed"
