"""The commands of a local Flink; that they work: `tests/services/test_local_flink.py`."""

import pathlib

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
    assert environment["PYTHONSAFEPATH"] == "1"
    assert environment["FLINK_CONF_DIR"] == str(tmp_path)
