"""What a run over files was made of: its input, its code, its options; two runs with the same facts write the same."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from beam_jobs.process.installation import ROOT
from beam_jobs.raw_files.raw_format import RawFile
from models.use_case_files import files_of
from schemas import fingerprint
from schemas.address import is_remote
from schemas.errors import ArtifactError
from schemas.sets.earlier_set import earlier_statistics

_LAYERS = ("schemas", "transforms", "models", "beam_jobs")
# Options that say where a run works and what becomes of its output, or name what counts by its content.
_ELSEWHERE = frozenset(
    (
        "data",
        "output",
        "existing",
        "runner",
        "beam_args",
        "services_folder",
        "workers",
        "use_case_path",
        "registry",
        "personal_key_file",
        "personal_key_env",
        "previous",
    )
)


def run_facts(settings: Any, files: Sequence[RawFile], use_case: str | None = None, **made_from: str) -> dict[str, str]:
    """Return the facts of a run: a fingerprint each of `inputs`, `code`, `options`, `use_case`, and what is named.

    A local file counts by its name and its bytes, one at an address by its name and what its filesystem says of it.
    The keys that a use case hashes with count by their ids, an earlier set by its statistics, wherever they are. A
    bundle says itself which key it takes.
    """
    options = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    facts = {
        "inputs": fingerprint.of_json([[file.name, _content(file)] for file in files]),
        "code": _code(),
        "options": fingerprint.of_json({name: value for name, value in options.items() if name not in _ELSEWHERE}),
        **made_from,
    }
    if use_case is not None:
        facts["use_case"] = _of_files(files_of(use_case, settings.use_case_path))
        if keys := settings.personal_keys.read():
            facts["keys"] = fingerprint.of_json(sorted(key.id for key in keys))
        if settings.previous is not None:
            earlier = earlier_statistics(settings.previous).SerializeToString(deterministic=True)
            facts["previous"] = fingerprint.of_bytes(earlier)
    return facts


def differing(made: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the names of the facts that are others.

    >>> differing({"inputs": "a", "code": "b"}, {"inputs": "a", "code": "c"})
    ['code']
    """
    return sorted(name for name in made.keys() | now.keys() if made.get(name) != now.get(name))


def check_same(made: dict[str, str], now: dict[str, str], what: str) -> None:
    """Raise `ArtifactError` for an output that was made of something else than a run now would be; `what` names it."""
    if others := differing(made, now):
        why = f"of other {', '.join(others)}" if made else "by a version that does not say of what"
        raise ArtifactError(f"{what} that was made {why}; --existing rebuild replaces it")


@functools.cache
def _code() -> str:
    return _of_files(path for layer in _LAYERS for path in sorted((ROOT / layer).rglob("*.py")))


def _of_files(paths: Iterable[pathlib.Path]) -> str:
    return fingerprint.of_json([[path.name, fingerprint.of_file(path)] for path in paths])


def _content(file: RawFile) -> str:
    if not is_remote(file.path):
        return fingerprint.of_file(file.path)
    from beam_jobs.raw_files.remote_files import version

    return version(file.path)
