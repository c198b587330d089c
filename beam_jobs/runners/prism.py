"""Prism: the options that our jobs need there, and where its binary is. Imports no Beam."""

import importlib.metadata
import os
import pathlib
import shlex
import shutil
from collections.abc import Collection

from beam_jobs.process import installation
from schemas.errors import ServiceError

_SOURCE = "github.com/apache/beam/sdks/v2/go/cmd/prism"


def flags(given: Collection[str]) -> list[str]:
    """Return our defaults for Prism, without those that are `given`; raises `ServiceError` without a binary.

    >>> flags({"prism_location"})
    ['--prism_log_level=warn']
    """
    ours = [] if "prism_location" in given else [f"--prism_location={binary()}"]
    return ours if "prism_log_level" in given else [*ours, "--prism_log_level=warn"]


def folder() -> pathlib.Path:
    """Return where a binary of our own is looked for: beside what else was fetched for this code."""
    return installation.fetched() / "bin"


def find_binary() -> pathlib.Path | None:
    """Return Prism's binary from our folder or PATH, None if there is none."""
    here = folder() / "prism"
    if here.is_file() and os.access(here, os.X_OK):
        return here
    path = shutil.which("prism")
    return None if path is None else pathlib.Path(path)


def binary() -> pathlib.Path:
    """Return Prism's binary from our folder or PATH; raises `ServiceError` that says how to get it."""
    found = find_binary()
    if found is None:
        raise ServiceError(f"runner prism: no binary at {folder() / 'prism'} and none in PATH; {how_to_get()}")
    return found.absolute()


def how_to_get() -> str:
    """Return what makes the binary, as advice: of apache-beam's version, whose Python side talks to it."""
    with_go = "with Go 1.26 or later"
    if installation.in_checkout():
        return f"`scripts/setup --prism` builds it {with_go}"
    versions = [one.version for one in importlib.metadata.distributions(name="apache-beam")]
    source = f"{_SOURCE}@v{versions[0] if versions else 'VERSION'}"
    return f"build it {with_go}: GOBIN={shlex.quote(str(folder()))} go install {source}"
