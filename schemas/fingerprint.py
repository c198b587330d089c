"""Fingerprints: sha256 in hexadecimal, of bytes, of files and of plain JSON values."""

import hashlib
import json
import pathlib
from typing import Any


def of_bytes(data: bytes) -> str:
    """Return the sha256 of `data`.

    >>> of_bytes(b"onegraph")[:12]
    '8d1a56a1208c'
    """
    return hashlib.sha256(data).hexdigest()


def of_file(path: str | pathlib.Path) -> str:
    """Return the sha256 of a local file's content, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_json(value: Any) -> str:
    """Return the sha256 of a JSON value in canonical form: keys sorted, no spaces.

    >>> of_json({"b": 1, "a": 2}) == of_json({"a": 2, "b": 1})
    True
    """
    return of_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
