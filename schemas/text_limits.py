"""Limits of texts that reject a row: the domain where the schema says that it is closed, and the length.

| in the schema | means |
|---|---|
| `distribution_constraints { min_domain_mass: 1 }` beside a domain | a text outside the domain rejects its row |
| `min_length:2`, `max_length:20` (tags) | a text of fewer or more characters rejects its row |

`min_domain_mass` is TFDV's: the share of values that must be in the domain. Where it is all of them, no row can be
outside; below 1, or where the schema says nothing, unseen texts are counted and go on to the graph.
"""

import dataclasses
import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.errors import InputError
from schemas.rejection import Reason

_HEADS = ("min_length", "max_length")
_LONGEST = 1 << 31


@dataclasses.dataclass(frozen=True)
class TextLimits:
    """What a text may be: one of `closed`, if that is not None, and of `shortest` to `longest` characters."""

    closed: frozenset[str] | None = None
    shortest: int | None = None
    longest: int | None = None

    def faults(self, array: pa.Array) -> list[tuple[Reason, np.ndarray]]:
        """Return what is wrong with which texts: a reason and bool [texts]; a missing text is not wrong.

        >>> limits = TextLimits(closed=frozenset({"a", "bb"}), longest=1)
        >>> [(str(reason), mask.tolist()) for reason, mask in limits.faults(pa.array(["a", "bb", "c", None]))]
        [('DOMAIN', [False, False, True, False]), ('LENGTH', [False, True, False, False])]
        """
        found = []
        if self.closed is not None:
            inside = pc.is_in(array, options=_lookup(self.closed))
            outside = pc.and_(pc.invert(inside), pc.is_valid(array)) if array.null_count else pc.invert(inside)
            found.append((Reason.DOMAIN, outside.to_numpy(zero_copy_only=False)))
        if self.shortest is not None or self.longest is not None:
            lengths = pc.utf8_length(array)
            wrong = np.zeros(len(array), np.bool_)
            if self.shortest is not None:
                wrong |= pc.less(lengths, self.shortest).fill_null(False).to_numpy(zero_copy_only=False)
            if self.longest is not None:
                wrong |= pc.greater(lengths, self.longest).fill_null(False).to_numpy(zero_copy_only=False)
            found.append((Reason.LENGTH, wrong))
        return found


def is_text_limit(tag: str) -> bool:
    """Say whether a tag limits texts.

    >>> is_text_limit("max_length:20"), is_text_limit("id")
    (True, False)
    """
    return tag.partition(":")[0] in _HEADS


def text_limits(feature: schema_pb2.Feature, domain: frozenset[str] | None, where: str) -> TextLimits | None:
    """Return the limits of a feature's texts, None if nothing is rejected for them; raises `InputError` naming it.

    >>> feature = schema_pb2.Feature(name="code", type=schema_pb2.BYTES)
    >>> feature.annotation.tag.append("max_length:8")
    >>> text_limits(feature, None, "loans.pbtxt")
    TextLimits(closed=None, shortest=None, longest=8)
    """
    tags = [tag for tag in feature.annotation.tag if is_text_limit(tag)]
    if tags and feature.type != schema_pb2.BYTES:
        raise InputError(f"{where}: {feature.name}: tag {tags[0]} of a number; it is for type BYTES (text)")
    shortest, longest = (_length(tags, head, f"{where}: {feature.name}") for head in _HEADS)
    if shortest is not None and longest is not None and shortest > longest:
        raise InputError(f"{where}: {feature.name}: min_length:{shortest} is more than max_length:{longest}")
    mass = feature.distribution_constraints
    closed = domain if feature.HasField("distribution_constraints") and mass.min_domain_mass >= 1.0 else None
    limits = TextLimits(closed, shortest, longest)
    return None if limits == TextLimits() else limits


def _length(tags: list[str], head: str, where: str) -> int | None:
    found = [tag.partition(":")[2] for tag in tags if tag.startswith(f"{head}:") or tag == head]
    if len(found) > 1:
        raise InputError(f"{where}: tag {head} is there twice; keep one")
    if not found:
        return None
    if not (found[0].isascii() and found[0].isdigit()) or not 0 < int(found[0]) < _LONGEST:
        raise InputError(f"{where}: tag {head}:{found[0][:20]}, wanted a number of characters, as in {head}:20")
    return int(found[0])


@functools.lru_cache(maxsize=256)
def _lookup(domain: frozenset[str]) -> pc.SetLookupOptions:
    return pc.SetLookupOptions(pa.array(sorted(domain), pa.string()))
