"""What is tried first: where it is remembered, what it may take, and that nothing of it stays."""

import os
import re
import signal
import tempfile
import threading
import time

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.registries import first_loads
from schemas.errors import ServiceError
from tests.support.present import present

SOON_S = 60


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """The temporary files' folder, of the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path
    tempfile.tempdir = None


def test_a_folder_that_is_not_ours_ends_no_job(own_files, caplog):
    (own_files / f"onegraph-{os.getuid()}").symlink_to(own_files)
    done = first_loads.tried()
    done.add("a")
    assert "a" in done
    assert "is kept in memory alone" in caplog.text


@pytest.mark.needs_time
def test_a_trial_that_is_killed_leaves_no_folder(own_files, candidate):
    def folders():
        return list(own_files.glob("onegraph-trial-*"))

    def kill():
        ends = time.monotonic() + SOON_S
        while not any(any(folder.iterdir()) for folder in folders()) and time.monotonic() < ends:
            time.sleep(0.001)
        os.kill(present(first_loads.trials().pid), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ServiceError, match="was killed"):
        first_loads.try_first(str(candidate))
    killer.join()
    assert folders() == []


@pytest.mark.parametrize("option", ["--trial-seconds", "--trial-gib"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize("verb", [["release", "--candidate", "c"], ["registry", "verify"]])
def test_limits_within_which_nothing_can_be_tried(tmp_path, verb, option, value, capsys):
    assert main([*verb, "--registry", str(tmp_path), f"{option}={value}"]) == 2
    assert re.search(rf"{option} is \S+, wanted more than 0", capsys.readouterr().err)


def test_the_limits_that_are_given_hold(registry, capsys):
    assert main(["registry", "verify", "--registry", str(registry), "--trial-seconds", "0.001"]) == 1
    assert "not scored within 0.001 s" in capsys.readouterr().err
