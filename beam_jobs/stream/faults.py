"""What is wrong with rejected events, counted by reason and field, as measures, the breaker and summaries have it.

A field here is one that the schema or the graph names, as `field_of` has it: a name that a sender made up counts as
none, so that no log and no label shows it, and labels stay few.
"""

from collections import Counter
from collections.abc import Iterable, Sequence, Set

from schemas.rejection import Rejection, pointer
from schemas.rejection_counts import field_of
from transforms.graph.finite import feature_pointer

Fault = tuple[str, str]
"""A reason and the JSON pointer to its field, empty if it is the whole record or a field that nobody declared."""


def fields(columns: Iterable[str], features: Iterable[str]) -> frozenset[str]:
    """Return the fields that a fault may name: a schema's columns and a graph's features.

    >>> sorted(fields(["age"], ["age_z"]))
    ['/age', '/features/age_z']
    """
    return frozenset([*map(pointer, columns), *map(feature_pointer, features)])


def counted(rejections: Sequence[Rejection], known: Set[str]) -> Counter[Fault]:
    """Return how many rejections there are of each fault; `known` are the fields that may be named."""
    return Counter(fault_of(one, known) for one in rejections)


def fault_of(rejection: Rejection, known: Set[str]) -> Fault:
    """Return what is wrong with one event."""
    return rejection.reason.value, field_of(rejection.path, known)


def named(fault: Fault) -> str:
    """Return a fault in words.

    >>> named(("TYPE", "/tenure")), named(("JSON_SYNTAX", ""))
    ('TYPE at /tenure', 'JSON_SYNTAX')
    """
    reason, path = fault
    return f"{reason} at {path}" if path else reason
