"""Folders of one process: theirs while it lives, removed at its end, or by the next one when it was killed."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile

import pytest

from beam_jobs.process.private_folder import private_folder
from tests.support.present import present

_OTHER = (
    "from beam_jobs.process.private_folder import private_folder\n"
    "print(private_folder('onegraph-x-'), flush=True)\n"
    "input()"
)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(temporary):
    """A process that has a folder until its input ends, and the folder's name."""
    with subprocess.Popen([sys.executable, "-c", _OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process, temporary / os.path.basename(present(process.stdout).readline().decode().strip())


def test_a_folder_is_this_users_alone_and_another_each_time(temporary):
    folders = private_folder("onegraph-x-"), private_folder("onegraph-x-")
    assert sorted(temporary.iterdir()) == sorted(folders)
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_a_living_process_keeps_its_folder_and_takes_it_along(temporary, other):
    process, folder = other
    (folder / "file").write_text("in use")
    assert private_folder("onegraph-x-") != folder
    assert (folder / "file").read_text() == "in use"
    process.communicate(b"\n")
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_by_the_next(temporary, other):
    process, folder = other
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert folder.is_dir()
    (temporary / "onegraph-x-of-somebody-else").mkdir()
    ours = private_folder("onegraph-x-")
    assert sorted(temporary.iterdir()) == sorted([ours, temporary / "onegraph-x-of-somebody-else"])


def test_what_another_user_left_stays(temporary, other, monkeypatch):
    process, folder = other
    process.send_signal(signal.SIGKILL)
    process.wait()
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    private_folder("onegraph-x-")
    assert folder.is_dir()


def test_a_folder_that_is_not_held_yet_is_not_taken_for_one_that_was_left(temporary, monkeypatch):
    lock = fcntl.flock

    def once_another_process_came_in_between(held, how):
        monkeypatch.setattr(fcntl, "flock", lock)
        assert private_folder("onegraph-x-").is_dir()
        lock(held, how)

    monkeypatch.setattr(fcntl, "flock", once_another_process_came_in_between)
    assert private_folder("onegraph-x-").is_dir()
    assert len(list(temporary.iterdir())) == 2
