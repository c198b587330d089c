"""The pointer: one small file that says which bundles of a registry are live. Imports nothing heavy."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from models.variants.variants import Variants
from schemas.errors import ArtifactError, InputError
from schemas.plain_files import parse_json, read_plain

LIVE_FILE = "live.json"
LARGEST = 1024 * 1024
"""Bytes that a pointer may have."""
LAST_GENERATION = 999_999_999
CURE = "`onegraph rollback --to CHAMPION` writes the same again, `onegraph rollback` the one before, both by history/"


@dataclasses.dataclass(frozen=True)
class Override:
    """Who released a bundle though gates said no, when (ISO 8601, UTC) and why, and what these gates said."""

    who: str
    when: str
    why: str
    gates: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the value that is written."""
        return {**dataclasses.asdict(self), "gates": list(self.gates)}

    @classmethod
    def from_json(cls, value: Any) -> "Override":
        """Read what `to_json` gave; raises `TypeError` or `KeyError` for anything else."""
        who, when, why, gates = (value[name] for name in ("who", "when", "why", "gates"))
        if not isinstance(gates, list) or not all(isinstance(one, str) for one in (who, when, why, *gates)):
            raise TypeError
        return cls(who, when, why, tuple(gates))


@dataclasses.dataclass(frozen=True)
class Origin:
    """The release that brought a bundle in: its generation, who, when and why, and where the bundle comes from.

    That is the candidate's directory, and the training set and commit that the candidate says of itself.
    """

    generation: int
    who: str
    when: str
    why: str
    candidate: str
    training_set: str
    commit: str

    @classmethod
    def from_json(cls, value: Any) -> "Origin":
        """Read what `dataclasses.asdict` gave; raises `TypeError` or `KeyError` for anything else."""
        generation, *texts = (value[field.name] for field in dataclasses.fields(cls))
        if type(generation) is not int or not all(isinstance(text, str) for text in texts):
            raise TypeError
        return cls(generation, *texts)


@dataclasses.dataclass(frozen=True)
class Pointer:
    """One generation: which bundles serve, who said so, when (ISO 8601, UTC) and why.

    `after` is the generation that served before it; None if nothing did, or an older version wrote it. `overrides` says
    of each bundle that serves though its gates said no who wanted that, `origins` of each which release brought it in;
    later generations repeat both.
    """

    generation: int
    variants: Variants
    who: str
    when: str
    why: str
    after: int | None = None
    overrides: Mapping[str, Override] = dataclasses.field(default_factory=dict)
    origins: Mapping[str, Origin] = dataclasses.field(default_factory=dict)

    @property
    def champion(self) -> str:
        """The champion's bundle id."""
        return self.variants.champion

    def to_json(self) -> dict[str, Any]:
        """Return the value that is written."""
        said: dict[str, Any] = {"generation": self.generation, "who": self.who, "when": self.when, "why": self.why}
        after = {} if self.after is None else {"after": self.after}
        overrides = {bundle: one.to_json() for bundle, one in self.overrides.items()}
        origins = {bundle: dataclasses.asdict(one) for bundle, one in self.origins.items()}
        said |= after | ({"overrides": overrides} if overrides else {}) | ({"origins": origins} if origins else {})
        return {**said, **self.variants.to_json()}

    def text(self) -> str:
        """Return the JSON that is written."""
        return json.dumps(self.to_json(), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_text(cls, text: bytes | str, where: str) -> "Pointer":
        """Parse it; raises `ArtifactError` naming `where` for anything else."""
        try:
            return _parsed(text)
        except (KeyError, TypeError, AttributeError):
            raise ArtifactError(f"{where}: not a registry pointer; {CURE}") from None
        except ValueError as error:
            raise ArtifactError(f"{where}: not a registry pointer: {error}; {CURE}") from None
        except InputError as error:
            raise ArtifactError(f"{where}: {error}; {CURE}") from None


def _parsed(text: bytes | str) -> Pointer:
    if len(text) > LARGEST:
        raise ValueError(f"over {LARGEST:,} bytes")
    value = parse_json(text)
    generation, *said = (value[name] for name in ("generation", "who", "when", "why"))
    if type(generation) is not int or not all(isinstance(one, str) for one in said):
        raise TypeError
    if not 0 < generation <= LAST_GENERATION:
        raise ValueError(f"its generation is not from 1 to {LAST_GENERATION:,}")
    after = value.get("after")
    if after is not None and (type(after) is not int or not 0 < after <= LAST_GENERATION):
        raise ValueError(f"its `after` is not from 1 to {LAST_GENERATION:,}")
    who, when, why = said
    overrides = {bundle: Override.from_json(one) for bundle, one in _by_bundle(value, "overrides").items()}
    origins = {bundle: Origin.from_json(one) for bundle, one in _by_bundle(value, "origins").items()}
    return Pointer(generation, Variants.from_json(value), who, when, why, after, overrides, origins)


def _by_bundle(value: Any, name: str) -> dict[str, Any]:
    given = value.get(name, {})
    if not isinstance(given, dict):
        raise TypeError
    return given


def check_readable(pointer: Pointer) -> None:
    """Raise `InputError` if a pointer, written, could not be read again."""
    try:
        _parsed(pointer.text())
    except ValueError as error:
        raise InputError(f"the next generation of the pointer: {error}; say it in other words") from None


def read_live(registry: pathlib.Path) -> Pointer | None:
    """Return a registry's live pointer, None if there is none; raises `ArtifactError` for one that is no pointer."""
    return read_pointer(registry / LIVE_FILE) if registry.is_dir() else None


def read_pointer(path: pathlib.Path) -> Pointer | None:
    """Return the pointer in a file, None if there is no file; raises `ArtifactError` for anything else in it."""
    try:
        return Pointer.from_text(read_plain(path, LARGEST), str(path))
    except FileNotFoundError:
        return None
