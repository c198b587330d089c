"""The settings of the verbs that write or show a registry."""

import dataclasses

from beam_jobs.cli.options import argument, option
from beam_jobs.cli.shared_settings import Trial, Trust
from models.variants.variants import CHAMPION, ROLES

REGISTRY_ACTIONS = ("list", "show", "verify", "sign", "promote", "weigh", "remove")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release(Trial):
    """Make a bundle of an evaluated candidate and let it serve: the registry's next generation."""

    candidate: str = option("directory of the candidate")
    registry: str = option("directory of the registry")
    as_: str = option("what the bundle is to be", CHAMPION, choices=ROLES)
    weight: float | None = option("share of keys that a challenger gets, above 0, at most 1", None)
    experiment: str | None = option("name that deals the keys; a new name deals them anew", None)
    sign_key_file: str | None = option("PEM file of an Ed25519 private key that signs the bundle", None)
    why: str = option("one line kept in the pointer's history", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollback:
    """Let the variants of an earlier generation serve again, whole: the registry's next generation."""

    registry: str = option("directory of the registry")
    to: str | None = option("champion to go back to; the variants before the present ones where not given", None)
    why: str = option("one line kept in the pointer's history", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegistryVerb(Trust, Trial):
    """Look into a registry, or change who serves in it.

    list: bundles and generations. show: what a bundle is. verify: every byte of one bundle or all.
    sign: a released bundle gets a signature; its id stays.
    promote: a challenger or shadow becomes champion. weigh: a challenger gets another share of keys.
    remove: a challenger or shadow serves no longer. The last three write the next generation.
    """

    action: str = argument("what to do", choices=REGISTRY_ACTIONS)
    bundle: str | None = argument("bundle id; without one the champion is shown, all are verified", None)
    registry: str = option("directory of the registry")
    sign_key_file: str | None = option("with sign: PEM file of an Ed25519 private key", None)
    weight: float | None = option("with weigh: the challenger's share of keys, above 0, at most 1", None)
    why: str = option("with promote, weigh, remove: one line kept in the pointer's history", "")
