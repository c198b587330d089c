"""The commands of a local Flink; that they work: `tests/services/test_local_flink.py`."""

import os
import pathlib
import subprocess
import sys

from beam_jobs.process import installation
from beam_jobs.services import flink_programs

PORTS = flink_programs.Ports(1, 2, 3, 4, 5, 6)


def test_the_configuration_names_ports_and_folder(tmp_path: pathlib.Path) -> None:
    text = flink_programs.configuration(tmp_path, PORTS, slots=3, task_heap_mb=384)
    assert "${" not in text
    assert "rest.port: 1\n" in text
    assert "jobmanager.rpc.port: 2\n" in text
    assert str(tmp_path / "checkpoints") in text


def test_the_environment_keeps_what_the_starter_could_import(monkeypatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = flink_programs.environment(tmp_path)
    assert environment["PYTHONPATH"].endswith(":/elsewhere")
    assert environment["FLINK_CONF_DIR"] == str(tmp_path)
    monkeypatch.delenv("PYTHONPATH")
    assert flink_programs.environment(tmp_path)["PYTHONPATH"] == str(installation.ROOT)
    monkeypatch.setattr(installation, "in_checkout", lambda root: False)
    assert flink_programs.environment(tmp_path)["PYTHONPATH"] == ""


def test_what_lies_in_the_folder_of_the_command_is_not_imported_in_ours_place(monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise SystemExit('another one')")
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "models.spec"]  # in the place of the workers, who do not end by themselves
    done = subprocess.run(
        command, env=os.environ | flink_programs.environment(tmp_path), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
