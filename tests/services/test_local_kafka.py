"""The local Kafka: starts once, answers, stops only what is ours."""

import pathlib
import socket
import subprocess
import sys

import psutil
import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_kafka
from schemas.errors import ServiceError


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return "".join(capsys.readouterr())


def test_broker_answers_and_keeps_to_loopback(broker: str) -> None:
    assert local_kafka.answers(broker)
    port = int(broker.rpartition(":")[2])
    ours = next(one.pid for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port == port)
    listening = [one.laddr.ip for one in psutil.Process(ours).net_connections("tcp") if one.status == "LISTEN"]
    assert len(listening) == 2  # broker and controller
    assert all(ip.removeprefix("::ffff:") == "127.0.0.1" for ip in listening)


def test_topics_are_fresh_and_there(topics, broker: str) -> None:
    from kafka import KafkaConsumer

    name, other = topics("events", partitions=3), topics("events")
    consumer = KafkaConsumer(bootstrap_servers=broker)
    try:
        assert name != other
        assert len(consumer.partitions_for_topic(name)) == 3
    finally:
        consumer.close()


def test_one_life(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    port, other = free_port(), free_port()
    folder = tmp_path / "kafka"
    try:
        first = local_kafka.start(port, folder, controller_port=free_port())
        assert (first.port, first.was_up) == (port, False)
        assert first.pid is not None
        again = local_kafka.start(port, folder)
        assert (again.pid, again.was_up) == (first.pid, True)
        with pytest.raises(ServiceError, match=f"is up on port {port}, wanted {other}"):
            local_kafka.start(other, folder)
        with pytest.raises(ServiceError, match="stop it before its data is removed"):
            local_kafka.wipe(folder)
        ours = (
            f"port {port} on 127.0.0.1 cannot be used: .* by the Kafka of {folder}, process {first.pid}; choose another"
        )
        with pytest.raises(ServiceError, match=ours):
            local_kafka.start(port, tmp_path / "another")
        assert main(["services", "status", "--folder", str(tmp_path)]) == 0
        assert f"Kafka is up: 127.0.0.1:{port}" in told(capsys)
        assert main(["services", "up", "--folder", str(tmp_path)]) == 0  # the port of last time
        assert f"Kafka is already up: 127.0.0.1:{port}, process {first.pid}" in told(capsys)
        assert local_kafka.status(folder).size > 0
    finally:
        assert main(["services", "down", "--folder", str(tmp_path), "--wipe"]) == 0
    assert f"Kafka is stopped: removed 0.0 MB of topics and offsets, {folder}/data" in told(capsys)
    assert not psutil.pid_exists(first.pid)
    assert not (folder / "data").exists()
    assert not local_kafka.stop(folder)


def test_a_broker_that_ignores_sigterm_is_killed(tmp_path: pathlib.Path) -> None:
    stubborn = _stand_in(tmp_path, "signal.signal(15, signal.SIG_IGN)")
    assert local_kafka.stop(tmp_path, patience_s=0.2)
    assert not psutil.pid_exists(stubborn.pid)
    stubborn.wait()


def test_a_process_that_is_not_ours_is_left_alone(tmp_path: pathlib.Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        (tmp_path / "kafka.pid").write_text(f"{bystander.pid}\n")
        assert local_kafka.status(tmp_path).pid is None
        assert not local_kafka.stop(tmp_path)
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert bystander.returncode == 0


def test_a_port_that_is_taken_is_named_before_anything_is_written(tmp_path: pathlib.Path) -> None:
    with socket.create_server((local_kafka.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=rf"port {port} on 127.0.0.1 cannot be used: address already in use"):
            local_kafka.start(port, tmp_path / "kafka")
    assert not (tmp_path / "kafka" / "server.properties").exists()


def test_a_broker_that_cannot_start_says_why(tmp_path: pathlib.Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\nnode.id=77\ncluster.id=other\n")
    with pytest.raises(ServiceError, match=r"Kafka ended while it started: .*77"):
        local_kafka.start(free_port(in_a_row=2), tmp_path)
    assert local_kafka.status(tmp_path).pid is None


def test_nobody_answers_on_a_free_port() -> None:
    assert not local_kafka.answers(f"127.0.0.1:{free_port()}", timeout_ms=300)


def _stand_in(folder: pathlib.Path, program: str) -> subprocess.Popen:
    """A process that looks like the folder's broker by its command line, once it has printed a line."""
    program = f"import signal, time; {program}; print('ready', flush=True); time.sleep(60)"
    words = [sys.executable, "-c", program, "kafka.Kafka", str(folder / "server.properties")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as out:
        out.readline()
    (folder / "kafka.pid").write_text(f"{process.pid}\n")
    return process
