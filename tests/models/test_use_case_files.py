"""The files of a use case, as they are found and run."""

import os
import pathlib
import sys

import pytest

from models.use_case_files import imported


def test_a_file_is_run_as_it_is_now_though_its_second_and_size_are_the_same(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # Python keeps bytecode by second and size
    file = tmp_path / "own.py"
    for nanoseconds, value in ((0, "1"), (5, "2")):
        file.write_text(f"MODEL = {value}\n")
        os.utime(file, ns=(0, 10**18 + nanoseconds))
        assert int(value) == imported("models", "own", file, ours=False).MODEL
    assert [found.name for found in tmp_path.iterdir()] == ["own.py"]
