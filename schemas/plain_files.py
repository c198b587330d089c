"""Plain files: reading what others may have written, and writing so that no reader sees half a file.

What stands in a registry, or beside an artifact's manifest, may be a pipe, a link to nothing, a file without end or
no text at all. It is read as a plain file up to a size, opened without waiting, or not at all.
"""

import errno
import json
import math
import os
import pathlib
import stat
from collections.abc import Sequence
from io import BufferedReader
from typing import Any

from schemas.errors import ArtifactError

_NO_FILE = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP)  # of a folder, on some filesystems
_MOST_DIGITS = 40


def open_plain(path: str | pathlib.Path) -> BufferedReader:
    """Open a plain file for reading; a link to one is one.

    Raises `FileNotFoundError` if there is nothing, `ArtifactError` for a pipe, folder, device, socket or a link in a
    circle, and `OSError` if the machine cannot read it.
    """
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
            if stat.S_ISREG(os.fstat(handle).st_mode):  # it may have been replaced since
                return os.fdopen(handle, "rb")
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
    raise ArtifactError(f"{path}: no plain file; remove it or copy it again")


def read_plain(path: str | pathlib.Path, most: int) -> bytes:
    """Return a plain file's content; raises as `open_plain` does, and `ArtifactError` beyond `most` bytes."""
    with open_plain(path) as file:
        data = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    if data is None or len(data) > most:
        raise ArtifactError(f"{path}: over {most:,} bytes, more than such a file may have; copy it again")
    return data


def parse_json(data: bytes | str) -> Any:
    """Return the value of a JSON text in which nothing is left to chance.

    Raises `ValueError`, saying what is wrong and quoting nothing, for what is not JSON in UTF-8, a key that stands
    twice in an object, half a surrogate pair, a number that is not finite or too long, and nesting too deep.

    >>> parse_json(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> parse_json(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ValueError: a key stands twice in an object
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=_number, parse_int=_whole, parse_constant=_number
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON at line {error.lineno}") from None
    return value


def write_whole(path: pathlib.Path, data: bytes) -> None:
    """Write a file that others see whole or not at all, and that is on the disk when this returns.

    What was there before is replaced. Raises `OSError`, then nothing has changed.
    """
    unfinished = write_beside(path, data)
    try:
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_beside(path: pathlib.Path, data: bytes) -> pathlib.Path:
    """Write what is to become `path` under a name beside it, that name with a dot before; return where it is.

    Only one at a time may do so for one path. Raises `OSError`, then nothing is left.
    """
    unfinished = path.with_name(f".{path.name}")
    unfinished.unlink(missing_ok=True)
    try:
        with open(unfinished, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None  # a write does not say where
    return unfinished


def sync(path: str | pathlib.Path) -> None:
    """Have a file's content, or a folder's names, on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("a number too long")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    return value
