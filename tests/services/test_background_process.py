"""A service's process is known as ours from the moment that it is started until it has ended."""

import shutil

from beam_jobs.services import background_process
from tests.support.present import present


def test_it_is_ours_as_soon_as_it_is_started_and_until_it_is_ended(tmp_path):
    pid_file, command = tmp_path / "pid", [present(shutil.which("sleep")), "600"]
    for _ in range(20):  # the kernel has a new process's command line a little later than its pid
        pid = background_process.spawn(command, tmp_path / "log", pid_file)
        try:
            assert background_process.running(pid_file, command) == pid
            assert background_process.running(pid_file, ["another"]) is None
        finally:
            assert background_process.end(pid_file, command, patience_s=10)
        assert background_process.ended(pid, 10_000)
    assert not background_process.end(pid_file, command, patience_s=10)


def test_a_process_that_ends_at_once(tmp_path):
    pid = background_process.spawn([present(shutil.which("true"))], tmp_path / "log", tmp_path / "pid")
    assert background_process.ended(pid, 10_000)
    assert background_process.running(tmp_path / "pid", ["true"]) is None
