"""Prism: the options that our jobs need there, and where its binary is. Imports no Beam."""

import importlib.metadata
import os
import pathlib
import shutil
from collections.abc import Collection

from schemas.errors import ServiceError

_FOLDER = ".onegraph/bin"
_INSTALL = "go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{version}"


def flags(given: Collection[str]) -> list[str]:
    """Return our defaults for Prism, without those that are `given`; raises `ServiceError` without a binary.

    >>> flags({"prism_location"})
    ['--prism_log_level=warn']
    """
    ours = [] if "prism_location" in given else [f"--prism_location={binary()}"]
    return ours if "prism_log_level" in given else [*ours, "--prism_log_level=warn"]


def find_binary(folder: str | os.PathLike = _FOLDER) -> pathlib.Path | None:
    """Return Prism's binary from `folder` or PATH, None if there is none."""
    here = pathlib.Path(folder) / "prism"
    if here.is_file() and os.access(here, os.X_OK):
        return here
    path = shutil.which("prism")
    return None if path is None else pathlib.Path(path)


def binary(folder: str | os.PathLike = _FOLDER) -> pathlib.Path:
    """Return Prism's binary from `folder` or PATH; raises `ServiceError` that says how to get it."""
    found = find_binary(folder)
    if found is None:
        here = pathlib.Path(folder) / "prism"
        install = _INSTALL.format(version=importlib.metadata.version("apache-beam"))
        raise ServiceError(
            f"runner prism: no binary at {here} and none in PATH; get it with Go: GOBIN=$PWD/{here.parent} {install}"
        )
    return found.absolute()
