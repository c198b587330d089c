"""What the loss of a spec wants of labels beyond what their task does: counted, and told before anything is trained."""

import numpy as np

from models.families.family import Split
from models.losses import EXPONENTIAL, NDCG, Loss, Pairwise, loss_of
from models.spec import ModelSpec
from models.tasks import RANKING
from schemas.errors import InputError

_MOST_RELEVANT = 31  # XGBoost keeps 2^r as 32 bits


def check_labels(split: Split, spec: ModelSpec, name: str) -> None:
    """Raise `InputError`, naming the split, for labels that the loss does not take, or queries without an order."""
    loss = loss_of(spec.task, spec.loss)
    wrong, wanted = _wrong(split.label, loss)
    if count := int(wrong.sum()):
        raise InputError(
            f"{name} split: {count:,} of {len(split.label):,} labels are not {wanted}, which loss {loss.name} wants; "
            f"{_cure(loss)}"
        )
    if spec.task == RANKING and not _has_order(split):
        raise InputError(
            f"{name} split: no query has rows of different labels, so there is no order to learn or to stop by; use "
            "more data or another column as query"
        )


def _wrong(label: np.ndarray, loss: Loss) -> tuple[np.ndarray, str]:
    """Return which labels (bool [rows]) a loss does not take, and what it takes."""
    if isinstance(loss, NDCG | Pairwise) and loss.gain == EXPONENTIAL:
        fits = (label >= 0) & (label <= _MOST_RELEVANT) & (np.trunc(label) == label)
        return ~fits, f"whole numbers from 0 to {_MOST_RELEVANT}"
    if loss.least is None:
        return np.zeros(len(label), np.bool_), ""
    if loss.above:
        return label <= np.float32(loss.least), f"above {loss.least:g}"
    return label < np.float32(loss.least), f"{loss.least:g} or more"


def _cure(loss: Loss) -> str:
    if isinstance(loss, NDCG | Pairwise):
        return 'mend label() and build again, or set gain="linear"'
    return "take another loss, or mend label() and build again"


def _has_order(split: Split) -> bool:
    if split.query is None:
        return False
    order = np.lexsort((split.label, split.query))
    query, label = split.query[order], split.label[order]
    return bool(((query[1:] == query[:-1]) & (label[1:] != label[:-1])).any())
