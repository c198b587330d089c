"""`onegraph services`: what it says of Kafka and Flink. The services themselves: tests/services."""

import json
import os
import socket

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import Services
from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_kafka
from beam_jobs.verbs import services
from tests.support.printed import for_people

KAFKA = {"up": True, "was_up": False, "pid": 7, "bootstrap_servers": "b:1", "folder": "/k", "bytes": 1_000_000}
KAFKA |= {"removed_bytes": 0, "ever_up": True}
ALL = {"jobmanager": 1, "workers": 2, "taskmanager": 3, "jobserver": 4}
NONE = dict.fromkeys(ALL)
FLINK = {"up": True, "was_up": False, "pids": ALL, "was": NONE, "rest": "h:1", "job_endpoint": "h:2", "folder": "/f"}
FLINK |= {"removed_bytes": 0}


@pytest.mark.parametrize(
    ("action", "flink", "said"),
    [
        (
            "up",
            {},
            "Flink is up: REST http://h:1, job server h:2, /f, processes jobmanager 1, workers 2, taskmanager 3",
        ),
        ("up", {"was_up": True, "was": ALL}, "Flink is already up: REST"),
        ("up", {"was": ALL | {"taskmanager": None}}, "Flink is up, repaired taskmanager: REST"),
        ("status", {"was_up": True, "was": ALL}, "Flink is up: REST"),
        ("status", {"up": False, "pids": ALL | {"workers": None}}, "Flink is broken, missing workers: REST"),
        ("status", {"up": False, "pids": NONE}, "Flink is not up: /f; start it with `onegraph services up --flink`"),
        ("down", {"up": False, "pids": NONE, "was": ALL}, "Flink is stopped: /f"),
        ("down", {"up": False, "pids": NONE}, "Flink was not up: /f"),
    ],
)
def test_flink_in_one_line(action, flink, said):
    lines = services.describe({"action": action, "kafka": KAFKA, "flink": FLINK | flink}).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("up --port 0", "--port is 0, wanted 1 to 65534"),
        ("up --port 65535", "--port is 65535, wanted 1 to 65534"),
        ("up --flink --flink-port 65536", "--flink-port is 65536, wanted 1 to 65535"),
        ("up --flink-port 8081", "--flink-port goes with --flink"),
        ("up --wipe", "--wipe goes with `services down`, got `services up`"),
        ("down --flink", "--flink goes with `services up`; `services down` stops Kafka and Flink"),
        ("pu", "ACTION is 'pu', wanted one of up, down, status"),
        ("", "ACTION is missing, wanted one of up (start what is not up), down ("),
    ],
)
def test_a_mistake_is_told_before_anything_is_started(line, said, tmp_path, capsys):
    assert main(["services", *line.split(), "--folder", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_found_first_and_its_owner_named(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["services", "up", "--folder", str(tmp_path), "--port", str(port)]) == 1
    owner = f"process {os.getpid()} (python"
    assert f"port {port} on 127.0.0.1 cannot be used: address already in use by {owner}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ({}, "java: not found by JAVA_HOME="),
        ({"java": 'echo version \\"11.0.2\\"'}, "version 11, wanted version 17 or later; install it, on Debian"),
        ({"java": 'echo version \\"17\\"'}, "mvn: not found in PATH, wanted Maven 3.6 or later; install it, on Debian"),
    ],
)
def test_what_is_missing_of_java_and_maven_is_told_first(programs, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(local_kafka, "jar_folder", lambda: tmp_path / "kafka-lib")
    (tmp_path / "bin").mkdir()
    for name, words in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{words}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    assert main(["services", "up", "--folder", str(tmp_path / "work"), "--port", str(free_port(in_a_row=2))]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_the_plan_says_what_would_be_started_stopped_and_removed(tmp_path):
    port = free_port(in_a_row=2)
    up = Services(action="up", port=port, folder=str(tmp_path), flink=True)
    assert [line for line in services.plan(up) if "jars" not in line] == [
        f"start Kafka on port {port} in {tmp_path}/kafka",
        f"start Flink's jobmanager, workers, taskmanager, jobserver in {tmp_path}/flink",
    ]
    down = Services(action="down", folder=str(tmp_path), wipe=True)
    assert services.plan(down) == [f"Kafka of {tmp_path}/kafka: nothing to stop"]
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "log").write_bytes(bytes(2_000_000))
    assert services.plan(down)[1:] == [f"remove 2.0 MB in {tmp_path}/kafka/data"]
    assert services.plan(Services(action="status", folder=str(tmp_path))) == ["nothing changes"]


def test_what_was_removed_is_told_with_its_size():
    kafka = KAFKA | {"up": False, "was_up": True, "removed_bytes": 2_000_000}
    flink = FLINK | {"up": False, "pids": NONE, "was": ALL, "removed_bytes": 3_000_000}
    assert services.describe({"action": "down", "kafka": kafka, "flink": flink}).splitlines() == [
        "Kafka is stopped: removed 2.0 MB of topics and offsets, /k/data",
        "Flink is stopped: removed 3.0 MB of checkpoints, savepoints and logs, /f",
    ]


def test_a_flink_that_never_was_is_not_mentioned(tmp_path, capsys):
    for action in ("status", "down"):
        assert main(["services", action, "--folder", str(tmp_path), "--json"]) == 0
        captured = capsys.readouterr()
        assert set(json.loads(captured.out)) == {"action", "kafka"}
        assert "Flink" not in for_people("services", captured.out)


@pytest.mark.needs_flink
def test_a_flink_that_is_up_is_shown(flink, capsys):
    assert main(["services", "status", "--folder", str(flink), "--json"]) == 0
    captured = capsys.readouterr()
    shown = json.loads(captured.out)["flink"]
    assert shown["up"]
    assert set(shown["pids"]) == set(ALL)
    assert "Flink is up: REST http://127.0.0.1:" in for_people("services", captured.out)
