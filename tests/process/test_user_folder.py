"""The folder of this user among the temporary files: ours alone, or refused."""

import os
import pathlib
import subprocess
import sys

import pytest

_CODE = "from beam_jobs.process.user_folder import user_folder; print(user_folder('give another'))"


def in_a_process(temporary: pathlib.Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-c", _CODE]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_it_is_made_for_this_user_alone(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / f"onegraph-{os.getuid()}"
    for _ in range(2):
        assert in_a_process(tmp_path).stdout.strip() == str(folder)
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_what_is_not_ours_alone_is_refused(tmp_path: pathlib.Path, kind: str) -> None:
    folder = tmp_path / f"onegraph-{os.getuid()}"
    if kind == "open to others":
        folder.mkdir()
        folder.chmod(0o770)
    elif kind == "a link":
        folder.symlink_to(tmp_path)
    else:
        folder.touch()
    assert in_a_process(tmp_path).returncode == 1
