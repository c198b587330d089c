"""The proxy of the chaos suite: what goes in comes out, slowly if wanted, until it is cut."""

import contextlib
import socket
import threading
import time

import pytest

from chaos.brokers.proxy import HOST, Proxy


@pytest.fixture
def proxy():
    """A proxy before a server that answers every piece with itself."""
    listener = socket.create_server((HOST, 0))

    def echo(connection):
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(100):
                connection.sendall(data)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    found = Proxy(listener.getsockname()[1])
    yield found
    found.close()
    listener.close()


def test_bytes_pass_and_are_late_when_wanted(proxy):
    with socket.create_connection((HOST, proxy.port), timeout=10) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        proxy.delay_s = 0.1
        started = time.monotonic()
        client.sendall(b"two")
        assert client.recv(100) == b"two"
        assert time.monotonic() - started >= 0.2


def test_a_reset_cuts_what_is_open_and_nothing_else(proxy):
    with socket.create_connection((HOST, proxy.port), timeout=10) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        assert proxy.reset() == 1
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""
    with socket.create_connection((HOST, proxy.port), timeout=10) as client:
        client.sendall(b"two")
        assert client.recv(100) == b"two"


def test_connections_that_come_while_others_are_cut_do_not_end_it(proxy):
    cutting = threading.Event()

    def cut():
        while not cutting.is_set():
            proxy.reset()

    thread = threading.Thread(target=cut)
    thread.start()
    for _ in range(300):
        with contextlib.suppress(OSError):  # it may be cut before it is there
            socket.create_connection((HOST, proxy.port), timeout=10).close()
    cutting.set()
    thread.join()
    with socket.create_connection((HOST, proxy.port), timeout=10) as client:
        client.sendall(b"still here")
        assert client.recv(100) == b"still here"
