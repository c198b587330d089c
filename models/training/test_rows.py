"""Whether a training set keeps the raw rows of its test split, and under which name. Imports nothing heavy.

A training set has features, which are those of its own graph. Beside them may lie the columns that serving has of every
test row, as the stream sees them where the graph takes them over: validated, and with what is personal treated. On them
a model of another graph is compared (`kept_test_rows`).
"""

from collections.abc import Iterable, Mapping

from models.gates import Gate

FACT = "test_rows"
"""What a manifest calls their files; sets without them, and of before, do not say so."""
SPLIT = "test"
KEEP, LEAVE = "keep", "leave"
CHOICES: Mapping[str, str] = {
    KEEP: "they lie beside the shards, for a champion of another graph",
    LEAVE: "features alone, which a champion of the same graph is compared on",
}


def are_wanted(gates: Iterable[Gate], asked: str | None) -> bool:
    """Say whether a build keeps them: as is `asked` for, one of `CHOICES`, else where a gate looks at the champion.

    >>> gates = [Gate("auc", no_worse_by=0.01)]
    >>> are_wanted(gates, None), are_wanted(gates, LEAVE), are_wanted([], None), are_wanted([], KEEP)
    (True, False, False, True)
    """
    return any(gate.no_worse_by is not None for gate in gates) if asked is None else asked == KEEP
