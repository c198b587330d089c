"""What all processes of one test run share: files that the first one makes, services that the first one starts.

pytest-xdist runs the tests in several processes. Each has a temporary folder below one that is the whole run's.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

_XDIST_WORKER = "PYTEST_XDIST_WORKER"


def process_name() -> str:
    """Return the name of this process among those of the run: gw0, gw1, or nothing if it is the only one."""
    return os.environ.get(_XDIST_WORKER, "")


def shared_folder(factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return a folder that all processes of the run have in common."""
    own = factory.getbasetemp()
    folder = (own.parent if process_name() else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def made_once(folder: pathlib.Path, name: str, make: Callable[[pathlib.Path], object]) -> pathlib.Path:
    """Return the directory `name` of the folder, filled by `make(directory)` unless a process has done so.

    What a `make` that fails has left is removed; the next one to ask tries again.
    """
    made, whole = folder / name, folder / f"{name}.made"
    with _alone(folder / f"{name}.lock"):
        if not whole.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            whole.touch()
    return made


@contextlib.contextmanager
def service(
    folder: pathlib.Path, name: str, start: Callable[[pathlib.Path], Any], stop: Callable[[pathlib.Path], object]
) -> Iterator[Any]:
    """Have a service in the directory `name` of the folder: the first user starts it, the last one stops it.

    What `start` returns goes to all users as JSON. Users that are killed use it no longer.
    """
    directory = folder / name
    directory.mkdir(exist_ok=True)
    turn, about = folder / f"{name}.lock", folder / f"{name}.json"
    with (folder / f"{name}.users").open("w") as users:
        with _alone(turn):
            if _is_only(users.fileno()):
                try:
                    about.write_text(json.dumps(start(directory)))
                except BaseException:
                    stop(directory)
                    raise
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield json.loads(about.read_text())
        finally:
            with _alone(turn):
                if _is_only(users.fileno()):
                    stop(directory)


@contextlib.contextmanager
def _alone(lock: pathlib.Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_only(users: int) -> bool:
    """Say whether no other process has the file locked; then this one has it alone."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
