"""Ports of loopback: free, taken, listened on."""

import socket
import subprocess
import sys
import textwrap

import pytest

from beam_jobs.process import loopback


def test_a_port_that_is_taken() -> None:
    with socket.create_server((loopback.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert loopback.why_taken(port) == "address already in use"
        assert loopback.listens(port)
    assert loopback.why_taken(port) is None
    assert not loopback.listens(port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_is_no_port(port: int) -> None:
    assert loopback.why_taken(port) is not None
    assert not loopback.listens(port)


def test_a_free_port_is_given_once_and_servers_may_listen_there() -> None:
    port = loopback.free_port()
    assert loopback.why_taken(port) is None
    assert not loopback.listens(port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((loopback.HOST, port))
    for _ in range(2):
        with socket.create_server((loopback.HOST, port)):
            assert loopback.listens(port)
            assert loopback.why_taken(port) == "address already in use"


def test_two_processes_are_given_different_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    few = 21_000, 21_100
    monkeypatch.setattr(loopback, "_PORTS", few)
    code = f"""
        from beam_jobs.process import loopback
        loopback._PORTS = {few}
        print(*(loopback.free_port() for _ in range(15)))
    """
    ours = {loopback.free_port() for _ in range(15)}
    said = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    theirs = {int(port) for port in said.stdout.split()}
    assert (len(ours), len(theirs), ours & theirs) == (15, 15, set())


def test_ports_in_a_row_are_all_kept() -> None:
    first = loopback.free_port(in_a_row=3)
    for port in range(first, first + 3):
        assert loopback.why_taken(port) is None
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((loopback.HOST, port))
