"""Waiting for a file's lock: it is taken once free, and the waiting can be given up."""

import concurrent.futures
import os
import pathlib
import threading
from collections.abc import Iterator

import pytest

from schemas.file_lock import lock_within, locked

PATIENCE_S = 60.0


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / ".lock"


@pytest.fixture
def file(path: pathlib.Path) -> Iterator[int]:
    """Open as another process has it: a lock belongs to the open file, not to the process."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def test_a_lock_that_is_free_is_taken_even_by_one_told_to_stop(file: int) -> None:
    stop = threading.Event()
    stop.set()
    assert lock_within(file, 0, stop)


def test_who_waits_has_it_once_it_is_free(path: pathlib.Path, file: int) -> None:
    with concurrent.futures.ThreadPoolExecutor() as threads:
        with locked(path):
            waiting = threads.submit(lock_within, file, PATIENCE_S)
            assert not lock_within(file, 0.1)
        assert waiting.result(PATIENCE_S)


def test_waiting_ends_when_it_is_told_to(path: pathlib.Path, file: int) -> None:
    stop = threading.Event()
    with locked(path), concurrent.futures.ThreadPoolExecutor() as threads:
        waiting = threads.submit(lock_within, file, PATIENCE_S, stop)
        stop.set()
        assert waiting.result(PATIENCE_S) is False


def test_a_lock_ends_with_its_block(path: pathlib.Path, file: int) -> None:
    with locked(path):
        assert not lock_within(file, 0)
    assert lock_within(file, 0)
