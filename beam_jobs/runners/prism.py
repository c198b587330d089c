"""Prism: the options that our jobs need there, and where its binary is."""

import os
import pathlib
import shutil
from collections.abc import Collection

import apache_beam as beam

from schemas.errors import ServiceError

BEAMS_NAME = "PrismRunner"

_INSTALL = "go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{version}"


def flags(given: Collection[str]) -> list[str]:
    """Return our defaults for Prism, without those that are `given`; raises `ServiceError` without a binary.

    >>> flags({"prism_location"})
    ['--prism_log_level=warn']
    """
    ours = [] if "prism_location" in given else [f"--prism_location={find_binary()}"]
    return ours if "prism_log_level" in given else [*ours, "--prism_log_level=warn"]


def find_binary(folder: str | os.PathLike = ".onegraph/bin") -> pathlib.Path:
    """Return Prism's binary from `folder` or PATH; raises `ServiceError` that says how to get it."""
    here = pathlib.Path(folder) / "prism"
    path = str(here.resolve()) if os.access(here, os.X_OK) else shutil.which("prism")
    if path is None:
        install = _INSTALL.format(version=beam.__version__)
        raise ServiceError(
            f"runner prism: no binary at {here} and none in PATH; get it with Go: GOBIN=$PWD/{here.parent} {install}"
        )
    return pathlib.Path(path)
