"""Ports of loopback: free, taken, listened on."""

import socket

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


def test_a_free_port_is_none_of_the_others() -> None:
    others = set(range(20_000, 31_000))
    assert 31_000 <= loopback.free_port(others) < 32_000
