"""Variants: the bundles that serve together, and which of them decides on a key.

The champion decides on every key that is no challenger's. A challenger has parts of the line of keys
(`shares.py`) as large as its weight; if one weight changes, keys move between that challenger and the
champion and nowhere else. Shadows score everything and decide nothing.
"""

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.variants import shares
from models.variants.shares import MILLION, Interval
from schemas.errors import InputError

CHAMPION, CHALLENGER, SHADOW = ROLES = ("champion", "challenger", "shadow")

MOST = 100
"""Bundles that may serve together."""

_EXPERIMENT = re.compile(r"[A-Za-z0-9._-]{0,64}")
_MOST_PARTS = 10_000
LONGEST_ID = 255
"""Letters that a bundle's id may have."""


@dataclasses.dataclass(frozen=True)
class Challenger:
    """A bundle and the parts of the line of keys that are its own, in millionths."""

    bundle: str
    parts: tuple[Interval, ...]

    @property
    def weight(self) -> float:
        """The share of keys, in (0, 1]."""
        return shares.size(self.parts) / MILLION


@dataclasses.dataclass(frozen=True)
class Variants:
    """Who serves. A change is a new value; each of them raises `InputError` for what makes no sense.

    >>> both = Variants("a").with_challenger("b", 0.1)
    >>> both.challengers, both.with_weight("b", 0.25).challengers[0].weight, both.promoted("b").bundles
    ((Challenger(bundle='b', parts=((0, 100000),)),), 0.25, ('b',))
    """

    champion: str
    challengers: tuple[Challenger, ...] = ()
    shadows: tuple[str, ...] = ()
    experiment: str = ""

    def __post_init__(self) -> None:
        if not _EXPERIMENT.fullmatch(self.experiment):
            raise InputError(
                f"experiment {self.experiment!r}: wanted at most 64 of the characters A-Z a-z 0-9 . _ -; rename it"
            )
        if 1 + len(self.challengers) + len(self.shadows) > MOST:
            raise InputError(f"more than {MOST} bundles, the most that may serve together; remove some")
        if sum(len(challenger.parts) for challenger in self.challengers) > _MOST_PARTS:
            raise InputError(f"challengers: more than {_MOST_PARTS:,} parts of the line of keys; weigh again")
        (bundle, times), *_ = collections.Counter(self.bundles).most_common(1)
        if times > 1:
            raise InputError(f"bundle {bundle} serves already; a bundle is one of {', '.join(ROLES)}")
        end_before = 0
        for start, end in sorted(part for challenger in self.challengers for part in challenger.parts):
            if not end_before <= start < end <= MILLION:
                raise InputError(f"challengers: part {start} to {end} is no part of a million of its own; weigh again")
            end_before = end

    @property
    def bundles(self) -> tuple[str, ...]:
        """All bundles, the champion first, then challengers, then shadows."""
        return (self.champion, *(challenger.bundle for challenger in self.challengers), *self.shadows)

    def role(self, bundle: str) -> str:
        """Return what a bundle is here; raises `InputError` if it does not serve."""
        if bundle == self.champion:
            return CHAMPION
        if bundle in self.shadows:
            return SHADOW
        if any(bundle == challenger.bundle for challenger in self.challengers):
            return CHALLENGER
        raise InputError(f"bundle {bundle} does not serve here; `onegraph registry list` shows those that do")

    def newest(self, role: str) -> str:
        """Return the bundle that took a role last."""
        if role == CHAMPION:
            return self.champion
        return self.challengers[-1].bundle if role == CHALLENGER else self.shadows[-1]

    def joined_by(self, bundle: str, role: str, weight: float) -> "Variants":
        """Let a bundle take a role, whatever it was before, and be the newest in it; `weight` is for a challenger.

        A challenger that is one again keeps its keys as far as its new weight goes. The champion gets no other role.

        >>> both = Variants("a").joined_by("b", "challenger", 0.1)
        >>> both.joined_by("b", "shadow", 0).bundles, both.joined_by("b", "challenger", 0.2).challengers[0].weight
        (('a', 'b'), 0.2)
        """
        if role == CHAMPION:
            return self.with_champion(bundle)
        if bundle == self.champion:
            raise InputError(
                f"bundle {bundle} is the champion, which cannot be {role} too; release or promote another one instead"
            )
        if role == CHALLENGER and any(bundle == challenger.bundle for challenger in self.challengers):
            last = tuple(sorted(self.challengers, key=lambda challenger: challenger.bundle == bundle))
            return dataclasses.replace(self, challengers=last).with_weight(bundle, weight)
        rest = self.without(bundle) if bundle in self.bundles else self
        return rest.with_challenger(bundle, weight) if role == CHALLENGER else rest.with_shadow(bundle)

    def with_champion(self, bundle: str) -> "Variants":
        """Let this bundle be champion instead of the present one; whatever else it was, it is no longer."""
        others = tuple(challenger for challenger in self.challengers if challenger.bundle != bundle)
        shadows = tuple(shadow for shadow in self.shadows if shadow != bundle)
        return dataclasses.replace(self, champion=bundle, challengers=others, shadows=shadows)

    def with_challenger(self, bundle: str, weight: float) -> "Variants":
        """Give a bundle, which may be a shadow so far, this share of the champion's keys."""
        shadows = tuple(shadow for shadow in self.shadows if shadow != bundle)
        added = (*self.challengers, Challenger(bundle, ()))
        return dataclasses.replace(self, challengers=added, shadows=shadows).with_weight(bundle, weight)

    def with_shadow(self, bundle: str) -> "Variants":
        """Let a bundle score everything."""
        return dataclasses.replace(self, shadows=(*self.shadows, bundle))

    def with_weight(self, bundle: str, weight: float) -> "Variants":
        """Give a challenger another share of keys; keys move between it and the champion only."""
        if self.role(bundle) != CHALLENGER:
            raise InputError(f"bundle {bundle} is {self.role(bundle)}; only a challenger has a weight")
        wanted = round(weight * MILLION) if 0 < weight <= 1 else 0  # not a number is not between them either
        if not wanted:
            raise InputError(f"weight is {weight}, wanted a share of keys of at least 0.000001 and at most 1")
        others = [challenger for challenger in self.challengers if challenger.bundle != bundle]
        taken = [part for challenger in others for part in challenger.parts]
        if shares.size(taken) + wanted > MILLION:
            left = (MILLION - shares.size(taken)) / MILLION
            raise InputError(f"weight is {weight}, the other challengers leave {left:g}; lower theirs first")
        resized = [
            challenger
            if challenger.bundle != bundle
            else Challenger(bundle, shares.resized(challenger.parts, wanted, taken))
            for challenger in self.challengers
        ]
        return dataclasses.replace(self, challengers=tuple(resized))

    def promoted(self, bundle: str) -> "Variants":
        """Let a challenger or shadow be champion; the other challengers keep their keys, the old champion goes."""
        if self.role(bundle) == CHAMPION:
            raise InputError(f"bundle {bundle} is the champion already")
        return self.with_champion(bundle)

    def without(self, bundle: str) -> "Variants":
        """Take a challenger or shadow out; a challenger's keys go to the champion."""
        if self.role(bundle) == CHAMPION:
            raise InputError(f"bundle {bundle} is the champion; promote or release another one instead")
        return dataclasses.replace(self.with_champion(bundle), champion=self.champion)

    def deciders(self) -> shares.Line:
        """Return the line of keys: owner 0 is the champion, owner n the n-th challenger."""
        return shares.Line(self.experiment, [challenger.parts for challenger in self.challengers])

    def to_json(self) -> dict[str, Any]:
        """Return what the pointer's file says of it."""
        challengers = [
            {"bundle": challenger.bundle, "weight": challenger.weight, "parts": challenger.parts}
            for challenger in self.challengers
        ]
        described = {"champion": self.champion, "challengers": challengers}
        return {**described, "shadows": self.shadows, "experiment": self.experiment}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Variants":
        """Read `to_json`'s value; challengers without parts, written by hand, get the first that are free.

        Raises `TypeError`, `KeyError`, `ValueError` or `InputError` for anything else.
        """
        listed: Sequence[Mapping[str, Any]] = value.get("challengers") or []
        shadowing: Sequence[Any] = value.get("shadows") or ()
        if 1 + len(listed) + len(shadowing) > MOST:  # before anything is done for each of them
            raise InputError(f"more than {MOST} bundles, the most that may serve together; remove some")
        found = cls(_bundle(value["champion"]), experiment=_text(value.get("experiment", "")))
        with_parts = [Challenger(_bundle(said["bundle"]), _parts(said["parts"])) for said in listed if "parts" in said]
        found = dataclasses.replace(found, challengers=tuple(with_parts))
        for said in listed:
            if "parts" not in said:
                found = found.with_challenger(_bundle(said["bundle"]), _weight(said["weight"]))
        order = [said["bundle"] for said in listed]
        challengers = tuple(sorted(found.challengers, key=lambda challenger: order.index(challenger.bundle)))
        shadows = tuple(_bundle(bundle) for bundle in shadowing)
        return dataclasses.replace(found, challengers=challengers, shadows=shadows)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _bundle(value: Any) -> str:
    name = _text(value)
    if not 0 < len(name) <= LONGEST_ID or not name.isprintable():
        raise ValueError("a bundle's id is no name")
    return name


def _weight(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    return value


def _parts(value: Iterable[Any]) -> tuple[Interval, ...]:
    parts = tuple((start, end) for start, end in value)
    if not parts or any(type(edge) is not int for part in parts for edge in part):
        raise TypeError
    return parts
